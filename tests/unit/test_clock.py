"""The billing clock."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.clock import day_starts_ms, local_day, midnight_ms, period_of
from chowon.domain.quantities import HOUR_MS

SEOUL, BERLIN = ZoneInfo("Asia/Seoul"), ZoneInfo("Europe/Berlin")


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 31))
def test_every_day_lies_in_exactly_one_period_and_periods_touch(day, reading_day):
    period = period_of(day, reading_day)
    assert period.start <= day < period.end
    assert period_of(period.end, reading_day).start == period.end
    assert period_of(period.start - timedelta(days=1), reading_day).end == period.start
    assert 28 <= period.days <= 31 or reading_day > 28


@pytest.mark.parametrize(
    ("day", "reading_day", "start", "end"),
    [
        ("2026-11-23", 1, "2026-11-01", "2026-12-01"),
        ("2026-11-23", 25, "2026-10-25", "2026-11-25"),
        ("2026-01-03", 15, "2025-12-15", "2026-01-15"),
        ("2026-02-28", 31, "2026-02-28", "2026-03-31"),
        ("2026-02-27", 31, "2026-01-31", "2026-02-28"),
    ],
)
def test_periods_start_on_the_reading_day_or_the_last_day_of_a_short_month(day, reading_day, start, end):
    period = period_of(date.fromisoformat(day), reading_day)
    assert (period.start.isoformat(), period.end.isoformat()) == (start, end)


def test_days_of_23_and_25_hours_are_as_long_as_they_are():
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)):
        starts = day_starts_ms(day, day + timedelta(days=1), BERLIN)
        assert starts[1] - starts[0] == hours * HOUR_MS


def test_the_local_day_changes_at_local_midnight():
    midnight = midnight_ms(date(2026, 11, 23), SEOUL)
    assert local_day(midnight, SEOUL) == date(2026, 11, 23)
    assert local_day(midnight - 1, SEOUL) == date(2026, 11, 22)
