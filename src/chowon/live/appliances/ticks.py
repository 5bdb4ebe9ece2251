"""Mean power of intervals of 10 s, told in order as readings come: for many rows at once."""

from typing import Final

import numpy as np

from chowon.domain.nilm.live import F32, TICK_MS
from chowon.domain.nilm.power import F64, LEAST_KNOWN
from chowon.domain.quantities import I64, MINUTE_MS, Bools
from chowon.live.appliances.mains import NEVER, Stream

_FAR: Final = 2**62


class Ticks:
    """Readings that wait for the end of their interval. Not thread-safe: one owner.

    A reading stands until the next one, and for its row's hold at most. (In domain.energy it stands for
    nothing where the next one comes later than that; here it is told before anybody knows.)
    """

    def __init__(self) -> None:
        self._kept: dict[str, I64] = {name: np.zeros(0, np.int64) for name in _COLUMNS}
        self._waiting = Stream(_NONE, _NONE, _NONE)
        self._told_ms = NEVER

    def __len__(self) -> int:
        return len(self._kept["hold_ms"])

    def begin(self, row: int, hold_ms: int, told: Stream | None = None) -> None:
        """A row begins, or begins anew. told: what its store has, in order; it is waited for what follows."""
        if row >= len(self):
            more = row + 1 - len(self)
            for name, value in _COLUMNS.items():
                self._kept[name] = np.append(self._kept[name], np.full(more, value))
        for name, value in _COLUMNS.items():
            self._kept[name][row] = value
        self._kept["hold_ms"][row] = hold_ms
        self._waiting = _where(self._waiting, self._waiting.row != row)
        if told is not None and len(told.time_ms):
            self._go_on(row, told)

    def feed(self, stream: Stream) -> I64:
        """Take in readings, in any order. Gives the rows, each once, of which one came after its interval
        was told."""
        late = stream.time_ms < self._told_ms
        self._wait_for(_where(stream, ~late))
        return np.unique(stream.row[late])

    def newest_ms(self) -> I64:
        """(rows,) of each row; `NEVER` before the first."""
        return self._kept["newest_ms"]

    def mean(self, start_ms: int, by_minute: Bools) -> tuple[F32, Bools]:
        """((rows,) mean W, (rows,) whether known) of the 10 s from `start_ms` on, which are told now.

        by_minute: (rows,) those of which the mean of the minute is told with its last 10 s, in their place.
        """
        end_ms = start_ms + TICK_MS
        energy_dwms, stood_ms = _stood(self._done(end_ms), self._kept["hold_ms"], start_ms, end_ms)
        self._told_ms = end_ms
        self._kept["minute_dwms"] += energy_dwms
        self._kept["minute_ms"] += stood_ms
        step_ms = np.where(by_minute, MINUTE_MS, TICK_MS)
        energy_dwms = np.where(by_minute, self._kept["minute_dwms"], energy_dwms)
        stood_ms = np.where(by_minute, self._kept["minute_ms"], stood_ms)
        if end_ms % MINUTE_MS == 0:
            self._kept |= {name: np.zeros_like(stood_ms) for name in ("minute_dwms", "minute_ms")}
        known = stood_ms >= LEAST_KNOWN * step_ms
        mean_w = np.where(known, energy_dwms / np.maximum(stood_ms, 1) / 10, 0.0)
        return mean_w.astype(np.float32), known

    def skip(self, start_ms: int) -> None:
        """Nothing is told of what is before this instant."""
        self.mean(start_ms - TICK_MS, np.zeros(len(self), np.bool_))
        self._kept["minute_dwms"][:], self._kept["minute_ms"][:] = 0, 0

    def _go_on(self, row: int, told: Stream) -> None:
        """What the store has of a row, as if it had been heard."""
        minute_ms = self._told_ms // MINUTE_MS * MINUTE_MS
        mine = Stream(np.zeros(len(told.time_ms), np.int64), told.time_ms, told.power_dw)
        energy_dwms, stood_ms = _stood(mine, self._kept["hold_ms"][row : row + 1], minute_ms, self._told_ms)
        self._kept["minute_dwms"][row], self._kept["minute_ms"][row] = energy_dwms[0], stood_ms[0]
        before = told.time_ms < self._told_ms
        if before.any():
            for name, column in (("last_ms", told.time_ms), ("last_dw", told.power_dw)):
                self._kept[name][row] = column[before][-1]
            self._kept["newest_ms"][row] = told.time_ms[before][-1]
        rest = _where(mine, ~before)
        self._wait_for(Stream(np.full(len(rest.row), row), rest.time_ms, rest.power_dw))

    def _wait_for(self, stream: Stream) -> None:
        np.maximum.at(self._kept["newest_ms"], stream.row, stream.time_ms)
        self._waiting = Stream(
            np.append(self._waiting.row, stream.row),
            np.append(self._waiting.time_ms, stream.time_ms),
            np.append(self._waiting.power_dw, stream.power_dw),
        )

    def _done(self, end_ms: int) -> Stream:
        """What tells the time up to here, in order; only what is later waits from now on."""
        last_ms, last_dw = self._kept["last_ms"], self._kept["last_dw"]
        begun = np.flatnonzero(last_ms != NEVER)
        row = np.append(begun, self._waiting.row)
        time_ms = np.append(last_ms[begun], self._waiting.time_ms)
        power_dw = np.append(last_dw[begun], self._waiting.power_dw)
        order = np.lexsort((np.arange(len(row)), time_ms, row))
        every = Stream(row[order], time_ms[order], power_dw[order])
        done = every.time_ms < end_ms
        last = done & (_following(every) >= end_ms)
        last_ms[every.row[last]], last_dw[every.row[last]] = every.time_ms[last], every.power_dw[last]
        self._waiting = _where(every, ~done)
        return every


