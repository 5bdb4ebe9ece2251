"""How well each channel is measured, counted as readings come in: arrays over channels.

Batches wait for one another and are counted together, as if one by one: many small ones cost little more than
one.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chowon.domain.quality import NEAR_PEAK, ChannelQuality
from chowon.domain.quantities import ABSENT_I32, I64, U32, Bools
from chowon.domain.readings import Readings, concat

NEVER: Final = np.int64(-(2**62))
CLOCK_WINDOW_MS: Final = 1_800_000
"""The quickest message of this window and the one before tells the clock's offset."""
PACE_MS: Final = 5_000
"""By so much messages may be held up on the way, ..."""
PACE_PART: Final = 10
"""... and by this part of the time that passed."""
PACE_KEPT_MS: Final = 30_000
"""For so long the stamps must have gone at the pace of the clock here before they tell an offset."""
LIVE_MS: Final = 60_000
"""A message with readings from a longer time is a report of the past."""
MOSTLY_LEAST: Final = 20
"""Of fewer gaps nothing is said."""
STEPS_REMEMBERED: Final = 3600
"""Interval and jitter are those of the last so many steps, roughly: past it both sums are halved."""
MOST_WATCHED: Final = 20_000
"""A larger batch is a past that is being filled in, not a meter that talks; it says nothing about one."""
MOST_WAITING: Final = 5_000
"""Readings; with more they are counted."""
LEVELS_APART: Final = 0.05
"""Of the greatest power: levels that differ by more were those of other loads."""
_FAR: Final = np.int64(2**62)
_APART: Final = np.int64(2**43)
"""More than any two stamps lie apart."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Durable readings of batches in the order in which they came; of the same clock window."""

    readings: Readings
    holds_ms: I64
    received_ms: I64
    batch: I64

    def sorted(self) -> "_Seen":
        """By channel, batch, time."""
        order = np.lexsort((self.readings.time_ms, self.batch, self.readings.channel))
        return self.where(order)

    def where(self, mask: Bools | I64) -> "_Seen":
        readings = self.readings.where(mask)
        return _Seen(readings, self.holds_ms[mask], self.received_ms[mask], self.batch[mask])


