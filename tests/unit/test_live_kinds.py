"""Kinds of appliances that a model tells while they run."""

import numpy as np
import pytest

from chowon.domain.nilm.live import TICK_MS, Parts, Told
from chowon.domain.nilm.power import Power
from chowon.domain.quantities import MINUTE_MS
from chowon.errors import NotFound
from chowon.live.appliances.keeping_up import KindModel
from chowon.live.appliances.kinds import FAR_MS, WAITED_MS
from chowon.live.appliances.owed import LATE_FOR_MS
from chowon.live.appliances.service import Appliances
from tests.appliances import START_MS, Watched, channel, readings, site

DELAY = 2
F1 = {"kettle": 0.8, "fridge": 0.9}


class Model:
    """Whatever is above 1,500 W is a kettle; two minutes later it has always been a fridge instead."""

    def __init__(self, homes: int) -> None:
        self.has = np.ones((homes, 2), np.bool_)
        self.heard: dict[int, np.ndarray] = {}

    @property
    def kinds(self):
        return ("fridge", "oven", "kettle")

    def meters(self, rows, *, every_tick):
        assert every_tick in (True, False)

    def owns(self, row, kinds):
        self.has[row] = [kind in kinds for kind in ("fridge", "kettle")]

    def put(self, row, other, their_row):
        if row >= len(self.has):
            more = row + 1 - len(self.has)
            self.has = np.append(self.has, np.ones((more, 2), np.bool_), axis=0)
            self.heard = {
                minute: np.append(known, np.zeros(more, np.bool_)) for minute, known in self.heard.items()
            }
        self.has[row] = other.has[their_row]
        for minute, known in other.heard.items():
            self.heard.setdefault(minute, np.zeros(len(self.has), np.bool_))[row] = known[their_row]

    def step(self, mains_w, known, at_ms):
        big = np.where(known & (mains_w > 1500), mains_w, 0)
        present = Parts(at_ms, TICK_MS, self._of(big, 2), mains_w - big * self.has[:, 1], known)
        settled = None
        if (at_ms + TICK_MS) % MINUTE_MS == 0:
            then = at_ms // MINUTE_MS - DELAY
            self.heard[at_ms // MINUTE_MS] = known
            was = self.heard.get(then, np.zeros(len(known), np.bool_))
            settled = Parts(then * MINUTE_MS, MINUTE_MS, self._of(100.0 * was, 0), 0.0 * was, was)
        return [Told(present, settled)]

    def _of(self, power_w, column):
        told = np.zeros((len(power_w), 3), np.float32)
        told[:, column] = power_w * self.has[:, 0 if column == 0 else 1]
        return told


class Followed(Watched):
    """With a model; teller: of what is over."""

    def __init__(self, *channels, teller=None) -> None:
        self.teller = teller
        super().__init__(*channels)

    def began(self) -> None:
        self.appliances = Appliances(
            self.history,
            self.book,
            lambda name: name,
            lambda: self.now_ms,
            teller=self.teller,
            model=KindModel(Model, F1),
        )
        self.appliances.follow([self.site])

    async def goes_on(self, power_w: float, seconds: int) -> None:
        """As it comes, second by second."""
        for _ in range(seconds):
            self.takes(power_w)
            await self.appliances.tick()


@pytest.fixture
async def home() -> Followed:
    home = Followed()
    await home.appliances.tick()
    return home


async def test_what_runs_is_told_ten_seconds_later_and_what_it_took_today(home):
    await home.goes_on(60, 60)
    assert home.parts().kinds.kinds == ()
    await home.goes_on(2060, 61)
    kinds = home.parts().kinds
    (kettle,) = kinds.kinds
    assert (kettle.kind, kettle.power_w, kinds.rest_w, kinds.step_ms) == ("kettle", 2060, 0, TICK_MS)
    assert kinds.end_ms == START_MS + 120_000
    assert kettle.today_wh == pytest.approx(2060 / 60, abs=0.1)
    assert (kettle.today_minutes, kettle.today_cost) == (1, None)


async def test_a_settled_minute_takes_the_place_of_what_was_told_at_once_and_both_are_kept(home):
    await home.goes_on(2060, 60)
    await home.goes_on(60, 121)
    told = home.appliances.told(1, START_MS, START_MS + 3 * MINUTE_MS)
    assert told["provisional"]["kettle"].power_w.tolist() == [2060, 0, 0]
    assert told["settled"]["fridge"].power_w.tolist() == [100, 0, 0]
    assert told["settled"]["kettle"].known.tolist() == [True, False, False]
    kinds = {one.kind: one.today_wh for one in home.parts().kinds.kinds}
    assert kinds == {"fridge": pytest.approx(100 / 60, abs=0.1)}


async def test_a_kind_that_a_home_has_not_is_told_no_more_and_what_was_told_is_not_shown(home):
    await home.goes_on(2060, 70)
    assert [one.kind for one in home.parts().kinds.kinds] == ["kettle"]
    home.site = site(channel(1), without=frozenset({"kettle"}))
    home.appliances.follow([home.site])
    await home.goes_on(2060, 21)
    assert home.parts().kinds.kinds == ()
    assert home.parts().kinds.rest_w == 2060
    assert "kettle" not in home.appliances.told(1, START_MS, home.now_ms)["provisional"]


async def test_a_start_tells_the_last_day_anew(home):
    await home.goes_on(2060, 60)
    await home.goes_on(60, 61)
    before = home.parts().kinds
    home.began()
    assert home.appliances.told(1, START_MS, START_MS + MINUTE_MS) == {}
    await home.appliances.tick()
    assert home.parts().kinds == before


async def test_a_site_whose_meter_changes_is_told_from_the_new_one(home):
    await home.goes_on(2060, 70)
    home.site = site(channel(2))
    home.appliances.follow([home.site])
    home.hears(readings(2, [home.second + n for n in range(30)], 60))
    home.second += 30
    await home.appliances.tick()
    await home.appliances.tick()
    assert home.parts().kinds.kinds == ()


async def test_what_came_too_late_for_its_tick_is_told_when_the_site_was_read_again(home):
    await home.goes_on(60, 60)
    begin = home.second
    home.second += 60 + WAITED_MS // 1000
    await home.appliances.tick()
    assert not home.appliances.told(1, START_MS, home.now_ms)["provisional"]["kettle"].known[1]
    home.hears(readings(1, [begin + n for n in range(60)], 2060))
    for _ in range(2):
        await home.appliances.tick()
        home.second += LATE_FOR_MS // 1000
        await home.appliances.tick()
    await home.appliances.tick()
    told = home.appliances.told(1, START_MS, home.now_ms)["provisional"]["kettle"]
    assert told.power_w.tolist()[1] == 2060


async def test_a_clock_that_leaps_begins_anew(home):
    await home.goes_on(2060, 70)
    home.second += FAR_MS // 1000 + 60
    home.takes(60, 30)
    for _ in range(2):
        await home.appliances.tick()
    home.takes(60, 20)
    await home.appliances.tick()
    assert home.parts().kinds.end_ms > START_MS + FAR_MS
    assert home.appliances.told(1, START_MS, START_MS + MINUTE_MS)["provisional"]["kettle"].power_w[0] == 2060


async def test_nothing_is_told_of_a_site_that_nobody_follows_or_of_a_home_without_a_model(home):
    with pytest.raises(NotFound, match="nobody follows"):
        home.appliances.told(9, START_MS, START_MS + MINUTE_MS)
    alone = Watched()
    await alone.appliances.tick()
    alone.takes(2060, 70)
    await alone.appliances.tick()
    assert alone.parts().kinds is None
    assert alone.appliances.told(1, START_MS, alone.now_ms) == {}


def of_month(told_w: dict[str, float], days: int):
    """A model of what is over, of a meter that is known for so many days."""

    def teller(where, from_ms, to_ms):
        n = (to_ms - from_ms) // MINUTE_MS
        known = np.arange(n) >= n - days * 24 * 60
        return {kind: Power(from_ms, MINUTE_MS, watts * known, known) for kind, watts in told_w.items()}

    return teller


@pytest.mark.parametrize(("kettle_w", "days", "told"), [(0.0, 8, False), (0.0, 6, True), (3.0, 8, True)])
async def test_a_kind_of_which_a_week_tells_nothing_is_not_told_as_it_runs_either(kettle_w, days, told):
    home = Followed(teller=of_month({"kettle": kettle_w, "fridge": 30.0}, days))
    await home.goes_on(2060, 90)
    kinds = home.parts().kinds
    assert [one.kind for one in kinds.kinds] == (["kettle"] if told else [])
    assert kinds.rest_w == (0 if told else 2060)
    assert ("kettle" in home.appliances.told(1, START_MS, home.now_ms)["settled"]) == told
