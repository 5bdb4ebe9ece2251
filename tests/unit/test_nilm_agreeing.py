"""What clusters may be, by a model that tells kinds by the minute."""

import numpy as np
import pytest

from chowon.domain.nilm.events.agreeing import Agreeing, agreeing
from chowon.domain.nilm.events.following import Ended, Run
from chowon.domain.nilm.power import Power

MINUTE = 60_000


def run(minute: float, minutes: float, watts: float, ended: Ended = Ended.FALL) -> Run:
    at = round(minute * MINUTE)
    return Run(at, at + round(minutes * MINUTE), ((at, watts),), 0.0, 1.0, 1.0, ended)


def told(n: int = 600, **minutes) -> dict[str, Power]:
    """Kinds by {first minute: (minutes, W)}."""
    found = {}
    for kind, spans in minutes.items():
        power_w = np.zeros(n)
        for first, (lasts, watts) in spans.items():
            power_w[first : first + lasts] = watts
        found[kind] = Power(0, MINUTE, power_w, np.ones(n, np.bool_))
    return found


FIVE = (50, 150, 250, 350, 450)


def test_a_cluster_with_which_a_kinds_power_rises_and_falls_may_be_that_kind():
    kettles = [(3, run(at, 3, 2000.0)) for at in FIVE]
    found = agreeing(kettles, told(kettle=dict.fromkeys(FIVE, (3, 1900.0)), fridge={0: (600, 100.0)}))
    assert found == {3: Agreeing("kettle", pytest.approx(0.95))}


def test_a_kind_that_runs_all_the_time_explains_nothing_that_switches():
    lamps = [(1, run(at, 20, 80.0)) for at in FIVE]
    assert agreeing(lamps, told(fridge={0: (600, 100.0)})) == {}


def test_a_model_that_means_something_larger_at_the_same_time_counts_once_only():
    found = agreeing([(1, run(at, 3, 500.0)) for at in FIVE], told(kettle=dict.fromkeys(FIVE, (3, 2000.0))))
    assert found[1].share == 1.0


def test_few_small_or_unended_runs_are_no_ground_for_a_guess():
    meant = told(kettle=dict.fromkeys(FIVE, (3, 2000.0)))
    assert agreeing([(1, run(at, 3, 2000.0)) for at in FIVE[:2]], meant) == {}
    assert agreeing([(1, run(at, 3, 60.0)) for at in FIVE], told(kettle=dict.fromkeys(FIVE, (3, 60.0)))) == {}
    assert agreeing([(1, run(at, 3, 2000.0, Ended.UNSEEN)) for at in FIVE], meant) == {}


def test_most_of_the_energy_decides_and_half_is_needed():
    runs = [(1, run(at, 3, 2000.0)) for at in FIVE]
    assert agreeing(runs, told(kettle=dict.fromkeys(FIVE[:3], (3, 2000.0))))[1].share == pytest.approx(0.6)
    assert agreeing(runs, told(kettle=dict.fromkeys(FIVE[:2], (3, 2000.0)))) == {}


def test_runs_before_after_and_in_unknown_minutes_agree_with_nothing():
    meant = told(kettle=dict.fromkeys(FIVE, (3, 2000.0)))
    meant["kettle"].known[:300] = False
    runs = [(1, run(at, 3, 2000.0)) for at in (-5, *FIVE, 599)]
    assert agreeing(runs, meant) == {}
    assert agreeing(runs, {}) == {}


def test_half_a_minute_is_seen_in_the_minute_that_it_lies_in():
    short = [(1, run(at + 0.3, 0.5, 1200.0)) for at in FIVE]
    found = agreeing(short, told(microwave=dict.fromkeys(FIVE, (1, 600.0))))
    assert found[1] == Agreeing("microwave", pytest.approx(0.5))
