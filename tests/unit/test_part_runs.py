"""What each run of an appliance costs: worked by hand, and always the whole of its share."""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Profile, average_shares, marginal_shares, prepare, shapley_shares
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.nilm.runs import OnRule, runs_by_rule
from chowon.domain.part_costs import costs_of_parts
from chowon.domain.part_runs import RunTimes, costs_of_runs, run_times
from chowon.domain.parts import Part, cut
from chowon.domain.quantities import MINUTE_MS, QUARTER_MS
from chowon.domain.tariff import Text
from chowon.errors import NotFound, UsageInvalid
from chowon.registry import TariffBook
from tests.nilm_homes import power

DAY = Period(date(2026, 11, 2), date(2026, 11, 3))
START_MS = midnight_ms(DAY.start, ZoneInfo("Asia/Seoul"))
LOW = prepare(TariffBook().load("kr.kepco.residential.low"), DAY)
N = 96


def wh(values):
    return np.array(values, np.int64)


def site(dishwasher, rest=200):
    """A site of a dishwasher and a rest of so many Wh a quarter."""
    nothing, full = wh([0] * N), wh([QUARTER_MS] * N)
    part = Part("dishwasher", Text("식기세척기", "dishwasher"), "detected", wh(dishwasher), nothing, full)
    return cut(Profile(START_MS, QUARTER_MS, wh(dishwasher) + rest), full, [part])


def times(*minutes):
    starts, ends = zip(*minutes, strict=True) if minutes else ((), ())
    return RunTimes(*(START_MS + MINUTE_MS * wh(list(edge)) for edge in (starts, ends)))


def used(**by_quarter):
    energy = [0] * N
    for name, value in by_quarter.items():
        energy[int(name.removeprefix("q"))] = value
    return energy


def shared(found, rule=average_shares):
    return rule(costs_of_parts(LOW, found, closed=False))


def test_runs_and_standby_are_the_whole_share_by_their_energy():
    """3,000 Wh of the day's 22,200: two runs of 1,200 and 1,740 Wh, 60 Wh between them."""
    found = site(used(q8=600, q9=600, q40=1740, q70=60))
    bill = shared(found)
    costs = costs_of_runs(bill, found, "dishwasher", times((120, 150), (600, 612)), "KRW")
    assert [run.kwh for run in costs.runs] == [Decimal("1.2"), Decimal("1.74")]
    assert costs.between_kwh == Decimal("0.06")
    share = bill.shares["dishwasher"]
    assert costs.of_runs.amount + costs.between == share
    for amount, part_wh in zip(
        [*(run.amount for run in costs.runs), costs.between], (1200, 1740, 60), strict=True
    ):
        assert abs(amount - share * part_wh / 3000) < 1
    assert costs.of_runs.runs == 2
    assert costs.of_runs.per_run == (costs.of_runs.amount / 2).to_integral_value()


def test_a_quarter_is_shared_by_the_runs_in_it_by_their_time():
    found = site(used(q8=900))
    costs = costs_of_runs(shared(found), found, "dishwasher", times((120, 122), (125, 129)), "KRW")
    assert [run.kwh for run in costs.runs] == [Decimal("0.3"), Decimal("0.6")]
    assert (costs.between_kwh, costs.between) == (0, 0)


def test_a_run_over_the_end_of_the_period_counts_with_what_it_used_within():
    found = site(used(q0=300, q95=500))
    costs = costs_of_runs(
        shared(found), found, "dishwasher", times((-60, 10), (1430, 1500), (1500, 1600)), "KRW"
    )
    assert [(run.start_ms - START_MS) // MINUTE_MS for run in costs.runs] == [0, 1430]
    assert [run.kwh for run in costs.runs] == [Decimal("0.3"), Decimal("0.5")]


def test_without_a_run_all_of_it_is_between():
    found = site(used(q8=900))
    costs = costs_of_runs(shared(found), found, "dishwasher", times(), "KRW")
    assert (costs.runs, costs.of_runs.per_run) == ((), None)
    assert costs.between == shared(found).shares["dishwasher"]


def test_an_appliance_that_took_nothing_costs_nothing_by_run():
    found = site([0] * N)
    costs = costs_of_runs(shared(found), found, "dishwasher", times((0, 60)), "KRW")
    assert costs.between + costs.of_runs.amount == shared(found).shares["dishwasher"] == 0


@pytest.mark.parametrize("rule", [average_shares, marginal_shares, shapley_shares])
@settings(deadline=None, max_examples=15)
@given(st.data())
def test_the_runs_amounts_always_add_up_to_the_share(rule, data):
    energy = data.draw(st.lists(st.integers(0, 3000), min_size=N, max_size=N))
    edges = sorted(data.draw(st.sets(st.integers(-30, 1500), max_size=20)))
    runs = list(zip(edges[::2], edges[1::2], strict=False))
    found = site(energy)
    bill = shared(found, rule)
    costs = costs_of_runs(bill, found, "dishwasher", times(*runs), "KRW")
    assert sum(run.amount for run in costs.runs) + costs.between == bill.shares["dishwasher"]
    whole = sum(run.kwh for run in costs.runs) + costs.between_kwh
    assert float(whole) == pytest.approx(sum(energy) / 1000)
    assert all(run.amount >= 0 and run.kwh >= 0 for run in costs.runs)


def test_runs_that_a_model_told_become_instants():
    told = power([0, 2000, 2000, 0, 0, 2000, 0], start_ms=START_MS)
    found = run_times(told, runs_by_rule(told, OnRule(500)))
    assert ((found.start_ms - START_MS) // MINUTE_MS).tolist() == [1, 5]
    assert ((found.end_ms - START_MS) // MINUTE_MS).tolist() == [3, 6]


def test_what_has_no_answer_says_why():
    found = site(used(q8=900))
    with pytest.raises(NotFound, match=r"'dryer'.*dishwasher"):
        costs_of_runs(shared(found), found, "dryer", times((0, 1)), "KRW")
    for wrong in (((5, 5),), ((0, 10), (9, 12)), ((10, 20), (0, 5))):
        with pytest.raises(UsageInvalid, match="one run after the other"):
            times(*wrong)
