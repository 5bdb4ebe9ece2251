"""The live network's weights that come with chowon, as models of the bench."""

import os
from pathlib import Path

import numpy as np
import pytest

from chowon.bench.nilm.homes import GapRules, home_on_grid
from chowon.bench.nilm.kinds import kinds
from chowon.bench.nilm.readers import recording
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
@each_model
@pytest.mark.parametrize("house", ["refit/house2_1min", "refit/house20_1min", "ideal/house65_1min"])
def test_every_real_home_at_hand_has_weights_that_it_did_not_teach(name, house):
    raw = recording.read(DATA / f"{house}.parquet")
    MODELS[name].shipped(taught_by([raw])).for_home(raw)


def test_a_home_is_not_scored_with_what_it_taught():
    with pytest.raises(HomeSeen, match="refit/20"):
        live.MODEL.shipped().for_home(home("refit/20"))


def test_people_are_told_only_of_kinds_that_are_told_well():
    card = opened().card
    assert "fridge" in card.trusted
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
@each_model
@pytest.mark.parametrize("step_ms", [10_000, 60_000])
def test_a_fridge_is_found_in_a_home_that_was_never_seen(name, step_ms):
    raw = recording.read(DATA / "redd/house2.parquet")
    start_ms = 1_303_430_400_000  # 22 April 2011
    seen = home_on_grid(raw, step_ms, list(kinds()), GapRules(), start_ms, start_ms + 2 * 86_400_000)
    found = MODELS[name].shipped().for_home(raw).disaggregate(seen.mains, ["fridge"])["fridge"]
    truth = seen.appliances["fridge"]
    both = truth.known & found.known
    assert (f1(truth.power_w[both] > 50, found.power_w[both] > 50) or 0) > 0.75
