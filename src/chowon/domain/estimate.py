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

    start_ms: I64
    """(n,) ms UTC"""
    slot: I64
    """(n,) which quarter of the day it is on the clock on the wall, 0–95"""
    kind: I64
    """(n,) which kind of day it is on: 0 a working day, 1 a day off"""

    def missing_ms(self, covered_ms: I64, until_ms: int) -> I64:
        """(n,) what is missing of each quarter that is over; the running one is left to its measurement."""
        over = self.start_ms + QUARTER_MS <= until_ms
        missing: I64 = np.where(over, np.maximum(QUARTER_MS - covered_ms, 0), 0)
        return missing

    def to_come_ms(self, now_ms: int) -> I64:
        """(n,) how much of each quarter is yet to come."""
        return np.clip(self.start_ms + QUARTER_MS - now_ms, 0, QUARTER_MS)


def quarters(period: Period, zone: ZoneInfo, day_off: Callable[[date], bool]) -> Quarters:
    """The period's quarters. day_off: whether a day is a holiday, weekends apart."""
    starts = day_starts_ms(period.start, period.end, zone)
    slots, kinds = [], []
    for start_ms, end_ms in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        day = local_day(start_ms, zone)
        slots.append(_slots(start_ms, end_ms, zone))
        kinds.append(np.full(len(slots[-1]), int(day.weekday() >= 5 or day_off(day)), np.int64))
    n = sum(map(len, slots))
    start = int(starts[0]) + QUARTER_MS * np.arange(n, dtype=np.int64)
    return Quarters(start, np.concatenate(slots), np.concatenate(kinds))


def usual_energy(energy: I64, covered_ms: I64, wanted_ms: I64, of: Quarters) -> I64 | None:
    """(n,) what one channel would usually use in so much of each quarter, in the unit of `energy`.

    None where so little was measured that nothing can be said.
    energy, covered_ms: (n,) what was measured in each quarter, and for how long.
    """
    measured_ms = int(covered_ms.sum())
    if measured_ms < HOUR_MS:
        return None
    power = np.full(len(energy), int(energy.sum()) / measured_ms)
    for group in (of.slot, of.kind * _QUARTERS_A_DAY + of.slot):
        sums, lengths = (np.bincount(group, weights=w) for w in (energy, covered_ms))
        known = lengths >= QUARTER_MS
        mean = np.divide(sums, lengths, out=np.zeros(len(sums)), where=known)
        power = np.where(known[group], mean[group], power)
    usual: I64 = np.rint(power * wanted_ms).astype(np.int64)
    return usual


def _slots(start_ms: int, end_ms: int, zone: ZoneInfo) -> I64:
    """(n,) the quarters of one day, by the clock on the wall."""
    if end_ms - start_ms == DAY_MS:
        return np.arange(_QUARTERS_A_DAY, dtype=np.int64)
    walls = (datetime.fromtimestamp(ms / 1000, zone) for ms in range(start_ms, end_ms, QUARTER_MS))
    return np.array([(w.hour * 60 + w.minute) // (QUARTER_MS // MINUTE_MS) for w in walls], np.int64)
