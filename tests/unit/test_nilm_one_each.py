"""What networks of one kind each are taught from and promise; what needs torch stands in tests/training."""

import sys

import numpy as np
import pytest

from chowon.domain.nilm.power import Home, unmeasured
from chowon.domain.nilm.runs import OnRule
from chowon.errors import BadInput, ExtraMissing, NotFound
from chowon.models.nilm.interface import KeepsTraining
from chowon.models.nilm.one_each.design import Settings
from chowon.models.nilm.one_each.windows import course
from chowon.models.nilm.registry import model, quick_models, ready_models
from tests.nilm_homes import power

RULE = OnRule(500, most_w=3000)
SMALL = Settings(context=2, tells=4, steps=1, batch=1, rate=1e-3)
PEERS = ["seq2point", "sgn"]


def boiled(mains_w, kettle_w, known=None, step_ms: int = 60_000, name: str = "made/1") -> Home:
    return Home(name, power(mains_w, step_ms, known), {"kettle": power(kettle_w, step_ms)})


WATTS = np.where(np.arange(30) % 10 < 2, 2000.0, 0.0)


def taught(*homes: Home, centred: bool = True):
    return course(homes, "kettle", RULE, SMALL, centred=centred)


def test_a_course_is_standardised_by_the_known_intervals_of_all_its_homes():
    known = np.arange(30) != 7
    found = taught(boiled(WATTS + 100, WATTS, known), boiled(WATTS + 300, WATTS, name="made/2"))
    seen = np.concatenate([(WATTS + 100)[known], WATTS + 300])
    assert found.scale.mains_mean_w == pytest.approx(seen.mean())
    assert found.scale.mains_deviation_w == pytest.approx(seen.std())
    assert found.scale.power_mean_w == pytest.approx(np.concatenate([WATTS[known], WATTS]).mean())
    assert found.mains[2 + 7] == 0
    assert not found.known[2 + 7]
    assert found.mains[[0, 1, 32, 33, 34, 35, 66, 67]].tolist() == [0] * 8, "around each home"


def test_power_that_is_not_centred_is_0_while_off():
    found = taught(boiled(WATTS + 100, WATTS), centred=False)
    assert found.scale.power_mean_w == 0
    assert set(np.round(found.power * found.scale.power_deviation_w)) == {0, 2000}


def test_windows_are_cut_where_what_they_tell_is_known_and_never_across_homes():
    known = np.arange(30) != 7
    found = taught(boiled(WATTS + 100, WATTS, known), boiled(WATTS + 100, WATTS, name="made/2"))
    told = [range(start + SMALL.context, start + SMALL.context + SMALL.tells) for start in found.starts]
    assert all(found.known[list(interval)].all() for interval in told)
    assert len(told) == (7 - 3) + (22 - 3) + (30 - 3)


def test_power_above_the_cut_off_teaches_the_cut_off():
    found = taught(boiled(WATTS * 4, WATTS * 4), centred=False)
    assert found.power.max() * found.scale.power_deviation_w == pytest.approx(3000)


def test_finer_homes_teach_by_the_minute_and_coarser_ones_are_refused():
    found = taught(boiled(np.repeat(WATTS, 6), np.repeat(WATTS, 6), step_ms=10_000))
    assert len(found.mains) == 30 + 2 * SMALL.context
    with pytest.raises(BadInput, match="too seldom"):
        taught(boiled(WATTS, WATTS, step_ms=900_000))


def test_plugs_homes_without_the_kind_and_a_kettle_that_never_boiled_teach_nothing():
    plug = Home("plug/1", unmeasured(0, 60_000, 30), {"kettle": power(WATTS)})
    without = Home("made/3", power(WATTS), {})
    assert taught(plug, without) is None
    assert taught(boiled(WATTS, WATTS * 0)) is None
    assert taught() is None


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_without_torch_names_the_extra(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "chowon.models.nilm.one_each.telling", raising=False)
    with pytest.raises(ExtraMissing, match=r"chowon\[train\]"):
        model(name).fit([boiled(WATTS, WATTS)], {"kettle": RULE}, 0)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_comes_without_weights_and_is_run_only_where_asked_for(name):
    assert isinstance(model(name), KeepsTraining)
    assert name not in quick_models() | ready_models()
    with pytest.raises(NotFound, match="without weights"):
        model(name).shipped()


@pytest.mark.parametrize(("name", "minutes"), [("seq2point", 29), ("sgn", 61)])
def test_a_peer_looks_as_far_ahead_as_its_window_reaches(name, minutes):
    assert model(name).lookahead_ms(60_000) == minutes * 60_000
    assert model(name).lookahead_ms(6_000) == minutes * 60_000 + 54_000, "to the end of the minute"
