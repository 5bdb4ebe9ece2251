"""The EnerTalk API v2 for old clients: every figure is one of ours, in that API's units and shapes."""

import asyncio
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest

from chowon.api.access import Access
from chowon.api.compat_enertalk.app import create_app
from chowon.domain.bill import Usage, bill, prepare
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import DAY_MS, HOUR_MS, QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Site
from chowon.errors import NotFound
from chowon.jobs.statement import statement
from chowon.registry import TariffBook
from tests.e2e.homes import SEOUL
from tests.memory import MemoryHistory, billing

LOW = "kr.kepco.residential.low"
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
START_MS, END_MS = (midnight_ms(day, SEOUL) for day in (OCTOBER.start, OCTOBER.end))
NOW_MS = midnight_ms(date(2026, 10, 16), SEOUL)
MILLIWH = 1_000_000
HOME = Site(
    26,
    "home",
    "우리집",
    "Asia/Seoul",
    1,
    LOW,
    {},
    (
        Channel(300, ChannelKey("home", "panel", "main"), "main", QUARTER_MS),
        Channel(301, ChannelKey("home", "panel", "kitchen"), "circuit", QUARTER_MS),
        Channel(302, ChannelKey("home", "plug-1", "main"), "plug", QUARTER_MS),
        Channel(303, ChannelKey("home", "roof", "main"), "solar", QUARTER_MS),
    ),
)


def history(until_ms: int = NOW_MS) -> MemoryHistory:
    """1 kW at the main, a quarter of it in the kitchen, a tenth at the plug; nothing on the roof."""
    found = MemoryHistory(hold_ms=QUARTER_MS)
    times = np.arange(START_MS, until_ms + 1, QUARTER_MS, dtype=np.int64)
    for channel, power_dw in ((300, 10_000), (301, 2_500), (302, 1_000)):
        column = np.full(len(times), power_dw, np.int32)
        found.append(Readings(np.full(len(times), channel, np.uint32), times, column))
    return found


class Client:
    """An old client, in this process."""

    def __init__(
        self, measured: MemoryHistory, now_ms: int = NOW_MS, tokens: dict[str, set[str]] | None = None
    ):
        tariffs, known = TariffBook(), tokens or {}

        def site(site_id: int) -> Site:
            if site_id != HOME.id:
                raise NotFound(f"no site {site_id}")
            return HOME

        book = SimpleNamespace(names=lambda: list(known), scopes=known.get)
        self._app = create_app(
            SimpleNamespace(
                access=Access(book, None),
                sites=SimpleNamespace(site=site, sites=lambda: [HOME]),
                history=measured,
                billing=billing(measured, tariffs.load),
                now_ms=lambda: now_ms,
            )
        )
        self.headers = {"accept-version": "2.0.0"}

    def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost", follow_redirects=True
            ) as http:
                return await http.request(method, path, headers=self.headers | headers)

        return asyncio.run(asked())

    def get(self, path: str) -> Any:
        got = self.ask(path)
        assert got.status_code == 200, got.text
        return got.json()


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(history())


def test_sites_devices_and_contract_are_ours_by_other_names(client):
    site = {
        "id": "0000001a",
        "name": "우리집",
        "country": "KR",
        "timezone": "Asia/Seoul",
        "description": None,
    }
    assert client.get("/sites") == [site]
    assert client.get("/sites/0000001a") == site
    assert client.get("/users/me")["id"] == "chowon"
    devices = client.get("/sites/0000001a/devices")
    assert [(d["id"], d["siteId"], d["name"]) for d in devices] == [
        ("0000012c", "0000001a", "panel"),
        ("0000012e", "0000001a", "plug-1"),
        ("0000012f", "0000001a", "roof"),
    ]
    assert devices[0]["channels"] == [
        {"id": "0000012c", "name": "main", "tag": "main"},
        {"id": "0000012d", "name": "kitchen", "tag": "circuit"},
    ]
    assert client.get("/devices/0000012e") == devices[1]
    assert client.get("/sites/0000001a/bills") == {
        "meterDate": 1,
        "supplierId": "kr.kepco",
        "ratePlanId": "residential.low",
        "billSettings": {},
    }


