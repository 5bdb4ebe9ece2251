"""What a counter showed in each minute: all that its steps need, however often it was read.

Steps are taken from the last reading of one minute to the last of the next minute that has one. What
happened in between, in seconds, does not matter to the energy; the highest value tells what was counted
before a reset, and the lowest and the highest what was passed over.
"""

from dataclasses import dataclass, fields

import numpy as np

from chowon.domain.counters import Counts, Flow, counts_of
from chowon.domain.quantities import I64, MINUTE_MS, U32
from chowon.domain.readings import Readings


@dataclass(frozen=True, slots=True)
class CounterMinutes:
    """One row a (channel, minute) of one flow, sorted; minutes without a reading of the counter have none."""

    channel: U32
    start_ms: I64
    """(n,) ms UTC, start of the minute"""
    last_ms: I64
    """(n,) ms UTC, time of the minute's last reading"""
    last_milliwh: I64
    """(n,) what it was"""
    low_milliwh: I64
    """(n,) the lowest in the minute"""
    high_milliwh: I64
    """(n,) the highest"""

    def __len__(self) -> int:
        return len(self.start_ms)

    def where(self, index: np.ndarray) -> "CounterMinutes":
        """The rows that a mask or an index array selects."""
        return CounterMinutes(*(getattr(self, name)[index] for name in COUNTER_COLUMNS))

    @property
    def counts(self) -> Counts:
        """The last reading of each minute."""
        return Counts(self.channel, self.last_ms, self.last_milliwh, self.high_milliwh)


COUNTER_COLUMNS = tuple(f.name for f in fields(CounterMinutes))


def counter_minutes(readings: Readings, flow: Flow) -> CounterMinutes:
    """One flow's minutes. `readings` as `readings.latest` gives them (sorted, unique)."""
    counts = counts_of(readings, flow)
    channel, time_ms, value = counts.channel, counts.time_ms, counts.value_milliwh
    start_ms = time_ms // MINUTE_MS * MINUTE_MS
    if not len(counts):
        return CounterMinutes(channel, start_ms, time_ms, value, value, value)
    new = np.ones(len(counts), np.bool_)
    new[1:] = (channel[1:] != channel[:-1]) | (start_ms[1:] != start_ms[:-1])
    at = np.flatnonzero(new)
    last = np.append(at[1:], len(counts)) - 1
    return CounterMinutes(
        channel[at],
        start_ms[at],
        time_ms[last],
        value[last],
        np.minimum.reduceat(value, at),
        np.maximum.reduceat(value, at),
    )
