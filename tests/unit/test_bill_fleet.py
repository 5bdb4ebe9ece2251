"""The fleet evaluator's edges: no homes, impossible uses, sums beyond 64 bits, fractions without an end."""

import tomllib
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from chowon.domain.bill import Fleet, FleetProfile, FleetUse, Usage, prepare, prepare_fleet
from chowon.domain.bill.exact import Exact
from chowon.domain.clock import Period
from chowon.domain.tariff import Tariff, parse
from chowon.domain.tariff.terms import Rounding
from chowon.errors import UsageInvalid
from chowon.registry import TariffBook

LOW = TariffBook().load("kr.kepco.residential.low")
JULY = Period(date(2026, 6, 15), date(2026, 7, 15))


def _fleet(period: Period = JULY, **options: str) -> Fleet:
    return prepare_fleet(prepare(LOW, period, options))


def test_no_homes_have_no_bills() -> None:
    nobody = np.zeros(0, np.int64)
    assert _fleet().totals(nobody).shape == (0,)
    assert all(amounts.shape == (0,) for amounts in _fleet().amounts(nobody).values())


@pytest.mark.parametrize(
    ("uses", "named"),
    [
        (np.array([1.0]), "float64"),
        (np.array([1], np.int32), "int32"),
        (np.array([[1]], np.int64), r"shape \(1, 1\)"),
        ([1], "list"),
        (np.array([5, -1], np.int64), "-1 to 5"),
        (np.array([10**15], np.int64), "1000000000000000 to"),
    ],
)
def test_an_impossible_array_of_uses_is_named(uses: Any, named: str) -> None:
    with pytest.raises(UsageInvalid, match=named):
        _fleet().totals(uses)


def test_a_use_whose_sums_exceed_64_bits_is_billed_by_the_scalar_evaluator() -> None:
    fleet = _fleet(family="large_family", welfare="disabled_or_veteran")
    assert 10**11 <= fleet.most < 10**15 - 1
    uses = [fleet.most - 1, fleet.most, fleet.most + 1, 10**15 - 1, 350_000]
    totals = fleet.totals(np.array(uses, np.int64))
    assert totals.tolist() == [fleet.prepared.total(Usage(Decimal(wh).scaleb(-3))) for wh in uses]


def test_homes_below_and_above_the_dearer_block_stand_in_one_array() -> None:
    fleet = _fleet()
    uses = [350_000, 1_000_000, 1_000_001, 1_500_000, 1_001]
    found = fleet.amounts(np.array(uses, np.int64))["energy"]
    assert found.tolist() == [fleet.prepared.bill(Usage(Decimal(w) / 1000)).amount("energy") for w in uses]


@pytest.mark.parametrize(
    ("tariff", "days", "options"),
    [
        (LOW, 17, {"climate_kwh": "exact"}),
        (LOW, 30, {"climate_kwh": "exact", "climate_rounding": "three_components"}),
        (replace(LOW, kwh_round=None), 17, {"climate_kwh": "whole"}),
    ],
)
def test_a_fraction_of_days_without_an_end_is_rounded_as_the_scalar_evaluator_rounds_it(
    tariff: Tariff, days: int, options: dict[str, str]
) -> None:
    # 17 days, 7.3 won on one of them and 9.0 on 16: 10 kWh cost 89 won, but 10 ÷ 17 has no end as a decimal.
    start = date(2022, 12, 31) if days == 17 else date(2022, 12, 22)
    fleet = prepare_fleet(prepare(tariff, Period(start, start + timedelta(days)), options))
    uses = np.arange(0, 1_000_000, 1000)
    one_by_one = [fleet.prepared.bill(Usage(Decimal(w) / 1000)).amount("climate") for w in uses.tolist()]
    assert fleet.amounts(uses)["climate"].tolist() == one_by_one


@pytest.mark.parametrize("mode", ["floor", "half_up"])
@pytest.mark.parametrize("unit", ["1", "10", "0.05", "0.3"])
def test_arrays_are_rounded_as_decimals_are(mode: Any, unit: str) -> None:
    rounding = Rounding(Decimal(unit), mode)
    halves = np.arange(-4000, 4001, dtype=np.int64)
    found = Exact(halves, 40, 4000).rounded(rounding)
    expected = [rounding.apply(Decimal(n) / 40) for n in halves.tolist()]
    assert [Decimal(int(n)) / found.denominator for n in found.numerators] == expected


def test_a_product_that_would_exceed_64_bits_is_refused_before_it_wraps_around() -> None:
    amounts = Exact(np.array([2**62], np.int64), 1, 2**62)
    assert amounts.times(Decimal("0.5")).numerators.tolist() == [2**62]
    for wrong in (
        lambda: amounts.times(2),
        lambda: amounts + amounts,
        lambda: amounts.at_most(Decimal("0.1")),
        lambda: amounts.rounded(Rounding(Decimal("0.1"), "floor")),
    ):
        with pytest.raises(OverflowError):
            wrong()


NET_KWH = """
id = "xx.net"
name = { ko = "말", en = "Net" }
country = "US"
currency = "USD"
timezone = "America/Los_Angeles"
from = 2020-01-01
period = { counts_as = "one_month", net = "kwh", source = "s" }
line = [{ id = "energy", kind = "per_kwh", by = "usage_day", label = { ko = "말", en = "Energy" }, \
price = [{ from = 2020-01-01, price = 0.12, source = "s" }] }]
"""


def test_kwh_that_are_left_over_are_carried_on_from_month_to_month() -> None:
    tariff = parse(tomllib.loads(NET_KWH, parse_float=Decimal), "net")
    fleet = prepare_fleet(prepare(tariff, Period(date(2025, 5, 1), date(2025, 6, 1))))
    may = FleetUse(np.array([100_000, 100_000, 0]), export_energy=np.array([130_500, 40_000, 0]))
    carried = fleet.carried(may)
    assert (carried.tolist(), fleet.per_carried) == ([30_500, 0, 0], 1000)
    june = FleetUse(np.array([50_000, 50_000, 7]), carried=carried)
    assert [Decimal(n) / fleet.per_unit for n in fleet.totals(june).tolist()] == [
        Decimal("2.34"),
        Decimal(6),
        Decimal("0.00084"),
    ]
    assert fleet.carried(june).tolist() == [0, 0, 0]


HOURS = FleetProfile(0, 3_600_000, np.ones((2, 24), np.int64))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (FleetUse, "found none"),
        (lambda: FleetUse(np.array([5]), bands={"peak": np.array([4])}), "don't add up"),
        (lambda: FleetUse(np.array([5]), demand_w=np.array([4, 4])), "demand_w: found int64 of shape"),
        (lambda: FleetUse(profile=HOURS, carried=np.array([1, -1])), "carried: found -1 to 1"),
        (lambda: FleetProfile(0, 7_000, HOURS.import_energy), "found steps of 7000 ms"),
        (lambda: FleetProfile(0, 3_600_000, np.ones((2, 24))), "found float64"),
        (lambda: FleetProfile(0, 3_600_000, -HOURS.import_energy), "found -1 to -1"),
        (lambda: FleetProfile(0, 3_600_000, HOURS.import_energy, np.ones((2, 9), np.int64)), "export_energy"),
        (lambda: _fleet().totals(FleetUse(profile=HOURS)), "expected all of the period"),
        (lambda: _fleet().totals(FleetUse(np.array([5]), per_kwh=10)), "found 10 energies a kWh"),
    ],
)
def test_impossible_uses_are_named(wrong: Any, named: str) -> None:
    with pytest.raises(UsageInvalid, match=named):
        wrong()
