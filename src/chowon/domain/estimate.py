"""What the gaps in a measurement would have used, by a stated rule. Kept apart from what was measured.

The rule: missing time of a quarter of an hour has the mean power of the same quarter of the same kind of
day (working days; Saturdays, Sundays and holidays), over all time of it that was measured. Where less than
a whole quarter of it was, that of the same quarter over all days; where less was still, the mean of all
that was measured. Less than an hour of measurement tells nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.clock import Period, day_starts_ms, local_day
from chowon.domain.quantities import DAY_MS, HOUR_MS, I64, MINUTE_MS, QUARTER_MS

_QUARTERS_A_DAY = DAY_MS // QUARTER_MS


@dataclass(frozen=True, slots=True, eq=False)
class Quarters:
    """The quarters of an hour of a period, in order."""

    slot: I64
    """(n,) which quarter of the day it is on the clock on the wall, 0–95"""
    kind: I64
    """(n,) which kind of day it is on: 0 a working day, 1 a day off"""
    due_ms: I64
    """(n,) ms of it that should have been measured: all of it once it is over, else none"""


def quarters(period: Period, zone: ZoneInfo, day_off: Callable[[date], bool], until_ms: int) -> Quarters:
    """The period's quarters.

    day_off: whether a day is a holiday, weekends apart.
    until_ms: what is not over by then is not missing; the running quarter is left to its measurement.
    """
    starts = day_starts_ms(period.start, period.end, zone)
    slots, kinds = [], []
    for start_ms, end_ms in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        day = local_day(start_ms, zone)
        slots.append(_slots(start_ms, end_ms, zone))
        kinds.append(np.full(len(slots[-1]), int(day.weekday() >= 5 or day_off(day)), np.int64))
    n = sum(map(len, slots))
    ends = int(starts[0]) + QUARTER_MS * np.arange(1, n + 1, dtype=np.int64)
    due_ms = np.where(ends <= until_ms, np.int64(QUARTER_MS), np.int64(0))
    return Quarters(np.concatenate(slots), np.concatenate(kinds), due_ms)


def missing_energy(energy: I64, covered_ms: I64, of: Quarters) -> I64 | None:
    """(n,) the energy to add to each quarter of one channel and direction, in the unit of `energy`.

    0 where nothing is missing. None where so little was measured that nothing can be said.
    energy, covered_ms: (n,) what was measured in each quarter, and for how long.
    """
    missing_ms = np.maximum(of.due_ms - covered_ms, 0)
    if not missing_ms.any():
        return np.zeros(len(energy), np.int64)
    measured_ms = int(covered_ms.sum())
    if measured_ms < HOUR_MS:
        return None
    power = np.full(len(energy), int(energy.sum()) / measured_ms)
    for group in (of.slot, of.kind * _QUARTERS_A_DAY + of.slot):
        sums, lengths = (np.bincount(group, weights=w) for w in (energy, covered_ms))
        known = lengths >= QUARTER_MS
        mean = np.divide(sums, lengths, out=np.zeros(len(sums)), where=known)
        power = np.where(known[group], mean[group], power)
    added: I64 = np.rint(power * missing_ms).astype(np.int64)
    return added


def _slots(start_ms: int, end_ms: int, zone: ZoneInfo) -> I64:
    """(n,) the quarters of one day, by the clock on the wall."""
    if end_ms - start_ms == DAY_MS:
        return np.arange(_QUARTERS_A_DAY, dtype=np.int64)
    walls = (datetime.fromtimestamp(ms / 1000, zone) for ms in range(start_ms, end_ms, QUARTER_MS))
    return np.array([(w.hour * 60 + w.minute) // (QUARTER_MS // MINUTE_MS) for w in walls], np.int64)
