"""The API's answers to questions that make no sense, and to settings that would break a site."""

import json
import threading
import time
import urllib.request
from typing import Any

import pytest

from tests.system.programs import Server, serve

READING = b'{"readings": [{"site": "home", "time": 1795400000000, "power_w": 5}]}'


@pytest.fixture
def server(tmp_path):
    with serve(tmp_path / "data") as running:
        running.ready()
        assert running.post(READING)[0] == 200
        yield running


def patch(server: Server, change: dict[str, Any], path: str = "") -> tuple[int, Any]:
    body = json.dumps(change).encode()
    request = urllib.request.Request(
        f"{server.http}/api/v1/sites/1{path}", body, {"Content-Type": "application/json"}, method="PATCH"
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"tariff": "kr.kepco.residental.low"}, 404, "did you mean"),
        ({"tariff_options": {"a": "b"}}, 422, "no such option"),
        ({"timezone": "Asia/Soul"}, 422, "Asia/Seoul"),
        ({"reading_day": 32}, 422, ""),
        ({"naem": "x"}, 422, ""),
    ],
)
def test_a_change_that_would_break_a_site_is_refused_whole(server, change, status, told):
    before = server.get("/sites/1")
    code, answer = patch(server, {"name": "changed"} | change)
    assert code == status
    assert told in answer["error"]["message"]
    assert server.get("/sites/1") == before
    assert server.get("/sites/1/now")["currency"] == "KRW"


def test_of_two_changes_at_once_none_is_lost(server):
    for n in range(8):
        changes = [{"name": f"name {n}"}, {"reading_day": n + 2}]
        threads = [threading.Thread(target=patch, args=(server, change)) for change in changes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        site = server.get("/sites/1")
        assert (site["name"], site["reading_day"]) == (f"name {n}", n + 2)


def test_a_channel_that_is_no_main_after_all_is_taken_out_of_the_sum(server):
    stray = b'{"readings": [{"site": "home", "meter": "oops", "time": 1795400000000, "power_w": 5}]}'
    assert server.post(stray)[0] == 200
    channels = server.get("/sites/1")["channels"]
    assert [c["role"] for c in channels] == ["main", "main"]
    code, _ = patch(server, {"role": "circuit"}, f"/channels/{channels[1]['id']}")
    assert code == 200
    assert [c["role"] for c in server.get("/sites/1")["channels"]] == ["main", "circuit"]
    assert patch(server, {"role": "circuit"}, "/channels/77")[0] == 404
    assert patch(server, {"role": "nonsense"}, f"/channels/{channels[1]['id']}")[0] == 422


def test_one_upload_says_nothing_of_the_clock_that_stamped_it(server):
    """A clock that runs ahead is pointed out when it talks live: tests/unit/test_quality.py."""
    ahead_ms = time.time_ns() // 1_000_000 + 30_000
    rows = [{"site": "home", "time": ahead_ms + 1000 * n, "power_w": n} for n in range(60)]
    assert server.post(json.dumps({"readings": rows}).encode())[0] == 200
    (channel,) = server.get("/sites/1/quality")["channels"]
    assert channel["quality"]["readings"] == 61
    assert channel["quality"]["interval_ms"] == pytest.approx(1000)
    assert channel["remarks"] == []


@pytest.mark.parametrize("headers", [{"Host": "[abc"}, {"Origin": "http://[abc"}])
def test_an_address_that_is_none_is_refused(server, headers):
    code, answer = server.ask("/api/v1/sites", headers=headers)
    assert (code, answer["error"]["code"]) == (401, "not_allowed")


def test_a_change_shows_at_once(server):
    code, site = patch(server, {"name": "우리집", "reading_day": 15, "tariff": "kr.kepco.residential.high"})
    assert (code, site["name"]) == (200, "우리집")
    assert server.get("/sites/1/now")["period"]["start"].endswith("-15")
    assert server.get("/sites/1/bill")["tariff"]["id"] == "kr.kepco.residential.high"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/nothing", 404),
        ("/api/v1/sites/77", 404),
        ("/api/v1/sites/77/now", 404),
        ("/api/v1/sites/x/now", 422),
        ("/api/v1/sites/99999999999999999999", 422),
        ("/api/v1/sites/1/bill?date=9999-12-31", 422),
        ("/api/v1/sites/1/usage?from=--5&to=5", 422),
        ("/api/v1/sites/1/usage?from=%C2%B2&to=5", 422),
        ("/api/v1/sites/1/usage", 422),
        ("/api/v1/sites/1/usage?from=5&to=5", 422),
        ("/api/v1/sites/1/usage?from=2026-01-01&to=5", 422),
        ("/api/v1/sites/1/usage?from=0&to=1795400000000&resolution=1min", 422),
        ("/api/v1/sites/1/usage?from=0&to=9&resolution=2min", 422),
        ("/api/v1/sites/1/bill?date=soon", 422),
        ("/api/v1/sites/1/bill?date=1999-01-01", 422),
        ("/..%2f..%2f..%2fetc/passwd", 404),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_in_one_shape(server, path, status):
    code, answer = server.ask(path)
    assert code == status, answer
    assert set(answer["error"]) == {"code", "message", "problems"}
    assert answer["error"]["message"] or answer["error"]["problems"]
