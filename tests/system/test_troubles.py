"""What breaks beside the server must not stop it: its broker, a file of the lake, a wrong setting."""

import json
import subprocess
import time

import pytest

from tests.system.programs import eventually, run, serve


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def reading(at_ms: int, power_w: float = 500) -> bytes:
    return json.dumps({"readings": [{"site": "home", "time": at_ms, "power_w": power_w}]}).encode()


def test_a_broker_that_dies_is_started_again_on_the_same_port(tmp_path):
    with serve(tmp_path / "data", CHOWON_MQTT__BROKER="embedded") as server:
        server.ready().listening()
        port = server.mqtt_port
        (broker,) = [c for c in server.children() if c.is_running()]
        broker.kill()
        eventually(lambda: not server.get("/health")["healthy"])
        eventually(lambda: server.get("/health")["healthy"])
        message = json.dumps({"time": now_ms(), "power_w": 321})
        words = ["mosquitto_pub", "-p", str(port), "-q", "1", "-t", "chowon/v1/home/main", "-m", message]
        subprocess.run(words, check=True, timeout=30)
        eventually(lambda: server.get("/health")["queue"]["accepted_readings"] == 1)


def test_a_lost_rollup_file_stops_neither_the_server_nor_its_next_start(tmp_path):
    data, settings = tmp_path / "data", {"CHOWON_DATA__SEAL_EVERY_S": "0.1"}
    begun = now_ms() - 3 * 3_600_000
    with serve(data, **settings) as server:
        server.ready()
        for second in range(10):
            assert server.post(reading(begun + 1000 * second))[0] == 200
        eventually(lambda: list((data / "lake").rglob("minute/**/*.parquet")))
        assert server.stopped() == 0
    for lost in (data / "lake").rglob("minute/**/*.parquet"):
        lost.unlink()
    with serve(data, **settings) as server:
        server.ready()
        assert server.post(reading(begun + 500))[0] == 200  # late: live sums would need the lost file
        assert server.post(reading(now_ms(), 777))[0] == 200
        assert server.get("/health")["queue"]["accepted_readings"] == 2
        asked = f"/api/v1/sites/1/usage?from={begun - 60_000}&to={begun + 60_000}&resolution=1min"
        assert server.ask(asked)[0] == 500
        assert server.post(reading(now_ms(), 778))[0] == 200
        assert server.stopped() == 0
    assert run("doctor", "--data", data, "--json").code == 1


def test_a_zone_that_does_not_exist_is_refused_before_anything_is_kept(tmp_path):
    ended = run("serve", "--data", tmp_path / "data", CHOWON_DEFAULTS__TIMEZONE="Seoul")
    assert ended.code == 2
    assert "Asia/Seoul" in ended.err
    assert not (tmp_path / "data").exists()


def test_listing_tokens_of_a_folder_that_is_none_makes_no_folder(tmp_path):
    ended = run("token", "list", "--data", tmp_path / "typo")
    assert ended.code == 2
    assert not (tmp_path / "typo").exists()


def test_a_meter_that_speaks_once_a_minute_is_billed_after_a_while_from_its_first_reading_on(tmp_path):
    with serve(tmp_path / "data", CHOWON_DATA__SEAL_EVERY_S="0.1") as server:
        server.ready()
        begun = now_ms() - 3_600_000
        for minute in range(31):
            assert server.post(reading(begun + 60_000 * minute, 600))[0] == 200
        eventually(lambda: server.get("/sites/1")["channels"][0]["hold_by"] == "learnt")
        assert server.get("/sites/1")["channels"][0]["hold_ms"] == 180_000
        asked = f"/sites/1/usage?from={begun - 120_000}&to={begun + 3_600_000}&resolution=1min"
        assert sum(server.get(asked)["import_kwh"]) == pytest.approx(0.3, abs=1e-5)
        assert server.stopped() == 0
    assert "is not billed" not in run("doctor", "--data", tmp_path / "data", "--json").out
