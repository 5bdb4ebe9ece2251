"""What is told from a main meter, as parts of a site's use."""

from dataclasses import replace
from datetime import date

import numpy as np

from chowon.domain.clock import Period, midnight_ms
from chowon.domain.nilm.power import Power
from chowon.domain.quantities import DAY_MS, MINUTE_MS, QUARTER_MS, U32
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Role, Site
from chowon.domain.tariff import Text
from chowon.jobs.appliances import Telling
from chowon.jobs.period_use import period_use
from chowon.jobs.shares import metered_parts
from chowon.models.nilm.nightly import Trusted
from tests.e2e.homes import SEOUL
from tests.memory import MemoryHistory

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
START_MS = midnight_ms(OCTOBER.start, SEOUL)
NOW_MS = START_MS + 2 * DAY_MS
MINUTES = 2 * 1440
KINDS = {"kettle": Trusted(Text("전기 주전자", "Kettle"), standing=False, f1=0.8)}


class TellsBoiling:
    """A kettle is what is above 1,500 W, 2,000 W of it."""

    def __init__(self) -> None:
        self.asked: list[Power] = []

    def disaggregate(self, mains: Power, kinds) -> dict[str, Power]:
        self.asked.append(mains)
        assert list(kinds) == ["kettle"]
        watts = np.where(mains.power_w > 1500, 2000.0, 0.0)
        return {"kettle": Power(mains.start_ms, mains.step_ms, watts, mains.known)}


def boils(times: int) -> np.ndarray:
    """(minutes,) W: something about 100 W that is never the same, and a kettle for two minutes, so often."""
    watts = 100 + np.arange(MINUTES) % 7.0
    for run in range(times):
        watts[60 * run + 30 : 60 * run + 32] += 2000
    return watts


def home(*meters: tuple[Role, np.ndarray], every: int = 1) -> tuple[MemoryHistory, Site]:
    """A reading every so many minutes, which stands until the next."""
    history = MemoryHistory(hold_ms=QUARTER_MS)
    channels = []
    for at, (role, watts) in enumerate(meters, 1):
        channels.append(Channel(at, ChannelKey("home", f"meter{at}", "main"), role, QUARTER_MS))
        times = START_MS + np.arange(0, MINUTES + 1, every, dtype=np.int64) * MINUTE_MS
        power_dw = (np.append(watts, watts[-1])[::every] * 10).astype(np.int32)
        ids: U32 = np.full(len(times), at, np.uint32)
        history.append(Readings(ids, times, power_dw))
    site = Site(1, "home", "우리집", "Asia/Seoul", 1, "kr.kepco.residential.low", {}, tuple(channels))
    return history, site


def told(history: MemoryHistory, site: Site, telling: Telling | None = None, now_ms: int = NOW_MS):
    telling = telling or Telling(lambda: (TellsBoiling(), KINDS))
    use = period_use(history, site, OCTOBER, now_ms)
    return telling.parts(history, site, use, metered_parts(history, site, use))


def test_an_appliance_is_a_part_with_its_energy_and_runs():
    found = told(*home(("main", boils(12))))
    [kettle] = found.parts
    assert (kettle.name, kettle.label, kettle.source) == (
        "/kettle",
        Text("전기 주전자", "Kettle"),
        "detected",
    )
    assert kettle.taken.sum() == 12 * 2 * 2000 * 10 * MINUTE_MS
    assert len(found.runs["/kettle"]) == 12
    assert found.runs["/kettle"].start_ms[0] == START_MS + 30 * MINUTE_MS
    assert found.why is None


def test_what_has_a_meter_of_its_own_is_not_told_again():
    kettle = boils(12) - boils(0)
    found = told(*home(("main", boils(12)), ("plug", kettle)))
    assert found.parts == ()