def means(mains: Stream, hold_ms: int, start_ms: int, step_ms: int, n: int) -> tuple[F32, Bools]:
    """((n,) mean W, (n,) whether known) of n intervals, as `Ticks` tells them: of one row, in any order."""
    order = np.argsort(mains.time_ms, kind="stable")
    time_ms, power_dw = mains.time_ms[order], mains.power_dw[order]
    last = np.append(time_ms[1:] != time_ms[:-1], True)[: len(time_ms)]
    time_ms, power_w = time_ms[last], power_dw[last] / 10
    if not len(time_ms):
        return np.zeros(n, np.float32), np.zeros(n, np.bool_)
    stands_ms = np.minimum(np.append(np.diff(time_ms), hold_ms), hold_ms)
    edges_ms = start_ms + step_ms * np.arange(n + 1)
    stood_ms = _upto(edges_ms, time_ms, stands_ms, np.cumsum(stands_ms))
    energy = _upto(edges_ms, time_ms, stands_ms, np.cumsum(stands_ms * power_w))
    known = stood_ms >= LEAST_KNOWN * step_ms
    return np.where(known, energy / np.maximum(stood_ms, 1), 0.0).astype(np.float32), known


def _upto(edges_ms: I64, time_ms: I64, stands_ms: I64, total: F64 | I64) -> F64:
    """What each interval has of what readings amount to in all, evenly while each stands."""
    bounds = np.stack([time_ms, time_ms + stands_ms], axis=1).ravel().astype(np.float64)
    sums = np.repeat(np.append(0, total), 2)[1:-1].astype(np.float64)
    return np.diff(np.interp(edges_ms.astype(np.float64), bounds, sums))


def _following(every: Stream) -> I64:
    """(n,) when the next reading of the row is; far away after its last one."""
    later = np.where(every.row[1:] == every.row[:-1], every.time_ms[1:], _FAR)
    return np.append(later, _FAR)[: len(every.row)]


def _stood(every: Stream, hold_ms: I64, start_ms: int, end_ms: int) -> tuple[I64, I64]:
    """((rows,) 0.1 W × ms, (rows,) ms) for which readings stand in this span. every: by row and time."""
    stands_ms = np.minimum(_following(every) - every.time_ms, hold_ms[every.row])
    until_ms = np.minimum(every.time_ms + stands_ms, end_ms)
    length_ms = np.maximum(until_ms - np.maximum(every.time_ms, start_ms), 0)
    energy_dwms, stood_ms = np.zeros(len(hold_ms), np.int64), np.zeros(len(hold_ms), np.int64)
    np.add.at(energy_dwms, every.row, every.power_dw * length_ms)
    np.add.at(stood_ms, every.row, length_ms)
    return energy_dwms, stood_ms


def _where(stream: Stream, mask: Bools) -> Stream:
    return Stream(stream.row[mask], stream.time_ms[mask], stream.power_dw[mask])


_NONE: Final = np.zeros(0, np.int64)
_COLUMNS: Final = {
    "hold_ms": 0,
    "last_ms": NEVER,
    "last_dw": 0,
    "newest_ms": NEVER,
    "minute_dwms": 0,
    "minute_ms": 0,
}
