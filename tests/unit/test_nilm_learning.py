"""What runs that people named change in the nightly network."""

from pathlib import Path

import numpy as np
import pytest

from chowon.bench.nilm.naming import Naming, named, since
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.runs import OnRule, Runs, states
from chowon.models.nilm.interface import LearnsHome
from chowon.models.nilm.network.learning import Head, Named, learnt
from chowon.models.nilm.network.shipped import cards, chosen
from chowon.models.nilm.network.telling import Teller, opened
from tests.nilm_homes import power

DAYS = 14
LASTS = 47


@pytest.fixture(scope="module")
def teller() -> Teller:
    return opened(*chosen(()))


@pytest.fixture(scope="module")
def odd() -> tuple[Power, Runs]:
    """Fourteen days of a fridge, and once a day a dishwasher like none that taught: 600 W twice, briefly."""
    random = np.random.default_rng(3)
    n = DAYS * 1440
    mains_w = 70 + np.where(np.arange(n) % 47 < 16, 95.0, 0.0) + random.normal(0, 3, n)
    start = np.array([1440 * day + random.integers(300, 1200) for day in range(DAYS)])
    programme = np.concatenate([np.full(12, 620.0), np.full(25, 140.0), np.full(10, 620.0)])
    for at in start:
        mains_w[at : at + LASTS] += programme
    return power(mains_w), Runs(start, start + LASTS)


def first(runs: Runs, many: int) -> Runs:
    return Runs(runs.start[:many], runs.end[:many])


def found(told: Power, runs: Runs) -> float:
    """The share of these runs that is told."""
    return float((told.power_w > 0)[states(len(told), runs)].mean())


def test_three_runs_of_an_unknown_machine_are_enough_to_find_the_others(teller, odd):
    mains, runs = odd
    before = teller.disaggregate(mains, ["dishwasher"])["dishwasher"]
    after = teller.taught(mains, {"dishwasher": first(runs, 3)}, {}).disaggregate(mains, ["dishwasher"])
    later = Runs(runs.start[3:], runs.end[3:])
    assert found(before, later) < 0.2
    assert found(after["dishwasher"], later) > 0.9
    elsewhere = ~states(len(mains), runs)
    assert float((after["dishwasher"].power_w > 0)[elsewhere].mean()) < 0.02


def test_its_energy_comes_nearer(teller, odd):
    mains, runs = odd
    true_wh = (12 + 10) * 620 / 60 + 25 * 140 / 60
    told = teller.taught(mains, {"dishwasher": first(runs, 3)}, {}).disaggregate(mains, ["dishwasher"])
    assert told["dishwasher"].power_w.sum() / 60 / DAYS == pytest.approx(true_wh, rel=0.35)
    assert (told["dishwasher"].power_w <= mains.power_w + 1e-6).all()


def test_what_people_saw_not_running_is_told_less(teller, odd):
    mains, runs = odd
    taught = teller.taught(mains, {"dishwasher": first(runs, 3)}, {})
    wrong = {"dishwasher": Runs(runs.start[4:6], runs.end[4:6])}
    denied = teller.taught(mains, {}, wrong).hearing.said(mains, ["dishwasher"], {})
    assert denied[0].shape == (1, len(mains))
    both = teller.taught(mains, {"dishwasher": first(runs, 3)}, wrong)
    there = states(len(mains), wrong["dishwasher"])
    likely = [it.hearing.said(mains, ["dishwasher"], it.own)[0][0][there].mean() for it in (taught, both)]
    assert likely[1] < likely[0]


def test_the_same_runs_teach_the_same_and_whoever_is_asked_is_not_changed(teller, odd):
    mains, runs = odd
    said = {"dishwasher": first(runs, 3)}
    before = teller.disaggregate(mains, ["dishwasher", "kettle"])
    one, two = (teller.taught(mains, said, {}).disaggregate(mains, ["dishwasher"]) for _ in range(2))
    assert np.array_equal(one["dishwasher"].power_w, two["dishwasher"].power_w)
    after = teller.disaggregate(mains, ["dishwasher", "kettle"])
    assert all(np.array_equal(before[kind].power_w, after[kind].power_w) for kind in before)


def test_nothing_named_teaches_nothing(teller, odd):
    mains, _ = odd
    nothing = Runs(np.zeros(0, np.int64), np.zeros(0, np.int64))
    for taught in (teller.taught(mains, {}, {}), teller.taught(mains, {"dishwasher": nothing}, {})):
        assert not taught.own
        assert not taught.has


