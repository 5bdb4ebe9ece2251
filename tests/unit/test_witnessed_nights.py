"""What people saw run teaches the model of their site, and no other."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from chowon.domain.nilm.told import newest
from chowon.domain.nilm.witnessed import LEAST_TAUGHT
from chowon.domain.quantities import DAY_MS, MINUTE_MS
from chowon.jobs import witnessed
from chowon.jobs.nights import Night
from chowon.jobs.witnessed import MONTH_DAYS, MOST_DAYS, lesson
from tests.nights import FIRST, LearnsLevels, NightHome, TellsByLevel, at, days_on, night_home

NOON = 13.0
"""Hours after a day from which on it is told finally"""


@pytest.fixture
def home(tmp_path) -> Iterator[NightHome]:
    with night_home(tmp_path) as home:
        home.model = LearnsLevels()
        yield home


def lived(home: NightHome, days: int = 3, microwaves: int = 4) -> None:
    """So many days that nights have told finally."""
    for n in range(days):
        home.takes(days_on(n), kettles=2, microwaves=microwaves)
    home.takes(days_on(days), minutes=range(840))
    home.night(days_on(days - 1), NOON)


def told(home: NightHome, site: int = 1) -> dict:
    """Runs of each kind by day, as nights told last."""
    days = newest(home.all_told(site))
    return {day: {kind: took.runs for kind, took in one.took.items()} for day, one in sorted(days.items())}


def test_a_site_of_which_nobody_saw_anything_is_told_as_by_a_model_that_cannot_learn(tmp_path):
    asked = []
    for name, model in (("plain", TellsByLevel()), ("learns", LearnsLevels())):
        with night_home(tmp_path / name) as home:
            home.model = model
            lived(home)
            home.parts(at(days_on(3), 9))
            asked.append([(mains.start_ms, mains.power_w.tolist()) for mains in home.model.asked])
            assert {one.told_by for one in home.all_told()} == {"first"}
            assert {kind for kinds in told(home).values() for kind in kinds} == {"kettle", "fridge"}
    assert asked[0] == asked[1]
    assert home.model.lessons == []


def test_a_run_that_was_seen_makes_all_days_due_once_and_so_does_taking_it_back(home):
    lived(home)
    assert home.night(days_on(2), NOON) == Night()
    number = home.saw(FIRST, 1, "kettle")
    again = home.night(days_on(2), NOON)
    assert [one.day for one in again.days] == [days_on(n) for n in range(3)]
    [told_by] = {one.told_by for one in again.days}
    assert told_by.startswith("first+")
    assert len(told_by) == len("first+") + 8
    assert home.night(days_on(2), NOON) == Night()
    home.begins()
    assert home.night(days_on(2), NOON + 1) == Night()
    home.store.witnessed.remove(1, number)
    assert [one.told_by for one in home.night(days_on(2), NOON + 1).days] == ["first"] * 3
    assert home.night(days_on(2), NOON + 1) == Night()


def test_only_days_of_the_last_month_are_told_again(home):
    for n in range(40):
        home.takes(days_on(n), kettles=1)
    home.night(days_on(39), NOON)
    home.saw(FIRST, 1, "kettle", ran=False)
    assert [one.day for one in home.night(days_on(39), NOON).days] == [days_on(n) for n in range(9, 40)]


def test_a_kind_that_is_told_of_no_other_home_is_told_from_the_third_run_on(home):
    lived(home)
    numbers = [home.saw(days_on(n), 0) for n in range(LEAST_TAUGHT - 1)]
    home.night(days_on(2), NOON)
    assert set(told(home)[FIRST]) == {"kettle", "fridge"}
    numbers.append(home.saw(days_on(1), 2))
    home.night(days_on(2), NOON)
    assert [by_kind["microwave"] for by_kind in told(home).values()] == [4, 4, 4]
    watts = home.book.minutes(1, at(FIRST), at(days_on(1)))["microwave"].power_w
    assert np.flatnonzero(watts).tolist() == [
        60 * hour + minute for hour in range(4) for minute in (45, 46, 47)
    ]
    home.store.witnessed.remove(1, numbers[0])
    home.night(days_on(2), NOON)
    assert set(told(home)[FIRST]) == {"kettle", "fridge"}


def test_what_did_not_run_is_taught_too_and_makes_no_kind_told(home):
    lived(home)
    for hour in range(LEAST_TAUGHT):
        home.saw(FIRST, hour, ran=False)
    home.night(days_on(2), NOON)
    assert set(told(home)[FIRST]) == {"kettle", "fridge"}
    for hour in range(LEAST_TAUGHT):
        home.saw(days_on(1), hour)
    home.night(days_on(2), NOON)
    assert told(home)[FIRST]["microwave"] == 0  # at these powers it does not run
    _, ran, not_ran = home.model.lessons[-1]
    assert [len(some["microwave"]) for some in (ran, not_ran)] == [3, 3]


def test_the_same_runs_tell_the_same_after_a_restart(home):
    lived(home)
    for n in range(3):
        home.saw(days_on(n), 0)
    first = home.night(days_on(2), NOON).days
    assert len(home.model.lessons) == 1
    home.begins(weights="second")
    again = home.night(days_on(2), NOON + 5).days
    assert [(one.day, one.took) for one in again] == [(one.day, one.took) for one in first]
    assert again[0].took["microwave"].runs == 4
    one, other = home.model.lessons
    assert (one[0].power_w == other[0].power_w).all()
    assert one[1]["microwave"].start.tolist() == other[1]["microwave"].start.tolist()


def test_what_was_learnt_is_learnt_once_and_of_two_sites_apart(home, monkeypatch):
    for name in ("home", "away"):
        home.takes(FIRST, kettles=1, microwaves=4, site=name)
    one, other = home.store.sites.sites()
    for hour in range(3):
        home.saw(FIRST, hour)
        home.saw(FIRST, hour, "kettle", site=other.id)
    telling = home.telling(with_nights=False)
    history, ends = home.store.history, (at(FIRST), at(days_on(1)))
    for _ in range(2):
        assert set(telling.by_minute(history, one, *ends)) == {"kettle", "fridge", "microwave"}
        kinds = telling.by_minute(history, other, *ends)
        assert set(kinds) == {"kettle", "fridge"}
        assert (kinds["kettle"].power_w > 0).sum() == 3 * 4  # what it was taught there
    assert [sorted(ran) for _, ran, _ in home.model.lessons] == [["microwave"], ["kettle"]]
    monkeypatch.setattr(witnessed, "HOMES", 1)
    for _ in range(2):
        telling.by_minute(history, one, *ends)
        telling.by_minute(history, other, *ends)
    assert len(home.model.lessons) == 2 + 3  # the one that was used last was kept


def test_a_site_that_has_not_what_was_seen_is_not_told_of_it(home):
    lived(home)
    for n in range(3):
        home.saw(days_on(n), 0)
    home.night(days_on(2), NOON)
    home.is_without("microwave")
    assert [one.day for one in home.night(days_on(2), NOON).days] == [days_on(n) for n in range(3)]
    assert set(told(home)[FIRST]) == {"kettle", "fridge"}
    assert [part.name for part in home.parts(at(days_on(3))).parts] == ["/kettle", "/fridge"]


def test_a_bill_has_what_the_site_has_taught_with_runs_and_without_a_figure_that_nobody_measured(home):
    lived(home)
    for hour in range(3):
        home.saw(FIRST, hour)
    at_once = home.parts(at(days_on(3)))
    assert {part.name for part in at_once.parts} == {"/kettle", "/fridge", "/microwave"}
    assert len(at_once.runs["/microwave"]) == 3 * 4
    assert set(at_once.f1) == {"/kettle", "/fridge"}
    home.night(days_on(2), NOON)
    asked = len(home.model.asked)
    by_nights = home.parts(at(days_on(3)))
    assert len(home.model.asked) == asked
    assert {part.name: part.taken.sum() for part in by_nights.parts} == {
        part.name: part.taken.sum() for part in at_once.parts
    }


def test_an_answer_is_told_anew_when_something_was_seen(home):
    home.takes(FIRST, microwaves=4)
    telling, now_ms = home.telling(with_nights=False), at(FIRST, 20)
    home.telling = lambda **_: telling  # type: ignore[method-assign]
    assert [part.name for part in home.parts(now_ms).parts] == ["/fridge"]
    for hour in range(3):
        home.saw(FIRST, hour)
    assert [part.name for part in home.parts(now_ms).parts] == ["/fridge", "/microwave"]


def test_runs_while_the_meter_was_silent_teach_nothing(home):
    for hour in range(3):
        home.saw(days_on(-9), hour)
    lived(home)
    assert home.model.lessons == []
    assert set(told(home)[FIRST]) == {"kettle", "fridge"}
    for hour in range(2):
        home.saw(FIRST, hour)
    assert [(one.kind, one.needed, one.told) for one in teachable(home)] == [
        ("kettle", 0, True),
        ("microwave", 1, False),
    ]
    home.saw(FIRST, 2)
    assert teachable(home)[1].told


def test_a_model_that_cannot_learn_passes_over_what_was_seen(home):
    home.model = TellsByLevel()
    lived(home)
    for hour in range(3):
        home.saw(FIRST, hour)
    assert home.night(days_on(2), NOON) == Night()
    assert teachable(home) == []


def test_a_kind_that_cannot_be_taught_is_passed_over(home):
    lived(home)
    home.saw(FIRST, 0, "rice_cooker")
    assert home.night(days_on(2), NOON) == Night()
    assert home.model.lessons == []


def test_what_a_site_has_or_has_not_is_seen_by_the_next_round(home):
    """Not only when a new day comes: people have said it, and look."""
    lived(home)
    assert home.night(days_on(2), NOON) == Night()
    home.is_without("kettle")
    assert len(home.night(days_on(2), NOON).days) == 3


def teachable(home: NightHome):
    return home.telling(with_nights=False).teachable(home.store.history, home.site)


def seen(home: NightHome):
    return [kept.witnessed for kept in home.store.witnessed.of(1)]


def taught(home: NightHome):
    found = lesson(home.store.history, home.site, seen(home))
    assert found is not None
    return found


def test_a_lesson_is_the_month_up_to_the_newest_run_in_whole_days(home):
    lived(home, days=2)
    home.saw(FIRST, 3)
    home.saw(FIRST, 10, ran=False)
    it = taught(home)
    assert len(it.mains) % 1440 == it.mains.start_ms % DAY_MS == 0
    assert len(it.mains) == MONTH_DAYS * 1440
    for hour, runs in ((3, it.ran["microwave"]), (10, it.not_ran["microwave"])):
        [start], [end] = runs.start.tolist(), runs.end.tolist()
        assert it.mains.start_ms + start * MINUTE_MS == at(FIRST, hour + 0.75)
        assert end - start == 3
    assert it.mains.power_w[it.ran["microwave"].start[0]] > 1000


def test_runs_of_long_ago_teach_with_their_days_side_by_side(home):
    """What was seen a year ago is not forgotten when something else is seen today."""
    long_ago = days_on(-300)
    for day, kind in ((long_ago, "kettle"), (FIRST, "microwave")):
        home.takes(day - timedelta(days=1), microwaves=1)
        home.takes(day, microwaves=4)
        home.takes(day + timedelta(days=1))
        home.saw(day, 1, kind)
    it = taught(home)
    assert len(it.mains) == (MONTH_DAYS + 2) * 1440  # it bears on two days of universal time
    starts = [int(runs.start[0]) for runs in it.ran.values()]
    assert [int(runs.end[0]) for runs in it.ran.values()] == [start + 3 for start in starts]
    for start in starts:
        assert (it.mains.power_w[start : start + 3] > 1000).all()
        assert (it.mains.power_w[[start - 1, start + 3]] < 120).all()


def test_a_machine_that_was_replaced_is_forgotten_when_the_new_one_is_seen(home):
    for day in (days_on(-100), FIRST):
        home.takes(day, microwaves=4)
        home.takes(day + timedelta(days=1))
    home.saw(days_on(-100), 1)
    home.saw(days_on(-100), 1, "kettle")
    assert set(taught(home).ran) == {"kettle", "microwave"}
    home.saw(FIRST, 2)
    it = taught(home)
    assert len(it.ran["kettle"]) == len(it.ran["microwave"]) == 1  # of the kettle nothing newer is known
    home.saw(FIRST, 3, "kettle")
    assert len(taught(home).mains) == MONTH_DAYS * 1440


def test_so_many_days_teach_at_most_and_the_newest_runs_go_first(home):
    for n in range(45):
        day = FIRST - timedelta(days=2 * n)
        home.takes(day, microwaves=2)
        home.saw(day, 1)
        home.saw(days_on(-200, day), 1, "kettle", ran=False)
    it = taught(home)
    assert len(it.mains) <= MOST_DAYS * 1440
    assert len(it.mains) > (MOST_DAYS - 3) * 1440
    assert len(it.ran["microwave"]) == 45
    assert it.not_ran == {}


def test_while_a_day_goes_on_what_it_teaches_stays_the_same_for_hours(home):
    home.takes(FIRST, microwaves=4, minutes=range(60 * 16))
    home.saw(FIRST, 3)
    lengths = []
    for minute in range(60 * 16, 60 * 23, 60):
        home.takes(FIRST, minutes=range(minute, minute + 60))
        lengths.append(len(taught(home).mains))
    assert len(set(lengths)) == 2
    assert taught(home).mains.known[-1]


def test_a_run_that_has_just_ended_teaches(home):
    home.takes(FIRST, microwaves=4, minutes=range(3 * 60 + 48))
    home.saw(FIRST, 3)
    it = taught(home)
    assert it.ran["microwave"].end.tolist() == [len(it.mains)]


def test_a_site_without_a_main_meter_teaches_nothing(home):
    lived(home)
    home.saw(FIRST, 1)
    assert lesson(home.store.history, replace(home.site, channels=()), seen(home)) is None
    assert lesson(home.store.history, home.site, []) is None
