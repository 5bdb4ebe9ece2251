"""The network's lessons, card and weights; what needs torch stands in tests/training."""

import numpy as np
import pytest

from chowon import i18n
from chowon.domain.nilm.power import Home, Power, unmeasured
from chowon.domain.nilm.runs import OnRule
from chowon.errors import BadInput
from chowon.models.nilm.network.card import Card, read, write
from chowon.models.nilm.network.gates import GATES, as_long, counted
from chowon.models.nilm.network.kinds import lessons
from chowon.models.nilm.network.library import Library, library
from chowon.models.nilm.network.loads import any_load
from chowon.models.nilm.network.phases import Machine
from chowon.models.nilm.network.recombine import Lessons
from tests.nilm_homes import home, power

MINUTE = 60_000
WINDOW = 256
RULES = {"kettle": OnRule(500, 0, 0, 3100), "fridge": OnRule(50, 60_000, 12_000, 400)}


def plug(name: str, column: str, watts, step_ms: int = 10_000, *, kind: bool = True) -> Home:
    trace = power(watts, step_ms)
    nobody = unmeasured(0, step_ms, len(trace))
    return Home(name, nobody, {column: trace} if kind else {}, {} if kind else {column: trace})


def boiling(times: int) -> np.ndarray:
    """A plug at 10 s: 2,400 W for two minutes, `times` times."""
    watts = np.zeros(360 * times)
    for run in range(times):
        watts[360 * run + 100 : 360 * run + 112] = 2400.0
    return watts


def taught(*homes: Home) -> Library:
    return library(homes, RULES, MINUTE, WINDOW)


def test_a_plug_teaches_its_runs_and_no_mains():
    found = taught(plug("plug/1", "kettle", boiling(3)))
    assert found.kinds == ("kettle",)
    assert [len(run) for run in found.devices["kettle"][0].runs] == [14, 14, 14]
    assert not found.backgrounds


def test_a_run_that_goes_on_for_hours_teaches_nothing():
    found = taught(plug("plug/1", "kettle", np.r_[np.zeros(9), np.full(360 * 7, 2400.0), np.zeros(9)]))
    assert found.kinds == ()


def test_what_stands_day_and_night_is_kept_as_a_whole_trace():
    found = taught(plug("plug/2", "fridge", np.tile([90.0, 0.0, 0.0], 400)))
    assert "fridge" not in found.devices
    assert [len(stretch) for stretch in found.traces["fridge"][0].stretches] == [1200]


def test_loads_of_no_kind_are_kept_to_be_told_apart_from():
    toaster = plug("plug/3", "toaster", boiling(4) / 3, kind=False)
    found = taught(toaster, plug("plug/1", "kettle", boiling(3)))
    assert found.kinds == ("kettle",)
    assert len(found.others) == 1


def test_a_home_teaches_what_is_left_of_its_mains():
    found = taught(home(days=3)).backgrounds[0]
    assert found.measured.all()
    assert np.allclose(found.rest_w + found.power_w.sum(axis=0), found.mains_w, atol=8)
    assert len(found.starts)


def test_what_nobody_measured_in_a_home_is_not_taught_there():
    known = home(days=3)
    without = Home(known.id, known.mains, {"kettle": known.appliances["kettle"]})
    source = Lessons(taught(without, plug("plug/2", "fridge", np.tile([90.0, 0.0, 0.0], 900))), 1)
    fridge = source.next
    sure = np.array([lesson.sure[lessons_of("fridge")].any() for lesson in (fridge() for _ in range(60))])
    assert 0.1 < sure.mean() < 0.6  # only in homes made of traces


def lessons_of(kind: str) -> int:
    return [name for name in lessons() if name in RULES].index(kind)


@pytest.fixture(scope="module")
def whole() -> Library:
    return taught(
        home("made/1", 4),
        home("made/2", 4, seed=2),
        plug("plug/1", "kettle", boiling(9)),
        plug("plug/2", "fridge", np.tile([90.0, 0.0, 0.0], 900)),
        plug("plug/3", "toaster", boiling(9) / 3, kind=False),
    )


def test_the_same_seed_gives_the_same_lessons(whole):
    first, second, third = Lessons(whole, (7, 1)), Lessons(whole, (7, 1)), Lessons(whole, (7, 2))
    for _ in range(20):
        one, same, other = first.next(), second.next(), third.next()
        assert np.array_equal(one.mains_w, same.mains_w)
        assert np.array_equal(one.power_w, same.power_w)
        assert not np.array_equal(one.mains_w, other.mains_w)


