"""What webhooks are told: each event once, none because the server was down, nothing at the first look."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from chowon.domain.bill import prepare
from chowon.domain.clock import period_of
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey
from chowon.errors import NotFound, StoreUnavailable, UsageInvalid
from chowon.ingest.talking import HeardDevice
from chowon.jobs.statement import statement
from chowon.live.service import Live
from chowon.outward.memo import Memo
from chowon.outward.watcher import SETTLED_MS, SILENT_AFTER_MS, Watcher
from tests.unit.test_live_service import HOME, MAIN, TARIFF, House

PLUG = Channel(8, ChannelKey("home", "plug", "main"), "plug")
SITE = replace(HOME, channels=(MAIN, PLUG))


class Talk:
    """The part of Talking that is looked at."""

    def __init__(self) -> None:
        self.found: list[HeardDevice] = []

    def devices(self) -> list[HeardDevice]:
        return self.found


class Scene:
    """A house, what its watcher told, and restarts."""

    def __init__(self, folder) -> None:
        self.folder, self.house, self.talk = folder, House(SITE), Talk()
        self.told: list[tuple[str, dict]] = []
        self.fails: Exception | None = None

    async def start(self) -> None:
        house = self.house
        house.live = Live(house.history, house.book, house.live._pricing, lambda: house.now_ms)
        await house.live.start()
        self.watcher = Watcher(
            house.live,
            self.talk,
            self._statement,
            Memo(self.folder),
            lambda e: self.told.append((e.kind, dict(e.data))),
            lambda: house.now_ms,
        )

    def _statement(self, site, day: date, now_ms: int):
        if self.fails is not None:
            raise self.fails
        prepared = prepare(TARIFF, period_of(day, site.reading_day))
        return statement(self.house.history, site, prepared, now_ms)

    async def look(self) -> list[str]:
        """The kinds of events of this look."""
        before = len(self.told)
        await self.house.live.tick()
        await self.watcher.round(self.house.book.sites())
        return [kind for kind, _ in self.told[before:]]

    def use_kwh(self, kwh: int) -> None:
        """In one step of its hold: 10 s."""
        self.house.measure(kwh * 360_000)
        self.house.now_ms += 10_000
        self.house.measure(0)


@pytest.fixture
async def scene(tmp_path):
    made = Scene(tmp_path)
    await made.start()
    return made


async def test_the_first_look_tells_nothing(scene):
    scene.use_kwh(250)
    assert await scene.look() == []
    assert await scene.look() == []


async def test_a_tier_is_told_once_over_restarts_and_when_it_was_reached_while_nobody_looked(scene):
    assert await scene.look() == []
    scene.use_kwh(201)
    assert await scene.look() == ["tier.reached"]
    _, data = scene.told[-1]
    assert (data["tier"], data["tiers"], data["site"]["key"]) == (2, 3, "home")
    assert data["energy_price"] == "214.6"
    assert data["kwh"] == 201
    assert await scene.look() == []
    await scene.start()
    assert await scene.look() == []
    scene.use_kwh(200)
    await scene.start()
    assert await scene.look() == ["tier.reached"]
    assert scene.told[-1][1]["tier"] == 3


async def test_a_correction_that_takes_a_tier_back_does_not_tell_it_twice(scene):
    await scene.look()
    scene.house.measure(201 * 360_000)
    at = scene.house.now_ms
    scene.house.now_ms += 10_000
    scene.house.measure(0)
    assert await scene.look() == ["tier.reached"]
    scene.house.measure(0, at_ms=at)
    assert await scene.look() == []
    scene.house.measure(201 * 360_000, at_ms=at)
    assert await scene.look() == []


async def test_a_meter_that_falls_silent_and_comes_back_is_told_once_each(scene):
    scene.house.measure(100)
    scene.house.measure(5, channel=PLUG.id)
    assert await scene.look() == []
    last_ms = scene.house.now_ms
    scene.house.now_ms += SILENT_AFTER_MS + MAIN.hold_ms
    scene.house.measure(5, channel=PLUG.id)
    assert await scene.look() == []
    scene.house.now_ms += 1
    assert await scene.look() == ["meter.silent"]
    assert scene.told[-1][1] == {
        "site": {"id": 1, "key": "home", "name": "우리집"},
        "meter": "meter",
        "last_seen_ms": last_ms,
    }
    assert await scene.look() == []
    await scene.start()
    assert await scene.look() == []
    scene.house.measure(100)
    assert await scene.look() == ["meter.back"]
    assert scene.told[-1][1]["last_seen_ms"] == scene.house.now_ms


async def test_meters_are_not_silent_because_the_server_was_down(scene):
    scene.house.measure(100)
    assert await scene.look() == []
    scene.house.now_ms += 3_600_000
    await scene.start()
    assert await scene.look() == []
    scene.house.now_ms += SILENT_AFTER_MS + MAIN.hold_ms + 1
    assert await scene.look() == ["meter.silent"]


async def test_a_silent_meter_is_told_where_the_tariff_cannot_be_used_too(scene):
    def unusable(site, period):
        raise NotFound("no such tariff")

    scene.house.live._pricing = unusable
    await scene.start()
    scene.house.measure(100)
    assert await scene.look() == []
    scene.house.now_ms += SILENT_AFTER_MS + MAIN.hold_ms + 1
    assert await scene.look() == ["meter.silent"]


async def test_a_closed_period_is_told_with_its_bill_when_the_last_readings_are_in(scene):
    scene.use_kwh(250)
    assert await scene.look() == []
    period = (await scene.house.live.now(1)).period
    scene.house.now_ms = period.to_ms + SETTLED_MS - 1
    assert "period.closed" not in await scene.look()
    scene.house.now_ms += 1
    scene.fails = StoreUnavailable("away")
    assert "period.closed" not in await scene.look()
    scene.fails = None
    await scene.start()
    assert "period.closed" in await scene.look()
    data = next(d for kind, d in scene.told if kind == "period.closed")
    prepared = prepare(TARIFF, period_of(date(2026, 11, 23), 1))
    expected = statement(scene.house.history, SITE, prepared, scene.house.now_ms)
    assert data["total"] == format(expected.bill.total, "f")
    assert (data["kwh"], data["currency"]) == (250, "KRW")
    assert data["period"] == {"start": "2026-11-01", "end": "2026-12-01"}
    assert "period.closed" not in await scene.look()
    scene.use_kwh(201)
    assert "tier.reached" in await scene.look()  # tiers begin anew


async def test_a_period_without_prices_is_told_with_the_reason(scene):
    scene.house.measure(1)
    await scene.look()
    scene.house.now_ms = (await scene.house.live.now(1)).period.to_ms + SETTLED_MS
    scene.fails = UsageInvalid("no prices")
    await scene.look()
    data = next(d for kind, d in scene.told if kind == "period.closed")
    assert (data["total"], data["no_cost"]) == (None, "no prices")


async def test_new_devices_and_meters_are_told_once_over_restarts(scene):
    assert await scene.look() == []
    scene.talk.found = [HeardDevice("shelly", "abc")]
    new = Channel(9, ChannelKey("home", "heatpump", "main"), "circuit")
    scene.house.book.found = [replace(SITE, channels=(MAIN, PLUG, new))]
    await scene.house.live.reload()
    assert await scene.look() == ["device.found", "device.found"]
    assert [d.get("device") or d["meter"] for _, d in scene.told] == ["heatpump", "abc"]
    await scene.start()
    assert await scene.look() == []


async def test_meters_that_live_state_has_not_read_yet_are_left_for_the_next_look(scene):
    new = Channel(9, ChannelKey("home", "heatpump", "main"), "circuit")
    scene.house.book.found = [replace(SITE, channels=(MAIN, PLUG, new))]
    await scene.watcher.round(scene.house.book.sites())
    assert scene.told == []


async def test_readings_of_many_meters_are_looked_at_together(tmp_path):
    channels = tuple(Channel(n, ChannelKey("home", f"m{n}", "main")) for n in range(1, 301))
    scene = Scene(tmp_path)
    scene.house = House(replace(HOME, channels=channels))
    await scene.start()
    at = scene.house.now_ms
    ids = np.arange(1, 301, dtype=np.uint32)
    for ids_heard, later_ms in ((ids, 0), (ids[:200], SILENT_AFTER_MS + 10_001)):
        scene.house.now_ms = at + later_ms
        readings = Readings(
            ids_heard, np.full(len(ids_heard), at + later_ms), np.full(len(ids_heard), 5, np.int32)
        )
        scene.house.history.append(readings)
        scene.house.live.on_durable(readings)
        found = await scene.look()
    assert found == ["meter.silent"] * 100
