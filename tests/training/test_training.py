"""Teaching the network. Needs torch: `make test-training` installs it, and then nothing here is skipped."""

import os

import numpy as np
import pytest

from chowon.domain.nilm.runs import OnRule
from tests.nilm_homes import home, power

if os.environ.get("CHOWON_TRAINING") != "1":
    pytest.importorskip("torch", reason="training is an extra; run make test-training")
    pytest.importorskip("onnx", reason="training is an extra; run make test-training")

import torch

from chowon.errors import BadInput
from chowon.models.nilm.network import exporting, fitting, training
from chowon.models.nilm.network.card import Card
from chowon.models.nilm.network.hearing import CHUNK, session
from chowon.models.nilm.network.library import library
from chowon.models.nilm.network.shape import Network
from chowon.models.nilm.network.telling import opened
from chowon.models.nilm.network.together import together

RULES = {"kettle": OnRule(500, 0, 0, 3100), "fridge": OnRule(50, 60_000, 12_000, 400)}
QUICK = training.Settings(steps=6, batch=3, warm_up=2, keep_every=3)


@pytest.fixture(scope="module")
def taught():
    return library([home("made/1", 3), home("made/2", 3, seed=2)], RULES, 60_000, 256)


def test_the_same_homes_and_seed_make_the_same_network(taught):
    first, second = (training.train(taught, 1, QUICK) for _ in range(2))
    other = training.train(taught, 2, QUICK)
    assert torch.equal(first.vectors, second.vectors)
    assert not torch.equal(first.vectors, other.vectors)


def test_a_training_that_was_interrupted_ends_as_if_it_had_not_been(taught, tmp_path):
    whole = training.train(taught, 1, QUICK)

    def stop(step: int, _loss: float) -> None:
        if step == 5:
            raise KeyboardInterrupt

    kept = tmp_path / "begun.pt"
    with pytest.raises(KeyboardInterrupt):
        training.train(taught, 1, QUICK, kept, stop)
    heard = []
    again = training.train(taught, 1, QUICK, kept, lambda step, _loss: heard.append(step))
    assert heard == [4, 5, 6]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_a_training_of_another_seed_is_not_taken_up(taught, tmp_path):
    training.train(taught, 1, QUICK, tmp_path / "begun.pt")
    with pytest.raises(BadInput, match="remove it"):
        training.train(taught, 2, QUICK, tmp_path / "begun.pt")


def test_it_learns(taught):
    heard: list[float] = []
    settings = training.Settings(steps=60, batch=8, warm_up=10)
    training.train(taught, 0, settings, tell=lambda _step, loss: heard.append(loss))
    assert np.mean(heard[-10:]) < 0.7 * np.mean(heard[:10])


def test_the_file_says_what_the_network_says():
    torch.manual_seed(0)
    network = Network(2)
    network.eval()
    mains_w, known = torch.rand(1, 3 * 64 * 20) * 2000, torch.ones(1, 3 * 64 * 20)
    known[0, 500:700] = 0
    with torch.no_grad():
        logit, power_w = network(mains_w * known, known)
    inputs = {"mains_w": (mains_w * known).numpy(), "known": known.numpy()}
    said = session(exporting.onnx_bytes(network)).run(None, inputs)
    assert np.abs(said[0] - logit.numpy()).max() < 0.02
    assert np.abs(said[1] - power_w.numpy()).max() < 5


def test_networks_made_one_say_their_mean():
    blobs = []
    for seed in range(3):
        torch.manual_seed(seed)
        blobs.append(exporting.onnx_bytes(Network(2).eval()))
    inputs = {"mains_w": np.random.default_rng(1).uniform(0, 2000, (2, 640)).astype(np.float32)}
    inputs["known"] = np.ones((2, 640), np.float32)
    each = [session(blob).run(None, inputs) for blob in blobs]
    one = dict(zip(exporting.OUTPUTS, session(together(blobs)).run(None, inputs), strict=True))
    assert np.allclose(one["logit"], np.mean([said[0] for said in each], axis=0), atol=1e-4)
    assert one["heard"].shape == (2, 3 * each[0][2].shape[1], 640)
    logit = np.einsum("bft,kf->bkt", one["heard"], one["gate"][:, :-1]) + one["gate"][None, :, -1:]
    assert np.allclose(one["logit"], logit, atol=1e-4)
    share = np.einsum("bft,kf->bkt", one["heard"], one["share"][:, :-1]) + one["share"][None, :, -1:]
    assert np.allclose(one["power_w"], inputs["mains_w"][:, None] / (1 + np.exp(-share)), atol=0.1)
    assert together(blobs[:1]) == blobs[0]


def test_the_members_of_a_network_learn_by_other_chance_and_all_count(tmp_path):
    found = fitting.fit([home("made/1", 3)], RULES, 3, 60_000, steps=1, kept=tmp_path)
    assert found.card.seed == 3
    gate, heard = session(found.onnx).run(
        ["gate", "heard"],
        {"mains_w": np.full((1, 64), 500, np.float32), "known": np.ones((1, 64), np.float32)},
    )
    halves = np.split(gate[:, :-1], fitting.MEMBERS, axis=1)
    assert not np.allclose(halves[0], halves[1])
    assert heard.shape[1] == gate.shape[1] - 1
    assert len(list(tmp_path.glob("*.pt"))) in (0, fitting.MEMBERS)


def test_weights_that_are_there_are_not_made_again(tmp_path):
    homes = [home("made/1", 3)]
    first = fitting.fit(homes, RULES, 0, 60_000, steps=1, kept=tmp_path)
    steps: list[int] = []
    again = fitting.fit(homes, RULES, 0, 60_000, 1, tmp_path, lambda step, _loss: steps.append(step))
    assert not steps
    assert (again.onnx, again.card) == (first.onnx, first.card)
    assert again.card.homes == ("made/1",)


def test_what_is_told_of_a_time_does_not_depend_on_where_chunks_end(taught):
    network = training.train(taught, 1, QUICK)
    card = Card(taught.kinds, 60_000, RULES, (), 1, 6, dict.fromkeys(RULES, 0.0))
    teller = opened(exporting.onnx_bytes(network), card)
    mains = home("made/9", 8, seed=5).mains
    whole = teller.disaggregate(mains, ["kettle"])["kettle"].power_w
    late = CHUNK // 2  # a multiple of 64, as the coarsest scale counts
    rest = power(mains.power_w[late:], start_ms=late * 60_000)
    part = teller.disaggregate(rest, ["kettle"])["kettle"].power_w
    assert np.abs(whole[late + 1024 :] - part[1024:]).max() < 1
