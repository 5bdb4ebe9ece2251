"""What a period's bill doesn't depend on: the order of its days; and what random tariffs keep to."""

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Profile, Usage, prepare
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import QUARTER_MS
from chowon.domain.tariff import parse
from chowon.domain.tariff.writing import document_of
from chowon.registry import TariffBook
from tests.laws.measured_tariffs import Question, questions

BOOK = TariffBook()
BY_KWH = ["kr.kepco.residential.low", "kr.kepco.residential.high", "jp.tepco.juryo.b", "us.pse.schedule.7"]
BY_HOUR = ["kr.kepco.general.b", "kr.kepco.industrial.b", "us.pge.e.tou.c", "us.gpc.tou.rd"]
OPTIONS = {"contract_kw": "300"}
SEEDS = st.integers(0, 2**32)
FEW = settings(deadline=None, max_examples=40)


def _days(seed: int, n: int) -> np.ndarray:
    """(n, 96) Wh."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 9000, (n, 96)) * rng.integers(0, 2, (n, 96))


def _usage(start: date, timezone: str, days: np.ndarray) -> Usage:
    """(days, 96) Wh."""
    energy = days.reshape(-1).astype(np.int64)
    profile = Profile(midnight_ms(start, ZoneInfo(timezone)), QUARTER_MS, energy)
    return Usage(Decimal(int(energy.sum())) / 1000, profile)


@FEW
@given(
    st.sampled_from(BY_KWH),
    st.dates(date(2026, 3, 1), date(2026, 9, 1)),
    SEEDS,
    st.permutations(range(12)),
)
def test_the_days_of_a_period_in_any_order_cost_the_same(tariff_id, start, seed, order) -> None:
    tariff, period = BOOK.load(tariff_id), Period(start, start + timedelta(days=12))
    prepared, days = prepare(tariff, period), _days(seed, 12)
    one, other = (prepared.bill(_usage(start, tariff.timezone, d)) for d in (days, days[list(order)]))
    assert [(line.id, line.amount) for line in one.lines] == [(line.id, line.amount) for line in other.lines]
    assert one.total == other.total == prepared.total(Usage(one.usage.kwh))


@FEW
@given(
    st.sampled_from(BY_HOUR),
    st.sampled_from([date(2026, 7, 6), date(2026, 7, 20), date(2026, 8, 3)]),
    SEEDS,
    st.permutations(range(5)),
)
def test_working_days_of_a_week_in_any_order_cost_the_same_by_the_hour(
    tariff_id, monday, seed, order
) -> None:
    tariff, period = BOOK.load(tariff_id), Period(monday, monday + timedelta(days=5))
    assert not any(tariff.is_holiday(monday + timedelta(days=n)) for n in range(5))
    known = {name: value for name, value in OPTIONS.items() if name in tariff.options}
    prepared, days = prepare(tariff, period, known), _days(seed, 5)
    totals = {prepared.total(_usage(monday, tariff.timezone, d)) for d in (days, days[list(order)])}
    assert len(totals) == 1


@settings(deadline=None, max_examples=60)
@given(questions())
def test_any_tariff_is_the_same_after_it_was_written(question: Question) -> None:
    tariff = parse(question.document, "random")
    again = parse(document_of(tariff), "again")
    assert again == tariff
    assert document_of(again) == document_of(tariff)


@settings(deadline=None, max_examples=60)
@given(questions())
def test_the_lines_of_any_tariffs_bill_add_up_to_its_total(question: Question) -> None:
    for usage in question.usages:
        bill = question.prepared.bill(usage)
        assert sum((line.amount for line in bill.lines), Decimal(0)) == bill.total
        assert bill.total == question.prepared.total(usage)
