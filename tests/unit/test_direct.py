"""Writes that go straight to their endpoints are answered as through their routes."""

import gzip
from types import SimpleNamespace

import httpx
import pytest

from chowon.api import server
from chowon.api.access import Access
from chowon.api.parts import Limits, Parts
from chowon.ingest.http_writes import INFLATED_AT_ONCE_BYTES
from tests.ingest_fakes import NOW_MS, Intake

LINE = b"meter,site=home power_w=1 %d000000\n" % NOW_MS
READING = b'{"readings": [{"site": "home", "time": %d, "power_w": 1}]}' % NOW_MS
LIMIT = 100_000


def application(intake: Intake, token: str | None):
    parts = Parts(
        **dict.fromkeys(
            (
                "live",
                "history",
                "sites",
                "devices",
                "corrections",
                "doubts",
                "tariff",
                "tariff_ids",
                "cables",
            ),
            SimpleNamespace(),
        ),
        **dict.fromkeys(("billing", "prices", "records", "pulse"), SimpleNamespace()),
        door=intake.door,
        access=Access(SimpleNamespace(names=list, scopes=lambda _: None), token),
        now_ms=lambda: NOW_MS,
        limits=Limits(LIMIT, 1),
        dashboard=None,
    )
    return server.create_app(parts)


def answers(monkeypatch, *, direct: bool, token: str | None = None, **request):
    """What each of the paths answers."""
    paths = list(server.HOT)
    if not direct:
        monkeypatch.setattr(server, "HOT", {})

    async def asked(intake: Intake):
        transport = httpx.ASGITransport(application(intake, token))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            told = [await client.post(path, **request) for path in paths]
        return [(a.status_code, sorted(a.headers.items()), a.content) for a in told]

    return Intake().run(asked)


@pytest.mark.parametrize(
    "request_",
    [
        {"content": LINE},
        {"content": LINE + b"meter power_w=1\n", "params": {"precision": "ns"}},
        {"content": LINE, "params": {"precision": "fortnight"}},
        {"content": READING, "params": {"hold_ms": "60000"}},
        {"content": READING, "params": {"hold_ms": "x"}},
        {"content": READING, "headers": {"content-type": "application/json"}},
        {"content": READING, "headers": {"content-type": "text/html"}},
        {"content": gzip.compress(LINE), "headers": {"content-encoding": "gzip"}},
        {"content": b"no gzip", "headers": {"content-encoding": "gzip"}},
        {"content": b"\x1f" * (INFLATED_AT_ONCE_BYTES + 1), "headers": {"content-encoding": "gzip"}},
        {"content": b"x" * (LIMIT + 1)},
        {"content": LINE, "headers": {"origin": "https://evil.example"}},
        {"content": LINE, "token": "secret"},
        {"content": LINE, "token": "secret", "params": {"p": "secret", "apikey": "wrong"}},
        {"content": LINE, "token": "secret", "headers": {"authorization": "Bearer secret"}},
        {"content": b"node=emon&fulljson=%7B%22power1%22%3A100%7D"},
    ],
)
def test_a_write_is_answered_as_through_its_route(request_, monkeypatch):
    straight = answers(monkeypatch, direct=True, **request_)
    routed = answers(monkeypatch, direct=False, **request_)
    assert straight == routed
    assert len(straight) == 6


def test_every_path_that_is_answered_straight_is_documented_as_a_route():
    paths = application(SimpleNamespace(door=None), None).openapi()["paths"]
    for path in server.HOT:
        assert not any(parameter.get("required") for parameter in paths[path]["post"].get("parameters", []))
    named = {
        path: [p["name"] for p in paths[path]["post"]["parameters"]] for path in ("/write", "/api/v2/write")
    }
    assert named == {"/write": ["precision", "p"], "/api/v2/write": ["precision"]}


@pytest.mark.parametrize("wrong", ["", "abc", "999", "-60000", "6e4", "9" * 5000, "²"])
def test_a_hold_that_is_none_is_refused_with_what_is_expected(wrong):
    async def asked(intake: Intake):
        transport = httpx.ASGITransport(application(intake, None))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/api/v1/readings", content=READING, params={"hold_ms": wrong})

    answer = Intake().run(asked)
    assert answer.status_code == 422
    assert "expected 1000 to" in answer.text
