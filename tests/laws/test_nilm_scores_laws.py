"""Laws of scores, runs and grids, over anything."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from chowon.domain.nilm import scores
from chowon.domain.nilm.power import Trace, on_grid
from chowon.domain.nilm.runs import OnRule, Runs, runs_by_rule, runs_of, states
from tests.nilm_homes import power

watts = arrays.arrays(np.float64, 40, elements=st.integers(0, 3000).map(float))
on = arrays.arrays(np.bool_, 40)


@given(watts, watts, st.floats(0.1, 10))
def test_matched_energy_does_not_ask_which_is_the_truth_or_in_which_unit(a, b, factor):
    matched = scores.matched_energy(a, b)
    assert matched == scores.matched_energy(b, a)
    scaled = scores.matched_energy(a * factor, b * factor)
    assert (matched is None) == (scaled is None)
    if matched is not None:
        assert 0 <= matched <= 1
        assert np.isclose(matched, scaled)


@given(watts)
def test_the_truth_itself_has_no_error(true_w):
    assert scores.mae_w(true_w, true_w) == 0
    assert scores.matched_energy(true_w, true_w) in (1.0, None)
    kwh = scores.energy_kwh(true_w, 60_000)
    assert scores.energy_error_pct(kwh, kwh) in (0.0, None)


@given(on, on)
def test_telling_everything_right_is_an_f1_of_one(true, told):
    f1 = scores.f1(true, told)
    assert f1 is None or 0 <= f1 <= 1
    assert scores.f1(true, true) in (1.0, None)


@given(on)
def test_runs_and_states_are_two_ways_to_say_the_same(true):
    assert np.array_equal(states(len(true), runs_of(true)), true)


@given(watts, on, st.integers(1, 5), st.integers(0, 5))
def test_runs_by_a_rule_are_apart_long_enough_and_within_what_is_known(power_w, known, min_on, min_off):
    found = runs_by_rule(power(power_w, 1000, known), OnRule(1500, min_on * 1000, min_off * 1000))
    assert (found.end - found.start >= min_on).all()
    assert (found.start[1:] > found.end[:-1]).all()
    for start, end in zip(found.start, found.end, strict=True):
        assert known[start:end].all()
        assert power_w[start] >= 1500
        assert power_w[end - 1] >= 1500


starts = st.lists(st.integers(0, 30), max_size=5, unique=True).map(sorted)


@given(starts, starts, st.integers(0, 4))
def test_events_are_paired_as_often_as_can_be(true, told, within):
    def most(left: list[int], right: list[int]) -> int:
        if not left:
            return 0
        others = [most(left[1:], right)]
        others += [
            1 + most(left[1:], right[:n] + right[n + 1 :])
            for n, at in enumerate(right)
            if abs(at - left[0]) <= within
        ]
        return max(others)

    runs = [Runs(np.array(at, np.int64), np.array(at, np.int64) + 1) for at in (true, told)]
    if true or told:
        assert scores.event_f1(*runs, within) == 2 * most(true, told) / (len(true) + len(told))


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=30),
    st.integers(1, 40),
    st.integers(0, 30),
    st.randoms(use_true_random=False),
)
def test_the_grid_keeps_the_energy_of_every_covered_second(gaps_s, step_s, hold_s, random):
    time_s = np.cumsum(gaps_s)
    power_w = np.array([float(random.randint(0, 3000)) for _ in gaps_s])
    n = int(time_s[-1] // step_s) + 1
    found = on_grid(Trace(time_s * 1000, power_w), hold_s * 1000, 0, step_s * 1000, n)
    seconds = np.full(n * step_s, np.nan)
    for at, gap, w in zip(time_s[:-1], gaps_s[1:], power_w[:-1], strict=True):
        if gap <= hold_s:
            seconds[at : at + gap] = w
    cells = seconds.reshape(n, step_s)
    covered = np.isfinite(cells).sum(axis=1)
    assert found.known.tolist() == (covered * 2 >= step_s).tolist()
    for cell, told, known in zip(cells, found.power_w, found.known, strict=True):
        assert np.isclose(told, np.nanmean(cell) if known else 0.0)
