"""Teaching the live network. Needs torch (`make test-training` installs it), or nothing here is run."""

import os

import numpy as np
import pytest

from chowon.domain.nilm.runs import OnRule
from tests.nilm_homes import home

if os.environ.get("CHOWON_TRAINING") != "1":
    pytest.importorskip("torch", reason="training is an extra; run make test-training")
    pytest.importorskip("onnx", reason="training is an extra; run make test-training")

import torch

from chowon.domain.nilm.live import TICK_MS
from chowon.domain.quantities import MINUTE_MS
from chowon.models.nilm.live_network import exporting, training
from chowon.models.nilm.live_network.fitting import WAY
from chowon.models.nilm.live_network.front import DELAY, TICKS, bases
from chowon.models.nilm.live_network.gates import GATES
from chowon.models.nilm.live_network.shape import Network, before_each_tick, seen_of, stepped
from chowon.models.nilm.live_network.stream import OUTPUTS, Stream, Weights
from chowon.models.nilm.network import fitting
from chowon.models.nilm.network.card import Card
from chowon.models.nilm.network.loop import Settings

RULES = {"kettle": OnRule(500, 0, 0, 3100), "fridge": OnRule(50, 60_000, 12_000, 400)}
KINDS = ("kettle", "fridge")
QUICK = Settings(steps=4, batch=3, warm_up=2, keep_every=2)
MINUTES = 160


@pytest.fixture(scope="module")
def taught():
    return training.shelves([home("made/1", 3), home("made/2", 3, seed=2)], RULES)


def made_up() -> Network:
    """Nothing learnt, but no number of its norms is as it begins."""
    torch.manual_seed(0)
    network = Network(len(KINDS))
    for block in network.blocks:
        block.norm.running_mean.normal_(0, 0.1)
        block.norm.running_var.uniform_(0.5, 2)
    return network.eval()


