"""Which readings of a file are there already."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from chowon.domain.quantities import DAY_MS, I64
from chowon.domain.readings import QUANTITIES, Readings, absent_of
from chowon.ports import History

NEW, CHANGED, KNOWN = 0, 1, 2
"""Of a reading: nothing stands at its time, something else does, or the very same."""
_WINDOW_MS: Final = 7 * DAY_MS
"""So much of what is there is looked at at once: 600,000 readings of a channel at 1 s"""


def compared(readings: Readings, history: History) -> I64:
    """(n,) int64: NEW, CHANGED or KNOWN for each."""
    states = np.zeros(len(readings), np.int64)
    channels = np.unique(readings.channel).tolist()
    known = history.last_times(channels)
    windows = readings.time_ms // _WINDOW_MS
    for window in np.unique(windows) if known else ():
        mine = np.flatnonzero(windows == window)
        part = readings.where(mine)
        start_ms, end_ms = int(part.time_ms.min()), int(part.time_ms.max()) + 1
        states[mine] = _states(part, history.readings(channels, start_ms, end_ms), channels)
    return states


def _states(readings: Readings, there: Readings, channels: Sequence[int]) -> I64:
    """there: sorted by (channel, time)"""
    states = np.zeros(len(readings), np.int64)
    for channel in channels:
        mine = np.flatnonzero(readings.channel == channel)
        theirs = np.flatnonzero(there.channel == channel)
        if not len(mine) or not len(theirs):
            continue
        times = there.time_ms[theirs]
        at = np.minimum(np.searchsorted(times, readings.time_ms[mine]), len(times) - 1)
        met = times[at] == readings.time_ms[mine]
        same = met.copy()
        for name in QUANTITIES:
            same &= _column(readings, name, mine) == _column(there, name, theirs[at])
        states[mine] = np.where(same, KNOWN, np.where(met, CHANGED, NEW))
    return states


def _column(readings: Readings, name: str, rows: I64) -> I64:
    column = readings.column(name)
    return np.full(len(rows), absent_of(name), np.int64) if column is None else column[rows].astype(np.int64)
