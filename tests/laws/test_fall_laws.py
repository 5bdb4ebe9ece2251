"""More never costs less, where a tariff declares so; elsewhere the engine finds where it does."""

import tomllib
from datetime import date, timedelta
from decimal import Decimal
from itertools import product

import pytest

from chowon.domain.bill import prepare
from chowon.domain.bill.falls import falls, falls_of
from chowon.domain.clock import Period
from chowon.domain.tariff import parse
from chowon.errors import UsageInvalid
from chowon.registry import TariffBook
from tests.hourly import BY_BAND, HEAD, head

BOOK = TariffBook()
DECLARED = [tariff_id for tariff_id in BOOK.ids() if BOOK.load(tariff_id).never_falls]
FALLING = head("xx.falls")


@pytest.mark.parametrize("tariff_id", DECLARED)
def test_a_full_month_never_costs_less_for_a_kwh_more(tariff_id: str) -> None:
    assert [str(fall) for fall in falls_of(BOOK.load(tariff_id), range(2016, 2027))] == []


@pytest.mark.parametrize("tariff_id", ["kr.kepco.residential.low", "kr.kepco.residential.high"])
@pytest.mark.parametrize("month", [date(2017, 1, 1), date(2021, 8, 1), date(2024, 7, 1), date(2026, 11, 1)])
def test_it_holds_for_every_class_of_customer(tariff_id: str, month: date) -> None:
    tariff = BOOK.load(tariff_id)
    period = Period(month, (month + timedelta(days=31)).replace(day=1))
    for family, welfare in product(tariff.options["family"].values, tariff.options["welfare"].values):
        options = {"family": family, "welfare": welfare}
        assert [str(fall) for fall in falls(prepare(tariff, period, options), 1500)] == []


def test_both_residential_tariffs_of_korea_declare_it() -> None:
    assert {"kr.kepco.residential.low", "kr.kepco.residential.high"} <= set(DECLARED)


def test_a_cheaper_second_tier_charge_is_found_with_its_place_and_amounts() -> None:
    text = (
        FALLING
        + """
[[tiers.home.set]]
from = 2026-01-01
upto = [100]
source = "s"
[[line]]
id = "base"
kind = "tiered_fixed"
tiers = "home"
label = { ko = "기본", en = "Base" }
[[line.price]]
from = 2026-01-01
per_tier = [5000, 1000]
source = "s"
"""
    )
    tariff = parse(tomllib.loads(text, parse_float=Decimal), "x.toml")
    found = falls(prepare(tariff, Period(date(2026, 5, 1), date(2026, 6, 1))), 300)
    assert [str(fall) for fall in found] == ["2026-05-01 to 2026-06-01: 100 kWh cost 5000, 101 kWh only 1000"]


def test_a_tariff_by_the_hour_has_no_bill_by_kwh_alone() -> None:
    tariff = parse(tomllib.loads(HEAD + BY_BAND, parse_float=Decimal), "x.toml")
    with pytest.raises(UsageInvalid, match="prices import by the hour"):
        falls_of(tariff, range(2026, 2027))
