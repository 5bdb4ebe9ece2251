"""Networks of one kind each, taught for a moment. Needs torch, as test_training.py."""

import os
from dataclasses import replace

import numpy as np
import pytest

if os.environ.get("CHOWON_TRAINING") != "1":
    pytest.importorskip("torch", reason="training is an extra; run make test-training")

import torch

from chowon.models.nilm.one_each import training
from chowon.models.nilm.one_each.windows import course
from chowon.models.nilm.registry import model
from tests.laws import test_nilm_models_laws as laws
from tests.nilm_homes import RULES, home, power

PEERS = [
    replace(one, settings=replace(one.settings, steps=2, batch=2)) for one in map(model, ("seq2point", "sgn"))
]
LAWS = [
    laws.test_power_is_never_negative_and_known_where_the_mains_are,
    laws.test_the_sum_stays_within_the_mains_where_that_is_declared,
    laws.test_nothing_is_told_from_further_ahead_than_declared,
    laws.test_when_it_was_does_not_matter,
    laws.test_a_kind_that_nobody_taught_is_left_out_or_said_to_be_off,
    laws.test_no_power_and_no_home_are_no_trouble,
    laws.test_no_home_teaches_nothing,
    laws.test_a_model_is_used_through_what_carries_its_homes,
]
each_peer = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)


@each_peer
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__.removeprefix("test_"))
def test_the_laws_hold_for_peers(law, peer):
    law(model=peer)


def told(peer, seed, mains, kinds=("kettle",)):
    rules = {kind: RULES[kind] for kind in kinds}
    return peer.fit([home("made/1"), home("made/2", seed=2)], rules, seed).disaggregate(mains, kinds)


@each_peer
def test_the_same_seed_tells_the_same_whatever_else_is_taught_and_another_something_else(peer):
    mains = home("made/3", seed=3).mains
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = told(peer, 1, mains)["kettle"].power_w
    assert torch.equal(torch.random.get_rng_state(), before), "chance outside is left alone"
    assert np.array_equal(first, told(peer, 1, mains, ("fridge", "kettle"))["kettle"].power_w)
    assert not np.array_equal(first, told(peer, 2, mains)["kettle"].power_w)


@each_peer
def test_it_learns(peer):
    unseen = home("made/3", 3, seed=3)
    longer = replace(peer, settings=replace(peer.settings, steps=150, batch=16))
    found = longer.fit([home("made/1", 9), home("made/2", 9, 2)], {"kettle": RULES["kettle"]}, 0)
    power_w = found.disaggregate(unseen.mains, ["kettle"])["kettle"].power_w
    truth_w = unseen.appliances["kettle"].power_w
    assert np.abs(power_w - truth_w).mean() < 0.5 * truth_w.mean()


@each_peer
def test_finer_mains_are_told_by_the_minute(peer):
    mains = home("made/3", seed=3).mains
    finer = power(np.repeat(mains.power_w, 6)[:-3], 10_000)
    whole, parts = told(peer, 0, mains)["kettle"], told(peer, 0, finer)["kettle"]
    assert (len(parts), parts.step_ms) == (len(finer), 10_000)
    assert parts.power_w == pytest.approx(np.repeat(whole.power_w, 6)[:-3], abs=1e-2)


@each_peer
def test_a_finished_network_is_kept_and_not_taught_again(peer, tmp_path, monkeypatch):
    keeping, mains = peer.keeping_in(tmp_path / "kept"), home("made/3", seed=3).mains
    first = told(keeping, 1, mains)["kettle"].power_w
    (file,) = (tmp_path / "kept").iterdir()
    assert file.name.startswith(f"{peer.name}-kettle-")
    monkeypatch.setattr(training, "train", None)
    assert np.array_equal(told(keeping, 1, mains)["kettle"].power_w, first)
    with pytest.raises(TypeError):
        told(keeping, 2, mains)


def test_a_midpoint_is_told_the_same_alone_as_beside_its_neighbours():
    """Sliding over many midpoints at once is the published network on one window each."""
    seq2point = PEERS[0]
    taught = course([home("made/1")], "kettle", RULES["kettle"], seq2point.settings, centred=True)
    network = training.train(seq2point.design, seq2point.settings, taught, "kettle", 0)
    seen = torch.from_numpy(taught.mains[:200])
    with torch.no_grad():
        together = seq2point.design.told(network, seen[None, None])[0]
        alone = torch.stack(
            [seq2point.design.told(network, seen[None, None, at : at + 59])[0, 0] for at in range(142)]
        )
    assert together.shape == (142,)
    assert torch.allclose(together, alone, atol=1e-5)


def test_what_the_gate_closes_is_nothing():
    sgn = PEERS[1]
    network = sgn.design.build(sgn.settings)
    with torch.no_grad():
        network["on"][-1].bias.fill_(-100.0)
        shut = sgn.design.told(network, torch.randn(2, 1, sgn.settings.window))
    assert shut.abs().max() < 1e-6
