"""Minutes made into ticks, to teach from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.nilm.power import Home
from chowon.models.nilm.live_network.finer import finer
from chowon.models.nilm.live_network.front import RATES, bases
from tests.nilm_homes import home, power

TICK = 10_000


def fine_of(watts, known=None):
    made = Home("made/1", power(watts, known=known), {"kettle": power(np.zeros(len(watts)), known=known)})
    return finer(made, TICK, 10**6)


@given(st.lists(st.floats(0, 5000), min_size=1, max_size=40))
def test_the_mean_of_each_minute_stays(watts):
    fine = fine_of(watts).mains
    assert fine.step_ms == TICK
    assert np.allclose(fine.power_w.reshape(-1, 6).mean(axis=1), watts, atol=1e-6)


def test_a_minute_between_two_levels_was_a_step():
    fine = fine_of([100.0, 1100.0, 2100.0, 2100.0, 600.0, 100.0]).mains.power_w.reshape(-1, 6)
    assert fine[1].tolist() == [100.0] * 3 + [2100.0] * 3
    assert fine[4].tolist() == [2100.0, 1100.0, 100.0, 100.0, 100.0, 100.0]


def test_a_peak_and_what_is_beside_a_gap_stay_flat():
    fine = fine_of([100.0, 700.0, 100.0, 0.0, 300.0, 900.0], [True] * 3 + [False] + [True] * 2).mains
    by_minute = fine.power_w.reshape(-1, 6)
    assert (by_minute == by_minute[:, :1]).all()
    assert fine.known.tolist() == [True] * 18 + [False] * 6 + [True] * 12


def test_mains_are_the_rest_and_the_appliances_tick_by_tick():
    made = home(days=1)
    fine = finer(made, TICK, 10**6)
    whole = sum(one.power_w for one in fine.appliances.values())
    assert (fine.mains.power_w - whole).min() > -1e-6
    assert len(fine.mains) == 6 * len(made.mains)


def test_a_home_that_is_fine_enough_stays_and_a_long_one_is_cut():
    plug = Home("made/2", power(np.ones(60), TICK), {})
    assert finer(plug, TICK, 6) is plug
    assert len(finer(home(days=2), TICK, 600).mains) == 600


def test_a_base_falls_at_once_and_rises_slowly():
    watts = np.array([[500.0, 100.0, 500.0, 500.0]], np.float32)
    known = np.array([[False, True, True, False]])
    found = bases(watts, known)[0]
    assert (found[0] == -1).all()
    assert (found[1] == 100).all()
    assert found[2] == pytest.approx([100 + 400 * rate for rate in RATES])
    assert (found[3] == found[2]).all()
