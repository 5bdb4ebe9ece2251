"""Whether runs are of one appliance that always takes the same power."""

import numpy as np
import pytest

from chowon.bench.nilm.readers import reader
from chowon.domain.nilm.power import Power, Trace, on_grid
from chowon.domain.nilm.runs import Runs, states
from chowon.models.nilm.network.owning import LEAST_RUNS, own_w
from chowon.models.nilm.nightly import trusted

MINUTE_MS = 60_000


def home(*powers_w: float, minutes: int = 2) -> tuple[Power, Runs]:
    """So many runs of so many minutes over 100 W that slowly moves."""
    n = 30 * len(powers_w) + 30
    mains_w = 100 + 30 * np.sin(np.arange(n) / 40)
    start = 30 * np.arange(len(powers_w)) + 20
    for at, watts in zip(start, powers_w, strict=True):
        mains_w[at : at + minutes] += watts
    return Power(0, MINUTE_MS, mains_w, np.ones(n, np.bool_)), Runs(start, start + minutes)


def told_w(mains: Power, runs: Runs) -> np.ndarray:
    """What the mains take in the runs."""
    return np.where(states(len(mains), runs), mains.power_w, 0.0)


def kept(mains: Power, runs: Runs) -> list[bool]:
    """Which of the runs are told."""
    own = own_w(mains, runs, told_w(mains, runs))
    return [bool(own[start] > 0) for start in runs.start]


def test_runs_of_one_power_are_of_one_kettle_though_others_run_beside_it():
    random = np.random.default_rng(1)
    powers = random.normal(2500, 40, 40)
    powers[::4] += random.uniform(300, 2000, 10)
    assert all(kept(*home(*powers)))


def test_runs_of_many_powers_are_not():
    assert not any(kept(*home(*np.random.default_rng(2).uniform(1000, 3000, 60))))


def test_of_few_runs_nobody_can_tell():
    many = np.linspace(1000, 3000, LEAST_RUNS)
    assert not any(kept(*home(*many)))
    assert all(kept(*home(*many[:-1])))


def test_no_run_at_all_is_no_kettle():
    mains, _ = home(2000.0)
    none = np.zeros(0, np.int64)
    assert own_w(mains, Runs(none, none), np.zeros(len(mains))).sum() == 0


def test_runs_at_the_very_begin_and_end_have_a_size_too():
    mains, _ = home(*[2000.0] * 30)
    at_ends = Runs(np.append(0, 30 * np.arange(30) + 20), np.append(1, 30 * np.arange(30) + 22))
    assert kept(mains, at_ends)[1:] == [True] * 30


def test_a_run_that_holds_a_whole_minute_is_not_weaker_than_the_homes_kettle():
    """A washing machine heats for four minutes at 2,200 W; a kettle of 2,800 W may boil for less than two."""
    powers = [2800.0] * 30 + [2200.0]
    assert kept(*home(*powers, minutes=4)) == [True] * 30 + [False]
    assert all(kept(*home(*powers, minutes=2)))


def test_a_short_run_of_a_microwave_is_not_the_homes_kettle():
    assert kept(*home(*[2800.0] * 30, 1300.0, minutes=1)) == [True] * 30 + [False]


def test_beside_another_appliance_it_takes_no_more_than_by_itself():
    mains, runs = home(*[2800.0] * 30, 4300.0)
    own = own_w(mains, runs, told_w(mains, runs))
    assert own.max() == pytest.approx(2900, rel=0.03)
    assert own[runs.start[-1]] == own.max()


@pytest.mark.parametrize("house", ["house1", "house3"])
def test_no_kettle_is_told_in_homes_without_one(shared, house):
    raw = reader("recording")(shared / "data" / "redd" / f"{house}.parquet", "")
    mains: Trace = raw.mains[0]()
    start_ms = int(mains.time_ms[0]) // MINUTE_MS * MINUTE_MS
    n = int(np.ptp(mains.time_ms)) // MINUTE_MS
    teller, _ = trusted()
    told = teller.disaggregate(on_grid(mains, 12_000, start_ms, MINUTE_MS, n), ["kettle", "fridge"])
    assert told["kettle"].power_w.sum() == 0
    assert told["fridge"].power_w.sum() > 0


def test_an_empty_home_has_a_fridge_at_most_whether_or_not_the_sun_shines():
    n = 7 * 1440
    noise = np.random.default_rng(3).normal(0, 3, n)
    fridge_w = np.where(np.arange(n) % 47 < 16, 95.0, 0.0)
    sun_w = np.clip(np.sin((np.arange(n) % 1440 - 360) / 720 * np.pi), 0, None) * 3000
    teller, kinds = trusted()
    known = np.ones(n, np.bool_)
    for mains_w, found in (
        (60 + noise, set()),
        (60 + noise + fridge_w, {"fridge"}),
        (60 + noise + fridge_w - sun_w, {"fridge"}),
    ):
        told = teller.disaggregate(Power(0, MINUTE_MS, mains_w, known), list(kinds))
        assert {kind for kind, power in told.items() if power.power_w.sum() / 60 > 50} == found
