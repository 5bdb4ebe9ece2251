"""What the rounds over the sites publish, and what they do not."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from chowon.domain.bill import prepare
from chowon.errors import Damaged, NotFound, StoreUnavailable
from chowon.live.service import Priced
from chowon.outward.announcer import FORECAST_LASTS_MS, Announcer
from chowon.outward.home_assistant import SENSORS, Places
from chowon.outward.memo import Memo
from chowon.outward.mirror import Mirror, MirrorSettings
from chowon.outward.rounds import Rounds
from chowon.outward.totals import Totals
from chowon.registry import TariffBook
from tests.memory import MemoryHistory
from tests.unit.test_live_service import HOME, House

PLACES = Places("homeassistant", "chowon/ha", "chowon/ha/status")
FLAT = TariffBook().load("us.gpc.tou.rd")
STATE = PLACES.state(HOME)


class Told:
    """What was published, by topic, in order."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []

    def __call__(self, topic, message) -> None:
        self.messages.append((topic, message.payload))

    def last(self, topic: str = STATE) -> dict:
        return json.loads([payload for t, payload in self.messages if t == topic][-1])


class Scene:
    """A house, Home Assistant's announcer, and what it said."""

    def __init__(self, folder) -> None:
        self.house = House()
        self.house.history = MemoryHistory()
        self.house.live._history = self.house.history
        self.told, self.asked = Told(), 0
        self.forecast: Decimal | None = None
        self.announcer = Announcer(
            PLACES,
            "ko",
            live=self.house.live,
            totals=Totals(self.house.history),
            forecast=self._forecast,
            memo=Memo(folder),
            put=self.told,
            now_ms=lambda: self.house.now_ms,
        )

    def _forecast(self, site, now_ms):
        self.asked += 1
        return self.forecast

    async def round(self) -> int:
        """How many messages it led to."""
        before = len(self.told.messages)
        await self.house.live.tick()
        await self.announcer.round(self.house.book.sites())
        return len(self.told.messages) - before


@pytest.fixture
async def scene(tmp_path):
    made = Scene(tmp_path)
    await made.house.live.start()
    return made


async def test_sensors_are_announced_once_and_only_changes_go_out(scene):
    assert await scene.round() == len(SENSORS) + 1
    assert await scene.round() == 0
    scene.house.use(3600, 10)
    assert await scene.round() == 1
    assert scene.told.last()["power"] == 3600


async def test_counters_are_unknown_until_they_were_counted_and_noted(scene, tmp_path):
    scene.house.use(3600, 1001)
    await scene.round()
    assert scene.told.last()["import"] is None
    await scene.announcer.count([HOME])
    await scene.round()
    assert scene.told.last()["import"] == 1.0
    assert Memo(tmp_path).noted.counters == {"home": (1_000_000, 0)}


async def test_a_counter_that_was_told_does_not_fall_after_a_restart_with_less_in_the_store(scene, tmp_path):
    scene.house.use(3600, 1001)
    await scene.announcer.count([HOME])
    again = Scene(tmp_path)
    again.house.use(3600, 101)
    await again.house.live.start()
    await again.announcer.count([HOME])
    await again.round()
    assert again.told.last()["import"] == 1.0


async def test_a_tariff_without_tiers_withdraws_their_sensors_and_one_that_cannot_tell_changes_nothing(scene):
    await scene.round()
    scene.house.live._pricing = lambda site, period: Priced("USD", prepare(FLAT, period))
    scene.house.book.found = [replace(HOME, tariff="other")]
    await scene.house.live.reload()
    await scene.round()
    tiers = {PLACES.config(HOME, s) for s in SENSORS if s.of_tiers}
    assert tiers == {topic for topic, payload in scene.told.messages if not payload}
    assert scene.told.last(PLACES.config(HOME, SENSORS[6]))["unit_of_measurement"] == "USD"

    def unusable(site, period):
        raise NotFound("no such tariff")

    scene.house.live._pricing = unusable
    scene.house.book.found = [replace(HOME, tariff="third")]
    await scene.house.live.reload()
    await scene.announcer.count([HOME])
    assert await scene.round() == 1
    assert (scene.told.last()["power"], scene.told.last()["import"]) == (None, 0.0)


async def test_what_was_withdrawn_is_announced_again_when_it_is_wanted_again(scene):
    await scene.round()
    for topic in scene.announcer.topics([HOME]):
        scene.announcer.forget(topic)
    assert await scene.round() == len(SENSORS) + 1


async def test_an_expected_bill_is_kept_for_a_while_and_asked_for_again_while_it_is_unknown(scene):
    await scene.announcer.count([HOME])
    await scene.announcer.count([HOME])
    assert scene.asked == 2
    scene.forecast = Decimal(12340)
    await scene.announcer.count([HOME])
    await scene.announcer.count([HOME])
    assert scene.asked == 3
    await scene.round()
    assert scene.told.last()["forecast"] == "12340"
    scene.house.now_ms += FORECAST_LASTS_MS
    await scene.announcer.count([HOME])
    assert scene.asked == 4


async def test_the_mirror_says_what_the_api_answers_and_only_changes():
    house, told = House(), Told()
    mirror = Mirror(MirrorSettings("chowon/out", 0, retain=True), house.live, told)
    await house.live.start()
    house.use(1000, 10)
    now = await house.now()
    await mirror.round([HOME, replace(HOME, id=99, key="nowhere")])
    await mirror.round([HOME])
    ((topic, payload),) = told.messages
    assert topic == "chowon/out/home/now"
    said = json.loads(payload)
    assert (said["power_w"], said["today"]["kwh"]) == (1000, now.today.kwh)
    assert said["marginal_price"] == format(now.marginal_price, "f")
    house.use(2000, 1)
    await mirror.round([HOME])
    assert len(told.messages) == 2
    assert mirror.topics([HOME]) == {topic}
    assert Mirror(MirrorSettings("x", 1, retain=False), house.live, told).topics([HOME]) == set()


async def test_a_round_that_fails_is_counted_and_the_next_one_tries(caplog):
    rounds, tries = Rounds(), iter((StoreUnavailable("away"), Damaged("torn"), ValueError("a bug"), None))
    done = asyncio.Event()

    async def work() -> None:
        problem = next(tries)
        if problem is not None:
            raise problem
        done.set()

    task = asyncio.create_task(rounds.again(0, work))
    async with asyncio.timeout(20):
        await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert rounds.failed == 3
    assert all(word in caplog.text for word in ("away", "torn", "a bug"))
