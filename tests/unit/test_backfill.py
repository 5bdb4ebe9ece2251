"""Whom to ask for what was kept, and when; what is a question and an answer; without a broker."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Placement
from chowon.errors import MeterUnavailable, NotFound, PayloadRejected, StoreUnavailable
from chowon.ingest.backfill import Backfill, BackfillPace
from chowon.ingest.backfill_plan import planned
from chowon.ingest.backfill_round import BackfillBooks
from chowon.ingest.door import Door
from chowon.ingest.ledger import Ledger
from chowon.ingest.mqtt_calls import ASKER, Calls
from chowon.ingest.mqtt_inbox import Arrived, Inbox
from chowon.ingest.mqtt_link import Link, MqttSettings
from chowon.ingest.naming import Naming
from chowon.ingest.pipeline import Pipeline
from chowon.meters import registry
from chowon.meters.decoded import Envelope
from chowon.meters.kept import Asker, Question, Wanted
from chowon.meters.shelly_kept import KEEPER
from chowon.store.catalog.backfills import CatalogBackfills
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.sites import CatalogSites
from chowon.store.opening import open_store
from tests.devices import NOW_MS, said
from tests.shelly_meter import ShellyMeter
from tests.unit.test_store_catalog import book, catalog, postgres, url

__all__ = ["book", "catalog", "postgres", "url"]  # fixtures

START_S = NOW_MS // 60_000 * 60
DAY_S = 86_400
PACE = BackfillPace(settle_s=0, every_s=600, first_pause_s=0, longest_pause_s=0, most_failures=3)


# When


class Desk:
    """A store and a backfill, and meters that are asked without a broker. Time is virtual."""

    def __init__(self, folder: Path) -> None:
        self.s = START_S
        self.store = open_store(folder, now_ms=lambda: self.s * 1000)
        self.fails = 0
        self.meters: dict[str, ShellyMeter] = {}
        self.order: list[str] = []
        pipeline = self.pipeline = Pipeline(self.store.journal, lambda _: None)
        desk = self

        class Sink:
            async def submit(self, readings: Readings) -> None:
                if desk.fails > 0:
                    desk.fails -= 1
                    raise StoreUnavailable("disk: full; free some")
                await pipeline.submit(readings)

        naming = Naming(self.store.sites, None, self.store.devices)
        self.door = Door(registry.found(), naming, Sink(), Ledger())
        books = BackfillBooks(
            self.door, self.store.devices, self.store.history, self.store.backfills, lambda: self.s * 1000
        )
        self.backfill = Backfill(registry.keepers(), books, pace=PACE, monotonic_s=lambda: self.s)

    def meter(self, name: str, hold_ms: int = 150_000) -> tuple[ShellyMeter, Channel]:
        """A clamp that has its place since now."""
        found = self.meters[name] = ShellyMeter(name, lambda _, minute: float(minute // 60 % 97))
        channel = self.store.sites.register(ChannelKey("home", name, "one"), hold_ms)
        placement = Placement(ChannelKey("~shelly", name, "1"), channel)
        self.store.devices.place([placement])
        self.store.backfills.through([placement], self.s * 1000)
        return found, channel

    async def heard(self, meter: ShellyMeter) -> None:
        """The meter says its power now, and what can be done at once is done."""
        topic = f"{meter.prefix}/events/rpc"
        readings = said(topic, _status(meter, self.s), received_ms=self.s * 1000)
        await self.door.take_decoded(readings, self.s * 1000, "test")
        self.backfill.heard(topic, readings, self.s * 1000)
        await self.rest()

    async def rest(self) -> None:
        """Until nobody is due. Who waits on the clock is woken, for this one jumps."""
        self.backfill._news.set()
        devices = self.backfill._devices.values()
        while any(d.due_s == float("inf") or d.due_s <= self.s for d in devices):  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    async def ask(self, question: Question, _timeout_s: float) -> bytes:
        meter = self.meters[question.topic.removesuffix("/rpc")]
        self.order.append(meter.name)
        answer = meter.answer(json.loads(question.payload))
        if answer is None:
            raise MeterUnavailable("no answer")
        payload = json.dumps(answer).encode()
        assert question.answered_by(payload)
        assert not question.answered_by(payload.replace(b'"id": ', b'"id": 1'))
        return payload

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.timeout(20):
            tasks = [asyncio.create_task(w) for w in (self.pipeline.run(), self.backfill.run(self.ask))]
            try:
                yield
            finally:
                tasks[1].cancel()
                await asyncio.gather(tasks[1], return_exceptions=True)
                self.pipeline.close()
                await tasks[0]

    def gap_s(self, channel: Channel) -> float:
        _, start, end = self.store.history.gaps([channel.id], 0, self.s * 1000)
        return float((end - start).sum()) / 1000

    def problem(self, name: str) -> str | None:
        (found,) = (d.problem for d in self.backfill.stats().devices if d.device == name)
        return found


def _status(meter: ShellyMeter, ts: int) -> dict[str, Any]:
    params = {"ts": ts, "em1:0": {"id": 0, "act_power": meter.power_w("0", ts // 60 * 60)}}
    return {"src": meter.name, "method": "NotifyStatus", "params": params}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    it = Desk(tmp_path / "data")
    yield it
    it.store.close()


def test_a_gap_without_a_silence_is_asked_for_within_a_day(desk: Desk) -> None:
    meter, channel = desk.meter("shellyproem50-1", hold_ms=60_000)

    async def scene() -> None:
        async with desk.running():
            await desk.heard(meter)
            desk.s += 145  # no silence for a Shelly, but a gap for this channel
            meter.keep(START_S, desk.s)
            for _ in range(8):
                await desk.heard(meter)
                assert (meter.calls, desk.gap_s(channel)) == ([], 145)
                desk.s += 55
            assert desk.s - START_S < PACE.every_s < desk.s - START_S + 55
            desk.s += 55
            await desk.heard(meter)
            assert (len(meter.calls), desk.gap_s(channel)) == (2, 110)  # only the newest gap is left
            await desk.heard(meter)
            assert len(meter.calls) == 2

    asyncio.run(scene())


def test_a_device_that_is_silent_is_not_asked(desk: Desk) -> None:
    meter, _ = desk.meter("shellyproem50-1")

    async def scene() -> None:
        async with desk.running():
            await desk.heard(meter)
            desk.s += 145
            await desk.heard(meter)
            desk.s += 601
            meter.keep(START_S, desk.s)
            await desk.rest()
            assert meter.calls == []

    asyncio.run(scene())


def test_a_long_past_lets_others_have_their_turn(desk: Desk) -> None:
    long, of_long = desk.meter("shellyproem50-long")
    short, of_short = desk.meter("shellyproem50-short")

    async def scene() -> None:
        async with desk.running():
            await desk.heard(long)
            desk.s += 4 * DAY_S
            await desk.heard(short)
            desk.s += 7200
            for meter in (long, short):
                meter.keep(START_S, desk.s)
            task = asyncio.create_task(desk.heard(long))
            await desk.heard(short)
            await task
            assert (desk.gap_s(of_long), desk.gap_s(of_short)) == (0, 0)
            turns = [name for n, name in enumerate(desk.order) if n == 0 or desk.order[n - 1] != name]
            assert turns[:3] in (
                [long.name, short.name, long.name],
                [short.name, long.name],
            ), turns

    asyncio.run(scene())


def test_what_the_store_did_not_take_is_asked_for_again(desk: Desk) -> None:
    meter, channel = desk.meter("shellyproem50-1")
    answer = meter.answer

    def disk_fills_up(call: dict[str, Any]) -> dict[str, Any] | None:
        desk.fails = int(call["method"] == "EM1Data.GetData" and not meter.asked("GetData"))
        return answer(call)

    meter.answer = disk_fills_up  # type: ignore[method-assign]

    async def scene() -> None:
        async with desk.running():
            await desk.heard(meter)
            desk.s += 3600
            meter.keep(START_S, desk.s)
            await desk.heard(meter)
            assert desk.gap_s(channel) == 0
            assert [call["method"] for call in meter.calls] == ["EM1Data.GetRecords", "EM1Data.GetData"] * 2
            assert desk.problem(meter.name) is None

    asyncio.run(scene())


def test_a_bug_in_one_family_is_told_and_stops_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, _ = desk.meter("shellyproem50-bad")
    good, of_good = desk.meter("shellyproem50-good")
    page = type(KEEPER).page

    def breaks(self: object, payload: bytes, wanted: Wanted, device: str, envelope: Envelope) -> Any:
        if device == bad.name:
            raise ZeroDivisionError("oops")
        return page(KEEPER, payload, wanted, device, envelope)

    monkeypatch.setattr(type(KEEPER), "page", breaks)

    async def scene() -> None:
        async with desk.running():
            for meter in (bad, good):
                await desk.heard(meter)
            desk.s += 3600
            for meter in (bad, good):
                meter.keep(START_S, desk.s)
                await desk.heard(meter)
            assert "ZeroDivisionError: oops" in (desk.problem(bad.name) or "")
            assert desk.gap_s(of_good) == 0

    asyncio.run(scene())
    assert "shellyproem50-bad failed" in caplog.text


def test_more_than_was_asked_for_is_taken_only_when_it_was_asked_for(desk: Desk) -> None:
    meter, channel = desk.meter("shellyproem50-1")
    meter.ignores_range = True

    async def scene() -> None:
        async with desk.running():
            await desk.heard(meter)
            desk.s += 5 * 3600
            meter.keep(START_S - 3600, desk.s)
            await desk.heard(meter)
            assert desk.gap_s(channel) == 0
            there = desk.store.history.readings([channel.id], 0, desk.s * 1000 + 1)
            # a minute each, the two that were heard, and the end of each of three answers
            assert len(there) == 5 * 60 + 2 + 3

    asyncio.run(scene())


def test_a_device_that_always_says_where_to_ask_on_comes_to_an_end(desk: Desk) -> None:
    meter, channel = desk.meter("shellyproem50-1")
    meter.leads_on = True

    async def scene() -> None:
        async with desk.running():
            await desk.heard(meter)
            desk.s += 3600
            meter.keep(START_S, desk.s)
            await desk.heard(meter)
            assert desk.gap_s(channel) == 0
            assert desk.problem(meter.name) is None
            assert len(meter.calls) == 3

    asyncio.run(scene())


def test_a_device_that_leads_in_circles_is_asked_no_more_than_a_few_times(desk: Desk) -> None:
    meter, _ = desk.meter("shellyproem50-1")
    meter.pages = 10
    answer = meter.answer

    def circles(call: dict[str, Any]) -> dict[str, Any] | None:
        call["params"]["ts"] = min(call["params"]["ts"], START_S)
        return answer(call)

    meter.answer = circles  # type: ignore[method-assign]

    async def scene() -> None:
        async with desk.running():
            await desk.heard(meter)
            desk.s += 3600
            meter.keep(START_S, desk.s)
            await desk.heard(meter)
            assert "does not lead on" in (desk.problem(meter.name) or "")
            assert len(meter.asked("GetData")) == 2 * PACE.most_failures

    asyncio.run(scene())


def test_a_clock_that_was_ahead_hides_no_later_gap(desk: Desk) -> None:
    meter, channel = desk.meter("shellyproem50-1")

    async def scene() -> None:
        async with desk.running():
            desk.s += 20_000
            ahead = said(f"{meter.name}/events/rpc", _status(meter, desk.s), received_ms=desk.s * 1000)
            desk.s -= 20_000
            await desk.door.take_decoded(ahead, desk.s * 1000, "test")
            await desk.heard(meter)
            desk.s += 3600
            meter.keep(START_S, desk.s)
            await desk.heard(meter)
            assert len(meter.asked("GetData")) == 1
            assert desk.gap_s(channel) == 0

    asyncio.run(scene())


def test_a_device_whose_place_changes_meanwhile_fills_no_other_channel(desk: Desk) -> None:
    meter, channel = desk.meter("shellyproem50-1")

    async def scene() -> None:
        async with desk.running():
            await desk.heard(meter)
            desk.s += 3600
            meter.keep(START_S, desk.s)
            answer = meter.answer

            def answers_late(call: dict[str, Any]) -> dict[str, Any] | None:
                other = desk.store.sites.register(ChannelKey("home", "elsewhere", "one"), 150_000)
                if call["method"] == "EM1Data.GetData":
                    desk.store.devices.place([Placement(ChannelKey("~shelly", meter.name, "1"), other)])
                return answer(call)

            meter.answer = answers_late  # type: ignore[method-assign]
            await desk.heard(meter)
            assert "its place was changed" in (desk.problem(meter.name) or "")
            assert desk.gap_s(channel) == 3600
            assert len(desk.store.history.readings([channel.id, channel.id + 1], 0, desk.s * 1000 + 1)) == 2

    asyncio.run(scene())


# Up to where


def test_each_channel_of_a_device_is_asked_for_from_its_own_place_on(desk: Desk) -> None:
    key = ChannelKey("home", "mains", "main")
    channels = [desk.store.sites.register(replace(key, channel=name), 10_000) for name in ("x", "y")]
    placed = [
        Placement(ChannelKey("~shelly", "mains", name), channel)
        for name, channel in zip(("main", "a"), channels, strict=True)
    ]
    hour_ms, start_ms = 3_600_000, START_S * 1000
    desk.store.journal.append(
        [
            Readings(
                np.full(2, channel.id, np.uint32),
                np.array([start_ms, start_ms + 3 * hour_ms]),
                np.array([1, 1], np.int32),
            )
            for channel in channels
        ]
    )
    for n, placement in enumerate(placed):
        desk.store.backfills.through([placement], start_ms + n * hour_ms)
    plan = planned(
        placed, desk.store.history, desk.store.backfills, start_ms + 3 * hour_ms, 62 * DAY_S * 1000
    )
    starts = {key.channel: gap[0].tolist() for key, gap in plan.gaps.items()}
    assert starts == {"main": [start_ms], "a": [start_ms + hour_ms]}


def test_what_was_asked_for_stays_asked_for(catalog: Catalog, book: CatalogSites) -> None:
    books = CatalogBackfills(catalog)
    one, two = (
        Placement(
            ChannelKey("~shelly", "x", name), book.register(ChannelKey("home", "x", f"is-{name}"), 1000)
        )
        for name in ("a", "b")
    )
    assert books.through([one], 5) == [5]
    assert books.through([one, two], 7) == [5, 7]
    books.settle([one, two], 6)
    assert CatalogBackfills(catalog).through([two, one], 99) == [7, 6]
    elsewhere = Placement(one.key, two.channel)
    assert books.through([elsewhere], 100) == [100]
    assert books.through([one], 100) == [6]


# Questions and answers


def test_a_shelly_is_asked_where_it_speaks_for_the_store_of_the_channel() -> None:
    assert KEEPER.address("cellar/mains/status/em:0") == "cellar/mains"
    assert KEEPER.address("shellypro3em-1/events/rpc") == "shellypro3em-1"
    assert KEEPER.address("shellies/shellyem/emeter/0/power") is None
    channels = ("main", "a", "2-b", "1", "3", "0", "0-a", "x")
    assert KEEPER.stores(channels) == {
        "emdata:0": ("a", "main"),
        "emdata:1": ("2-b",),
        "em1data:0": ("1",),
        "em1data:2": ("3",),
    }
    wanted = Wanted("em1data:2", 1_000_500, 2_000_001)
    asked = KEEPER.question("x", wanted, Asker("me", 7), listing=False)
    assert (asked.topic, asked.answer_topic) == ("x/rpc", "me/rpc")
    assert json.loads(asked.payload) == {
        "id": 7,
        "src": "me",
        "method": "EM1Data.GetData",
        "params": {"id": 2, "ts": 1000, "end_ts": 2001, "add_keys": True},
    }
    listed = json.loads(KEEPER.question("x", wanted, Asker("me", 7), listing=True).payload)
    assert (listed["method"], listed["params"]) == ("EM1Data.GetRecords", {"id": 2, "ts": 1000})


@pytest.mark.parametrize(
    ("answer", "error", "match"),
    [
        ({"error": {"code": 404, "message": "No handler for EMData.GetData"}}, NotFound, "No handler"),
        ({"error": {"code": -105, "message": "Argument 'id', value 0 not found!"}}, NotFound, "not found"),
        ({"error": {"code": 503, "message": "busy"}}, MeterUnavailable, "busy.*503"),
        ({"error": {}}, MeterUnavailable, "cannot answer"),
        ({"result": None}, PayloadRejected, "neither"),
        ({}, PayloadRejected, "neither"),
        ({"error": "no"}, PayloadRejected, "neither"),
    ],
)
def test_what_a_device_refuses_is_told_apart(
    answer: dict[str, object], error: type[Exception], match: str
) -> None:
    payload = json.dumps({"id": 7} | answer).encode()
    with pytest.raises(error, match=match):
        KEEPER.listed(payload)
    with pytest.raises(error, match=match):
        KEEPER.page(payload, Wanted("emdata:0", 0, 1), "x", Envelope(NOW_MS))


def _link() -> Link:
    return Link(MqttSettings(), ["a"], Inbox(10, 1000), lambda: NOW_MS)


def _question(topic: str = f"{ASKER}x/rpc") -> Question:
    return Question("x/rpc", b"{}", topic, lambda payload: payload == b"yes")


def _arrived(payload: bytes | None, topic: str = f"{ASKER}x/rpc") -> Arrived:
    return Arrived(topic, payload, 1, 1, 1, NOW_MS)


def test_without_a_connection_a_question_fails_at_once() -> None:
    calls = Calls(_link())
    with pytest.raises(MeterUnavailable, match="not connected yet; nothing was sent to x/rpc"):
        asyncio.run(calls.ask(_question(), 10))


def test_only_what_a_question_expects_is_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    link = _link()
    monkeypatch.setattr(link, "publish", lambda *_: None)
    calls = Calls(link)

    async def scene() -> bytes:
        asked = asyncio.create_task(calls.ask(_question(), 10))
        await asyncio.sleep(0)
        with pytest.raises(MeterUnavailable, match=r"open on .* already"):
            await calls.ask(_question(), 10)
        noise = [_arrived(b"no"), _arrived(None), _arrived(b"yes", f"{ASKER}y/rpc")]
        other = _arrived(b"yes", "x/events/rpc")
        assert calls.taken([*noise, other]) == [other]
        assert calls.taken([other]) == [other]
        assert calls.taken([_arrived(b"yes"), _arrived(b"yes")]) == []
        return await asked

    assert asyncio.run(scene()) == b"yes"
    assert calls.unasked == 4
    assert calls.taken([_arrived(b"yes")]) == []
    assert calls.unasked == 5
    with pytest.raises(MeterUnavailable, match=r"no answer on .* within 0.01 s"):
        asyncio.run(calls.ask(_question(), 0.01))


@pytest.mark.parametrize("wished", [True, False])
def test_a_topic_that_we_can_do_without_may_be_refused(wished: bool) -> None:
    link = _link()
    link.watch(["b"], wished=wished)
    link._asked[3] = ["a", "b"]
    reasons = [ReasonCode(PacketTypes.SUBACK, identifier=n) for n in (1, 0x80)]
    link._on_subscribe(link._client, None, 3, reasons, None)
    assert link.listening is wished


def test_a_refusal_that_comes_after_the_question_ended_is_no_problem() -> None:
    link = _link()
    link.watch(["b"], wished=True)
    link._asked[3] = ["b"]
    link.unwatch(["b"])
    link._on_subscribe(link._client, None, 3, [ReasonCode(PacketTypes.SUBACK, identifier=0x80)], None)
    assert link.listening
