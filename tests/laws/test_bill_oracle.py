"""The engine against a second reckoning that shares nothing with it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Usage, bill
from chowon.domain.clock import Period
from chowon.domain.tariff.kinds import TAKES_OFF
from chowon.registry import TariffBook
from tests.laws.kepco_reckoning import FACTS, FAMILY_CODES, WELFARE_CODES, reckoned

BOOK = TariffBook()
FAMILIES = st.sampled_from(["none", *FAMILY_CODES])
WELFARES = st.sampled_from(["none", *WELFARE_CODES])
KWH = st.integers(0, 1500) | st.integers(0, 330) | st.sampled_from([199, 200, 201, 312, 313, 314, 1000, 1001])
DISCOUNTS = ("under_200kwh_deduction", "freeze_discount", "welfare_amount", "family_amount")
needs_facts = pytest.mark.skipif(not FACTS, reason="the shared tariff facts are not here")


@st.composite
def months(draw: st.DrawFn, days: st.SearchStrategy[int]) -> Period:
    start = draw(
        st.dates(date(2016, 12, 1), date(2026, 12, 31)) | st.dates(date(2022, 11, 1), date(2025, 8, 1))
    )
    return Period(start, start + timedelta(days=draw(days)))


def _computed(voltage: str, kwh: int, period: Period, options: dict[str, str]) -> dict[str, int]:
    tariff = BOOK.load(f"kr.kepco.residential.{voltage}")
    found = bill(tariff, period, Usage(Decimal(kwh)), options)
    negative = {line.id for line in tariff.lines if isinstance(line, TAKES_OFF)}
    amounts = {
        line.id: int(found.amount(line.id)) * (-1 if line.id in negative else 1)
        for line in tariff.lines
        if line.id not in {"minimum", "rounding", "tv_licence"}
    }
    return amounts | {"total": int(found.total)}


@needs_facts
@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["low", "high"]), KWH, months(st.integers(27, 33) | st.integers(1, 62)))
def test_the_engine_agrees_with_a_reckoning_from_the_facts(voltage: str, kwh: int, period: Period) -> None:
    expected = dict.fromkeys(DISCOUNTS, 0) | reckoned(voltage, kwh, period)
    assert _computed(voltage, kwh, period, {}) == expected


@needs_facts
@settings(deadline=None, max_examples=600)
@given(st.sampled_from(["low", "high"]), KWH, months(st.integers(20, 40)), FAMILIES, WELFARES)
@example("low", 600, Period(date(2024, 5, 1), date(2024, 6, 1)), "large_family", "disabled_or_veteran")
@example("high", 313, Period(date(2024, 12, 17), date(2025, 1, 17)), "life_support", "disabled_or_veteran")
@example("low", 450, Period(date(2025, 3, 17), date(2025, 4, 17)), "large_family", "welfare_facility")
@example("low", 250, Period(date(2026, 5, 20), date(2026, 6, 20)), "none", "near_poor")
def test_every_class_agrees_with_a_reckoning_from_the_facts(
    voltage: str, kwh: int, period: Period, family: str, welfare: str
) -> None:
    none = dict.fromkeys(("essential_deduction", *DISCOUNTS), 0)
    expected = none | reckoned(voltage, kwh, period, family, welfare)
    assert _computed(voltage, kwh, period, {"family": family, "welfare": welfare}) == expected
