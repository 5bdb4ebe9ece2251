"""The devices' routes, asked in this process: silence, what is found in the network, what is listed."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest

from chowon.api import devices_seen
from chowon.api.access import Access
from chowon.api.parts import Limits, Parts
from chowon.api.server import create_app
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey, Placement
from chowon.ingest.discovery import Found
from chowon.ingest.naming import Naming
from chowon.ingest.reception import MqttPlace
from chowon.meters.decoded import Decoded, Family
from chowon.meters.registry import Registry
from tests.ingest_fakes import NOW_MS, MemoryDevices, MemorySites
from tests.memory import MemoryHistory, MemoryPrices, MemoryRecords, billing

SHELLY = Family("shelly", "Shelly", 150)
MAIN = ChannelKey("~shelly", "em-1", "main")
PLACE = MqttPlace("192.168.0.5", 18830, embedded=True, username=None, password=False, tls=False)


class Home:
    """A server with books in memory."""

    def __init__(self, found: tuple[Found, ...] | None = None) -> None:
        self.sites, self.devices, self.history = MemorySites(), MemoryDevices(), MemoryHistory()
        self.naming = Naming(self.sites, devices=self.devices)
        ledger = SimpleNamespace(rejected_payloads=0, recent_problems=tuple)
        door = SimpleNamespace(naming=self.naming, registry=Registry([], [SHELLY]), ledger=ledger)

        async def look() -> tuple[Found, ...]:
            return found or ()

        parts = Parts(
            live=SimpleNamespace(),
            history=self.history,
            sites=self.sites,
            devices=self.devices,
            corrections=SimpleNamespace(),
            doubts=SimpleNamespace(),
            door=door,
            cables=SimpleNamespace(find=lambda family, device: None),
            access=Access(SimpleNamespace(names=list, scopes=lambda _: None), None),
            tariff=lambda _: None,
            tariff_ids=list,
            billing=billing(self.history, lambda _: None),
            prices=MemoryPrices(),
            records=MemoryRecords(),
            now_ms=lambda: NOW_MS,
            pulse=lambda: SimpleNamespace(mqtt=None, broker_running=None),
            limits=Limits(10**6, 10, 10),
            dashboard=None,
            mqtt=PLACE,
            look=None if found is None else look,
        )
        self._app = create_app(parts)

    def ask(self, method: str, path: str) -> Any:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as http:
                return await http.request(method, path)

        answer = asyncio.run(asked())
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text)

    def place(self, *ages_s: int, hold_ms: int = 10_000, turned: bool = False) -> None:
        """em-1 has its place and told 40 W so many seconds ago."""
        channel = self.sites.register(ChannelKey("all", "em-1", "main"), hold_ms)
        self.devices.place([Placement(MAIN, channel, turned)])
        times = np.array([NOW_MS - 1000 * age for age in ages_s], np.int64)
        ids, power = np.full(len(times), channel.id, np.uint32), np.full(len(times), 400, np.int32)
        self.history.append(Readings(ids, times, power))

    def hear(self, *devices: str) -> None:
        for device in devices:
            key = ChannelKey("~shelly", device, "main")
            power = {"power_dw": np.array([812], np.int32)}
            told = Decoded((key,), np.zeros(1, np.uint32), np.array([NOW_MS]), power)
            asyncio.run(self.naming.resolve(told, NOW_MS))


def test_a_placed_device_tells_its_rhythm_and_its_last_power() -> None:
    home = Home()
    home.place(7, 5, 3, 1)
    (device,) = home.ask("GET", "/devices")["placed"]
    assert (device["last_ms"], device["silent_since_ms"]) == (NOW_MS - 1000, None)
    (channel,) = device["channels"]
    assert (channel["interval_ms"], channel["power_w"], channel["recent_w"]) == (2000, 40, [40] * 4)


@pytest.mark.parametrize(("hold_ms", "since"), [(10_000, NOW_MS - 60_000), (150_000, None)])
def test_a_device_is_silent_once_its_hold_is_over(hold_ms: int, since: int | None) -> None:
    home = Home()
    home.place(120, 60, hold_ms=hold_ms)
    assert home.ask("GET", "/devices")["placed"][0]["silent_since_ms"] == since


def test_a_device_that_was_never_heard_is_not_called_silent() -> None:
    home = Home()
    home.place()
    device = home.ask("GET", "/devices/shelly/em-1")["placed"]
    assert (device["last_ms"], device["silent_since_ms"]) == (None, None)


def test_a_total_that_fell_silent_is_offered_to_the_next_device() -> None:
    home = Home()
    home.place(3600)
    home.devices.decided.clear()
    home.hear("em-2")
    (line,) = home.ask("GET", "/devices/shelly/em-2")["talking"]["suggestion"]["lines"]
    assert (line["meter"], line["role"], [why["id"] for why in line["why"]]) == (
        "em-1",
        "main",
        ["total", "replaces"],
    )


def test_the_list_is_bounded_in_order_and_says_how_many_more(monkeypatch) -> None:
    monkeypatch.setattr(devices_seen, "MOST_LISTED", 2)
    home = Home()
    home.hear("c", "b", "a")
    told = home.ask("GET", "/devices")
    assert [device["device"] for device in told["talking"]] == ["a", "b"]
    assert told["not_listed"] == 1


def test_what_is_found_says_how_to_make_it_talk_and_what_is_heard_already() -> None:
    home = Home((Found("shelly", "EM-1", "192.168.0.9", "Pro3EM"), Found("tasmota", "plug", None, None)))
    home.hear("em-1")
    assert home.ask("GET", "/devices")["can_look"]
    shelly, tasmota = home.ask("POST", "/devices/look")["found"]
    assert (shelly["title"], shelly["talking"], tasmota["talking"]) == ("Shelly", True, False)
    assert "192.168.0.5:18830" in shelly["snippet"]
    assert "MqttHost 192.168.0.5; MqttPort 18830" in tasmota["snippet"]
    assert "Tasmota" in tasmota["setup"]["en"]
