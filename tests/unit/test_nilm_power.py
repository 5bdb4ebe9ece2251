"""Samples onto a grid, what is learnt of homes, and what may not be used on them."""

import numpy as np
import pytest

from chowon.domain.nilm.always_on import always_on_w
from chowon.domain.nilm.fitted import fitted
from chowon.domain.nilm.levels import facts_of, levels_of
from chowon.domain.nilm.power import Home, Trace, hold_of, median_step, on_grid, summed
from chowon.errors import BadInput, HomeSeen
from tests.nilm_homes import RULES, home, power


def trace(*samples: tuple[int, float]) -> Trace:
    return Trace(np.array([t for t, _ in samples], np.int64), np.array([w for _, w in samples], np.float64))


def test_a_sample_stands_until_the_next_one():
    found = on_grid(trace((0, 100), (3_000, 200), (9_000, 0), (12_000, 0)), 10_000, 0, 6_000, 2)
    assert found.power_w.tolist() == [150.0, 100.0]
    assert found.known.tolist() == [True, True]


def test_samples_on_the_grid_stay_as_they_are():
    found = on_grid(trace((0, 7), (60_000, 8), (120_000, 9), (180_000, 1)), 180_000, 0, 60_000, 3)
    assert found.power_w.tolist() == [7.0, 8.0, 9.0]


def test_a_gap_stays_a_gap():
    found = on_grid(trace((0, 100), (6_000, 100), (24_000, 100), (30_000, 100)), 10_000, 0, 6_000, 5)
    assert found.known.tolist() == [True, False, False, False, True]
    assert found.power_w.tolist() == [100.0, 0.0, 0.0, 0.0, 100.0]


def test_an_interval_is_known_from_half_of_it_on_and_its_mean_is_of_that_half():
    found = on_grid(trace((0, 80), (3_000, 80), (20_000, 0), (22_900, 0)), 5_000, 0, 6_000, 4)
    assert found.known.tolist() == [True, False, False, False]
    assert found.power_w[0] == 80.0


def test_the_hold_is_ten_seconds_or_three_slow_intervals():
    assert (hold_of(1_000), hold_of(5_000), hold_of(6_000), hold_of(60_000)) == (
        10_000,
        10_000,
        18_000,
        180_000,
    )
    assert median_step(trace((0, 1), (1_000, 1), (2_000, 1), (90_000, 1))) == 1_000


def test_samples_out_of_order_are_no_trace():
    with pytest.raises(BadInput, match="in order of time"):
        trace((1, 0), (1, 0))


def test_two_legs_are_known_where_both_are():
    both = summed([power([100, 200], known=[1, 1]), power([50, 50], known=[1, 0])])
    assert (both.power_w.tolist(), both.known.tolist()) == ([150.0, 0.0], [True, False])
    with pytest.raises(BadInput, match="same intervals"):
        summed([power([1, 2]), power([1])])


def test_the_always_on_load_looks_at_the_day_before_and_passes_two_bad_hours_over():
    watts = np.full(48 * 60, 80.0)
    watts[26 * 60 + 5] = 1.0
    watts[27 * 60 + 5] = 1.0
    told_w = always_on_w(power(watts))
    assert told_w[:60].tolist() == [0.0] * 60
    assert set(told_w[60:].tolist()) == {80.0}


def test_the_always_on_load_of_a_home_that_gives_energy_is_not_below_zero():
    assert always_on_w(power(np.full(300, -500.0))).min() == 0.0


def test_levels_are_the_states_of_an_appliance():
    watts = np.array([100.0] * 500 + [101.0] * 500 + [2000.0] * 300)
    assert levels_of(watts) == pytest.approx((100.5, 2000.0), abs=1)
    assert levels_of(np.array([])) == ()


def test_facts_are_those_of_the_home():
    facts = facts_of([home()], RULES)
    assert facts["kettle"].levels_w == pytest.approx((2000.0,))
    assert facts["kettle"].longest_run_ms == 180_000
    assert facts["fridge"].mean_w == pytest.approx(100 / 3)


def test_intervals_in_which_it_was_on_for_a_part_only_are_no_level():
    kettle_w = np.tile([0.0, 900.0, 2000.0, 2000.0, 700.0, 0.0], 50)
    made = Home("a/1", power(kettle_w), {"kettle": power(kettle_w)})
    assert facts_of([made], RULES)["kettle"].levels_w == pytest.approx((2000.0,))


def test_an_appliance_that_is_never_on_for_long_has_levels_all_the_same():
    kettle_w = np.tile([0.0, 900.0, 2000.0, 0.0], 50)
    made = Home("a/1", power(kettle_w), {"kettle": power(kettle_w)})
    assert facts_of([made], RULES)["kettle"].levels_w == pytest.approx((900.0, 2000.0))


def test_each_home_weighs_alike_in_the_mean():
    short, long = home("a/1", days=1), home("a/2", days=10)
    both = facts_of([short, long], RULES)["kettle"].mean_w
    alone = [facts_of([one], RULES)["kettle"].mean_w for one in (short, long)]
    assert both == pytest.approx(sum(alone) / 2)


def test_what_was_learnt_cannot_be_used_on_a_home_that_taught_it():
    learnt = fitted([home("redd/2"), home("redd/3")], len)
    assert learnt.for_home(home("redd/1")) == 2
    with pytest.raises(HomeSeen, match=r"home redd/3 took part in the fit \(of redd/2, redd/3\)"):
        learnt.for_home(home("redd/3"))


def test_what_is_learnt_on_top_has_seen_the_homes_below():
    scaler = fitted([home("redd/1")], lambda _: 5.0)
    model = scaler.further([home("redd/2")], lambda scale, homes: scale * len(homes))
    assert model.for_home(home("redd/3")) == 5.0
    for seen in ("redd/1", "redd/2"):
        with pytest.raises(HomeSeen):
            model.for_home(home(seen))
