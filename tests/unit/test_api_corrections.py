"""The corrections of a site over HTTP: what is listed, what is refused, who may."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from chowon.api import answers, corrections
from chowon.api.access import Access
from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.store.opening import open_store
from tests.store_samples import NOON_MS

KWH = 1_000_000
SPAN = {"from_ms": NOON_MS, "to_ms": NOON_MS + HOUR_MS}


class Server:
    """The routes over a real store; remembers which channels live state was told of."""

    def __init__(self, folder: Path, token: str | None = None) -> None:
        self.store = open_store(folder, now_ms=lambda: NOON_MS + HOUR_MS)
        for site in ("home", "else"):
            self.store.sites.register(ChannelKey(site, "m", "main"), 10_000)
        self.recounted: list[int] = []
        self.app = FastAPI()
        self.app.state.parts = SimpleNamespace(
            sites=self.store.sites,
            corrections=self.store.corrections,
            doubts=self.store.history,
            history=self.store.history,
            now_ms=lambda: NOON_MS + HOUR_MS,
            live=self,
            access=Access(self.store.tokens, token),
        )
        self.app.include_router(corrections.router, prefix="/api/v1")
        answers.install(self.app)

    async def recount(self, channels: list[int]) -> None:
        self.recounted += channels

    def ask(self, method: str, path: str = "", **how: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                return await http.request(method, f"/api/v1/sites/1/corrections{path}", **how)

        return asyncio.run(asked())

    def listed(self) -> dict[str, Any]:
        return self.ask("GET", params={"from": NOON_MS, "to": NOON_MS + HOUR_MS}).json()


@pytest.fixture
def server(tmp_path: Path):
    server = Server(tmp_path / "data")
    yield server
    server.store.close()


def test_a_decision_is_told_and_taken_back_and_restored(server: Server):
    values = np.array([55 * KWH, 0, 55 * KWH + 200_000])
    time_ms = NOON_MS + MINUTE_MS * np.arange(3)
    server.store.journal.append([Readings(np.ones(3, np.uint32), time_ms, import_milliwh=values)])
    (decision,) = server.listed()["decisions"]
    span = {"from_ms": NOON_MS, "to_ms": NOON_MS + 2 * MINUTE_MS}
    kwh = {"before_kwh": 55.0, "odd_kwh": 0.0, "after_kwh": 55.2, "counted_kwh": 0.2, "plain_kwh": 55.2}
    assert decision == {"channel": 1, "flow": "import", "kind": "dropout"} | span | kwh
    wanted = {"channel": 1, "kind": "trusted", "reason": "a test", "by": "kim"} | span
    made = server.ask("POST", json=wanted).json()
    assert made == wanted | {"id": 1, "flow": None, "kwh": None, "kw": None, "made_ms": NOON_MS + HOUR_MS}
    assert server.listed() | {"decisions": [], "corrections": [made]} == server.listed()
    assert server.ask("DELETE", "/1", params={"by": "lee"}).json() == made
    assert server.listed()["decisions"] == [decision]
    assert server.listed()["corrections"] == []
    assert server.recounted == [1, 1]


def _counter(server: Server, *kwh: float) -> None:
    """Read once a minute from noon on."""
    values = np.array([round(v * KWH) for v in kwh])
    time_ms = NOON_MS + MINUTE_MS * np.arange(len(kwh))
    server.store.journal.append([Readings(np.ones(len(kwh), np.uint32), time_ms, import_milliwh=values)])


@pytest.mark.parametrize(
    ("wanted", "before", "after", "large"),
    [
        ({"kind": "trusted", "from_ms": NOON_MS, "to_ms": NOON_MS + 2 * MINUTE_MS}, 0.4, 55.4, True),
        ({"kind": "replaced", "from_ms": NOON_MS + 3 * MINUTE_MS}, 0.4, 0.2, False),
        ({"kind": "energy", "kwh": 1.5} | SPAN, 0.4, 1.5, False),
        ({"kind": "energy", "kwh": 0} | SPAN, 0.4, 0.0, False),
    ],
    ids=["trusted", "replaced", "energy", "left out"],
)
def test_what_a_correction_would_change_is_told_before_it_is_made(
    server: Server, wanted: dict[str, object], before: float, after: float, large: bool
):
    _counter(server, 55, 0, 55.2, 55.4)
    told = server.ask("POST", "/check", json={"channel": 1, "flow": "import"} | wanted).json()
    assert told["before"] == {"import_kwh": pytest.approx(before), "export_kwh": 0}
    assert told["after"] == {"import_kwh": pytest.approx(after), "export_kwh": 0}
    assert told["large"] is large
    assert (told["from_ms"], told["to_ms"]) == (NOON_MS, NOON_MS + HOUR_MS)
    assert server.listed()["corrections"] == []
    server.ask("POST", json={"channel": 1, "flow": "import", "reason": "as told"} | wanted)
    hour = server.store.history.rollup([1], NOON_MS, NOON_MS + HOUR_MS, "1h", "UTC")
    assert hour.import_dwms.sum() / 36e9 == pytest.approx(after)


def test_turned_energy_changes_places_and_what_changes_nothing_says_so(server: Server):
    _counter(server, 55, 55.2)
    turned = server.ask("POST", "/check", json={"channel": 1, "kind": "turned"} | SPAN).json()
    assert turned["after"] == {"import_kwh": 0, "export_kwh": pytest.approx(0.2)}
    nothing = server.ask("POST", "/check", json={"channel": 1, "kind": "connection", "kw": 630}).json()
    assert nothing == {"from_ms": None, "to_ms": None, "before": None, "after": None, "large": False}


def test_a_leap_that_a_large_connection_explains_is_told_as_what_it_would_count(server: Server):
    _counter(server, 55, 65, 65)
    told = server.ask("POST", "/check", json={"channel": 1, "kind": "connection", "kw": 630}).json()
    assert told["before"]["import_kwh"] == 0
    assert told["after"]["import_kwh"] == pytest.approx(10)
    assert told["large"] is True


def test_energy_is_set_in_kwh(server: Server):
    wanted = {"channel": 1, "kind": "energy", "flow": "export", "kwh": 1.5, "reason": "read off"} | SPAN
    assert server.ask("POST", json=wanted).json()["kwh"] == 1.5
    (kept,) = server.store.corrections.in_force([1])
    assert (kept.milliwh, kept.flow, kept.made_by) == (1_500_000, "export", "api")


def test_a_connection_is_told_in_kw(server: Server):
    wanted = {"channel": 1, "kind": "connection", "kw": 630, "reason": "the contract"}
    assert server.ask("POST", json=wanted).json()["kw"] == 630
    assert server.store.corrections.in_force([1])[0].plausible_w == 630_000
    assert server.listed()["corrections"][0]["kind"] == "connection"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"channel": 2}, "site home has"),
        ({"to_ms": None}, "later than from_ms"),
        ({"to_ms": NOON_MS}, "later than from_ms"),
        ({"to_ms": NOON_MS + 61_000}, "whole minutes"),
        ({"kwh": None}, "kwh: expected with kind energy"),
        ({"kind": "trusted"}, "with no other kind"),
        ({"kind": "turned", "kwh": None, "flow": "import"}, "leave it out"),
        ({"kwh": -1}, "greater than or equal to 0"),
        ({"from_ms": None}, "from_ms: expected"),
        ({"kw": 5}, "kw: expected with kind connection"),
        ({"kind": "connection", "kwh": None, "kw": 500}, "counts at all times"),
        ({"reason": ""}, "at least 1 character"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused_and_says_why(server: Server, change: dict[str, object], says: str):
    wanted = {"channel": 1, "kind": "energy", "kwh": 1, "reason": "why"} | SPAN | change
    refused = server.ask("POST", json=wanted)
    assert refused.status_code == 422
    assert says in refused.text
    assert server.store.corrections.in_force([1, 2]) == []


def test_one_of_another_site_is_not_found_and_spans_are_bounded(server: Server):
    assert server.ask("DELETE", "/9").status_code == 404
    long = server.ask("GET", params={"from": 0, "to": NOON_MS})
    assert long.status_code == 422
    assert "400 days" in long.text


def test_reading_needs_a_token_and_deciding_one_that_may(tmp_path: Path):
    server = Server(tmp_path / "data", token="secret")
    assert server.ask("GET", params={"from": 0, "to": 1}).status_code == 401
    assert (
        server.ask("POST", json={"channel": 1, "kind": "replaced", "from_ms": 1, "reason": "x"}).status_code
        == 401
    )
    assert server.ask("POST", "/check", json={"channel": 1, "kind": "connection", "kw": 5}).status_code == 401
    reader = server.store.tokens.issue("reader", frozenset({"read"}))
    headers = {"Authorization": f"Bearer {reader}"}
    assert server.ask("GET", params={"from": 0, "to": 1}, headers=headers).status_code == 200
    assert server.ask("DELETE", "/1", headers=headers).status_code in (401, 403)
    server.store.close()