def mains(quick: bool):
    """(2, n) W and known, with a gap; by the tick or, the same each tick of a minute, by the minute."""
    rng = np.random.default_rng(1)
    shape = (2, MINUTES * TICKS) if quick else (2, MINUTES)
    watts, known = rng.uniform(50, 3000, shape).astype(np.float32), np.ones(shape, np.bool_)
    known[0, shape[1] // 3 : shape[1] // 2] = False
    watts[~known] = 0
    return watts, known


def streamed(network: Network, watts, known, quick: bool):
    """((homes, kinds, n) told now, (homes, kinds, minutes) settled), both before anything is gated."""
    gates = dict.fromkeys(OUTPUTS, dict.fromkeys(KINDS, 0.0))
    card = Card(KINDS, MINUTE_MS, RULES, (), 0, 0, gates=gates)
    stream = Stream(Weights(exporting.onnx_bytes(network), card), 2)
    stream.meters(np.arange(2), every_tick=quick)
    ratio = 1 if quick else TICKS
    now, settled = [], []
    for i in range(watts.shape[1]):
        for told in stream.step(watts[:, i], known[:, i], (i + 1) * ratio * TICK_MS - TICK_MS):
            now.append(told.present.power_w)
            settled += [] if told.settled is None else [told.settled.power_w]
    return np.stack(now, 2), np.stack(settled, 2)[..., DELAY:]


def within(share, mains_w):
    told = share * mains_w[:, None]
    return (told * torch.clamp(mains_w[:, None] / told.sum(1, keepdim=True).clamp(min=1e-3), max=1)).numpy()


@pytest.mark.parametrize("quick", [True, False])
def test_home_by_home_and_step_by_step_is_as_all_at_once(quick):
    network, (watts, known) = made_up(), mains(quick)
    now, settled = streamed(network, watts, known, quick)
    ticks_w, ticks_known = torch.from_numpy(watts), torch.from_numpy(known.astype(np.float32))
    if quick:
        heard = known.reshape(2, MINUTES, TICKS).sum(2)
        sure = heard >= TICKS / 2
        mean_w = watts.reshape(2, MINUTES, TICKS).sum(2) / np.maximum(heard, 1)
        minutes_w = torch.from_numpy(np.where(sure, mean_w, 0).astype(np.float32))
        minutes_known = torch.from_numpy(sure.astype(np.float32))
    else:
        minutes_w, minutes_known = ticks_w, ticks_known
    base_w = torch.from_numpy(bases(minutes_w.numpy(), minutes_known.numpy() > 0))
    with torch.no_grad():
        seen = seen_of(minutes_w, minutes_known, stepped(minutes_w, minutes_known), base_w)
        trunk = network.follow(seen)
        said_now, said_settled = network.by_minute(trunk)
        if quick:
            first = torch.full_like(base_w[:, :1], -1)
            late_w = torch.cat([first, base_w[:, :-1]], 1).repeat_interleave(TICKS, 1)
            seen = seen_of(ticks_w, ticks_known, stepped(ticks_w, ticks_known), late_w)
            heard = network.hear(ticks_w, ticks_known)
            said_now = network.by_tick(before_each_tick(trunk), heard, seen)
    assert np.abs(within(said_now.share, ticks_w) - now).max() < 1
    past = within(said_settled.share[..., DELAY:], minutes_w[:, :-DELAY])
    assert np.abs(past - settled).max() < 1


def test_no_output_of_the_network_looks_ahead():
    network = made_up()
    watts, known = torch.rand(1, 200) * 2000, torch.ones(1, 200)
    other = torch.cat([watts[:, :100], watts[:, 100:] + 500], 1)

    def trunk(mains_w):
        base_w = torch.from_numpy(bases(mains_w.numpy(), known.numpy() > 0))
        with torch.no_grad():
            return network.follow(seen_of(mains_w, known, stepped(mains_w, known), base_w))

    first, second = trunk(watts), trunk(other)
    assert torch.equal(first[:, :100], second[:, :100])
    assert not torch.equal(first[:, 100], second[:, 100])


def test_the_same_homes_and_seed_make_the_same_network(taught):
    first, second = (training.train(taught, 1, QUICK) for _ in range(2))
    other = training.train(taught, 2, QUICK)
    assert torch.equal(first.vectors, second.vectors)
    assert not torch.equal(first.vectors, other.vectors)


def test_a_training_that_was_interrupted_ends_as_if_it_had_not_been(taught, tmp_path):
    whole = training.train(taught, 1, QUICK)

    def stop(step: int, _loss: float) -> None:
        if step == 3:
            raise KeyboardInterrupt

    kept = tmp_path / "begun.pt"
    with pytest.raises(KeyboardInterrupt):
        training.train(taught, 1, QUICK, kept, stop)
    again = training.train(taught, 1, QUICK, kept)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_weights_come_with_their_gates_and_tell(tmp_path):
    weights = fitting.fit([home("made/1", 3)], RULES, 0, MINUTE_MS, steps=1, kept=tmp_path, way=WAY)
    again = fitting.fit([home("made/1", 3)], RULES, 0, MINUTE_MS, steps=1, kept=tmp_path, way=WAY)
    assert (again.onnx, again.card) == (weights.onnx, weights.card)
    assert weights.card.gates.keys() == set(OUTPUTS)
    assert {gate for of in weights.card.gates.values() for gate in of.values()} <= set(GATES)
    stream = Stream(Weights(weights.onnx, weights.card), 1)
    assert len(stream.step(np.full(1, 300, np.float32), np.ones(1, np.bool_), MINUTE_MS - TICK_MS)) == 1


def test_a_home_at_ten_seconds_is_taught_with_its_minutes(taught):
    slow, quick = training.Batches(taught, 0, 5)[3]
    mains_w, known, *_ = quick
    minutes_w, minutes_known = quick[5], quick[6]
    assert mains_w.shape[1] == TICKS * minutes_w.shape[1]
    whole = known.reshape(len(known), -1, TICKS).sum(2) == TICKS
    mean_w = mains_w.reshape(len(known), -1, TICKS).mean(2)
    assert torch.allclose(mean_w[whole], minutes_w[whole], rtol=1e-4, atol=1e-2)
    assert (minutes_known[whole] == 1).all()
    assert len(slow[0]) + len(mains_w) == 5
