"""A meter in the network is looked for, tried, kept, given its place, changed and let go, over the API."""

import json
from collections.abc import Iterator

import pytest

from tests.brokers import free_port
from tests.cables import TELEGRAM, Meter, saying, silent_port, terminal
from tests.system.programs import Server, eventually, run, serve

SOURCES = "/api/v1/sources"


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with serve(tmp_path / "data") as running:
        yield running.ready()


def looked(server: Server, **target: object) -> dict:
    """The search, once it has ended."""
    status, answer = server.tell("POST", f"{SOURCES}/scan", target)
    assert status == 200, answer

    def over() -> dict | None:
        found = server.get("/sources/scan")
        return found if found["state"] != "running" else None

    return eventually(over)


def made(server: Server, meter: Meter, **settings: object) -> str:
    """The meter is found and kept, and speaks."""
    (found,) = looked(server, address=meter.address, unit=7)["found"]
    status, answer = server.tell("POST", SOURCES, {"source": found["source"] | settings})
    assert (status, answer["family"]) == (200, "modbus"), answer
    return str(answer["name"])


def talking(server: Server, name: str, power_w: float) -> dict:
    """What is told of the meter as a device without a place, once it says this."""

    def of_it() -> dict | None:
        for device in server.get("/devices")["talking"]:
            powers = [c["values"].get("power_w") for c in device["channels"] if c["name"] == "main"]
            if device["device"] == name and powers == [power_w]:
                return device
        return None

    return eventually(of_it)


def place(server: Server, told: dict) -> None:
    """As it is suggested."""
    lines = [{k: v for k, v in line.items() if k != "why"} for line in told["suggestion"]["lines"]]
    path = f"/api/v1/devices/{told['family']}/{told['device']}"
    status, answer = server.tell("PUT", path, {"site": told["suggestion"]["site"], "lines": lines})
    assert status == 200, answer


def one(server: Server, name: str) -> dict:
    return next(s for s in server.get("/sources")["sources"] if s["name"] == name)


def now_w(server: Server) -> float | None:
    return server.get("/sites/1/now")["power_w"]


def test_a_meter_is_found_tried_placed_and_outlives_a_restart(tmp_path):
    with Meter() as meter:
        with serve(tmp_path / "data") as server:
            server.ready()
            scan = looked(server, address=meter.address, unit=7)
            (found,) = scan["found"]
            assert (found["title"], found["serial_number"]) == ("Chowon Works Meter 3P", "SN-0042")
            assert found["values"]["main"]["power_w"] == 2310
            assert scan["problem"] is None
            name = made(server, meter, title="Grid meter", every_s=0.1)
            assert name == "grid-meter"
            told = talking(server, name, 2310)
            assert (told["family"], told["title"]) == ("modbus", "Grid meter")
            assert server.get("/sites")["sites"] == []
            meter.power_w = 2500
            told = talking(server, name, 2500)
            (line,) = told["suggestion"]["lines"]
            assert (line["role"], line["hold_ms"], line["turned"]) == ("main", 10_000, False)
            place(server, told)
            eventually(lambda: now_w(server) == 2500)
            assert looked(server, address=meter.address, unit=7)["found"][0]["known_as"] == name
            assert server.stopped() == 0
        with serve(tmp_path / "data") as server:
            server.ready()
            meter.power_w = 1200
            eventually(lambda: server.get("/sites")["sites"] and now_w(server) == 1200)
            assert one(server, name)["problem"] is None


