"""A device talks over real MQTT, a person gives it a place, its readings are kept; and the way back."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import needs_mosquitto
from tests.system.programs import Server, eventually, run, serve
from tests.testo import heard, installed, tell

pytestmark = needs_mosquitto
TESTO = "/api/v1/devices/testo/testo-1a2b"


@pytest.fixture
def path(tmp_path) -> str:
    return installed(tmp_path / "packages")


@pytest.fixture
def server(tmp_path, path) -> Iterator[Server]:
    with _serve(tmp_path, path) as running:
        yield _listening(running)


def _serve(tmp_path: Path, path: str) -> Server:
    return serve(tmp_path / "data", CHOWON_MQTT__BROKER="embedded", PYTHONPATH=path)


def _listening(server: Server) -> Server:
    server.ready().listening()
    return server


def _wish(suggestion: dict, **changes: object) -> dict:
    lines = [{k: v for k, v in line.items() if k != "why"} for line in suggestion["lines"]]
    return {"site": suggestion["site"], "lines": lines} | changes


def _kept(server: Server) -> list[float]:
    """The powers of the first site, raw."""
    return server.day(server.get("/health")["time_ms"] - 86_400_000, 2, "raw")["power_w"]


def test_a_device_talks_is_placed_is_kept_with_its_sign_and_is_let_go(tmp_path, path):
    with _serve(tmp_path, path) as server:
        _listening(server)
        talking = heard(server, "testo-1a2b", main=-812.5)
        assert talking["title"] == "Testo meters"
        assert server.get("/sites")["sites"] == []
        suggestion = talking["suggestion"]
        (line,) = suggestion["lines"]
        assert (suggestion["site"], suggestion["site_is_new"]) == ("home", True)
        assert (line["role"], line["turned"], line["hold_ms"]) == ("main", True, 30_000)
        assert [why["id"] for why in line["why"]] == ["total", "turned"]
        assert "clamp" in line["why"][1]["text"]["en"]

        wish = _wish(suggestion, site_name="우리집")
        status, told = server.tell("POST", f"{TESTO}/check", wish)
        assert (status, told["power_w"], told["site_power_w"]) == (200, 812.5, 812.5)
        assert server.get("/sites")["sites"] == []

        assert server.tell("PUT", TESTO, wish) == (200, {"site": 1, "notes": []})
        assert server.get("/devices")["talking"] == []
        tell(server, "testo-1a2b", main=-700)
        eventually(lambda: server.get("/sites/1/now")["power_w"] == 700)
        assert server.get("/sites/1")["name"] == "우리집"
        (placed,) = server.get("/devices")["placed"]
        (channel,) = placed["channels"]
        assert (placed["site_name"], placed["silent_since_ms"]) == ("우리집", None)
        assert (channel["power_w"], channel["turned"], channel["role"]) == (700, True, "main")
        assert server.stopped() == 0

    done = run("meters", "list", "--data", tmp_path / "data", CHOWON_SERVER__PORT="1")
    assert "home/testo-1a2b/main as main, turned" in done.out
    assert "Who talks is not known" in done.err

    with _serve(tmp_path, path) as server:
        _listening(server)
        tell(server, "testo-1a2b", main=-650)
        eventually(lambda: _kept(server) == [700, 650])
        assert server.tell("DELETE", f"{TESTO}?counts=false") == (204, None)
        assert server.tell("DELETE", TESTO)[0] == 404
        heard(server, "testo-1a2b", main=-600)
        assert server.get("/sites/1")["channels"][0]["role"] == "circuit"
        assert server.get("/devices")["placed"] == []
        assert server.stopped() == 0


def test_phases_count_and_their_total_is_passed_over(server):
    talking = heard(server, "testo-1a2b", a=300, b=-20.5, c=110, main=389.5)
    lines = {line["name"]: line for line in talking["suggestion"]["lines"]}
    assert {name: line["keep"] for name, line in lines.items()} == {
        "a": True,
        "b": True,
        "c": True,
        "main": False,
    }
    assert [name for name, line in lines.items() if line["turned"]] == ["b"]
    status, _ = server.tell("PUT", TESTO, _wish(talking["suggestion"]))
    assert status == 200
    tell(server, "testo-1a2b", a=300, b=-20.5, c=110, main=389.5)
    eventually(lambda: server.get("/sites/1/now")["power_w"] == 430.5)
    assert server.get("/devices")["talking"] == []


def test_a_total_with_its_phases_is_refused_and_nothing_is_made(server):
    heard(server, "testo-1a2b", a=300, main=300)
    lines = [
        {"name": "a", "keep": True, "role": "phase"},
        {"name": "main", "keep": True, "role": "main"},
    ]
    status, told = server.tell("PUT", TESTO, {"site": "home", "lines": lines})
    assert status == 422
    assert "count twice" in told["error"]["message"]
    assert server.get("/sites")["sites"] == []


def test_two_devices_never_feed_one_channel_and_a_second_total_is_pointed_out(server):
    first = heard(server, "testo-1a2b", main=300)
    server.tell("PUT", TESTO, _wish(first["suggestion"]))
    tell(server, "testo-1a2b", main=300)
    eventually(lambda: server.get("/sites/1/now")["power_w"] == 300)
    second = heard(server, "testo-3c4d", main=40)
    (line,) = second["suggestion"]["lines"]
    assert line["role"] == "plug"
    assert [note["id"] for note in second["suggestion"]["notes"]] == ["total_there"]
    other = "/api/v1/devices/testo/testo-3c4d"
    same = [{"name": "main", "keep": True, "role": "main", "meter": "testo-1a2b"}]
    status, told = server.tell("PUT", other, {"site": "home", "lines": same})
    assert (status, "fed by the device testo/testo-1a2b" in told["error"]["message"]) == (422, True)
    total = [{"name": "main", "keep": True, "role": "main"}]
    status, told = server.tell("POST", f"{other}/check", {"site": "home", "lines": total})
    assert [note["id"] for note in told["notes"]] == ["total_there"]
    assert told["site_power_w"] == 340


def test_one_device_that_is_heard_two_ways_is_pointed_out(server):
    heard(server, "testo-1a2b", main=0)
    for watts in (812.5, 640.1, 1204.7, 99.9):
        tell(server, "testo-1a2b", main=watts)
        tell(server, "roof", family="other", main=-watts)

    def twins() -> list[list[dict]]:
        told = [device["same_as"] for device in server.get("/devices")["talking"]]
        return told if len(told) == 2 and all(told) else []

    assert eventually(twins) == [
        [{"family": "testo", "device": "testo-1a2b"}],
        [{"family": "other", "device": "roof"}],
    ]


def test_what_is_wrong_is_said_in_plain_words(server):
    findings = {f["id"]: f["text"]["en"] for f in server.get("/devices")["reception"]["findings"]}
    assert list(findings) == ["loopback_only"]
    assert 'host = "0.0.0.0"' in findings["loopback_only"]
    tell(server, "testo-1a2b", main=1)
    eventually(lambda: server.get("/devices")["talking"])
    found = [f["id"] for f in server.get("/devices")["reception"]["findings"]]
    assert found == ["loopback_only", "hearing"]
    status, told = server.tell("POST", "/api/v1/devices/look")
    assert (status, "mdns = true" in told["error"]["message"]) == (422, True)


def test_a_family_that_nobody_reads_is_not_placed(server):
    lines = [{"name": "main", "keep": True}]
    status, told = server.tell("PUT", "/api/v1/devices/nosuch/x", {"site": "home", "lines": lines})
    assert (status, "known: " in told["error"]["message"]) == (404, True)


def test_whoever_may_only_read_sees_devices_and_changes_none(tmp_path, server):
    heard(server, "testo-1a2b", main=300)
    done = run("token", "issue", "reader", "--scope", "read", "--data", tmp_path / "data", "--json")
    mine = {"Authorization": f"Bearer {json.loads(done.out)['token']}"}
    eventually(lambda: server.ask("/api/v1/devices")[0] == 401)
    wish = _wish(server.get("/devices", **mine)["talking"][0]["suggestion"])
    body = {"method": "PUT", "headers": mine | {"Content-Type": "application/json"}}
    request = urllib.request.Request(server.http + TESTO, json.dumps(wish).encode(), **body)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request, timeout=30)
    assert server.ask("/api/v1/devices/look", b"", mine)[0] == 401
    assert server.get("/sites", **mine)["sites"] == []


def test_the_command_line_lists_adds_and_removes(server):
    heard(server, "testo-1a2b", main=-300, x=40)

    def meters(*words: str) -> tuple[int, str, str]:
        done = run("meters", *words, "--url", server.http)
        return done.code, done.out, done.err

    code, out, notes = meters("list")
    assert code == 0
    assert "none yet" in out
    assert "-300.0" in out
    assert "127.0.0.1 only" in notes
    words = ["add", "testo/testo-1a2b", "--site", "shop", "--line", "x=skip", "--turn", "main"]
    code, out, _ = meters(*words, "--dry-run", "--json")
    assert (code, json.loads(out)["placed"], json.loads(out)["power_w"]) == (0, False, 300)
    assert server.get("/sites")["sites"] == []
    assert meters(*words)[0] == 0
    assert server.get("/sites")["sites"][0]["key"] == "shop"
    tell(server, "testo-1a2b", main=-300, x=40)
    eventually(lambda: "shop/testo-1a2b/main as main, turned" in meters("list")[1])
    assert meters("add", "testo/testo-1a2b")[0] == 2
    assert "has its place already" in meters("add", "testo/testo-1a2b")[2]
    assert meters("remove", "testo/testo-1a2b", "--no-total")[0] == 0
    assert meters("remove", "testo/testo-1a2b")[0] == 2
    code, _, err = meters("add", "testo")
    assert (code, "expected family/device" in err) == (2, True)


def test_the_command_line_says_so_when_no_server_answers(tmp_path):
    done = run("meters", "list", "--url", "http://127.0.0.1:1")
    assert (done.code, "does not answer" in done.err) == (1, True)
