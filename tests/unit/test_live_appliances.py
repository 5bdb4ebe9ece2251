"""What runs behind a main meter, followed as readings come."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from chowon.domain.nilm.events.known import Merge, Mine, Name, NameRun, NotMine, NotThis
from chowon.domain.nilm.power import Power
from chowon.errors import NotFound, StoreUnavailable
from chowon.live.appliances import service
from chowon.live.appliances.price import Price
from chowon.live.appliances.service import SAVED_MS, Appliances
from tests.appliances import START_MS, Watched, channel, readings, site


def sums_up(parts) -> bool:
    """Whether the parts are the mains to 0.1 W."""
    metered = sum(one.power_w for one in parts.metered)
    on = sum(one.power_w for one in parts.running)
    whole = parts.always_on_w + metered + on + parts.rest_w - parts.given_w
    return round(10 * whole) == round(10 * parts.power_w)


@pytest.fixture
async def home() -> Watched:
    home = Watched()
    await home.appliances.tick()
    return home


async def test_a_kettle_is_told_a_second_later_and_what_it_costs(home):
    home.lives(hours=3)
    home.takes(60, 20)
    home.takes(2060, 2)
    (kettle,) = home.parts().running
    assert (kettle.settled, kettle.first_w, kettle.ask) == (False, 2000, False)
    home.takes(2060, 58)
    parts = home.appliances.now(1, home.now_ms, Price(Decimal("214.6"), "KRW"))
    (kettle,) = parts.running
    assert (kettle.power_w, kettle.settled, kettle.ask, kettle.label) == (2000, True, True, None)
    assert kettle.cost_per_hour == Decimal("429.2")
    assert kettle.energy_wh == pytest.approx(2000 * 59 / 3600, abs=0.1)
    assert kettle.cost == Decimal("7.0")
    assert (parts.power_w, parts.always_on_w, parts.always_on_hours) == (2060, 60, 3)
    assert sums_up(parts)


async def test_what_a_person_called_it_is_its_name_from_then_on(home):
    home.lives(hours=3)
    home.takes(60, 20)
    home.takes(2060, 30)
    (kettle,) = home.parts().running
    await home.appliances.tap(1, NameRun(kettle.since_ms, "kettle"), "mother")
    (kettle,) = home.parts().running
    assert (kettle.label.ko, kettle.label.en, kettle.ask) == ("전기 주전자", "Kettle", False)
    home.takes(2060, 90)
    home.takes(60, 600)
    home.takes(2060, 60)
    (again,) = home.parts().running
    assert (again.label.en, again.ask) == ("Kettle", False)
    assert home.book.said == [(1, NameRun(kettle.since_ms, "kettle"), "mother")]


async def test_something_that_is_over_can_be_named_by_when_it_began(home):
    home.lives(hours=3)
    past = home.appliances.home(1).runs[-1]
    home_after = await home.appliances.tap(1, NameRun(past.run.at_ms, "kettle"), "father")
    assert list(home_after.known.names.values()) == ["kettle"]
    with pytest.raises(NotFound, match="nothing that began at 5"):
        await home.appliances.tap(1, NameRun(5, "kettle"), "father")
    assert len(home.book.said) == 1


async def test_nobody_asks_about_what_is_not_theirs_until_they_say_so(home):
    home.lives(hours=3)
    (cluster,) = home.appliances.home(1).known.clusters
    await home.appliances.tap(1, NotMine(cluster.id), "child")
    home.takes(60, 20)
    home.takes(2060, 30)
    assert [one.ask for one in home.parts().running] == [False]
    await home.appliances.tap(1, Mine(cluster.id), "child")
    assert [one.ask for one in home.parts().running] == [True]


async def test_a_start_in_the_middle_goes_on_as_if_nothing_had_happened(home):
    home.lives(hours=3)
    home.takes(60, 20)
    home.takes(2060, 30)
    before, known = home.parts(), home.appliances.home(1).known
    home.appliances.close()
    await home.appliances.tick()
    home.began()
    assert home.parts().why == "learning"
    await home.appliances.tick()
    assert home.parts() == before
    assert home.appliances.home(1).known == known


async def test_a_crash_loses_nothing_that_was_learnt_and_nothing_is_learnt_twice(home):
    home.lives(hours=2)
    home.second += SAVED_MS // 1000
    await home.appliances.tick()
    home.lives(hours=2)
    known = home.appliances.home(1).known
    home.began()
    await home.appliances.tick()
    assert home.appliances.home(1).known == known
    assert [one.runs for one in known.clusters] == [8]


async def test_late_readings_are_read_from_the_store_and_what_they_tell_is_on(home):
    home.lives(hours=1)
    begin = home.second
    home.second += 120
    home.takes(60, 200)
    assert len(home.appliances.home(1).runs) == 2
    home.hears(readings(1, [begin + n for n in range(100)], [2060] * 95 + [60] * 5))
    assert len(home.appliances.home(1).runs) == 2
    await home.appliances.tick()
    assert [one.run.at_ms for one in home.appliances.home(1).runs][-1] == START_MS + 1000 * begin


async def test_what_comes_while_the_day_is_read_is_not_lost(home, monkeypatch):
    home.lives(hours=2)
    told = home.history.readings

    def slow(*asked):
        found = told(*asked)
        home.takes(2060, 30)  # heard while the store answers
        return found

    monkeypatch.setattr(home.history, "readings", slow)
    home.appliances.read_again([1])
    await home.appliances.tick()
    (kettle,) = home.parts().running
    assert kettle.since_ms == START_MS + 7200 * 1000
    assert kettle.settled


async def test_a_meter_that_repeats_the_past_for_ever_is_not_read_for_ever(home, monkeypatch):
    home.lives(hours=1)
    asked = []
    told = home.history.readings
    monkeypatch.setattr(home.history, "readings", lambda *of: asked.append(of) or told(*of))
    for _ in range(30):
        home.takes(60, 1)
        home.hears(readings(1, [home.second - 100], 70))
        await home.appliances.tick()
    assert 1 <= len(asked) <= 4


async def test_a_store_that_fails_is_asked_again_and_a_tap_that_is_not_kept_is_refused(home):
    home.lives(hours=3)
    past = home.appliances.home(1).runs[-1]
    home.book.fails = True
    home.second += 60
    await home.appliances.tick()
    assert home.appliances.problem == "no disk"
    with pytest.raises(StoreUnavailable):
        await home.appliances.tap(1, NameRun(past.run.at_ms, "kettle"), "me")
    assert not home.appliances.home(1).known.names
    home.book.fails = False
    await home.appliances.tick()
    assert home.appliances.problem is None
    assert home.book.kept[1].learnt_ms == past.run.end_ms


async def test_silence_and_slow_meters_are_told_and_so_are_sites_that_nobody_follows(home):
    home.lives(hours=1)
    home.second += 30
    assert home.appliances.now(1, home.now_ms, None).why == "silent"
    slow = Watched(channel(1, hold_ms=1_200_000))
    await slow.appliances.tick()
    slow.hears(readings(1, range(0, 900 * 20, 900), 300))
    slow.second = 900 * 19 + 1
    assert slow.parts().why == "slow"
    assert home.appliances.now(2, home.now_ms, None) is None
    with pytest.raises(NotFound, match="live_sites"):
        home.appliances.home(2)


async def test_a_minute_meter_tells_a_long_run_and_no_steps_that_are_not_there():
    home = Watched(channel(1, hold_ms=150_000))
    await home.appliances.tick()
    home.hears(readings(1, range(0, 7200, 60), [60 if n < 60 else 1560 for n in range(120)]))
    home.second = 7141
    parts = home.parts()
    assert parts.why is None
    assert [one.first_w for one in parts.running] == [1500]


async def test_a_plug_is_a_part_of_its_own_and_no_unknown_appliance():
    home = Watched(channel(1), channel(2, "plug"))
    await home.appliances.tick()
    home.takes(60, 3600)
    for second in range(3600, 3660):
        home.hears(readings(1, [second], 560))
        home.hears(readings(2, [second], 500))
    home.second = 3660
    parts = home.parts()
    assert [(one.channel, one.name, one.power_w) for one in parts.metered] == [(2, "meter2", 500)]
    assert parts.running == ()
    assert parts.power_w == 560
    assert sums_up(parts)


async def test_a_home_that_gives_to_the_grid_says_so(home):
    home.takes(-300, 60)
    parts = home.parts()
    assert (parts.power_w, parts.given_w, parts.rest_w, parts.running) == (-300, 300, 0, ())


async def test_another_hold_is_another_look_at_the_day_and_what_is_known_stays(home):
    home.lives(hours=3)
    (cluster,) = home.appliances.home(1).known.clusters
    await home.appliances.tap(1, Name(cluster.id, "kettle"), "me")
    home.site = site(channel(1, hold_ms=30_000))
    home.appliances.follow([home.site])
    assert home.parts().why == "learning"
    await home.appliances.tick()
    assert home.parts().why is None
    assert home.appliances.home(1).known.names == {cluster.id: "kettle"}


async def test_no_more_sites_are_followed_than_wanted_and_those_without_a_meter_take_no_place(home):
    few = Appliances(home.history, home.book, home.appliances.label, lambda: home.now_ms, most_sites=1)
    few.follow([site(channel(3, "aside"), number=1), site(channel(1), number=2), site(channel(2), number=3)])
    await few.tick()
    assert [few.now(number, home.now_ms, None) is not None for number in (1, 2, 3)] == [False, True, False]


async def test_taps_at_once_are_all_kept(home):
    home.lives(hours=3)
    (cluster,) = home.appliances.home(1).known.clusters
    taps = [Name(cluster.id, "kettle"), NotMine(cluster.id), Mine(cluster.id), Merge(cluster.id, cluster.id)]
    await asyncio.gather(*(home.appliances.tap(1, tap, "me") for tap in taps))
    assert home.book.kept[1].known.names == {cluster.id: "kettle"}
    assert [tap for _, tap, _ in home.book.said] == taps


def meaning(kind: str):
    """A model that tells what switches by more than 1 kW as this kind, and how often it was asked."""
    asked = []

    def teller(where, from_ms, to_ms):
        asked.append(where.id)
        n = (to_ms - from_ms) // 60_000
        second = (np.arange(n * 60) + (from_ms - START_MS) // 1000) % 1800 // 120 == 5
        watts = 2000.0 * second.reshape(n, 60).mean(axis=1)
        return {kind: Power(from_ms, 60_000, watts, np.ones(n, np.bool_))}

    return teller, asked


async def test_a_model_suggests_what_may_be_something_once_an_hour_until_a_person_says_no(home):
    teller, asked = meaning("kettle")
    home.appliances = Appliances(
        home.history, home.book, home.appliances.label, lambda: home.now_ms, teller=teller
    )
    home.appliances.follow([home.site])
    home.lives(hours=3)
    await home.appliances.tick()
    await home.appliances.tick()
    assert asked == [1]
    home.takes(60, 600)
    home.takes(2060, 30)
    (kettle,) = home.parts().running
    assert (kettle.label, kettle.ask) == (None, True)
    assert (kettle.suggested.name, kettle.suggested.label.ko) == ("kettle", "전기 주전자")
    assert kettle.suggested.share == 1.0
    home.second += 3600
    await home.appliances.tick()
    assert asked == [1, 1]
    (cluster,) = home.appliances.home(1).known.clusters
    assert home.appliances.agreed(1)[cluster.id].kind == "kettle"
    home.appliances.follow([replace(home.site, without=frozenset({"kettle"}))])
    assert home.appliances.agreed(1) == {}, "people said that there is none"
    home.appliances.follow([home.site])
    assert home.appliances.agreed(1)[cluster.id].kind == "kettle"
    await home.appliances.tap(1, NotThis(cluster.id, "kettle"), "me")
    assert home.appliances.agreed(1) == {}


async def test_readings_that_nobody_looks_at_are_bounded_and_told_by_the_store_instead(home, monkeypatch):
    home.lives(hours=1)
    await home.appliances.tick()
    monkeypatch.setattr(service, "MOST_WAITING", 1000)
    home.takes(60, 900)
    home.takes(2060, 150)
    assert home.appliances._waiting == []
    home.second += 60
    await home.appliances.tick()
    home.second -= 60
    assert [one.first_w for one in home.parts().running] == [2000]


async def test_a_round_that_breaks_is_counted_and_the_next_one_goes_on(home, monkeypatch):
    monkeypatch.setattr(service, "EVERY_S", 0.001)
    broken = asyncio.Event()

    def breaks(*_):
        broken.set()
        raise ZeroDivisionError

    monkeypatch.setattr(home.history, "readings", breaks)
    home.appliances.read_again([1])
    running = asyncio.create_task(home.appliances.run())
    await broken.wait()
    monkeypatch.undo()
    home.appliances.close()
    await running
    assert home.appliances.failed_rounds >= 1
    home.takes(60, 10)
    assert home.parts().power_w == 60


async def test_settings_that_change_while_a_site_is_loaded_cost_neither_its_names_nor_its_last_day(
    home, monkeypatch
):
    home.lives(hours=3)
    (cluster,) = home.appliances.home(1).known.clusters
    await home.appliances.tap(1, Name(cluster.id, "kettle"), "me")
    home.began()
    told = home.book.homes

    def meanwhile():
        home.site = site(channel(1, hold_ms=30_000))
        home.appliances.follow([home.site])
        return told()

    monkeypatch.setattr(home.book, "homes", meanwhile)
    await home.appliances.tick()
    await home.appliances.tick()
    assert home.parts().why is None
    assert home.appliances.home(1).known.names == {cluster.id: "kettle"}


async def test_a_tap_while_settings_change_is_not_lost(home, monkeypatch):
    home.lives(hours=3)
    (cluster,) = home.appliances.home(1).known.clusters
    keep = home.book.tapped

    def meanwhile(*said):
        home.site = site(channel(1, hold_ms=30_000))
        home.appliances.follow([home.site])
        keep(*said)

    monkeypatch.setattr(home.book, "tapped", meanwhile)
    await home.appliances.tap(1, Name(cluster.id, "kettle"), "me")
    await home.appliances.tick()
    home.lives(hours=1)
    home.second += SAVED_MS // 1000
    await home.appliances.tick()
    assert home.appliances.home(1).known.names == {cluster.id: "kettle"}
    assert home.book.kept[1].known.names == {cluster.id: "kettle"}
