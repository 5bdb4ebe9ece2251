"""The billing clock: local days and billing periods as instants. `now` is always handed in.

Ranges are half open: [start, end). Local time appears here and on displays only.
"""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.quantities import I64


@dataclass(frozen=True, slots=True)
class Period:
    """A billing period: from one reading day up to the day before the next (KEPCO terms §70)."""

    start: date
    end: date
    """The next reading day; not part of the period. Its month is the reading month."""
    whole: "Period | None" = None
    """The full period that this one is only a part of: somebody moved in or out."""

    @property
    def days(self) -> int:
        """Length of the period."""
        return (self.end - self.start).days

    @property
    def whole_days(self) -> int:
        """Length of the full period."""
        return self.days if self.whole is None else self.whole.days


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """The instant at which the local day begins, ms UTC. A day may have 23 or 25 hours."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


def local_day(time_ms: int, zone: ZoneInfo) -> date:
    """The local calendar day of an instant."""
    return datetime.fromtimestamp(time_ms / 1000, zone).date()


def reading_date(year: int, month: int, reading_day: int) -> date:
    """The day of this month on which the meter is read; in a shorter month its last day."""
    return date(year, month, min(reading_day, calendar.monthrange(year, month)[1]))


def period_of(day: date, reading_day: int) -> Period:
    """The billing period that holds this local day."""
    this = reading_date(day.year, day.month, reading_day)
    if day >= this:
        return Period(this, _months_on(day, 1, reading_day))
    return Period(_months_on(day, -1, reading_day), this)


def day_starts_ms(start: date, end: date, zone: ZoneInfo) -> I64:
    """(days + 1,) the instants, ms UTC, at which the local days from start to end begin, `end` included."""
    count = (end - start).days + 1
    return np.array([midnight_ms(start + timedelta(days=n), zone) for n in range(count)], np.int64)


def _months_on(day: date, months: int, reading_day: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return reading_date(index // 12, index % 12 + 1, reading_day)
