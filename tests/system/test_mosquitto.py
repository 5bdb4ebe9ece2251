"""What mosquitto_pub sends, through a real Mosquitto and through the embedded broker: the same readings."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chowon.store.opening import open_reader
from tests.replaying import Mosquitto
from tests.system.programs import Server, eventually, run, serve

START_MS = 1_795_312_800_000
"""2026-11-22 02:00 UTC"""
POWER_W = {"cellar": [400 + 10 * n for n in range(300)], "roof": [-250.5 + n for n in range(300)]}
"""A reading a second of each meter."""


@pytest.fixture(scope="module", autouse=True)
def _mosquitto_pub() -> None:
    if shutil.which("mosquitto_pub") is None and os.environ.get("CI") != "true":
        pytest.skip("mosquitto_pub is not installed")


@contextmanager
def external(folder: Path) -> Iterator[tuple[Server, int]]:
    """chowon at a Mosquitto that somebody else runs: (server, the broker's port)."""
    place = folder / "broker"
    place.mkdir()
    with Mosquitto(place) as broker:
        where = {"CHOWON_MQTT__BROKER": "external", "CHOWON_MQTT__PORT": str(broker.port)}
        with serve(folder / "external", **where) as server:
            server.ready().listening()
            yield server, broker.port


@contextmanager
def embedded(folder: Path) -> Iterator[tuple[Server, int]]:
    """chowon with its own broker: (server, the broker's port)."""
    with serve(folder / "embedded", CHOWON_MQTT__BROKER="embedded") as server:
        server.ready().listening()
        assert server.mqtt_port is not None
        yield server, server.mqtt_port


def publish(port: int, topic: str, text: str, *options: str) -> None:
    """mosquitto_pub, one message a line."""
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-t", topic, "-l", *options]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def publishing_file(port: int, topic: str, file: Path) -> Iterator[None]:
    """mosquitto_pub with one message that it tries to send again and again while the block runs."""
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-t", topic, "-q", "1", "-f", str(file)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        try:
            yield
        finally:
            running.kill()


def reading(second: int, power_w: float) -> str:
    return json.dumps({"time": START_MS + 1000 * second, "power_w": power_w})


def accepted(server: Server, count: int) -> None:
    """Returns when so many readings are durable, and fails if there are more."""
    eventually(lambda: server.get("/health")["queue"]["accepted_readings"] >= count)
    assert server.get("/health")["queue"]["accepted_readings"] == count


def stored(folder: Path) -> dict[str, list[tuple[int, int]]]:
    """(time, power in 0.1 W) of each channel by its name."""
    reader = open_reader(folder)
    try:
        channels = [c for site in reader.sites.sites() for c in site.channels]
        found = {str(c.key): reader.history.readings([c.id], 0, 2**42) for c in channels}
    finally:
        reader.close()
    return {
        name: list(zip(r.time_ms.tolist(), r.power_dw.tolist(), strict=True)) for name, r in found.items()
    }


def test_two_meters_give_the_same_readings_and_energy_through_either_broker(tmp_path):
    usages = {}
    for way in (external, embedded):
        with way(tmp_path) as (server, port):
            for meter, power_w in POWER_W.items():
                lines = "\n".join(reading(n, p) for n, p in enumerate(power_w))
                publish(port, f"chowon/v1/home/{meter}", lines, "-q", "1")
            accepted(server, 600)
            usages[way] = server.day(START_MS)
            assert server.stopped() == 0
    expected = {
        f"home/{meter}/main": [(START_MS + 1000 * n, round(10 * p)) for n, p in enumerate(power_w)]
        for meter, power_w in POWER_W.items()
    }
    assert stored(tmp_path / "external") == stored(tmp_path / "embedded") == expected
    assert usages[external] == usages[embedded]
    seconds = [p for power_w in POWER_W.values() for p in power_w[:-1]]
    imported, exported = (sum(usages[external][name]) for name in ("import_kwh", "export_kwh"))
    assert imported == pytest.approx(sum(p for p in seconds if p > 0) / 3.6e6, abs=1e-5)
    assert exported == pytest.approx(-sum(p for p in seconds if p < 0) / 3.6e6, abs=1e-5)


@pytest.mark.parametrize("way", [external, embedded])
def test_bad_payloads_are_told_and_the_good_ones_around_them_kept(tmp_path, way):
    with way(tmp_path) as (server, port):
        lines = [
            reading(0, 100),
            "no JSON",
            '{"time": 1795312801000, "power_w": "much"}',
            '{"time": "yesterday", "power_w": 1}',
            f'[{reading(2, 102)}, {{"power_w": 1e99}}]',
            reading(3, 103),
        ]
        publish(port, "chowon/v1/home/main", "\n".join(lines), "-q", "1")
        publish(port, "chowon/v1/Home/main", reading(4, 1), "-q", "1")
        publish(port, "chowon/v1/home", reading(5, 1), "-q", "1")
        publish(port, "other/home/main", reading(6, 1), "-q", "1")
        publish(port, "chowon/v1/home/main", reading(7, 107), "-q", "1")
        accepted(server, 4)
        health = server.get("/health")
        assert health["healthy"]
        assert health["rejected_by_source"] == {"chowon/v1/home/main": 4, "chowon/v1/Home/main": 1}
        told = [(p["where"], p["found"], p["expected"]) for p in health["recent_problems"]]
        assert all(all(part) for part in told)
        for wrong in ("Expecting value", "much", "yesterday", "1e+99", "Home"):
            assert any(wrong in found for _, found, _ in told), wrong
        assert server.day(START_MS, resolution="raw")["power_w"] == [100, 102, 103, 107]


@pytest.mark.parametrize("way", [external, embedded])
def test_qos_0_and_a_retained_message_are_taken(tmp_path, way):
    with way(tmp_path) as (server, port):
        publish(port, "chowon/v1/home/main", reading(0, 100), "-q", "0")
        publish(port, "chowon/v1/home/main", reading(1, 101), "-q", "1", "-r")
        accepted(server, 2)
        assert server.day(START_MS, resolution="raw")["power_w"] == [100, 101]


def test_a_retained_message_comes_again_after_a_restart_and_changes_nothing(tmp_path):
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker") as broker:
        where = {"CHOWON_MQTT__BROKER": "external", "CHOWON_MQTT__PORT": str(broker.port)}
        publish(broker.port, "chowon/v1/home/main", reading(1, 101), "-q", "1", "-r")
        for _ in range(2):
            with serve(tmp_path / "data", **where) as server:
                server.ready()
                accepted(server, 1)
                assert server.day(START_MS, resolution="raw")["power_w"] == [101]
                assert server.stopped() == 0


def test_a_huge_payload_is_told_and_stops_nobody(tmp_path):
    with external(tmp_path) as (server, port):
        publish(port, "chowon/v1/home/main", "x" * 3_000_000, "-q", "1")
        publish(port, "chowon/v1/home/main", reading(0, 100), "-q", "1")
        accepted(server, 1)
        assert server.get("/health")["rejected_payloads"] == 1


def test_the_embedded_broker_refuses_a_huge_payload_and_serves_the_others(tmp_path):
    huge = tmp_path / "huge"
    huge.write_text("x" * 3_000_000)
    with embedded(tmp_path) as (server, port), publishing_file(port, "chowon/v1/home/main", huge):
        for second in range(3):
            publish(port, "chowon/v1/home/main", reading(second, 100), "-q", "1")
        accepted(server, 3)
        health = server.get("/health")
        assert health["healthy"]
        assert health["rejected_payloads"] == 0


def test_an_external_broker_needs_a_port(tmp_path):
    refused = run(
        "serve",
        "--data",
        tmp_path / "data",
        "--port",
        "0",
        CHOWON_MQTT__BROKER="external",
        CHOWON_MQTT__PORT="0",
    )
    assert refused.code == 2
    assert "mqtt.port" in refused.err
    assert "Traceback" not in refused.err