def test_a_meter_is_paused_changed_and_removed(server):
    with Meter() as meter, Meter() as other:
        name = made(server, meter, title="계량기", every_s=0.1)
        assert name == "modbus-7" or name.isascii()
        place(server, talking(server, name, 2310))
        eventually(lambda: now_w(server) == 2310)
        settings = one(server, name)["source"]
        status, _ = server.tell("PUT", f"{SOURCES}/{name}", {"source": settings, "paused": True})
        assert status == 200
        assert one(server, name) | {"source": None} == {
            "name": name,
            "title": "계량기",
            "file": None,
            "source": None,
            "where": meter.address,
            "paused": True,
            "placed": True,
            "talking": False,
            "payloads": 0,
            "last_ms": None,
            "problem": None,
            "dropped": 0,
        }
        other.power_w = 700
        moved = settings | {"tcp": other.address}
        assert server.tell("PUT", f"{SOURCES}/{name}", {"source": moved})[0] == 200
        eventually(lambda: now_w(server) == 700)
        status, answer = server.tell(
            "PUT", f"{SOURCES}/{name}", {"source": {"kind": "sml", "tcp": "127.0.0.1:1"}}
        )
        assert (status, "remove it and add" in answer["error"]["message"]) == (422, True)
        assert server.tell("DELETE", f"{SOURCES}/{name}?counts=false")[0] == 204
        assert server.get("/sources")["sources"] == []
        assert server.get("/devices")["placed"] == []
        assert {c["role"] for c in server.get("/sites/1")["channels"]} == {"circuit"}
        assert server.tell("DELETE", f"{SOURCES}/{name}")[0] == 404


def test_a_meter_without_a_place_that_is_paused_talks_no_more(server):
    with Meter() as meter:
        name = made(server, meter, every_s=0.1)
        settings = one(server, name)["source"]
        talking(server, name, 2310)
        assert server.tell("PUT", f"{SOURCES}/{name}", {"source": settings, "paused": True})[0] == 200
        assert server.get("/devices")["talking"] == []
        assert (one(server, name)["paused"], one(server, name)["talking"]) == (True, False)


def test_why_nothing_is_found_is_said_in_both_languages(server):
    for target, why in (
        ({"address": f"127.0.0.1:{free_port()}"}, "connection refused"),
        ({"address": "8.8.8.8"}, "an address in the internet"),
        ({"address": "no-such-meter.invalid:502"}, "no such name"),
    ):
        scan = looked(server, **target)
        assert scan["found"] == []
        assert why in scan["problem"]["en"]
        assert scan["problem"]["ko"] != scan["problem"]["en"]
    with Meter() as meter:
        assert "9" in looked(server, address=meter.address, unit=9)["problem"]["en"]


def test_a_meter_that_went_off_says_so_and_is_found_again(server):
    with Meter() as meter:
        port, name = meter.port, made(server, meter, every_s=0.1)
        talking(server, name, 2310)
    eventually(lambda: "connection refused" in (one(server, name)["problem"] or {"en": ""})["en"])
    with Meter(port):
        eventually(lambda: one(server, name)["problem"] is None)


def test_only_an_admin_looks_for_meters_and_changes_them(tmp_path):
    folder = tmp_path / "data"
    with serve(folder) as first:
        first.ready()
    scopes = ("--scope", "read", "--scope", "write")
    done = run("token", "issue", "writer", *scopes, "--data", folder, "--json")
    token = {"Authorization": f"Bearer {json.loads(done.out)['token']}"}
    source = {"source": {"kind": "modbus", "tcp": "127.0.0.1:1"}}
    with serve(tmp_path / "data") as server:
        server.ready()
        assert server.tell("GET", SOURCES, **token)[0] == 200
        for method, path, body in (
            ("POST", "/scan", {"address": "127.0.0.1:1"}),
            ("GET", "/scan", None),
            ("DELETE", "/scan", None),
            ("POST", "", source),
            ("PUT", "/x", source),
            ("DELETE", "/x", None),
        ):
            status, answer = server.tell(method, SOURCES + path, body, **token)
            assert (status, answer["error"]["code"]) == (401, "not_allowed")