def test_what_a_roof_gives_is_used_in_the_home():
    """2,000 W from the roof while the kettle boils: the main meter sees next to nothing."""
    roof = np.where(boils(12) > 1500, 2000.0, 0.0)
    for counted in (roof, -roof):  # a roof's meter may count either way round
        found = told(*home(("main", boils(0)), ("solar", counted)))
        assert len(found.runs["/kettle"]) == 12


def test_a_meter_of_a_quarter_of_an_hour_is_said_to_be_too_slow():
    found = told(*home(("main", boils(12)), every=15))
    assert (found.parts, found.why) == ((), "slow")


def test_a_meter_that_is_silent_is_said_to_be():
    history, site = home(("main", boils(12)))
    history = MemoryHistory(hold_ms=QUARTER_MS)
    found = told(history, site)
    assert (found.parts, found.why) == ((), "silent")


def test_the_same_question_is_worked_out_once_until_what_was_measured_changes():
    history, site = home(("main", boils(12)))
    model = TellsBoiling()
    telling = Telling(lambda: (model, KINDS))
    first = told(history, site, telling=telling)
    assert len(told(history, site, telling=telling).runs["/kettle"]) == len(first.runs["/kettle"])
    assert len(model.asked) == 1
    late = START_MS + 700 * MINUTE_MS
    history.append(Readings(np.array([1], np.uint32), np.array([late]), np.array([25_000], np.int32)))
    assert len(told(history, site, telling=telling).runs["/kettle"]) == 13
    assert len(model.asked) == 2


def test_the_model_is_not_loaded_before_it_is_needed():
    loaded = []

    def load():
        loaded.append(1)
        return TellsBoiling(), KINDS

    telling = Telling(load)
    assert not loaded
    history, site = home(("main", boils(3)))
    told(history, site, telling=telling)
    told(history, site, telling=telling)
    assert loaded == [1]


def test_the_quarter_that_runs_is_not_told_yet():
    """So that an answer holds until it is over, however often a page asks."""
    history, site = home(("main", boils(12)))
    model = TellsBoiling()
    telling = Telling(lambda: (model, KINDS))
    in_a_quarter = START_MS + 31 * MINUTE_MS  # the first kettle boils since half past
    assert told(history, site, telling, in_a_quarter).why == "silent"
    later = [told(history, site, telling, START_MS + minute * MINUTE_MS) for minute in (91, 95, 104)]
    assert [len(one.runs["/kettle"]) for one in later] == [1, 1, 1]
    assert len(model.asked) == 1
    assert all(len(one.parts[0].taken) == 7 for one in later)


def test_what_runs_day_and_night_has_no_runs():
    history, site = home(("main", boils(12)))
    fridge = {"kettle": Trusted(Text("냉장고", "Fridge"), standing=True, f1=0.8)}
    found = told(history, site, Telling(lambda: (TellsBoiling(), fridge)))
    assert [part.label.en for part in found.parts] == ["Fridge"]
    assert found.f1 == {"/kettle": 0.8}
    assert found.runs == {}


def test_what_a_site_has_not_is_not_told_and_costs_no_question():
    history, site = home(("main", boils(12)))
    model = TellsBoiling()
    telling = Telling(lambda: (model, KINDS))
    found = told(history, replace(site, without=frozenset({"kettle"})), telling)
    assert (found.parts, found.why) == ((), None)
    assert telling.by_minute(history, replace(site, without=frozenset({"kettle"})), START_MS, NOW_MS) == {}
    assert model.asked == []
    assert len(told(history, site, telling).parts) == 1


def test_the_last_day_is_told_by_minute_where_the_meter_is_fast_enough():
    history, site = home(("main", boils(12)))
    telling = Telling(lambda: (TellsBoiling(), KINDS))
    by_minute = telling.by_minute(history, site, START_MS, START_MS + DAY_MS)
    assert by_minute["kettle"].power_w.sum() == 12 * 2 * 2000
    slow, site = home(("main", boils(12)), every=15)
    assert telling.by_minute(slow, site, START_MS, START_MS + DAY_MS) == {}