class QualityWatch:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._size = 0
        self._waiting: list[tuple[Readings, I64, int]] = []
        self._waiting_rows = 0
        self._columns: dict[str, NDArray[Any]] = {}
        self._grow(64)

    def saw(self, readings: Readings, holds_ms: I64, received_ms: int) -> None:
        """Counts a durable batch. holds_ms: (n,) of each reading's channel."""
        if not 0 < len(readings) <= MOST_WATCHED:
            return
        if self._waiting and self._waiting[0][2] // CLOCK_WINDOW_MS != received_ms // CLOCK_WINDOW_MS:
            self._count_waiting()
        self._waiting.append((readings, holds_ms, received_ms))
        self._waiting_rows += len(readings)
        if self._waiting_rows > MOST_WAITING:
            self._count_waiting()

    def _count_waiting(self) -> None:
        waiting, self._waiting, self._waiting_rows = self._waiting, [], 0
        if not waiting:
            return
        sizes = [len(readings) for readings, _, _ in waiting]
        seen = _Seen(
            concat([readings for readings, _, _ in waiting]),
            np.concatenate([holds_ms for _, holds_ms, _ in waiting]),
            np.repeat(np.array([received_ms for _, _, received_ms in waiting], np.int64), sizes),
            np.repeat(np.arange(len(waiting)), sizes),
        ).sorted()
        self._grow(int(seen.readings.channel[-1]) + 1)
        channel, time_ms = seen.readings.channel, seen.readings.time_ms
        newest = self._columns["newest_ms"]
        before = _newest_before(channel, time_ms, newest[channel])
        self._count(channel, time_ms, before, seen.received_ms)
        self._steps(channel, time_ms - before, seen.holds_ms, before != NEVER)
        if seen.readings.power_dw is not None:
            self._power(seen.where(seen.readings.power_dw != ABSENT_I32))
        np.maximum.at(newest, channel, time_ms)
        for readings, _, received_ms in waiting:
            self._clock(readings, received_ms)

    def mostly_silent(self) -> list[int]:
        """Channels whose readings mostly come after a silence longer than their hold, lately heard enough.

        Each is told once, and again when as many more gaps were seen.
        """
        self._count_waiting()
        gaps, told = self._columns["gaps"], self._columns["told_gaps"]
        found = np.flatnonzero(
            (gaps >= MOSTLY_LEAST) & (gaps >= 2 * told) & (2 * gaps > self._columns["readings"])
        )
        told[found] = gaps[found]
        return [int(channel) for channel in found]

    def forget_gaps(self, channels: list[int]) -> None:
        """Their holds were changed: what was a gap may be none."""
        self._count_waiting()
        seen = [channel for channel in channels if channel < self._size]
        for name in ("gaps", "gap_ms", "told_gaps"):
            self._columns[name][seen] = 0

    def of(self, channel: int) -> ChannelQuality | None:
        """What was seen of a channel; None if nothing was."""
        self._count_waiting()
        if channel >= self._size or not self._columns["readings"][channel]:
            return None
        at = {name: int(column[channel]) for name, column in self._columns.items() if column.dtype != float}
        steps, sum_, squares = (
            float(self._columns[name][channel]) for name in ("steps", "step_sum", "step_squares")
        )
        mean = sum_ / steps if steps else None
        spread = None if mean is None else max(squares / steps - mean * mean, 0.0) ** 0.5
        offset_ms = max(at["clock_ms"], at["clock_before_ms"])
        return ChannelQuality(
            readings=at["readings"],
            first_received_ms=at["first_received_ms"],
            last_received_ms=at["last_received_ms"],
            newest_ms=at["newest_ms"],
            late=at["late"],
            repeated=at["repeated"],
            interval_ms=mean,
            jitter_ms=spread,
            gaps=at["gaps"],
            gap_ms=at["gap_ms"],
            clock_offset_ms=None if offset_ms == -_FAR else offset_ms,
            unchanged_ms=max(0, at["power_ms"] - at["unchanged_since_ms"]),
            power_dw=None if at["power_dw"] == ABSENT_I32 else at["power_dw"],
            peak_dw=at["peak_dw"],
            at_peak=at["at_peak"],
            near_peak=at["near_peak"],
            peak_levels=at["levels"],
            resolution_dw=None if at["resolution_dw"] == _FAR else at["resolution_dw"],
            below_zero=at["below_zero"],
        )

    def _count(self, channel: U32, time_ms: I64, before: I64, received_ms: I64) -> None:
        columns = self._columns
        np.add.at(columns["readings"], channel, 1)
        np.add.at(columns["late"], channel[time_ms < before], 1)
        np.add.at(columns["repeated"], channel[time_ms == before], 1)
        np.minimum.at(columns["first_received_ms"], channel, received_ms)
        columns["last_received_ms"][channel] = received_ms

    def _steps(self, channel: U32, step_ms: I64, holds_ms: I64, known: Bools) -> None:
        columns = self._columns
        forward = known & (step_ms > 0)
        gap = forward & (step_ms > holds_ms)
        np.add.at(columns["gaps"], channel[gap], 1)
        np.add.at(columns["gap_ms"], channel[gap], step_ms[gap])
        step = forward & ~gap
        which, length = channel[step], step_ms[step].astype(np.float64)
        np.add.at(columns["steps"], which, 1.0)
        np.add.at(columns["step_sum"], which, length)
        np.add.at(columns["step_squares"], which, length * length)
        for many in np.unique(which[columns["steps"][which] > STEPS_REMEMBERED]):
            for name in ("steps", "step_sum", "step_squares"):
                columns[name][many] /= 2

    def _clock(self, readings: Readings, received_ms: int) -> None:
        """What is sent late, or as history, tells nothing.

        A meter that talks stamps its messages a second apart when they come a second apart: only of such the
        offset is told, once that has been so for a while.
        """
        columns = self._columns
        channel, where = np.unique(readings.channel, return_inverse=True)
        oldest_ms, newest_ms = np.full(len(channel), _FAR), np.full(len(channel), NEVER)
        np.minimum.at(oldest_ms, where, readings.time_ms)
        np.maximum.at(newest_ms, where, readings.time_ms)
        in_order = newest_ms >= columns["clock_newest_ms"][channel]
        channel, oldest_ms, newest_ms = channel[in_order], oldest_ms[in_order], newest_ms[in_order]
        columns["clock_newest_ms"][channel] = newest_ms
        passed_ms = received_ms - columns["pace_received_ms"][channel]
        stamped_ms = newest_ms - columns["pace_stamp_ms"][channel]
        drift_ms = np.abs(stamped_ms - passed_ms)
        steady = (passed_ms >= 0) & (drift_ms <= PACE_MS + passed_ms // PACE_PART)
        anew = channel[~steady]
        columns["pace_received_ms"][anew], columns["pace_stamp_ms"][anew] = received_ms, newest_ms[~steady]
        for name in ("clock_ms", "clock_before_ms"):
            columns[name][anew] = -_FAR
        live = steady & (passed_ms >= PACE_KEPT_MS) & (newest_ms - oldest_ms <= LIVE_MS)
        self._offset(channel[live], newest_ms[live], received_ms)

    def _offset(self, channel: U32, newest_ms: I64, received_ms: int) -> None:
        """channel: each once, with the newest stamp of a live message."""
        columns = self._columns
        window = received_ms // CLOCK_WINDOW_MS
        late = columns["clock_window"][channel]
        moved = late != window
        kept = np.where(late == window - 1, columns["clock_ms"][channel], -_FAR)
        columns["clock_before_ms"][channel] = np.where(moved, kept, columns["clock_before_ms"][channel])
        ahead_ms = newest_ms - received_ms
        columns["clock_ms"][channel] = np.where(
            moved, ahead_ms, np.maximum(columns["clock_ms"][channel], ahead_ms)
        )
        columns["clock_window"][channel] = window

    def _power(self, seen: _Seen) -> None:
        """seen: sorted, each with power; what is not newer than all that came before is passed over."""
        columns = self._columns
        channel, time_ms, batch = seen.readings.channel, seen.readings.time_ms, seen.batch
        other = (channel[1:] != channel[:-1]) | (time_ms[1:] != time_ms[:-1]) | (batch[1:] != batch[:-1])
        told = seen.readings.where(np.append(other, True)[: len(batch)])  # of equals in a batch the last
        told = told.where(
            told.time_ms > _newest_before(told.channel, told.time_ms, columns["power_ms"][told.channel])
        )
        if not len(told) or told.power_dw is None:
            return
        channel, power = told.channel, told.power_dw.astype(np.int64)
        first = np.append(True, channel[1:] != channel[:-1])
        ends = np.append(first[1:], True)
        before = np.where(first, columns["power_dw"][channel], np.append(0, power[:-1]))
        changed = np.flatnonzero(power != before)
        np.maximum.at(columns["unchanged_since_ms"], channel[changed], told.time_ms[changed])
        columns["power_dw"][channel[ends]] = power[ends]
        columns["power_ms"][channel[ends]] = told.time_ms[ends]
        np.add.at(columns["below_zero"], channel[power < 0], 1)
        self._peaks(channel, np.abs(power), first, ends)

    def _peaks(self, channel: U32, size: I64, first: Bools, ends: Bools) -> None:
        """How often the greatest power came exactly, how often nearly, and from which levels it was reached.

        channel, size: sorted by (channel, time); first, ends: where a channel's rows begin and end.
        """
        columns = self._columns
        mine = channel[ends]
        old = columns["peak_dw"][mine]
        np.maximum.at(columns["peak_dw"], channel, size)
        peak = columns["peak_dw"][channel]
        new_peak = peak[ends]
        higher = new_peak > old
        was_near = old >= new_peak * (1 - NEAR_PEAK)
        near = np.where(was_near, columns["near_peak"][mine] + columns["at_peak"][mine], 0)
        columns["near_peak"][mine] = np.where(higher, near, columns["near_peak"][mine])
        for name in ("at_peak", "levels"):
            columns[name][mine[higher]] = 0
        columns["before_episode_dw"][mine[higher]] = -1
        at_peak = size == peak
        np.add.at(columns["at_peak"], channel[at_peak], 1)
        np.add.at(columns["near_peak"], channel[~at_peak & (size >= peak * (1 - NEAR_PEAK))], 1)
        second = np.append(False, first[:-1]) & ~first
        last, last_but_one = columns["last_dw"][channel], columns["last_but_one_dw"][channel]
        before = np.where(first, last, np.append(0, size[:-1]))
        step = np.abs(size - before)
        moved = (step > 0) & (before >= 0)
        np.minimum.at(columns["resolution_dw"], channel[moved], step[moved])
        earlier = np.where(
            first, last_but_one, np.where(second, last, np.append([0, 0], size[:-2])[: len(size)])
        )
        begins = np.flatnonzero(at_peak & (before != peak) & (before >= 0) & (earlier >= 0))
        self._episodes(channel[begins], np.minimum(before, earlier)[begins], peak[begins])
        columns["last_but_one_dw"][mine], columns["last_dw"][mine] = before[ends], size[ends]

    def _episodes(self, channel: U32, level: I64, peak: I64) -> None:
        """Times at which the greatest power was reached, each from a level: the lower of the two before."""
        columns = self._columns
        if not len(channel):
            return
        first = np.append(True, channel[1:] != channel[:-1])
        before = np.where(first, columns["before_episode_dw"][channel], np.append(0, level[:-1]))
        apart = (before >= 0) & (np.abs(level - before) > peak * LEVELS_APART)
        np.add.at(columns["levels"], channel[apart], 1)
        ends = np.append(first[1:], True)
        columns["before_episode_dw"][channel[ends]] = level[ends]

    def _grow(self, size: int) -> None:
        if size <= self._size:
            return
        size = max(size, 2 * self._size)
        for name, (kind, start) in _COLUMNS.items():
            column: NDArray[Any] = np.full(size, start, kind)
            column[: self._size] = self._columns.get(name, column[:0])
            self._columns[name] = column
        self._size = size


def _newest_before(channel: U32, time_ms: I64, known_ms: I64) -> I64:
    """(n,) the newest stamp of the channel before each reading; sorted by channel, known_ms: before all."""
    first = np.append(True, channel[1:] != channel[:-1])
    lift = np.cumsum(first) * _APART  # so that a running maximum starts anew with each channel
    newest = np.maximum.accumulate(time_ms + lift) - lift
    return np.where(first, known_ms, np.maximum(np.append(NEVER, newest[:-1]), known_ms))


_COLUMNS: Final[dict[str, tuple[type, object]]] = {
    "readings": (np.int64, 0),
    "first_received_ms": (np.int64, _FAR),
    "last_received_ms": (np.int64, 0),
    "newest_ms": (np.int64, NEVER),
    "late": (np.int64, 0),
    "repeated": (np.int64, 0),
    "steps": (np.float64, 0.0),
    "step_sum": (np.float64, 0.0),
    "step_squares": (np.float64, 0.0),
    "gaps": (np.int64, 0),
    "gap_ms": (np.int64, 0),
    "told_gaps": (np.int64, 0),
    "pace_received_ms": (np.int64, NEVER),
    "pace_stamp_ms": (np.int64, 0),
    "clock_newest_ms": (np.int64, NEVER),
    "clock_window": (np.int64, -1),
    "clock_ms": (np.int64, -_FAR),
    "clock_before_ms": (np.int64, -_FAR),
    "power_dw": (np.int64, ABSENT_I32),
    "power_ms": (np.int64, NEVER),
    "unchanged_since_ms": (np.int64, NEVER),
    "peak_dw": (np.int64, 0),
    "at_peak": (np.int64, 0),
    "near_peak": (np.int64, 0),
    "last_dw": (np.int64, -1),
    "last_but_one_dw": (np.int64, -1),
    "before_episode_dw": (np.int64, -1),
    "resolution_dw": (np.int64, _FAR),
    "levels": (np.int64, 0),
    "below_zero": (np.int64, 0),
}
