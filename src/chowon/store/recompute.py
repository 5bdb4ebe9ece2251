"""Which minutes new readings touch, and what those minutes hold now. Used for sealing and for queries alike.

A reading at t can change how long its neighbours stand, within its channel's hold on both sides; so the
minutes of [t − hold, t + hold] are recomputed, and nothing else can have changed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from chowon.domain.energy import held
from chowon.domain.quantities import ABSENT_I32, DAY_MS, I64, MINUTE_MS, U32, Bools
from chowon.domain.readings import Readings
from chowon.domain.rollups import Rollup, rollup
from chowon.store.columns import gone_rows, joined, rows_where

Holds: TypeAlias = Callable[[U32], I64]
"""(n,) channels → (n,) the longest silence, ms, that a sample of each bridges."""
Fetch: TypeAlias = Callable[[U32, int, int], Readings]
"""Channels (sorted), start, end → their readings in [start, end), sorted and unique."""

TIME_BITS: Final = 43
"""Instants below the year 2248 fit; 21 bits are left for the rank of a channel among those touched."""


@dataclass(frozen=True, slots=True)
class Windows:
    """n spans of whole minutes, sorted by (channel, start), not overlapping."""

    channel: U32
    start_ms: I64
    end_ms: I64

    def __len__(self) -> int:
        return len(self.start_ms)

    def contain(self, channel: U32, time_ms: I64) -> Bools:
        """(m,) whether each (channel, time) lies in one of the windows."""
        if not len(self):
            return np.zeros(len(time_ms), np.bool_)
        known = np.unique(self.channel)
        rank = np.minimum(np.searchsorted(known, channel), len(known) - 1)
        keys = (np.searchsorted(known, self.channel).astype(np.int64) << TIME_BITS) + self.start_ms
        at = np.searchsorted(keys, (rank.astype(np.int64) << TIME_BITS) + time_ms, "right") - 1
        found = np.maximum(at, 0)
        inside: Bools = (at >= 0) & (self.channel[found] == channel) & (time_ms < self.end_ms[found])
        return inside

    def days(self) -> Iterator["Windows"]:
        """The windows cut at midnight UTC, those of one day together."""
        first, last = self.start_ms // DAY_MS, (self.end_ms - 1) // DAY_MS
        copies = last - first + 1
        index = np.repeat(np.arange(len(self)), copies)
        day = first[index] + np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)
        for one in np.unique(day).tolist():
            of_day = index[day == one]
            start = np.maximum(self.start_ms[of_day], one * DAY_MS)
            end = np.minimum(self.end_ms[of_day], (one + 1) * DAY_MS)
            yield Windows(self.channel[of_day], start, end)

    def minutes(self) -> tuple[U32, I64]:
        """(channel, start) of every minute in the windows."""
        copies = (self.end_ms - self.start_ms) // MINUTE_MS
        index = np.repeat(np.arange(len(self)), copies)
        nth = np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)
        return self.channel[index], self.start_ms[index] + nth * MINUTE_MS


def touched(fresh: Readings, holds: Holds) -> Windows:
    """The minutes whose rollup these readings (sorted by (channel, time)) can have changed."""
    n = len(fresh)
    if n == 0:
        return Windows(fresh.channel, fresh.time_ms, fresh.time_ms)
    hold = holds(fresh.channel)
    start = np.maximum(fresh.time_ms - hold, 0) // MINUTE_MS * MINUTE_MS
    end = (fresh.time_ms + hold) // MINUTE_MS * MINUTE_MS + MINUTE_MS
    new = np.ones(n, np.bool_)
    new[1:] = (fresh.channel[1:] != fresh.channel[:-1]) | (start[1:] > end[:-1])
    at = np.flatnonzero(new)
    return Windows(fresh.channel[at], start[at], end[np.append(at[1:], n) - 1])


def recomputed(windows: Windows, fetch: Fetch, holds: Holds) -> Rollup:
    """The rollup rows of all minutes in the windows, sorted within each UTC day."""
    parts = []
    for day in windows.days():
        channels = np.unique(day.channel)
        margin_ms = int(holds(channels).max())
        raw = fetch(channels, int(day.start_ms.min()) - margin_ms, int(day.end_ms.max()) + margin_ms)
        rows = rollup(held(raw, holds(raw.channel)), MINUTE_MS)
        parts.append(rows_where(rows, day.contain(rows.channel, rows.start_ms)))
    return joined(parts)


def emptied(fresh: Readings, rows: Rollup, holds: Holds) -> Rollup:
    """Rows to say "no row any more" for minutes that a replacement without power may have emptied.

    fresh: sorted; rows: what the touched minutes hold now.
    """
    silent = fresh.power_dw
    without_power = fresh if silent is None else fresh.where(silent == ABSENT_I32)
    windows = touched(without_power, holds)
    channel, start_ms = windows.minutes()
    minute = Windows(rows.channel, rows.start_ms, rows.start_ms + MINUTE_MS)
    gone = ~minute.contain(channel, start_ms)
    return gone_rows(channel[gone], start_ms[gone])
