"""What each site takes that no meter of its own explains: one stream of power a row, as readings come.

Most sites have one main channel, whose readings are the stream. With several channels (phases, plugs, a
roof) the stream is their sum at each instant at which one was heard; it waits up to `WAITED_MS` for those
that are heard often, so that a message per phase makes no false steps.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chowon.domain.quantities import ABSENT_I32, I64, U32, Bools
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, Site

NEVER: Final = -(2**62)
WAITED_MS: Final = 4000
OFTEN_MS: Final = 10_000
"""A channel whose readings stand for no longer is waited for"""
LATE_MS: Final = 60_000
"""A reading so much older than the stream is for the store to sort out; a younger one counts from now on"""
_MAIN, _PART, _ROOF = 1, -1, 0


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """(n,) each, in any order; one reading an instant and row."""

    row: I64
    time_ms: I64
    power_dw: I64


@dataclass(frozen=True, slots=True, eq=False)
class Lined:
    """Readings by line, (n,) each."""

    line: I64
    time_ms: I64
    power_dw: I64

    def where(self, mask: Bools | I64) -> "Lined":
        """Some of them."""
        return Lined(self.line[mask], self.time_ms[mask], self.power_dw[mask])


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What is known of a row: the newest of each of its lines, what was told, and what waits."""

    last_ms: I64
    last_dw: I64
    emitted_ms: int
    waiting: Lined
    """Lines from 0"""


