"""The live network's weights that come with chowon, as models of the bench."""

import os
from pathlib import Path

import numpy as np
import pytest

from chowon.bench.nilm.homes import GapRules, home_on_grid
from chowon.bench.nilm.kinds import kinds
from chowon.bench.nilm.readers import recording
from chowon.bench.nilm.teaching import names_of
from chowon.domain.nilm.fitted import taught_by
from chowon.domain.nilm.scores import f1
from chowon.errors import BadInput, HomeSeen
from chowon.models.nilm import live, live_settled
from chowon.models.nilm.live_network.front import DELAY
from chowon.models.nilm.live_network.model import opened
from chowon.models.nilm.live_network.stream import OUTPUTS
from chowon.models.nilm.network.shipped import LIVE, cards
from tests.nilm_homes import home, power

DATA = Path(__file__).parents[3] / "shared/data"
WEIGHTS = Path(live.__file__).parent / "weights/live"
REAL = ["refit/house2_1min", "refit/house20_1min", "ideal/house65_1min"]
MODELS = {"live": live.MODEL, "live-settled": live_settled.MODEL}

needs_data = pytest.mark.skipif(
    not DATA.is_dir() and os.environ.get("CI") != "true", reason="needs the shared recordings"
)
each_model = pytest.mark.parametrize("name", MODELS)


def told(name: str, mains, asked=("kettle",)):
    return MODELS[name].shipped().for_home(home()).disaggregate(mains, list(asked))


def test_the_weights_are_small():
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) < 2 * 2**20


def test_what_may_not_be_passed_on_taught_none_of_them():
    every = [card for _, card in cards(LIVE)]
    assert every
    for card in every:
        assert card.licences
        assert card.gates.keys() == set(OUTPUTS)
        assert not [name for name in card.homes if name.startswith("redd")]


@needs_data
@pytest.mark.parametrize("path", REAL)
def test_every_real_home_at_hand_has_weights_that_it_did_not_teach(path):
    raw = recording.read(DATA / f"{path}.parquet")
    live.MODEL.shipped(taught_by([raw])).for_home(raw)


def test_a_home_is_not_scored_with_what_it_taught():
    with pytest.raises(HomeSeen, match="refit/20"):
        live.MODEL.shipped().for_home(home("refit/20"))


def test_people_are_told_only_of_kinds_that_are_told_well():
    card = opened().card
    assert "kettle" in card.trusted
    assert set(card.trusted) < set(card.kinds)


@each_model
def test_a_meter_of_a_quarter_of_an_hour_is_refused(name):
    with pytest.raises(BadInput, match="too seldom"):
        told(name, power(np.full(96, 300.0), 900_000))


def test_what_is_declared_as_looked_ahead():
    assert (live.MODEL.lookahead_ms(60_000), live.MODEL.lookahead_ms(10_000)) == (0, 0)
    assert (live.MODEL.lookahead_ms(1_000), live.MODEL.lookahead_ms(30_000)) == (9_000, 30_000)
    settled = live_settled.MODEL
    assert settled.lookahead_ms(60_000) == DELAY * 60_000
    assert settled.lookahead_ms(10_000) == DELAY * 60_000 + 50_000


@each_model
@pytest.mark.parametrize("step_ms", [1_000, 5_000, 10_000, 15_000, 30_000])
def test_a_finer_meter_is_told_on_its_own_grid(name, step_ms):
    by_minute = home("made/7", 1, seed=3).mains.power_w[:300]
    fine = power(np.repeat(by_minute, 60_000 // step_ms), step_ms, start_ms=step_ms)
    found = told(name, fine)["kettle"]
    assert (found.step_ms, found.start_ms, len(found)) == (step_ms, step_ms, len(fine))
    assert (found.power_w <= fine.power_w + 1e-6).all()


@each_model
def test_when_a_recording_begins_within_a_minute_is_no_matter(name):
    mains = home("made/7", 1, seed=3).mains
    moved = power(mains.power_w, start_ms=30_000)
    assert np.array_equal(told(name, mains)["kettle"].power_w, told(name, moved)["kettle"].power_w)


@each_model
def test_an_empty_home_has_no_appliances(name):
    quiet = power(np.random.default_rng(0).normal(90, 2, 1440))
    found = told(name, quiet, ["kettle", "dishwasher", "washing_machine", "microwave"])
    assert {kind: one.power_w.sum() for kind, one in found.items()} == dict.fromkeys(found, 0)


@each_model
def test_what_a_roof_gives_to_the_grid_is_no_appliance(name):
    day = np.maximum(0, np.sin(np.arange(1440) / 1440 * 2 * np.pi)) * -3000 + 150
    found = told(name, power(day), ["kettle", "dishwasher", "washing_machine"])
    assert sum(one.power_w.sum() for one in found.values()) == 0


@needs_data
@pytest.mark.parametrize(("name", "least"), [("live", 0.5), ("live-settled", 0.75)])
def test_a_kettle_is_found_in_a_home_that_was_never_seen(name, least):
    raw = recording.read(DATA / "refit/house20_1min.parquet")
    start_ms, days_ms = 1_396_310_400_000, 14 * 86_400_000  # April 2014
    gaps = GapRules(zero_mains=True, frozen_mains_ms=3_600_000)
    seen = home_on_grid(raw, 60_000, list(kinds()), gaps, start_ms, start_ms + days_ms)
    model = MODELS[name].shipped(names_of(DATA / "refit/house20_1min.parquet")).for_home(raw)
    found = model.disaggregate(seen.mains, ["kettle"])["kettle"]
    assert (f1(seen.appliances["kettle"].power_w > 500, found.power_w > 500) or 0) > least
