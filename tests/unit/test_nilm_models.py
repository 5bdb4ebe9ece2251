"""The baselines on mains that can be worked out by hand."""

import sys
import types

import numpy as np
import pytest

from chowon.domain.nilm.power import Home
from chowon.domain.nilm.runs import OnRule
from chowon.errors import NotFound
from chowon.models.nilm import registry
from chowon.models.nilm.hart import edges_of
from chowon.models.nilm.registry import model, models
from tests.nilm_homes import power

RULES = {"kettle": OnRule(500), "fridge": OnRule(50), "heater": OnRule(500)}


def teacher() -> Home:
    """A kettle of 2,000 W, a fridge of 100 W, a heater of 1,000 W, ten intervals at a time."""
    blocks = np.repeat([0.0, 1.0, 0.0, 0.0, 0.0], 10)
    kettle_w, fridge_w, heater_w = blocks * 2000, np.roll(blocks, 10) * 100, np.roll(blocks, 20) * 1000
    mains = power(kettle_w + fridge_w + heater_w)
    return Home(
        "made/1", mains, {"kettle": power(kettle_w), "fridge": power(fridge_w), "heater": power(heater_w)}
    )


def told(name: str, watts, known=None, kinds=("kettle", "fridge", "heater")):
    found = model(name).fit([teacher()], RULES, 0).disaggregate(power(watts, known=known), kinds)
    return {kind: one.power_w.tolist() for kind, one in found.items()}


def test_the_mean_predictor_tells_the_mean():
    assert told("mean", [5.0, 5.0]) == {"kettle": [400] * 2, "fridge": [20] * 2, "heater": [200] * 2}


def test_combinations_explain_as_much_of_the_mains_as_they_can_without_exceeding_them():
    found = told("co", [0, 99, 100, 1150, 2099, 3100, 9000])
    assert found["kettle"] == [0, 0, 0, 0, 2000, 2000, 2000]
    assert found["heater"] == [0, 0, 0, 1000, 0, 1000, 1000]
    assert found["fridge"] == [0, 0, 100, 100, 0, 100, 100]


def test_combinations_take_the_always_on_load_off_once_it_is_known():
    watts = [150.0] * 120
    found = told("co", [*watts, 2150.0])
    assert found["fridge"][:60] == [100] * 60
    assert found["fridge"][60:] == [0] * 61
    assert found["kettle"][-1] == 2000


def test_with_many_levels_the_sets_stay_few_enough():
    kinds = [f"kind_{n}" for n in range(12)]
    levels = np.repeat([0.0, 300.0, 900.0, 2700.0], 20)
    taught = {kind: power(levels + n * (levels > 0)) for n, kind in enumerate(kinds)}
    home = Home("made/1", power(levels), taught)
    fitted = model("co").fit([home], dict.fromkeys(kinds, OnRule(50)), 0)
    found = fitted.disaggregate(power([100_000.0]), kinds)
    assert sum(one.power_w[0] for one in found.values()) > 12 * 2700


def test_an_edge_may_take_two_intervals():
    found = edges_of(power([100, 100, 900, 2100, 2100, 1300, 100, 110]))
    assert found.at.tolist() == [2, 5]
    assert found.size_w.tolist() == [2000, -2000]
    assert found.first_w.tolist() == [800, -800]


def test_no_edge_reaches_over_a_gap():
    assert len(edges_of(power([100, 0, 2100], known=[True, False, True])).at) == 0
    assert len(edges_of(power([100])).at) == 0


def test_a_rise_and_its_fall_are_a_run_with_its_partial_ends():
    found = told("hart", [100, 100, 900, 2100, 2100, 1300, 100, 100])
    assert found["kettle"] == [0, 0, 800, 2000, 2000, pytest.approx(1200), 0, 0]
    assert found["fridge"] == found["heater"] == [0] * 8


def test_runs_of_two_appliances_may_overlap():
    found = told("hart", [50, 150, 150, 2150, 2050, 2050, 50, 50])
    assert found["fridge"] == [0, 100, 100, 100, 0, 0, 0, 0]
    assert found["kettle"] == [0, 0, 0, 2000, 2000, 2000, 0, 0]


def test_a_rise_without_its_fall_is_no_run():
    assert told("hart", [100, 2100, 2100, 2100])["kettle"] == [0] * 4


def test_a_rise_before_a_gap_and_a_fall_after_it_are_no_run():
    watts, known = [100, 2100, 0, 2100, 100], [True, True, False, True, True]
    assert told("hart", watts, known)["kettle"] == [0] * 5


def test_a_run_much_longer_than_any_seen_is_none():
    assert max(told("hart", [100, *[2100] * 20, 100])["kettle"]) == 2000
    assert max(told("hart", [100, *[2100] * 21, 100])["kettle"]) == 0


def test_an_unknown_model_is_told_which_there_are():
    with pytest.raises(NotFound, match="did you mean hart"):
        model("heart")
    with pytest.raises(
        NotFound, match="co, fhmm, hart, live, live-settled, mean, network, seq2point, sgn, zero"
    ):
        model("xxxxxxxx")
    assert "blueprint" not in models()


def test_an_installed_package_brings_a_model_and_replaces_none(monkeypatch):
    class Entry:
        def __init__(self, name):
            self._name = name

        def load(self):
            return types.SimpleNamespace(name=self._name)

    monkeypatch.setattr(
        registry, "entry_points", lambda group: [Entry("theirs"), Entry("zero")] if group else []
    )
    assert "theirs" in models()
    assert models()["zero"] is sys.modules["chowon.models.nilm.zero"].MODEL
