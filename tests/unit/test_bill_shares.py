"""What each part of a use costs, on bills worked by hand: KEPCO low voltage, October 2025.

kWh → won: 0 → 1,120 (the minimum of 1,000 with taxes), 100 → 16,120, 150 → 23,670, 200 → 31,220,
250 → 44,880, 300 → 57,760, 350 → 70,640.
"""

import tomllib
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from chowon.domain.bill import (
    Costs,
    PerRun,
    Profile,
    Usage,
    average_shares,
    costs_by_energy,
    costs_by_interval,
    costs_of_sets,
    marginal_shares,
    per_run,
    prepare,
    shapley_shares,
    smallest_unit,
)
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import HOUR_MS
from chowon.domain.tariff import parse
from chowon.errors import UsageInvalid
from chowon.registry import TariffBook
from tests.hourly import BERLIN, BY_BAND, HEAD

OCTOBER = prepare(TariffBook().load("kr.kepco.residential.low"), Period(date(2025, 10, 1), date(2025, 11, 1)))
THREE = {"fridge": Decimal(50), "aircon": Decimal(100), "rest": Decimal(200)}
TWO = {"aircon": Decimal(100), "rest": Decimal(200)}


def test_average_shares_follow_the_kwh():
    # 70,640 × 50, 100 and 200 of 350 kWh: 10,091.4, 20,182.9 and 40,365.7; the floors leave 2 won.
    found = average_shares(costs_by_energy(OCTOBER, THREE))
    assert found.shares == {"fridge": 10_091, "aircon": 20_183, "rest": 40_366}
    assert (found.rule, found.method, found.total, found.difference) == ("average", "exact", 70_640, 0)


def test_marginal_shares_are_what_would_be_saved_and_do_not_add_up():
    # 70,640 less the bills of 300, 250 and 150 kWh. Each part is the last to arrive, in tier 2.
    found = marginal_shares(costs_by_energy(OCTOBER, THREE))
    assert found.shares == {"fridge": 12_880, "aircon": 25_760, "rest": 46_970}
    assert found.total == 70_640
    assert found.difference == 70_640 - 85_610


def test_shapley_shares_are_means_over_the_orders_of_arrival():
    # Aircon first 16,120 − 1,120 = 15,000, last 57,760 − 31,220 = 26,540: mean 20,770.
    # The rest first 30,100, last 41,640: mean 35,870. Of the 1,120 a third and two thirds: 373.3 and 746.7.
    found = shapley_shares(costs_by_energy(OCTOBER, TWO))
    assert found.shares == {"aircon": 21_143, "rest": 36_617}
    assert (found.total, found.without_any, found.difference) == (57_760, 1_120, 0)
    assert found.method == "exact"
    assert found.errors == {}


def test_the_leftover_won_of_equal_parts_goes_to_the_name_that_sorts_first():
    # 57,760 ÷ 3 = 19,253.3
    kwh = {"c": Decimal(100), "a": Decimal(100), "b": Decimal(100)}
    for rule in (average_shares, shapley_shares):
        found = rule(costs_by_energy(OCTOBER, kwh))
        assert list(found.shares.items()) == [("c", 19_253), ("a", 19_254), ("b", 19_253)]


def test_a_bill_without_any_use_is_shared_alike():
    kwh = {"a": Decimal(0), "b": Decimal(0), "c": Decimal(0)}
    for rule in (average_shares, shapley_shares):
        assert rule(costs_by_energy(OCTOBER, kwh)).shares == {"a": 374, "b": 373, "c": 373}


def test_a_closed_period_is_shared_on_whole_kwh():
    # 100.4 + 200.5 kWh are billed as 300; without the aircon 200.
    kwh = {"aircon": Decimal("100.4"), "rest": Decimal("200.5")}
    closed = marginal_shares(costs_by_energy(OCTOBER, kwh, whole_kwh=True))
    assert closed.total == 57_760
    assert closed.shares["aircon"] == 57_760 - 31_220
    assert average_shares(costs_by_energy(OCTOBER, kwh)).total == OCTOBER.total(Usage(Decimal("300.9")))


def test_more_parts_than_are_exact_are_an_estimate_that_says_so():
    kwh = {f"part {n:02}": Decimal(5 + n) for n in range(14)}
    exact = shapley_shares(costs_by_energy(OCTOBER, kwh), exact_upto=14)
    found = shapley_shares(costs_by_energy(OCTOBER, kwh))
    assert (exact.method, found.method) == ("exact", "estimated")
    assert sum(found.shares.values()) == found.total == exact.total
    assert found.errors.keys() == kwh.keys()
    assert 0 < max(found.errors.values()) < 100
    assert all(abs(found.shares[part] - exact.shares[part]) <= 4 * found.errors[part] + 1 for part in kwh)
    assert found == shapley_shares(costs_by_energy(OCTOBER, kwh))