class Mains:
    """Not thread-safe: one owner.

    A line is a channel of a row, with its newest reading; the lines of a row lie next to each other.
    """

    def __init__(self) -> None:
        self._line_of: I64 = np.full(16, -1, np.int64)
        self._row: I64 = np.zeros(0, np.int64)
        self._kind: I64 = np.zeros(0, np.int64)
        self._hold_ms: I64 = np.zeros(0, np.int64)
        self._channel: U32 = np.zeros(0, np.uint32)
        self._last_ms: I64 = np.zeros(0, np.int64)
        self._last_dw: I64 = np.zeros(0, np.int64)
        self._first_line: I64 = np.zeros(0, np.int64)
        self._lines: I64 = np.zeros(0, np.int64)
        self._emitted_ms: I64 = np.zeros(0, np.int64)
        self._waiting = _NOTHING

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, site: Site) -> int:
        """The row of one more site, which has at least one main channel."""
        row = len(self)
        channels = measured(site)
        n = len(channels)
        first = len(self._row)
        self._row = np.append(self._row, np.full(n, row))
        self._kind = np.append(self._kind, [_kind(one) for one in channels]).astype(np.int64)
        self._hold_ms = np.append(self._hold_ms, [one.hold_ms for one in channels]).astype(np.int64)
        ids = np.array([one.id for one in channels], np.uint32)
        self._channel = np.append(self._channel, ids)
        self._last_ms = np.append(self._last_ms, np.full(n, NEVER))
        self._last_dw = np.append(self._last_dw, np.zeros(n, np.int64))
        self._first_line = np.append(self._first_line, first)
        self._lines = np.append(self._lines, n)
        self._emitted_ms = np.append(self._emitted_ms, NEVER)
        most = int(ids.max())
        if most >= len(self._line_of):
            wider = np.full(2 * most + 2, -1, np.int64)
            wider[: len(self._line_of)] = self._line_of
            self._line_of = wider
        self._line_of[ids] = np.arange(first, first + n)
        return row

    def drop(self, row: int) -> None:
        """Nothing is told of this row any more."""
        mine = self._row == row
        theirs = self._channel[mine]
        theirs = theirs[mine.nonzero()[0] == self._line_of[theirs]]
        self._line_of[theirs] = -1
        self._waiting = self._waiting.where(self._row[self._waiting.line] != row)

    def newer(self, readings: Readings) -> Readings:
        """Those of them that are newer than what is known of their channels."""
        line = self._line(readings)
        seen = self._last_ms.copy()
        np.maximum.at(seen, self._waiting.line, self._waiting.time_ms)
        return readings.where((line >= 0) & (readings.time_ms > np.append(seen, NEVER)[line]))

    def kept(self, row: int) -> Kept:
        """What is known of a row."""
        mine = self._lines_at(row)
        waiting = self._waiting.where(self._row[self._waiting.line] == row)
        since = Lined(waiting.line - self._first_line[row], waiting.time_ms, waiting.power_dw)
        return Kept(self._last_ms[mine], self._last_dw[mine], int(self._emitted_ms[row]), since)

    def put(self, row: int, kept: Kept) -> None:
        """Know this of a row instead; of a row of the same channels."""
        mine = self._lines_at(row)
        self._last_ms[mine], self._last_dw[mine] = kept.last_ms, kept.last_dw
        self._emitted_ms[row] = kept.emitted_ms
        others = self._waiting.where(self._row[self._waiting.line] != row)
        theirs = Lined(kept.waiting.line + self._first_line[row], kept.waiting.time_ms, kept.waiting.power_dw)
        self._waiting = _joined(others, theirs)

    def feed(self, readings: Readings) -> tuple[Stream, I64]:
        """(what there is to tell, the rows with a reading that is for the store). In any order."""
        found = self._lines_of(readings)
        alone = self._lines[self._row[found.line]] == 1
        row = self._row[found.line[alone]]
        self._note(found.where(alone))
        lone = Stream(row, found.time_ms[alone], found.power_dw[alone])
        if alone.all() and not len(self._waiting.line):
            return lone, _NO_ROWS
        summed, late = self._sum(found.where(~alone))
        together = Stream(
            *(np.concatenate(two) for two in zip(_columns(lone), _columns(summed), strict=True))
        )
        return together, late

    def parts_of(self, row: int, now_ms: int) -> list[tuple[int, int]]:
        """(channel, 0.1 W) of the lines that measure a part of the row's use and were heard lately."""
        lines = np.arange(self._first_line[row], self._first_line[row] + self._lines[row])
        heard = now_ms - self._last_ms[lines] <= self._hold_ms[lines]
        lines = lines[heard & (self._kind[lines] == _PART)]
        return list(zip(self._channel[lines].tolist(), self._last_dw[lines].tolist(), strict=True))

    def _lines_at(self, row: int) -> slice:
        return slice(int(self._first_line[row]), int(self._first_line[row] + self._lines[row]))

    def _line(self, readings: Readings) -> I64:
        """(n,) the line of each; -1 for none."""
        known = readings.channel < len(self._line_of)
        return np.where(known, self._line_of[np.where(known, readings.channel, 0)], -1)

    def _lines_of(self, readings: Readings) -> Lined:
        if readings.power_dw is None or not len(readings):
            return _NOTHING
        line = self._line(readings)
        told = (line >= 0) & (readings.power_dw != ABSENT_I32)
        line, power_dw = line[told], readings.power_dw[told].astype(np.int64)
        # A roof's meter may count either way round: what it gives is used in the home.
        power_dw = np.where(self._kind[line] == _ROOF, np.abs(power_dw), power_dw)
        return Lined(line, readings.time_ms[told], power_dw)

    def _note(self, found: Lined) -> None:
        """Remember the newest of each line."""
        order = np.argsort(found.time_ms, kind="stable")
        line, time_ms = found.line[order], found.time_ms[order]
        newer = time_ms >= self._last_ms[line]
        self._last_dw[line[newer]] = found.power_dw[order][newer]
        np.maximum.at(self._last_ms, line, time_ms)

    def _sum(self, found: Lined) -> tuple[Stream, I64]:
        """The sums of rows with several lines, as far as they need not wait."""
        since = self._emitted_ms[self._row[found.line]]
        late = np.unique(self._row[found.line[found.time_ms < since - LATE_MS]])
        every = _joined(self._waiting, found.where(found.time_ms >= since - LATE_MS))
        every = every.where(np.lexsort((every.time_ms, self._row[every.line])))
        row = self._row[every.line]
        through_ms = self._through(row, every)
        ready = every.time_ms <= through_ms[row]
        self._waiting = every.where(~ready)
        told = self._summed(every.where(ready & (every.time_ms >= self._last_ms[every.line])))
        return told, late

    def _through(self, row: I64, every: Lined) -> I64:
        """(rows,) up to when each row's sum is known."""
        newest = self._last_ms.copy()
        np.maximum.at(newest, every.line, every.time_ms)
        top = np.full(len(self), NEVER)
        np.maximum.at(top, row, every.time_ms)
        np.maximum.at(top, self._row, newest)
        waited_for = (self._kind == _MAIN) | (self._hold_ms <= OFTEN_MS)
        least = top[self._row] - WAITED_MS
        bound = np.where(waited_for, np.maximum(newest, least), top[self._row])
        through = top.copy()
        np.minimum.at(through, self._row, bound)
        return through

    def _summed(self, ready: Lined) -> Stream:
        """Sums at each instant; `ready` by (row, time), none older than its line's newest."""
        row, time_ms = self._row[ready.line], ready.time_ms
        n = len(row)
        if not n:
            return Stream(_NO_ROWS, _NO_ROWS, _NO_ROWS)
        first = np.append(True, row[1:] != row[:-1])
        begin = np.maximum.accumulate(np.where(first, np.arange(n), 0))
        total, known = np.zeros(n, np.int64), np.ones(n, np.bool_)
        for place in range(int(self._lines[row].max())):
            has = place < self._lines[row]
            line = np.where(has, self._first_line[row] + place, 0)
            at = np.maximum.accumulate(np.where(ready.line == line, np.arange(n), -1))
            here = at >= begin
            at = np.maximum(at, 0)
            last_ms = np.where(here, time_ms[at], self._last_ms[line])
            last_dw = np.where(here, ready.power_dw[at], self._last_dw[line])
            fresh = has & (time_ms - last_ms <= self._hold_ms[line])
            sign = np.where(self._kind[line] == _PART, -1, 1)
            total += np.where(fresh, sign * last_dw, 0)
            known &= fresh | ~has | (self._kind[line] != _MAIN)
        self._note(ready)
        last = np.append((row[1:] != row[:-1]) | (time_ms[1:] != time_ms[:-1]), True)
        last &= known & (time_ms > self._emitted_ms[row])
        np.maximum.at(self._emitted_ms, row, time_ms)
        return Stream(row[last], time_ms[last], total[last])


def measured(site: Site) -> tuple[Channel, ...]:
    """The channels that the stream of this site is made of."""
    return (*site.main_channels, *site.part_channels)


def hold_ms_of(site: Site) -> int:
    """For how long the newest reading of a site stands."""
    return max(one.hold_ms for one in site.main_channels)


def _joined(one: Lined, other: Lined) -> Lined:
    return Lined(
        np.append(one.line, other.line),
        np.append(one.time_ms, other.time_ms),
        np.append(one.power_dw, other.power_dw),
    )


def _columns(stream: Stream) -> tuple[NDArray[Any], ...]:
    return stream.row, stream.time_ms, stream.power_dw


def _kind(channel: Channel) -> int:
    if channel.role == "solar":
        return _ROOF
    return _MAIN if channel.role in ("main", "phase") else _PART


_NO_ROWS: Final = np.zeros(0, np.int64)
_NOTHING: Final = Lined(_NO_ROWS, _NO_ROWS, _NO_ROWS)
