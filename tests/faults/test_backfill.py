"""Gaps are filled from what a Shelly has kept, over real brokers, whatever the devices do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from chowon.domain.quantities import DWMS_PER_WH, HOUR_MS, MINUTE_MS
from chowon.domain.rollups import Rollup
from chowon.domain.sites import Channel, ChannelKey, Placement
from chowon.ingest.backfill import Backfill, BackfillPace, DeviceBackfill
from chowon.ingest.backfill_round import BackfillBooks
from chowon.ingest.broker import Address
from chowon.ingest.door import Door
from chowon.ingest.ledger import Ledger
from chowon.ingest.mqtt import MqttListener
from chowon.ingest.mqtt_calls import ASKER
from chowon.ingest.mqtt_link import MqttSettings
from chowon.ingest.naming import Naming
from chowon.ingest.pipeline import Pipeline
from chowon.meters import registry
from chowon.store.opening import Store, open_store
from tests.brokers import embedded, mosquitto, needs_mosquitto
from tests.shelly_meter import PHASES, ShellyMeter

pytestmark = needs_mosquitto

NOON_S = 1_795_406_400
"""A whole hour"""
GONE_S, BACK_S = NOON_S + 20, NOON_S + 3 * 3600 + 40
"""The last reading before the outage and the first after it"""
PACE = BackfillPace(settle_s=0, timeout_s=10, first_pause_s=0, longest_pause_s=0, most_failures=3, places_s=0)
IMPATIENT = BackfillPace(
    settle_s=0, timeout_s=0.2, first_pause_s=0, longest_pause_s=0, most_failures=3, places_s=0
)


def power_w(clamp: str, minute_s: int) -> float:
    """Another one each minute; phase c gives for an hour."""
    n = minute_s // 60 % 61
    return {"a": 600.0 + 6 * n, "b": 60.0, "c": -300.0 if n % 2 else 30.0}.get(clamp, 120.0 + 12 * n)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Address]:
    with mosquitto(tmp_path) as address:
        yield address


class Home:
    """A store, and what stands between it and the broker."""

    def __init__(self, folder: Path, address: Address) -> None:
        self.now_ms = NOON_S * 1000
        self.folder, self.address = folder, address
        self.store: Store = open_store(folder, now_ms=lambda: self.now_ms)
        self.backfill: Backfill
        self.door: Door
        self.listener: MqttListener

    def place(
        self, meter: ShellyMeter, *names: str, hold_ms: int = 150_000, turned: bool = False
    ) -> list[Channel]:
        """Gives channels of a meter their place, as of now."""
        found = [
            self.store.sites.register(ChannelKey("home", meter.name, f"is-{name}"), hold_ms) for name in names
        ]
        placed = [
            Placement(ChannelKey("~shelly", meter.name, name), channel, turned)
            for name, channel in zip(names, found, strict=True)
        ]
        self.store.devices.place(placed)
        self.store.backfills.through(placed, self.now_ms)
        return found

    @asynccontextmanager
    async def serving(self, pace: BackfillPace = PACE) -> AsyncIterator["Home"]:
        """As app.py does it."""
        store, now_ms = self.store, lambda: self.now_ms
        pipeline = Pipeline(store.journal, lambda _: None)
        naming = Naming(store.sites, None, store.devices)
        self.door = Door(registry.found(), naming, pipeline, Ledger(store.sites.holds))
        books = BackfillBooks(self.door, store.devices, store.history, store.backfills, now_ms)
        self.backfill = Backfill(registry.keepers(), books, pace=pace)
        settings = MqttSettings(self.address.host, self.address.port, first_pause_s=0.05)
        self.listener = MqttListener(self.door, settings, now_ms=now_ms, on_heard=self.backfill.heard)
        async with asyncio.timeout(8):
            tasks = [
                asyncio.create_task(work)
                for work in (pipeline.run(), self.listener.run(), self.backfill.run(self.listener.calls.ask))
            ]
            try:
                await self.until(lambda: self.listener.stats().listening)
                yield self
            finally:
                tasks[2].cancel()
                self.listener.close()
                await asyncio.gather(tasks[2], return_exceptions=True)
                await tasks[1]
                pipeline.close()
                await tasks[0]

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():  # noqa: ASYNC110 — a broker has no event to wait for
            await asyncio.sleep(0.005)

    async def hears(self, meter: ShellyMeter, channel: Channel, ts: float, **said: Sequence[str]) -> None:
        """Returns when what the meter says at an instant is durable."""
        self.now_ms = round(ts * 1000)
        meter.say(ts, **said)  # type: ignore[arg-type]
        name = ("~shelly", meter.name)
        await self.until(
            lambda: (
                name in self.backfill._devices
                and self.backfill._devices[name].heard_ms == self.now_ms
                and self.store.history.last_times([channel.id]).get(channel.id) == self.now_ms
            )
        )

    async def outage(self, meter: ShellyMeter, channel: Channel, **said: Sequence[str]) -> None:
        """As `outages`, of one meter."""
        await self.outages({meter: channel}, **said)

    async def outages(self, them: Mapping[ShellyMeter, Channel], **said: Sequence[str]) -> None:
        """Heard, then not for three hours, then heard again; meanwhile the meters keep their minutes."""
        for ts in (GONE_S - 10, GONE_S, BACK_S):
            for meter, channel in them.items():
                await self.hears(meter, channel, ts, **said)
            if ts < BACK_S:
                await self.until(lambda: not self.restless())
            for meter in them:
                meter.keep(GONE_S - 3600, BACK_S)

    def restless(self) -> bool:
        """Whether a device's turn comes soon."""
        return any(
            device.due_s == float("inf") or device.due_s < _soon()
            for device in self.backfill._devices.values()
        )

    def of(self, meter: ShellyMeter) -> DeviceBackfill:
        """What came of asking it."""
        (found,) = (d for d in self.backfill.stats().devices if d.device == meter.name)
        return found

    def minutes(self, channel: Channel) -> Rollup:
        """The whole minutes of the outage."""
        first = (GONE_S // 60 + 1) * 60_000
        return self.store.history.rollup([channel.id], first, BACK_S // 60 * 60_000, "1min", "UTC")

    def gap_ms(self, channel: Channel) -> int:
        _, start, end = self.store.history.gaps([channel.id], GONE_S * 1000, BACK_S * 1000)
        return int((end - start).sum())


def _soon() -> float:
    return asyncio.get_running_loop().time() + 3600


@pytest.fixture
def home(tmp_path: Path, broker: Address) -> Iterator[Home]:
    it = Home(tmp_path / "data", broker)
    yield it
    it.store.close()


@asynccontextmanager
async def meters(address: Address, *them: ShellyMeter) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for meter in them:
            await asyncio.to_thread(meter.connect, address)
            stack.push_async_callback(asyncio.to_thread, meter.close)
        yield


def measured(minutes: Rollup) -> list[tuple[int, float]]:
    """(start, mean W) of each minute that is covered, but for the millisecond at the end of a run."""
    whole = minutes.covered_ms >= MINUTE_MS - 1
    net = (minutes.import_dwms - minutes.export_dwms)[whole] / minutes.covered_ms[whole] / 10
    return list(zip(minutes.start_ms[whole].tolist(), np.round(net, 1).tolist(), strict=True))


def kept(watts: Callable[[int], float]) -> list[tuple[int, float]]:
    """The same as the meter has it."""
    starts = range((GONE_S // 60 + 1) * 60, BACK_S // 60 * 60, 60)
    return [(s * 1000, round(watts(s), 1)) for s in starts]


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_an_outage_of_three_hours_is_filled_with_what_the_meter_has_kept(kind: str, tmp_path: Path) -> None:
    meter = ShellyMeter("shellypro3em-1", power_w, prefix="cellar/mains")

    async def scene(home: Home) -> None:
        main, phase = home.place(meter, "main", "c")
        async with home.serving(), meters(home.address, meter):
            await home.outage(meter, main)
            await home.until(lambda: home.gap_ms(main) == 0 and not home.restless())
            total = home.minutes(main)
            assert measured(total) == kept(lambda s: sum(power_w(p, s) for p in PHASES))
            assert measured(home.minutes(phase)) == kept(lambda s: power_w("c", s))
            wh = (total.import_dwms.sum() - total.export_dwms.sum()) / DWMS_PER_WH
            told = sum(
                power_w(p, s) / 60 for p in PHASES for s, _ in ((t // 1000, w) for t, w in kept(lambda _: 0))
            )
            assert wh == pytest.approx(told, rel=1e-5)
            assert home.gap_ms(phase) == 0
            state = home.of(meter)
            assert (state.asked, state.answered, state.problem, state.remark) == (3, 3, None, None)
            assert state.readings == 2 * (179 + 2)  # a minute each, and the end of each answer's last one
            quality = home.door.ledger.quality.of(main.id)
            assert quality is not None
            assert (quality.late, quality.readings) == (0, 3)

    with mosquitto(tmp_path) if kind == "mosquitto" else embedded() as address:
        home = Home(tmp_path / "data", address)
        asyncio.run(scene(home))
        home.store.close()


def test_a_clamp_that_sits_the_wrong_way_round_is_turned_in_the_past_as_it_is_live(home: Home) -> None:
    meter = ShellyMeter("shellyproem50-1", power_w)

    async def scene() -> None:
        (second,) = home.place(meter, "2", turned=True)
        async with home.serving(), meters(home.address, meter):
            await home.outage(meter, second, clamps=("1",))
            await home.until(lambda: home.gap_ms(second) == 0)
            assert measured(home.minutes(second)) == kept(lambda s: -power_w("1", s))
            assert [params["id"] for params in meter.asked("GetRecords")] == [1]

    asyncio.run(scene())


def test_a_short_hold_is_filled_all_the_same_and_said(home: Home) -> None:
    meter = ShellyMeter("shellypro3em-1", power_w)

    async def scene() -> None:
        (main,) = home.place(meter, "main", hold_ms=7_000)
        async with home.serving(), meters(home.address, meter):
            await home.outage(meter, main)
            await home.until(lambda: not home.restless())
            assert measured(home.minutes(main)) == kept(lambda s: sum(power_w(p, s) for p in PHASES))
            remark = home.of(meter).remark or ""
            assert "hold of 7 s is shorter than the 60 s" in remark
            assert "written 9 times" in remark
            # up to the first whole minute and after the last one nobody knows
            assert home.gap_ms(main) == pytest.approx(40_000 + 40_000, abs=14_001)

    asyncio.run(scene())


def test_a_device_that_keeps_nothing_is_asked_once_about_a_gap(home: Home) -> None:
    meter = ShellyMeter("shellyplusplug-1", power_w)
    meter.storeless = True

    async def scene() -> None:
        (plug,) = home.place(meter, "1")
        async with home.serving(), meters(home.address, meter):
            await home.outage(meter, plug, clamps=("0",))
            await home.until(lambda: bool(meter.calls) and not home.restless())
            assert "keeps no records" in (home.of(meter).remark or "")
            await home.hears(meter, plug, BACK_S + 100, clamps=("0",))
            await home.until(lambda: not home.restless())
        async with home.serving(), meters(home.address, meter):  # nor after a restart
            await home.hears(meter, plug, BACK_S + 110, clamps=("0",))
            await home.until(lambda: not home.restless())
        assert len(meter.calls) == 1
        assert home.gap_ms(plug) == (BACK_S - GONE_S) * 1000

    asyncio.run(scene())


def test_small_pages_late_answers_and_messages_nobody_asked_for_change_nothing(home: Home) -> None:
    meter = ShellyMeter("shellypro3em-1", power_w)
    meter.pages = 50
    meter.strays = [b"", b"\xff", b"[1]", b'{"id": 1, "result": {}}', b"9" * 200_000]

    async def scene() -> None:
        (main,) = home.place(meter, "main")
        async with home.serving(), meters(home.address, meter):
            await home.outage(meter, main)
            await home.until(lambda: home.gap_ms(main) == 0)
            assert measured(home.minutes(main)) == kept(lambda s: sum(power_w(p, s) for p in PHASES))
            assert len(meter.asked("GetData")) == 5
            asked = [params["ts"] for params in meter.asked("GetData")]
            assert asked == sorted(set(asked))
            await home.until(lambda: home.listener.stats().unasked == 5 * 6)

    asyncio.run(scene())


def test_a_device_that_tells_more_than_it_was_asked_for_overwrites_nothing(home: Home) -> None:
    meter = ShellyMeter("shellypro3em-1", power_w)
    meter.ignores_range = True

    async def scene() -> None:
        (main,) = home.place(meter, "main")
        async with home.serving(), meters(home.address, meter):
            await home.hears(meter, main, GONE_S)
            await home.until(lambda: not home.restless())
            meter.keep(GONE_S - 3600, BACK_S)
            between_s = NOON_S + 3600  # one reading in the middle, at a minute's very start, of another power
            meter.power_w = lambda clamp, _: 1.0
            await home.hears(meter, main, between_s - 100)
            await home.hears(meter, main, between_s)
            meter.power_w = power_w
            await home.until(lambda: not home.restless())
            await home.hears(meter, main, BACK_S)
            await home.until(lambda: home.gap_ms(main) == 0 and not home.restless())
            there = home.store.history.readings([main.id], 0, home.now_ms + 1)
            assert there.power_dw is not None
            live = dict(zip(there.time_ms.tolist(), there.power_dw.tolist(), strict=True))
            assert (live[(between_s - 100) * 1000], live[between_s * 1000]) == (30, 30)
            assert int(there.time_ms.min()) == GONE_S * 1000

    asyncio.run(scene())


def test_unreadable_answers_are_given_up_and_cost_another_device_nothing(home: Home) -> None:
    names = ("worse", "bad", "good")
    them = worse, bad, _ = [ShellyMeter(f"shellypro3em-{name}", power_w) for name in names]
    bad.garbled_before, worse.garbled_before = GONE_S + 1, 2**40

    async def scene() -> None:
        of_worse, of_bad, of_good = (home.place(meter, "main")[0] for meter in them)
        async with home.serving(), meters(home.address, *them):
            await home.outages(dict(zip(them, (of_worse, of_bad, of_good), strict=True)))
            await home.until(lambda: not home.restless())
            whole = kept(lambda s: sum(power_w(p, s) for p in PHASES))
            assert measured(home.minutes(of_good)) == whole
            assert measured(home.minutes(of_bad)) == [
                (start_ms, watts) for start_ms, watts in whole if start_ms >= (GONE_S + 7200) * 1000
            ]
            assert "given up" in (home.of(bad).problem or "")
            for meter in (bad, worse):
                assert "data[0].ts" in (home.of(meter).problem or "")
            assert home.of(worse).readings == 0
            assert home.gap_ms(of_worse) == (BACK_S - GONE_S) * 1000

    asyncio.run(scene())


def test_a_device_that_never_answers_is_left_alone_until_there_is_new_hope(home: Home) -> None:
    mute, good = ShellyMeter("shellypro3em-mute", power_w), ShellyMeter("shellypro3em-good", power_w)
    mute.silent = True

    async def scene() -> None:
        (of_mute,), (of_good,) = home.place(mute, "main"), home.place(good, "main")
        async with home.serving(IMPATIENT), meters(home.address, mute, good):
            await home.outages({mute: of_mute, good: of_good})
            await home.until(lambda: home.gap_ms(of_good) == 0 and not home.restless())
            assert len(mute.calls) == IMPATIENT.most_failures
            assert "no answer" in (home.of(mute).problem or "")
            mute.silent = False
            await home.hears(mute, of_mute, BACK_S + 30)
            assert not home.restless()
            await home.hears(mute, of_mute, BACK_S + 30 + 151)
            await home.until(lambda: home.gap_ms(of_mute) == 0 and not home.restless())
            assert home.of(mute).problem is None

    asyncio.run(scene())


def test_after_a_restart_in_the_middle_only_the_rest_is_asked_for(home: Home) -> None:
    meter = ShellyMeter("shellypro3em-1", power_w)

    async def scene() -> None:
        (main,) = home.place(meter, "main")
        async with home.serving(IMPATIENT), meters(home.address, meter):
            answer = meter._called

            def answers_once(call: dict[str, object]) -> None:
                meter.silent = len(meter.asked("GetData")) >= 1
                answer(call)

            meter._called = answers_once  # type: ignore[method-assign]
            await home.outage(meter, main)
            await home.until(lambda: len(meter.asked("GetData")) >= 2 and not home.restless())
            meter._called = answer  # type: ignore[method-assign]
        assert 0 < home.gap_ms(main) < HOUR_MS + 5 * MINUTE_MS
        meter.silent = False
        meter.calls.clear()
        home.store.close()
        home.store = open_store(home.folder, now_ms=lambda: home.now_ms)
        async with home.serving(), meters(home.address, meter):
            await home.hears(meter, main, BACK_S + 10)
            await home.until(lambda: home.gap_ms(main) == 0 and not home.restless())
            assert measured(home.minutes(main)) == kept(lambda s: sum(power_w(p, s) for p in PHASES))
            asked_at_once = GONE_S + 2 * 3600  # and the minute in which that ends is known whole
            assert [params["ts"] for params in meter.asked("GetData")] == [asked_at_once // 60 * 60 + 59]

    asyncio.run(scene())


def test_what_a_device_measured_before_it_had_its_place_is_not_asked_for(home: Home) -> None:
    meter = ShellyMeter("shellypro3em-1", power_w)

    async def scene() -> None:
        older = ShellyMeter("shellypro3em-0", power_w)
        (main,) = home.place(older, "main")
        async with home.serving(), meters(home.address, older):
            await home.hears(older, main, GONE_S)
        home.now_ms = BACK_S * 1000
        home.store.devices.remove("shelly", older.name)
        key = ChannelKey("~shelly", meter.name, "main")
        home.store.devices.place([Placement(key, main)])
        meter.keep(GONE_S, BACK_S)
        async with home.serving(), meters(home.address, meter):
            await home.hears(meter, main, BACK_S)
            await home.until(lambda: not home.restless())
            assert meter.calls == []
            assert home.gap_ms(main) == (BACK_S - GONE_S) * 1000

    asyncio.run(scene())


def test_a_flood_where_answers_come_neither_answers_nor_stops_readings(home: Home) -> None:
    meter, loud = ShellyMeter("shellypro3em-1", power_w), ShellyMeter("shellypro3em-loud", power_w)

    async def scene() -> None:
        (main,) = home.place(meter, "main")
        async with home.serving(), meters(home.address, meter, loud):
            meter.strays = [b'{"id": 5, "result": {"data_blocks": []}}'] * 2000
            for _ in range(2000):
                loud._publish(f"{ASKER}{meter.name}/rpc", b"{}")
            await home.outage(meter, main)
            await home.until(lambda: home.gap_ms(main) == 0)
            assert home.of(meter).problem is None

    asyncio.run(scene())