def test_a_lesson_is_of_one_window_and_says_nothing_where_the_mains_are_unknown(whole):
    source = Lessons(whole, 3)
    for _ in range(60):
        lesson = source.next()
        assert lesson.mains_w.shape == lesson.known.shape == (WINDOW,)
        assert lesson.power_w.shape == lesson.on.shape == lesson.sure.shape == (2, WINDOW)
        assert lesson.mains_w.min() >= 0
        assert np.isfinite(lesson.mains_w).all()
        assert not lesson.sure[:, ~lesson.known].any()
        assert not lesson.power_w[:, ~lesson.known].any()


def test_the_parts_of_a_lesson_fit_into_its_mains(whole):
    """But for what a meter's gain, noise and rounding take away."""
    source = Lessons(whole, 4)
    drawn = [source.next() for _ in range(60)]
    over = [np.max(one.power_w.sum(axis=0) * 0.94 - one.mains_w) for one in drawn]
    assert max(over) < 60  # noise of at most 15 W, four times


def test_kettles_of_plugs_come_into_homes(whole):
    """2,400 W is boiled by the plug only; the homes' own kettles take 2,000 W."""
    source = Lessons(whole, 5)
    kettle = whole.kinds.index("kettle")
    peaks = [one.power_w[kettle].max() for one in (source.next() for _ in range(80))]
    assert max(peaks) > 2350


@pytest.mark.parametrize("seed", range(40))
def test_loads_of_no_kind_are_finite_and_take_power(seed):
    load = any_load(np.random.default_rng(seed))
    assert np.isfinite(load).all()
    assert load.min() >= 0
    assert load.max() > 50


def test_a_card_comes_back_as_it_was_written(tmp_path):
    rules, likely = {"kettle": RULES["kettle"]}, {"kettle": 0.4}
    card = Card(("kettle",), MINUTE, rules, ("made/1",), 3, 10, likely, ("own",))
    write(card, tmp_path / "card.json")
    assert read((tmp_path / "card.json").read_text("utf-8"), "card.json") == card


def test_a_card_of_another_format_says_how_to_make_it_anew():
    with pytest.raises(BadInput, match="chowon train nilm"):
        read('{"format": 99}', "old.json")


def test_every_kind_has_a_lesson_of_its_own():
    for kind, lesson in lessons().items():
        assert lesson.usual_w > 0, kind
        assert lesson.standing != (lesson.per_day > 0), kind
        assert kind in i18n.appliances(), "what people call it: src/chowon/i18n"


def test_a_coarser_power_than_asked_for_is_a_run_of_equal_minutes(whole):
    known = Power(0, MINUTE * 2, np.full(30, 2000.0), np.ones(30, np.bool_))
    found = library([Home("slow/1", unmeasured(0, MINUTE * 2, 30), {"kettle": known})], RULES, MINUTE, WINDOW)
    drawn = Lessons(found, 1).next()
    assert drawn.mains_w.shape == (WINDOW,)


def test_a_kind_is_told_above_the_gate_that_is_passed_for_as_long_as_it_is_on():
    """On for 30 of 100 minutes, said to be by likelihoods that are all below a half."""
    on = np.arange(100) < 30
    likelihood = np.where(on, 0.3, 0.1) + np.linspace(0, 0.01, 100)
    unsure = np.arange(100) >= 90
    counts = counted(likelihood[None, None], on[None, None], ~unsure[None, None])
    assert counts[0, 0] == 30
    assert counts[1, 0] == 90  # all that is sure passes the lowest
    gate = as_long(("kettle",), counts)["kettle"]
    assert 0.11 < gate <= 0.3
    assert gate in GATES


def washing() -> np.ndarray:
    """By the minute: fills, heats at 2 kW for a quarter of an hour, turns for half an hour, spins."""
    return np.repeat(np.float32([20, 2000, 120, 400]), [6, 15, 30, 8])


def test_a_machine_that_never_was_heats_as_often_but_otherwise():
    made = [Machine(np.random.default_rng(seed)).run(washing(), MINUTE) for seed in range(60)]
    heated = [run > 1000 for run in made]
    assert all(np.diff(hot.astype(int)).clip(0).sum() == 1 for hot in heated)
    assert np.std([run.max() for run in made]) > 100
    assert np.std([np.median(run[run < 300]) for run in made]) > 10
    assert np.std([hot.argmax() + len(run) - hot.sum() for run, hot in zip(made, heated, strict=True)]) > 3


def test_what_is_short_in_a_programme_keeps_its_length():
    """A thermostat that goes on for two minutes in four."""
    short = np.tile(np.float32([100, 100, 1500, 1500]), 10)
    assert len(Machine(np.random.default_rng(3)).run(short, MINUTE)) == len(short)


def test_machines_change_nothing_of_what_has_no_programme(whole):
    plain, machines = Lessons(whole, (7, 1), machines=False), Lessons(whole, (7, 1))
    for _ in range(20):
        assert np.array_equal(plain.next().mains_w, machines.next().mains_w)