def test_runs_in_a_gap_or_past_the_end_teach_nothing(teller, odd):
    mains, runs = odd
    known = mains.known & ~states(len(mains), first(runs, 3))
    gappy = Power(0, mains.step_ms, np.where(known, mains.power_w, 0.0), known)
    assert not teller.taught(gappy, {"dishwasher": first(runs, 3)}, {}).own
    beyond = Runs(np.array([len(mains) + 5]), np.array([len(mains) + 50]))
    assert not teller.taught(mains, {"dishwasher": beyond}, {}).own


def test_what_stands_day_and_night_has_no_runs_to_name(teller):
    assert isinstance(teller, LearnsHome)
    assert "fridge" not in teller.teachable()
    assert {"kettle", "microwave", "dishwasher", "washing_machine"} <= set(teller.teachable())


def test_a_kettle_that_somebody_saw_is_told_though_its_runs_do_not_agree(teller):
    random = np.random.default_rng(5)
    n = 10 * 1440
    mains_w = np.full(n, 80.0) + random.normal(0, 2, n)
    start = np.arange(200, n - 200, 300)
    for at, more_w in zip(start, np.resize([1300.0, 1700.0, 2200.0, 2900.0], len(start)), strict=True):
        mains_w[at : at + 3] += more_w
    mains = power(mains_w)
    assert not teller.disaggregate(mains, ["kettle"])["kettle"].power_w.any()
    taught = teller.taught(mains, {"kettle": Runs(start[:3], start[:3] + 3)}, {})
    assert taught.disaggregate(mains, ["kettle"])["kettle"].power_w.any()


def test_weights_say_what_they_are_made_of():
    random = np.random.default_rng(1)
    mains = power(random.uniform(50, 3000, 600))
    for file, card in cards():
        hearing = opened(Path(str(file)).with_suffix(".onnx").read_bytes(), card).hearing
        heard, heads = hearing.heard(mains), hearing.heads()
        usual = hearing.said(mains, card.kinds, {})
        same = hearing.said(mains, card.kinds, heads)
        assert heard.shape == (600, len(heads["kettle"].gate))
        assert np.allclose(usual[0], same[0], atol=1e-4)
        assert np.allclose(usual[1], same[1], atol=0.5)


def test_a_run_that_is_told_already_changes_nothing_of_how_likely_a_kind_is():
    random = np.random.default_rng(2)
    heard = np.concatenate([random.normal(0, 1, (500, 4)), np.ones((500, 1))], axis=1).astype(np.float32)
    head = Head(random.normal(0, 1, 5), random.normal(0, 1, 5))
    nowhere, everywhere = np.zeros(500, np.bool_), np.ones(500, np.bool_)
    runs = Runs(np.array([10, 90]), np.array([20, 99]))
    known = learnt(head, heard, np.full(500, 9.0), everywhere, Named(runs, nowhere, nowhere, everywhere), 100)
    assert np.array_equal(known.gate, head.gate)
    missed = learnt(head, heard, np.full(500, 9.0), everywhere, Named(runs, nowhere, nowhere, nowhere), 100)
    on = states(500, runs)
    assert (heard[on] @ missed.gate).mean() > (heard[on] @ head.gate).mean()


def test_a_made_up_person_names_runs_of_the_first_days_and_nothing_before_their_end_is_scored():
    watts = np.zeros(20 * 1440)
    begins = np.arange(700, len(watts), 1440)
    for begin in begins:
        watts[begin : begin + 5] = 2000.0
    truths = {"kettle": power(watts), "microwave": power(np.zeros(len(watts)))}
    rules = dict.fromkeys(truths, OnRule(500, 0, 0, 3100))
    said = named(truths, rules, Naming(3, 7), 1)
    assert said.keys() == {"kettle"}
    assert len(said["kettle"]) == 3
    assert set(said["kettle"].start.tolist()) <= set(begins[:7].tolist())
    assert len({tuple(named(truths, rules, Naming(3, 7), seed)["kettle"].start) for seed in range(9)}) > 2
    left = since(truths["kettle"], said["kettle"])
    assert not left.known[: said["kettle"].end[-1]].any()
    assert left.known[said["kettle"].end[-1] :].all()