def test_parts_that_used_nothing_do_not_make_an_estimate_necessary():
    kwh = THREE | {f"idle {n}": Decimal(0) for n in range(30)}
    found = shapley_shares(costs_by_energy(OCTOBER, kwh))
    assert found.method == "exact"
    assert {part: share for part, share in found.shares.items() if share} == shapley_shares(
        costs_by_energy(OCTOBER, THREE)
    ).shares


def test_an_estimate_takes_every_order_evaluated_at_once_or_in_turns():
    kwh = {f"part {n:02}": Decimal(5 + n) for n in range(5)}
    costs = costs_by_energy(OCTOBER, kwh)
    found = shapley_shares(costs, exact_upto=0, pairs=700)
    exact = shapley_shares(costs)
    assert sum(found.shares.values()) == exact.total
    assert all(abs(found.shares[part] - exact.shares[part]) <= 4 * found.errors[part] + 1 for part in kwh)


def by_hours(there: tuple[str, ...]) -> Decimal:
    """A bill that knows when: 5 dollars, a kWh at night 0.10, at peak 0.30, given to the grid −0.20."""
    night = {"car": 200, "fridge": 20}
    peak = {"aircon": 100, "fridge": 20}
    given = 600 if "solar" in there else 0
    at_night, at_peak = (sum(used.get(part, 0) for part in there) for used in (night, peak))
    return Decimal(500 + 10 * at_night + 30 * at_peak - 20 * given) / 100


def test_parts_with_profiles_are_shared_through_a_function_of_the_parts_that_are_there():
    # Additive here, so every order adds the same: the car 20, the aircon 30, the fridge 2 + 6 dollars.
    kwh = {"car": Decimal(200), "aircon": Decimal(100), "fridge": Decimal(40)}
    costs = costs_of_sets(kwh, by_hours, smallest_unit("USD"))
    marginal = marginal_shares(costs)
    assert marginal.shares == {"car": 20, "aircon": 30, "fridge": 8}
    assert marginal.difference == marginal.without_any == 5
    # The 5 dollars by kWh: 2.9412, 1.4706, 0.5882.
    found = shapley_shares(costs)
    assert found.shares == {"car": Decimal("22.94"), "aircon": Decimal("31.47"), "fridge": Decimal("8.59")}
    assert sum(found.shares.values()) == found.total == 63


def test_a_part_that_gives_energy_lowers_the_bill_below_nothing():
    # 5 + 20 + 30 + 8 − 120 = −57 dollars.
    kwh = {"car": Decimal(200), "aircon": Decimal(100), "fridge": Decimal(40), "solar": Decimal(-600)}
    costs = costs_of_sets(kwh, by_hours, smallest_unit("USD"))
    found = shapley_shares(costs)
    assert found.total == sum(found.shares.values()) == -57
    assert found.shares["solar"] == marginal_shares(costs).shares["solar"] == -120
    assert found.shares["car"] == Decimal("22.94")
    with pytest.raises(UsageInvalid, match=r"'solar': found -600 kWh; expected 0 or more.*Shapley"):
        average_shares(costs)


def test_a_credit_is_shared_as_a_bill_is():
    costs = costs_of_sets({"a": Decimal(1), "b": Decimal(2)}, lambda there: Decimal(-100), Decimal(1))
    assert average_shares(costs).shares == {"a": -33, "b": -67}


def test_bills_of_a_tariff_that_leaves_fractions_are_shared_as_they_are_paid():
    costs = costs_of_sets(
        {"a": Decimal(1), "b": Decimal(1)}, lambda there: Decimal("10.125"), smallest_unit("EUR")
    )
    found = average_shares(costs)
    assert found.total == Decimal("10.13")
    assert found.shares == {"a": Decimal("5.07"), "b": Decimal("5.06")}


def test_each_set_is_asked_for_once():
    asked = []

    def total_of(there: tuple[str, ...]) -> Decimal:
        asked.append(there)
        return Decimal(len(there))

    shapley_shares(costs_of_sets(THREE, total_of, Decimal(1)))
    assert len(asked) == len(set(asked)) == 8