def test_realtime_is_the_newest_reading_in_thousandths():
    found = MemoryHistory()
    for time_ms, power_dw in ((NOW_MS - 3_000, 1), (NOW_MS - 1_000, 12_840)):
        found.append(
            Readings(
                np.array([300], np.uint32),
                np.array([time_ms], np.int64),
                power_dw=np.array([power_dw], np.int32),
                reactive_dvar=np.array([-860], np.int32),
                voltage_dv=np.array([2_213], np.int32),
                current_ma=np.array([5_801], np.int32),
                import_milliwh=np.array([14_834_211_500], np.int64),
            )
        )
    expected = {
        "timestamp": NOW_MS - 1_000,
        "voltage": 221_300,
        "current": 5_801,
        "activePower": 1_284_000,
        "billingActivePower": 1_284_000,
        "apparentPower": 1_286_877,
        "reactivePower": -86_000,
        "powerFactor": 0.997764,
        "positiveEnergy": 14_834_211_500,
        "negativeEnergy": None,
        "positiveEnergyReactive": None,
        "negativeEnergyReactive": None,
        "channel": None,
    }
    client = Client(found)
    for path in ("/sites/0000001a", "/devices/0000012c", "/sites/0000001a/tags/main"):
        assert client.get(f"{path}/usages/realtime") == expected
    assert client.ask("/devices/0000012f/usages/realtime").status_code == 404


def test_what_one_of_two_phases_does_not_tell_is_unknown_for_both():
    found = history()
    site = client_of_phases(found)
    told = site.get("/sites/0000001a/usages/realtime")
    assert told["activePower"] == 1_250_000
    assert told["billingActivePower"] == 1_250_000
    assert (told["voltage"], told["apparentPower"], told["powerFactor"]) == (None, None, None)


def client_of_phases(found: MemoryHistory) -> Client:
    client = Client(found)
    phases = tuple(Channel(c.id, c.key, "phase", c.hold_ms) for c in HOME.channels[:2])
    parts = client._app.state.parts
    home = Site(HOME.id, "home", "h", "Asia/Seoul", 1, LOW, {}, phases)
    parts.sites.site = lambda _: home
    return client


