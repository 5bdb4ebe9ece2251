"""The weights that come with chowon: what taught them, and what they may be used for."""

import os
import tomllib
from pathlib import Path

import numpy as np
import pytest

from chowon.bench.nilm.homes import GapRules, home_on_grid
from chowon.bench.nilm.kinds import kinds
from chowon.bench.nilm.readers import recording
from chowon.bench.nilm.teaching import load, names_of
from chowon.domain.nilm.fitted import taught_by
from chowon.domain.nilm.scores import f1
from chowon.errors import BadInput, HomeSeen
from chowon.models.nilm import nightly
from chowon.models.nilm.network import shipped as kept
from chowon.models.nilm.network.card import TRUSTED_F1
from chowon.models.nilm.network.gates import GATES
from chowon.models.nilm.nightly import MODEL, tellable, trusted
from tests.nilm_homes import home, power

DATA = Path(__file__).parents[3] / "shared/data"
WEIGHTS = Path(kept.__file__).parents[1] / "weights"
REAL = ["refit/house2_1min", "refit/house20_1min", "ideal/house65_1min"]
VIRTUAL = ["virtual_homes/v1", "virtual_homes/v2", "virtual_homes/v3"]

needs_data = pytest.mark.skipif(
    not DATA.is_dir() and os.environ.get("CI") != "true", reason="needs the shared recordings"
)


def test_the_weights_in_the_wheel_are_small():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    [left_out] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["exclude"]
    files = [file for file in WEIGHTS.rglob("*") if file.is_file()]
    inside = [file for file in files if not file.match(left_out.rpartition("/")[2])]
    assert {file.name for file in inside} == {"all.onnx", "all.json"}
    assert sum(file.stat().st_size for file in inside) < 3 * 2**20


def test_every_kind_has_a_gate_of_its_own():
    for _, card in kept.cards():
        assert card.thresholds.keys() == set(card.kinds)
        assert set(card.thresholds.values()) <= set(GATES)


def test_what_may_not_be_passed_on_taught_none_of_them():
    for _, card in kept.cards():
        assert card.licences
        assert not [name for name in card.homes if name.startswith("redd")]


def test_all_of_the_list_taught_the_weights_for_homes_that_nobody_knows():
    _, card = kept.shipped(())
    listed = {spec.id for spec in load().homes}
    assert {name.split("/")[0] if name.split("/")[0] in listed else name for name in card.homes} == listed


@needs_data
@pytest.mark.parametrize("name", [*REAL, *VIRTUAL])
def test_every_home_at_hand_has_weights_that_it_did_not_teach(name):
    raw = recording.read(DATA / f"{name}.parquet")
    MODEL.shipped(taught_by([raw])).for_home(raw)


def test_a_home_is_not_scored_with_what_it_taught():
    with pytest.raises(HomeSeen, match="refit/20"):
        MODEL.shipped().for_home(home("refit/20"))


@needs_data
def test_a_kettle_is_found_in_a_home_that_was_never_seen():
    raw = recording.read(DATA / "refit/house20_1min.parquet")
    start_ms, month_ms = 1_396_310_400_000, 28 * 86_400_000  # April 2014
    gaps = GapRules(zero_mains=True, frozen_mains_ms=3_600_000)
    seen = home_on_grid(raw, 60_000, list(kinds()), gaps, start_ms, start_ms + month_ms)
    model = MODEL.shipped(names_of(DATA / "refit/house20_1min.parquet")).for_home(raw)
    told = model.disaggregate(seen.mains, ["kettle"])["kettle"]
    assert (f1(seen.appliances["kettle"].power_w > 500, told.power_w > 500) or 0) > 0.75


def test_people_are_told_only_of_kinds_that_are_told_well():
    _, names = trusted()
    _, card = kept.shipped(())
    assert "kettle" in names
    assert names.keys() < set(card.kinds)
    assert all(card.figures[kind]["f1"] >= TRUSTED_F1 for kind in names)
    assert names["kettle"].label.ko == "전기 주전자"


def test_a_meter_of_a_quarter_of_an_hour_is_refused():
    with pytest.raises(BadInput, match="too seldom"):
        MODEL.shipped().for_home(home()).disaggregate(power(np.full(96, 300.0), 900_000), ["kettle"])


def test_a_finer_meter_is_told_by_the_minute():
    model = MODEL.shipped().for_home(home())
    by_minute = home("made/7", 2, seed=3).mains
    fine = power(np.repeat(by_minute.power_w, 6), 10_000)
    coarse = model.disaggregate(by_minute, ["kettle"])["kettle"].power_w
    told = model.disaggregate(fine, ["kettle"])["kettle"]
    assert (told.step_ms, len(told)) == (10_000, len(fine))
    assert np.allclose(told.power_w, np.repeat(coarse, 6), atol=0.5)


def test_an_empty_home_has_no_appliances():
    rng = np.random.default_rng(0)
    quiet = power(rng.normal(90, 2, 3 * 1440))
    model = MODEL.shipped().for_home(home())
    told = model.disaggregate(quiet, ["kettle", "dishwasher", "washing_machine", "microwave"])
    assert {kind: one.power_w.sum() for kind, one in told.items()} == dict.fromkeys(told, 0)


def test_what_a_roof_gives_to_the_grid_is_no_appliance():
    day = np.maximum(0, np.sin(np.arange(3 * 1440) / 1440 * 2 * np.pi)) * -3000 + 150
    model = MODEL.shipped().for_home(home())
    told = model.disaggregate(power(day), ["kettle", "dishwasher", "washing_machine"])
    assert sum(one.power_w.sum() for one in told.values()) == 0


def test_what_a_home_can_teach_is_told_once_somebody_saw_it_and_of_no_other_home(monkeypatch):
    """A microwave is told well only then, an oven not even then; of a shower nobody has measured it."""
    teller, card = kept.shipped(())

    class Learns:
        def disaggregate(self, mains, kinds):
            return teller.disaggregate(mains, kinds)

        def taught(self, mains, ran, not_ran):
            return teller

        def teachable(self):
            return ["kettle", "microwave", "oven", "shower"]

    monkeypatch.setattr(nightly, "shipped", lambda without: (Learns(), card))
    _, everywhere = trusted()
    _, names = tellable()
    assert names.keys() - everywhere.keys() == {"microwave", "shower"}
    assert {kind for kind, one in names.items() if one.once_seen} == {"microwave", "shower"}
    assert card.figures["microwave"]["f1"] < TRUSTED_F1 <= card.figures["microwave"]["named_f1"]
    assert names["microwave"].f1 == card.figures["microwave"]["named_f1"]
    assert names["shower"].f1 is None
    assert list(names) == [kind for kind in card.kinds if kind in names]
