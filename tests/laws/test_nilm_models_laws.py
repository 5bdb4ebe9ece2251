"""What every model that tells appliances apart must keep to; the blueprint too. A new model is held to it.

Models that come without weights and learn for long are held to it in tests/training, taught for a moment.
"""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.nilm.fitted import fitted
from chowon.domain.nilm.power import Power
from chowon.models.nilm import blueprint
from chowon.models.nilm.interface import KeepsTraining
from chowon.models.nilm.registry import ready_models
from tests.nilm_homes import RULES, STEP_MS, home, power

MODELS = [*ready_models().values(), blueprint.MODEL]
TEACHERS = [home("made/1", seed=1), home("made/2", seed=2, always_w=90.0)]
QUICK = [model for model in MODELS if not isinstance(model, KeepsTraining)]
"""The others take long to learn: they are held to the laws as they come."""


@cache
def told_by(model):
    if isinstance(model, KeepsTraining) and model.comes_taught:
        return model.shipped().for_home(TEACHERS[0])
    return model.fit(TEACHERS, RULES, seed=0)


KINDS = ["fridge", "kettle", "shower"]
N = 400

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
each_quick_model = pytest.mark.parametrize("model", QUICK, ids=lambda model: model.name)


@st.composite
def mains(draw) -> Power:
    """Mains with appliances, noise, gaps, export, and stretches of nothing."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    watts = draw(st.sampled_from([-300.0, 0.0, 40.0, 200.0])) + random.normal(
        0, draw(st.sampled_from([0, 3])), N
    )
    for _ in range(draw(st.integers(0, 12))):
        start, length = random.integers(0, N), random.integers(1, 60)
        watts[start : start + length] += random.choice([100.0, 2000.0, 2050.0, 700.0])
    known = np.ones(N, np.bool_)
    for _ in range(draw(st.integers(0, 4))):
        start = random.integers(0, N)
        known[start : start + random.integers(1, 40)] = False
    return power(watts, known=known)


@each_model
@settings(max_examples=40)
@given(mains())
def test_power_is_never_negative_and_known_where_the_mains_are(model, mains):
    for told in told_by(model).disaggregate(mains, KINDS).values():
        assert told.power_w.min() >= 0
        assert np.isfinite(told.power_w).all()
        assert np.array_equal(told.known, mains.known)
        assert (told.power_w[~told.known] == 0).all()
        assert (told.start_ms, told.step_ms, len(told)) == (mains.start_ms, mains.step_ms, N)


@each_model
@settings(max_examples=40)
@given(mains())
def test_the_sum_stays_within_the_mains_where_that_is_declared(model, mains):
    told = told_by(model).disaggregate(mains, KINDS)
    total = np.sum([power.power_w for power in told.values()], axis=0)
    if model.within_mains:
        assert (total <= np.maximum(mains.power_w, 0) + 1e-6).all()


@each_model
@settings(max_examples=40)
@given(mains(), mains(), st.integers(0, N))
def test_nothing_is_told_from_further_ahead_than_declared(model, mains, other, at):
    lookahead_ms = model.lookahead_ms(STEP_MS)
    if lookahead_ms is None:
        return
    steps = -(-lookahead_ms // STEP_MS)
    changed = power(
        np.concatenate([mains.power_w[:at], other.power_w[at:]]),
        known=np.concatenate([mains.known[:at], other.known[at:]]),
    )
    before, after = (told_by(model).disaggregate(one, KINDS) for one in (mains, changed))
    settled = max(0, at - steps)
    for kind, told in before.items():
        assert np.array_equal(told.power_w[:settled], after[kind].power_w[:settled])


@each_quick_model
@given(mains(), st.integers(0, 3))
def test_the_same_seed_tells_the_same(model, mains, seed):
    first, second = (model.fit(TEACHERS, RULES, seed).disaggregate(mains, KINDS) for _ in range(2))
    assert first.keys() == second.keys()
    for kind, told in first.items():
        assert np.array_equal(told.power_w, second[kind].power_w)


@each_model
@settings(max_examples=40)
@given(mains(), st.integers(-20, 20))
def test_when_it_was_does_not_matter(model, mains, days):
    moved = Power(mains.start_ms + days * 86_400_000, mains.step_ms, mains.power_w, mains.known)
    then, now = (told_by(model).disaggregate(one, KINDS) for one in (mains, moved))
    for kind, told in then.items():
        assert np.array_equal(told.power_w, now[kind].power_w)


@each_quick_model
def test_a_kind_that_nobody_taught_is_left_out_or_said_to_be_off(model):
    told = told_by(model).disaggregate(TEACHERS[0].mains, KINDS)
    assert "shower" not in told or told["shower"].power_w.max() == 0


@each_model
def test_no_power_and_no_home_are_no_trouble(model):
    nothing = power([])
    assert all(len(told) == 0 for told in told_by(model).disaggregate(nothing, KINDS).values())
    assert told_by(model).disaggregate(TEACHERS[0].mains, []) == {}


@each_quick_model
def test_no_home_teaches_nothing(model):
    assert model.fit([], RULES, 0).disaggregate(TEACHERS[0].mains, []) == {}


@each_quick_model
def test_a_model_is_used_through_what_carries_its_homes(model):
    carried = fitted(TEACHERS, lambda homes: model.fit(homes, RULES, 0))
    assert carried.homes == {"made/1", "made/2"}


@pytest.mark.parametrize("model", list(ready_models().values()), ids=lambda model: model.name)
def test_a_shipped_model_leaves_a_home_out_when_asked(model):
    without = model.shipped(without=["refit/2"])
    assert "refit/2" not in without.homes
    told = without.for_home(home("refit/2")).disaggregate(TEACHERS[0].mains, ["kettle"])
    assert "kettle" in told