@pytest.mark.parametrize(
    ("period", "items", "each_milliwh"),
    [
        ("15min", 4 * 24 * 15, MILLIWH // 4),
        ("30min", 2 * 24 * 15, MILLIWH // 2),
        ("hour", 24 * 15, MILLIWH),
        ("day", 15, 24 * MILLIWH),
        ("month", 1, 360 * MILLIWH),
    ],
)
def test_energy_by_period_adds_up_to_the_same(client, period, items, each_milliwh):
    told = client.get(f"/sites/0000001a/usages/periodic?period={period}&start={START_MS}.0&end={NOW_MS}.0")
    assert (told["start"], told["end"], told["period"]) == (START_MS, NOW_MS, period)
    assert told["usage"] == 360 * MILLIWH
    assert len(told["items"]) == items
    assert told["items"][0] == {"timestamp": START_MS, "usage": each_milliwh}
    assert {item["usage"] for item in told["items"]} == {each_milliwh}


def test_a_path_with_a_slash_at_its_end_is_the_same(client):
    path = "/devices/0000012c/usages/periodic"
    assert client.get(f"{path}/?start={START_MS}&end={NOW_MS}") == client.get(
        f"{path}?start={START_MS}&end={NOW_MS}"
    )


def test_what_is_given_to_the_grid_is_asked_for_by_name(client):
    told = client.get(
        f"/sites/0000001a/usages/periodic?usageType=negativeEnergy&start={START_MS}&end={NOW_MS}"
    )
    assert told["usage"] == 0


def test_channels_of_a_device_are_listed_each_by_itself(client):
    told = client.get(f"/devices/0000012c/channels/usages/periodic?period=day&start={START_MS}&end={NOW_MS}")
    assert [(c["channel"], c["usage"]) for c in told] == [
        ("0000012c", 360 * MILLIWH),
        ("0000012d", 90 * MILLIWH),
    ]
    realtime = client.get("/devices/0000012c/channels/usages/realtime")
    assert [c["activePower"] for c in realtime] == [1_000_000, 250_000]
    billing = client.get("/devices/0000012c/channels/usages/billing")
    assert [c["usage"] for c in billing] == [360 * MILLIWH, 90 * MILLIWH]


def test_billing_is_the_real_bill_so_far_and_its_outlook():
    found = history()
    client = Client(found)
    prepared = prepare(TariffBook().load(LOW), OCTOBER, {})
    ours = statement(found, HOME, prepared, NOW_MS)
    told = client.get("/sites/0000001a/usages/billing")
    assert (told["period"], told["start"], told["end"]) == ("month", START_MS, NOW_MS)
    assert told["usage"] == 360 * MILLIWH
    assert told["bill"] == {"charge": int(ours.bill.total), "usage": {"charge": int(ours.bill.total)}}
    assert ours.outlook is not None
    ahead = client.get("/sites/0000001a/usages/billing?timeType=pastToFuture")
    assert (ahead["start"], ahead["end"]) == (START_MS, END_MS)
    assert ahead["usage"] == 744 * MILLIWH
    assert ahead["bill"]["charge"] == int(ours.outlook.total)
    assert ahead["bill"]["charge"] > told["bill"]["charge"]


def test_a_closed_period_is_billed_as_it_was_read():
    client = Client(history(END_MS), now_ms=END_MS + 3 * DAY_MS)
    told = client.get(f"/sites/0000001a/usages/billing?start={START_MS + HOUR_MS}")
    expected = bill(TariffBook().load(LOW), OCTOBER, Usage(Decimal(744))).total
    assert (told["end"], told["bill"]["charge"]) == (END_MS, int(expected))


def test_the_days_of_a_period_add_up_to_its_bill(client):
    days = [
        client.get(f"/sites/0000001a/usages/billing?period=day&start={START_MS + n * DAY_MS}.0")
        for n in range(15)
    ]
    assert {day["usage"] for day in days} == {24 * MILLIWH}
    together = client.get("/sites/0000001a/usages/billing")["bill"]["charge"]
    assert sum(day["bill"]["charge"] for day in days) == together
    span = client.get(f"/sites/0000001a/usages/billing?period=day&start={START_MS}&end={NOW_MS}")
    assert (span["usage"], span["bill"]["charge"]) == (360 * MILLIWH, together)
    assert (span["start"], span["end"]) == (START_MS, NOW_MS)


def test_a_part_of_a_home_pays_its_average_share(client):
    whole = client.get("/sites/0000001a/usages/billing")["bill"]["charge"]
    kitchen = client.get("/sites/0000001a/tags/circuit/usages/billing")
    assert kitchen["usage"] == 90 * MILLIWH
    assert abs(kitchen["bill"]["charge"] * 4 - whole) <= 2
    plug = client.get("/devices/0000012e/usages/billing?period=day&start=" + str(START_MS))
    day = client.get(f"/sites/0000001a/usages/billing?period=day&start={START_MS}")
    assert plug["usage"] * 10 == day["usage"]
    assert abs(plug["bill"]["charge"] * 10 - day["bill"]["charge"]) <= 5


def test_of_a_home_that_was_not_measured_nothing_is_said():
    told = Client(MemoryHistory()).get("/sites/0000001a/usages/billing?timeType=pastToFuture")
    assert (told["usage"], told["bill"]) == (None, {"charge": None, "usage": {"charge": None}})


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/sites/0000001b", 404, "NotFoundError"),
        ("/sites/26", 404, "NotFoundError"),
        ("/sites/ffffffff", 404, "NotFoundError"),
        ("/devices/0000012d", 404, "NotFoundError"),
        ("/sites/0000001a/tags/phase/usages/realtime", 404, "NotFoundError"),
        ("/nothing", 404, "NotFoundError"),
        ("/sites/0000001a/usages/periodic?period=week", 400, "BadRequestError"),
        ("/sites/0000001a/usages/periodic?start=nan", 400, "BadRequestError"),
        ("/sites/0000001a/usages/periodic?start=5&end=5", 400, "BadRequestError"),
        (f"/sites/0000001a/usages/periodic?period=15min&start=0&end={NOW_MS}", 400, "BadRequestError"),
        ("/sites/0000001a/usages/periodic?usageType=positiveEnergyReactive", 400, "BadRequestError"),
        ("/sites/0000001a/usages/periodic?timeType=future", 400, "BadRequestError"),
        (f"/sites/0000001a/usages/billing?period=day&start=9&end={NOW_MS}", 400, "BadRequestError"),
        ("/sites/0000001a/usages/billing?start=0", 400, "BadRequestError"),
        ("/sites/0000001a/usages/billing?start=4102444800000", 400, "BadRequestError"),
    ],
)
def test_an_error_has_a_type_and_a_message(client, path, status, kind):
    got = client.ask(path)
    assert (got.status_code, got.json()["type"]) == (status, kind)
    assert got.json()["message"]


def test_only_a_token_that_may_read_is_answered():
    client = Client(history(), tokens={"reader": {"read"}, "writer": {"write"}})
    for headers in ({}, {"authorization": "Bearer nobody"}, {"authorization": "Bearer writer"}):
        got = client.ask("/sites", **headers)
        assert (got.status_code, got.json()["type"]) == (401, "UnauthorizedError")
    assert client.ask("/sites", authorization="Bearer reader").status_code == 200


def test_another_version_or_method_is_refused(client):
    got = client.ask("/sites", **{"accept-version": "1.0.0"})
    assert (got.status_code, got.json()["type"]) == (400, "BadRequestError")
    got = client.ask("/sites/0000001a/bills", method="PATCH")
    assert (got.status_code, got.json()["type"]) == (405, "MethodNotAllowedError")
