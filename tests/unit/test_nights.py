"""What nights tell, once, and when they tell it again."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from chowon.domain.corrections import Correction
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import Took, in_deciwatts, mark_of, newest, took
from chowon.domain.quantities import DAY_MS, MINUTE_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.errors import StoreUnavailable
from chowon.jobs import night_rounds
from chowon.jobs.night_rounds import NightRounds
from chowon.jobs.nights import Night, over_days
from tests.nights import FIRST, NightHome, at, days_on, night_home, told_live


@pytest.fixture
def home(tmp_path):
    with night_home(tmp_path) as home:
        yield home


FINALLY = 12.0
"""Hours after its end from which on a day is told with all that bears on it"""


def kettle_day(n: int) -> Took:
    """Of n kettles of two minutes: 2,000 W, as 0.1 W are kept."""
    return Took(round(n * 2 * 2000.0 / 60 * 1000), 2 * n, n)


def test_a_day_is_told_an_hour_after_it_is_over_and_once(home: NightHome):
    home.takes(FIRST, kettles=5)
    home.takes(days_on(1), minutes=range(120))
    assert home.night(FIRST, hours=0.9) == Night()
    night = home.night(FIRST, hours=1.0)
    assert [(one.day, one.value, one.told_by) for one in night.days] == [(FIRST, "nightly", "first")]
    assert night.days[0].took["kettle"] == kettle_day(5)
    assert night.days[0].known_min == 1440
    assert home.night(FIRST, hours=5) == Night()
    home.begins()
    assert home.night(FIRST, hours=6) == Night()
    assert len(home.model.asked) == 1


def test_a_day_is_told_again_when_all_that_bears_on_it_is_known_and_then_no_more(home: NightHome):
    home.takes(FIRST, kettles=5)
    home.takes(days_on(1), kettles=1, minutes=range(800))
    early = home.night(FIRST)
    assert home.night(FIRST, FINALLY - 0.1) == Night()
    final = home.night(FIRST, FINALLY)
    assert [[one.day for one in night.days] for night in (early, final)] == [[FIRST], [FIRST]]
    assert [len(mains) % 1440 for mains in home.model.asked] == [12 * 60 + 2 * 60, 0]
    home.begins()
    assert home.night(FIRST, FINALLY + 3) == Night()
    assert [one.told_ms for one in home.all_told()] == [at(days_on(1), hours) for hours in (2, FINALLY)]


def test_days_that_no_night_told_are_told_together_with_one_look(home: NightHome):
    for n in range(40):
        home.takes(days_on(n), kettles=1 + n % 3)
    night = home.night(days_on(39))
    assert [one.day for one in night.days] == [days_on(n) for n in range(9, 40)]
    assert [one.took["kettle"].runs for one in night.days] == [1 + n % 3 for n in range(9, 40)]
    assert len(home.model.asked) == 1


def test_readings_that_came_late_make_their_day_told_again_and_both_figures_stay(home: NightHome):
    home.takes(FIRST, kettles=2, minutes=range(600))
    home.takes(days_on(1), kettles=1)
    home.night(FIRST, FINALLY)
    home.night(days_on(1), FINALLY)
    home.takes(FIRST, kettles=24, minutes=range(600, 1440))  # what the meter had kept
    home.takes(days_on(2), kettles=1)
    again = home.night(days_on(2))
    assert [one.day for one in again.days] == [FIRST, days_on(2)]
    figures = [one.took["kettle"].runs for one in home.all_told() if one.day == FIRST]
    assert figures == [2, 2 + 14]
    minutes = home.book.minutes(1, at(FIRST), at(days_on(1)))["kettle"]
    assert minutes.power_w.sum() == 16 * 2 * 2000
    assert minutes.known.all()


def test_a_past_that_is_imported_piece_by_piece_is_told_though_no_new_day_comes(home: NightHome):
    home.takes(days_on(3), kettles=1)
    home.night(days_on(5))
    home.takes(days_on(1), kettles=2)
    home.begins()
    assert [one.day for one in home.night(days_on(5)).days] == [days_on(1), days_on(2)]


def test_other_weights_tell_all_days_again(home: NightHome):
    home.takes(FIRST, kettles=2)
    home.takes(days_on(1), kettles=1)
    home.night(days_on(1))
    home.begins(weights="second")
    again = home.night(days_on(1), hours=3)
    assert [(one.day, one.told_by) for one in again.days] == [(FIRST, "second"), (days_on(1), "second")]


def test_what_a_site_has_not_any_more_is_told_no_more(home: NightHome):
    home.takes(FIRST, kettles=2)
    home.night(FIRST)
    home.is_without("kettle")
    home.takes(days_on(1), kettles=1)
    again = home.night(days_on(1))
    assert [set(one.took) for one in again.days] == [{"fridge"}, {"fridge"}]
    assert not home.book.minutes(1, at(FIRST), at(days_on(1)))["kettle"].known.any()


def test_a_correction_makes_its_day_told_again(home: NightHome):
    for n in range(2):
        home.takes(days_on(n), kettles=3)
        home.night(days_on(n), FINALLY)
    span = at(FIRST), at(days_on(1))
    reason = "the clamp was the wrong way round"
    home.store.corrections.add(
        Correction(0, home.channel, "turned", None, *span, None, None, reason, "kim", 0)
    )
    home.takes(days_on(2), kettles=3)
    again = home.night(days_on(2))
    assert [(one.day, one.took["kettle"].runs) for one in again.days] == [(FIRST, 0), (days_on(2), 3)]


def test_a_run_over_midnight_belongs_to_the_day_on_which_it_began():
    on = Power(0, MINUTE_MS, np.array([2000.0, 2000, 0, 2000]), np.ones(4, np.bool_))
    assert took(on, was_on=True).runs == 1
    assert took(on, was_on=False).runs == 2
    assert took(on).milliwh == 100_000


def test_what_is_kept_is_never_more_than_was_told():
    told = np.array([0.0, 0.04, 47.3, np.float32(47.3), 1999.99])
    assert in_deciwatts(told).tolist() == [0, 0, 473, 473, 19_999]


def test_a_silent_day_between_others_is_told_as_nothing_and_not_asked_for_again(home: NightHome):
    home.takes(FIRST, kettles=1)
    home.takes(days_on(2), kettles=1)
    home.night(days_on(2), FINALLY)
    silent = newest(home.all_told())[days_on(1)]
    assert (silent.known_min, silent.took["kettle"]) == (0, Took(0, 0, 0))
    home.takes(days_on(3))
    assert [one.day for one in home.night(days_on(3)).days] == [days_on(3)]


def test_a_meter_that_is_too_slow_is_written_down_once_as_telling_nothing(home: NightHome):
    times = at(FIRST) + 15 * MINUTE_MS * np.arange(96)
    watts = (100 + np.arange(96) % 7) * 10
    ids = np.full(96, home.channel, np.uint32)
    home.store.journal.append([Readings(ids, times, watts.astype(np.int32))])
    night = home.night(FIRST)
    assert [(one.took, one.known_min) for one in night.days] == [({}, 0)]
    assert night.minutes == ()
    home.begins()
    assert home.night(FIRST, hours=5) == Night()
    assert home.model.asked == []


def test_a_meter_that_has_died_costs_nothing(home: NightHome):
    home.takes(FIRST, kettles=1, minutes=range(1439))
    home.night(FIRST, FINALLY)
    assert home.night(days_on(5)) == Night()
    assert home.night(days_on(60)) == Night()
    assert len(home.model.asked) == 1


def test_what_was_told_live_is_kept_beside_the_night_once(tmp_path):
    live = told_live({"provisional": 1200.0, "settled": 1800.0})
    with night_home(tmp_path, live) as home:
        home.takes(FIRST, kettles=1)
        first = home.night(FIRST)
        assert [(one.value, one.told_by) for one in first.days] == [
            ("provisional", "live"),
            ("settled", "live"),
            ("nightly", "first"),
        ]
        assert [one.took["kettle"].milliwh for one in first.days] == [200_000, 300_000, 66_667]
        home.begins(weights="second")
        assert [one.value for one in home.night(FIRST, hours=3).days] == ["nightly"]


@pytest.mark.parametrize(("since_min", "kept"), [(140, True), (150, False)])
def test_what_was_told_live_of_a_part_of_a_day_is_no_figure_of_the_day(tmp_path, since_min, kept):
    with night_home(tmp_path, told_live({"settled": 1800.0}, since_min)) as home:
        home.takes(FIRST, kettles=1)
        assert [one.value for one in home.night(FIRST).days] == ["settled"] * kept + ["nightly"]


def test_days_are_those_of_the_sites_own_clock_also_when_it_is_changed(home: NightHome):
    berlin = replace(home.site, timezone="Europe/Berlin")
    days = over_days(berlin, at(days_on(30), hours=12))  # the clock was put back on 25 October
    lengths = [(day.end_ms - day.start_ms) // 3_600_000 for day in days]
    assert sorted(lengths) == [24] * 30 + [25]
    assert all(a.end_ms == b.start_ms for a, b in pairwise(days))


def test_a_mark_is_of_the_minutes_and_of_where_they_stand():
    power = Power(0, MINUTE_MS, np.array([1.0, 2.0]), np.array([True, True]))
    others = [
        Power(DAY_MS, MINUTE_MS, power.power_w, power.known),
        Power(0, MINUTE_MS, np.array([1.0, 2.1]), power.known),
        Power(0, MINUTE_MS, power.power_w, np.array([True, False])),
    ]
    assert len({mark_of(one) for one in (power, *others)}) == 4
    assert mark_of(power) == mark_of(Power(0, MINUTE_MS, power.power_w + 1e-9, power.known))


def test_a_bill_takes_what_nights_told_and_tells_only_today(home: NightHome):
    for n in range(3):
        home.takes(days_on(n), kettles=2)
        home.night(days_on(n))
    home.takes(days_on(3), kettles=3, minutes=range(600))
    asked = len(home.model.asked)
    [kettle] = [part for part in home.parts(at(days_on(3))).parts if part.name == "/kettle"]
    assert len(home.model.asked) == asked  # nothing is left to tell
    [more] = [part for part in home.parts(at(days_on(3), 10)).parts if part.name == "/kettle"]
    assert len(home.model.asked) == asked + 1
    assert (kettle.taken.sum(), more.taken.sum()) == tuple(
        n * 2 * 20_000 * MINUTE_MS for n in (3 * 2, 3 * 2 + 3)
    )


def test_what_a_night_said_stands_until_a_night_says_otherwise(home: NightHome):
    """A new model changes no bill before it has told the days."""
    home.takes(FIRST, kettles=2)
    home.night(FIRST)

    class TellsNothing:
        def disaggregate(self, mains: Power, kinds) -> dict[str, Power]:
            return {k: Power(mains.start_ms, MINUTE_MS, mains.power_w * 0, mains.known) for k in kinds}

    home.model = TellsNothing()  # type: ignore[assignment]
    assert {part.name for part in home.parts(at(days_on(1))).parts} == {"/kettle", "/fridge"}
    home.takes(FIRST, kettles=0, minutes=range(5))  # what was measured is another thing now
    home.takes(FIRST, kettles=0, minutes=range(30, 32))
    assert home.parts(at(days_on(1))).parts == ()


def test_what_a_site_has_not_leaves_the_bill_at_once(home: NightHome):
    home.takes(FIRST, kettles=2)
    home.night(FIRST)
    home.is_without("kettle")
    assert [part.name for part in home.parts(at(days_on(1))).parts] == ["/fridge"]
    home.is_without()
    assert len(home.parts(at(days_on(1))).parts) == 2


class Rounds:
    """Nights that fail where they are told to."""

    def __init__(self, home: NightHome) -> None:
        self.home, self.failing, self.now_ms = home, dict[str, Exception](), at(days_on(1), 2)
        self.keeps = 0
        self.rounds = NightRounds(self, self._sites, lambda: self.now_ms, first_s=0.0, every_s=0.0)  # type: ignore[arg-type]

    def _sites(self):
        self._raise("list")
        return self.home.store.sites.sites()

    def tell(self, site, now_ms):
        self._raise(site.key)
        return self.home.nights.tell(site, now_ms)

    def keep(self, nights):
        self._raise("keep")
        self.keeps += 1
        self.home.nights.keep(nights)

    def _raise(self, what: str) -> None:
        if what in self.failing:
            raise self.failing[what]


async def test_a_site_that_fails_is_said_once_and_hurts_no_other(home: NightHome, caplog):
    home.takes(FIRST, kettles=1)
    home.store.sites.register(ChannelKey("away", "m", "main"), 10_000)
    it = Rounds(home)
    it.failing = {"away": StoreUnavailable("no disk")}
    for _ in range(3):
        await it.rounds.round()
    assert [record.getMessage() for record in caplog.records] == [
        "appliances of past days, site away: no disk"
    ]
    assert it.keeps == 1
    assert [one.day for one in home.all_told()] == [FIRST]
    del it.failing["away"]
    await it.rounds.round()
    assert it.rounds.problems == {}


async def test_many_sites_are_written_down_together_and_so_many_days_at_once(home: NightHome, monkeypatch):
    home.takes(FIRST, kettles=1)
    home.takes(FIRST, kettles=2, site="away")
    it = Rounds(home)
    await it.rounds.round()
    assert it.keeps == 1
    assert {one.site_id for one in home.all_told()} == {1}
    assert [one.took["kettle"].runs for one in home.all_told(2)] == [2]
    home.begins(weights="second")
    monkeypatch.setattr(night_rounds, "DAYS_AT_ONCE", 1)
    await it.rounds.round()
    assert it.keeps == 3


@pytest.mark.parametrize("what", ["list", "keep"])
async def test_a_store_that_fails_is_asked_again_in_the_next_round(home: NightHome, what: str):
    home.takes(FIRST, kettles=1)
    it = Rounds(home)
    it.failing = {what: StoreUnavailable("no disk")}
    await it.rounds.round()
    assert home.all_told() == []
    it.failing = {}
    await it.rounds.round()
    assert [one.day for one in home.all_told()] == [FIRST]


async def test_rounds_end_after_the_site_in_hand_and_keep_what_was_told(home: NightHome):
    home.takes(FIRST, kettles=1)
    it = Rounds(home)
    tell = it.tell

    def closing(site, now_ms):
        loop.call_soon_threadsafe(it.rounds.close)
        return tell(site, now_ms)

    loop = asyncio.get_running_loop()
    it.tell = closing  # type: ignore[method-assign]
    await asyncio.wait_for(it.rounds.run(), 30)
    assert [one.day for one in home.all_told()] == [FIRST]


def test_minutes_that_were_told_are_listed_before_the_days_that_count_on_them(home: NightHome):
    """A crash between the two: the day is due as before, and is told over what stands there."""
    home.takes(FIRST, kettles=1)
    night = home.nights.tell(home.site, at(days_on(1), 2))
    home.book.keep([], night.minutes)
    home.begins()
    assert [one.day for one in home.night(FIRST).days] == [FIRST]
    kettle = home.book.minutes(1, at(FIRST), at(FIRST + timedelta(days=1)))["kettle"]
    assert kettle.power_w.sum() == 2 * 2000