def test_whole_wh_and_finer_energies_cost_the_same():
    whole = {f"part {n}": Decimal(n * 13_579) / 1000 for n in range(1, 7)}
    finer = {part: kwh + Decimal("1e-9") for part, kwh in whole.items()}
    present = (np.arange(64)[:, np.newaxis] >> np.arange(6) & 1).astype(np.bool_)
    expected = [
        OCTOBER.total(
            Usage(sum((kwh for kwh, there in zip(whole.values(), row, strict=True) if there), Decimal(0)))
        )
        for row in present
    ]
    assert costs_by_energy(OCTOBER, whole).units(present) == expected
    assert costs_by_energy(OCTOBER, finer).units(present) == expected


@pytest.mark.parametrize(
    ("currency", "unit"), [("KRW", "1"), ("JPY", "1"), ("USD", "0.01"), ("EUR", "0.01"), ("KWD", "0.001")]
)
def test_the_smallest_unit_is_what_is_paid(currency, unit):
    assert smallest_unit(currency) == Decimal(unit)


def test_a_run_costs_its_part_of_the_share():
    # 14,320 ÷ 21 = 681.9
    assert per_run(Decimal(14_320), 21) == PerRun(Decimal(14_320), 21, Decimal(682))
    assert per_run(Decimal("2.50"), 4, Decimal("0.01")).per_run == Decimal("0.63")
    assert per_run(Decimal(-5), 2).per_run == -3
    assert per_run(Decimal(0), 0).per_run is None


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: costs_by_energy(OCTOBER, {}), "found none; expected one or more"),
        (lambda: costs_by_energy(OCTOBER, {"a": 1.5}), "part 'a': found 1.5; expected kWh as a Decimal"),
        (lambda: costs_by_energy(OCTOBER, {"a": Decimal("NaN")}), "expected kWh as a Decimal"),
        (
            lambda: costs_by_energy(OCTOBER, {"a": Decimal(-1)}),
            "'a': found Decimal.'-1'.; expected kWh of 0 or more",
        ),
        (lambda: per_run(Decimal(1), -1), "runs: found -1"),
        (lambda: shapley_shares(costs_by_energy(OCTOBER, TWO), exact_upto=17), "found 17; expected 0 to 16"),
        (
            lambda: shapley_shares(costs_by_energy(OCTOBER, TWO), pairs=1),
            "found 1; expected 2 or more",
        ),
    ],
)
def test_questions_without_an_answer_say_why(ask, message):
    with pytest.raises(UsageInvalid, match=message):
        ask()


def test_amounts_beyond_64_bits_are_shared_exactly_too():
    huge = Decimal(10) ** 20
    costs = Costs(
        {"a": Decimal(1), "b": Decimal(1), "c": Decimal(1)},
        lambda present: [huge * int(n) for n in present.sum(axis=1)],
        Decimal(1),
    )
    assert shapley_shares(costs).shares == {"a": huge, "b": huge, "c": huge}
    found = shapley_shares(costs, exact_upto=0, pairs=10)
    assert found.shares == {"a": huge, "b": huge, "c": huge}
    assert set(found.errors.values()) == {0}


def test_by_interval_a_part_pays_the_price_of_its_hours() -> None:
    tariff = parse(tomllib.loads(HEAD + BY_BAND, parse_float=Decimal), "x.toml")
    start_ms = midnight_ms(date(2026, 5, 1), BERLIN)
    night, day = np.zeros(24, np.int64), np.zeros(24, np.int64)
    night[1], day[12] = 2000, 3000
    parts = {n: Profile(start_ms, HOUR_MS, energy) for n, energy in (("dryer", night), ("oven", day))}
    costs = costs_by_interval(prepare(tariff, Period(date(2026, 5, 1), date(2026, 5, 2))), parts)
    found = shapley_shares(costs)
    assert found.total == Decimal("1.1")  # 2 × 0.1 + 3 × 0.3
    assert found.shares == {"dryer": Decimal("0.2"), "oven": Decimal("0.9")}
    assert average_shares(costs).shares == {"dryer": Decimal("0.44"), "oven": Decimal("0.66")}


def test_parts_of_different_intervals_are_refused() -> None:
    tariff = parse(tomllib.loads(HEAD + BY_BAND, parse_float=Decimal), "x.toml")
    prepared = prepare(tariff, Period(date(2026, 5, 1), date(2026, 5, 2)))
    parts = {"a": Profile(0, HOUR_MS, np.ones(2, np.int64)), "b": Profile(0, HOUR_MS, np.ones(3, np.int64))}
    with pytest.raises(UsageInvalid, match="part 'b': expected the same intervals"):
        costs_by_interval(prepared, parts)
