"""The factorial hidden Markov model beside a brute-force search, and on homes that are known to the watt."""

from itertools import product

import numpy as np
import pytest

from chowon.domain.nilm.levels import KindFacts, choices_within
from chowon.domain.quantities import DAY_MS
from chowon.models.nilm import fhmm
from chowon.models.nilm.fhmm import chain_of, rest_chain
from tests.nilm_homes import RULES, home, power

MINUTE_MS = 60_000
KETTLE = KindFacts(20.0, (2000.0,), 300_000)
WASHER = KindFacts(40.0, (150.0, 2000.0), 7_200_000)


def told(mains, kinds=("fridge", "kettle")):
    teachers = [home("made/1", seed=1), home("made/2", seed=2, always_w=90.0)]
    return fhmm.MODEL.fit(teachers, RULES, 0).disaggregate(mains, kinds)


@pytest.mark.parametrize("facts", [KETTLE, WASHER, KindFacts(None, (60.0,), 60_000), KindFacts(0.0, (), 0)])
@pytest.mark.parametrize("step_ms", [MINUTE_MS, 10 * MINUTE_MS])
def test_every_row_of_a_chain_sums_to_one(facts, step_ms):
    chain = chain_of(facts, facts.levels_w, step_ms)
    assert chain.moves.sum(axis=1) == pytest.approx(1)
    assert chain.first.sum() == pytest.approx(1)
    assert chain.moves.min() >= 0
    assert rest_chain(step_ms).moves.sum(axis=1) == pytest.approx(1)


def test_a_chain_is_on_as_long_and_as_often_as_its_facts_say():
    """20 W of 2,000 W: a hundredth of the time; long runs of 5 min are three times the mean one."""
    chain = chain_of(KETTLE, KETTLE.levels_w, 1000)
    runs_on = 1 / chain.moves[1, 0]
    assert runs_on == pytest.approx(100, rel=0.01)
    share = chain.moves[0, 1] / (chain.moves[0, 1] + chain.moves[1, 0])
    assert share == pytest.approx(0.01, rel=0.01)


def test_a_kind_that_only_plugs_taught_runs_once_a_day():
    chain = chain_of(KindFacts(None, (2000.0,), 180_000), (2000.0,), MINUTE_MS)
    a_day = chain.moves[0, 1] * DAY_MS / MINUTE_MS
    assert a_day == pytest.approx(1, rel=0.01)


def by_hand(above_w, heard, chains):
    """All courses tried. Feasible for a few intervals of few states."""
    joint = list(product(*(range(len(chain.levels_w)) for chain in chains)))

    def worth(course):
        found = 0.0
        for t, state in enumerate(course):
            for chain, now, before in zip(chains, state, course[t - 1] if t else state, strict=True):
                found += np.log(chain.moves[before, now] if t else chain.first[now])
            if heard[t]:
                sum_w = sum(chain.levels_w[s] for chain, s in zip(chains, state, strict=True))
                noise_w = max(fhmm.NOISE_W, fhmm.NOISE_SHARE * sum_w)
                found -= ((above_w[t] - sum_w) / noise_w) ** 2 / 2 + np.log(noise_w)
        return found

    return np.array(max(product(joint, repeat=len(above_w)), key=worth)).T


@pytest.mark.parametrize("seed", range(8))
def test_the_course_is_the_likeliest_of_all_that_there_are(seed):
    random = np.random.default_rng(seed)
    chains = [
        chain_of(KindFacts(100.0, (400.0,), 600_000), (400.0,), MINUTE_MS),
        chain_of(KindFacts(80.0, (100.0, 300.0), 900_000), (100.0, 300.0), MINUTE_MS),
    ]
    above_w, heard = random.choice([0.0, 110.0, 290.0, 420.0, 700.0], 5), random.random(5) > 0.2
    (found,) = fhmm._likeliest(above_w[np.newaxis], heard[np.newaxis], chains).transpose(1, 0, 2)
    assert found.tolist() == by_hand(above_w, heard, chains).tolist()


def test_a_home_of_plain_levels_is_told_apart():
    made = home("made/3", days=3, seed=5)
    for kind, found in told(made.mains).items():
        truth = made.appliances[kind].power_w
        assert np.abs(found.power_w - truth).mean() < 0.05 * truth.mean()


def test_what_is_told_does_not_depend_on_how_windows_fall(monkeypatch):
    made = home("made/3", days=3, seed=6)
    once = told(made.mains)
    monkeypatch.setattr(fhmm, "_WINDOW_MS", DAY_MS // 2)
    monkeypatch.setattr(fhmm, "_BYTES", 1)
    for kind, found in told(made.mains).items():
        assert (found.power_w == once[kind].power_w).mean() > 0.999


def test_a_finer_grid_is_told_by_the_minute():
    made = home("made/3", days=1, seed=7)
    fine = power(np.repeat(made.mains.power_w, 6)[:-2], step_ms=10_000)
    found, by_minute = told(fine)["kettle"], told(made.mains)["kettle"]
    assert (len(found), found.step_ms) == (len(fine), 10_000)
    assert np.allclose(found.power_w, np.repeat(by_minute.power_w, 6)[:-2])


def test_with_many_kinds_the_states_stay_few_enough():
    levels = [(100.0, 300.0, 900.0)] * 4
    assert [len(choice) for choice in choices_within(levels, fhmm.USUAL_SETS)] == [3, 3, 3, 3]
    assert choices_within(levels, 16) == [[0.0, 900.0]] * 4
    assert choices_within([], 1) == []
    teacher = home()
    kinds = [f"kind_{n}" for n in range(12)]
    many = type(teacher)("made/1", teacher.mains, dict.fromkeys(kinds, teacher.appliances["kettle"]))
    fitted = fhmm.MODEL.fit([many], dict.fromkeys(kinds, RULES["kettle"]), 0)
    found = fitted.disaggregate(power(teacher.mains.power_w[:60]), kinds)
    assert set(found) == set(kinds)