def test_one_search_at_a_time_which_can_be_stopped_and_not_too_many(server):
    with silent_port() as address:
        assert server.tell("POST", f"{SOURCES}/scan", {"address": address})[0] == 200
        status, answer = server.tell("POST", f"{SOURCES}/scan", {"address": address})
        assert (status, "running already" in answer["error"]["message"]) == (503, True)
        assert server.tell("DELETE", f"{SOURCES}/scan")[0] == 204
        assert server.get("/sources/scan")["state"] == "cancelled"
    for _ in range(9):
        looked(server, address="8.8.8.8")
    status, answer = server.tell("POST", f"{SOURCES}/scan", {"address": "8.8.8.8"})
    assert (status, "wait a moment" in answer["error"]["message"]) == (503, True)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"kind": "modbus", "tcp": "8.8.8.8:502"}, "an address in the internet"),
        ({"kind": "dsmr", "serial": "/etc/passwd"}, "none of the serial devices"),
        ({"kind": "modbus", "tcp": "127.0.0.1:502", "site": "home"}, "leave it out"),
        ({"kind": "modbus", "tcp": "127.0.0.1:502", "registers": "no-such"}, "no register map"),
        ({"kind": "modbus", "tcp": "127.0.0.1:502", "every_s": 0}, "does not fit"),
        ({"kind": "gas", "tcp": "127.0.0.1:502"}, "does not fit"),
    ],
)
def test_settings_that_the_page_may_not_choose_are_refused(server, source, why):
    status, answer = server.tell("POST", SOURCES, {"source": source})
    assert status in (404, 422)
    assert why in answer["error"]["message"]
    assert server.get("/sources")["sources"] == []


def test_a_serial_device_is_offered_listened_to_and_kept_to_one_reader(tmp_path):
    with (
        terminal() as (end, name),
        saying(end, TELEGRAM),
        serve(tmp_path / "data", CHOWON_CABLES__SERIAL=name) as server,
    ):
        server.ready()
        assert name in server.get("/sources")["serial"]
        (found,) = looked(server, serial=name)["found"]
        assert (found["source"]["kind"], found["title"]) == ("dsmr", "P1")
        status, answer = server.tell("POST", SOURCES, {"source": found["source"]})
        assert status == 200, answer
        told = talking(server, answer["name"], -1274)
        roles = {line["name"]: line["role"] for line in told["suggestion"]["lines"]}
        assert roles == {"main": "main", "main-l1": "aside", "main-l2": "aside", "main-l3": "aside"}
        again = looked(server, serial=name)
        assert again["problem"]["en"] == f"{name} is read by 'dsmr' already"


def test_meters_of_files_stand_in_the_list_and_are_changed_there_only(tmp_path):
    folder = tmp_path / "data" / "meters"
    folder.mkdir(parents=True)
    with Meter() as meter:
        here = f'kind = "modbus"\ntcp = "{meter.address}"\nunit = 7\n'
        (folder / "placed.toml").write_text(f'{here}site = "home"\n')
        (folder / "without.toml").write_text(f'{here}title = "Cellar"\n')
        with serve(tmp_path / "data") as server:
            server.ready()
            talking(server, "without", 2310)
            listed = {
                s["name"]: (s["file"], s["title"], s["placed"]) for s in server.get("/sources")["sources"]
            }
            assert listed == {
                "placed": ("meters/placed.toml", "Modbus", True),
                "without": ("meters/without.toml", "Cellar", False),
            }
            for method in ("PUT", "DELETE"):
                body = {"source": one(server, "placed")["source"]} if method == "PUT" else None
                status, answer = server.tell(method, f"{SOURCES}/placed", body)
                assert (status, "change it there" in answer["error"]["message"]) == (422, True)


def test_where_it_is_switched_off_nothing_is_looked_for_or_changed(tmp_path):
    with serve(tmp_path / "data", CHOWON_CABLES__ON_PAGE="false") as server:
        server.ready()
        assert server.get("/sources")["on_page"] is False
        for path, body in (
            ("/scan", {"address": "127.0.0.1"}),
            ("", {"source": {"kind": "sml", "tcp": "127.0.0.1:1"}}),
        ):
            status, answer = server.tell("POST", SOURCES + path, body)
            assert (status, "on_page = true" in answer["error"]["message"]) == (422, True)
