"""A running server asks a meter for what it has kept, and says so."""

import time

import pytest

from chowon.domain.sites import ChannelKey, Placement
from chowon.ingest.broker import Address
from chowon.store.opening import open_store
from tests.shelly_meter import ShellyMeter
from tests.system.programs import eventually, serve

HOUR_S = 3600


def test_a_server_fills_the_gap_of_a_meter_that_comes_back_and_says_so(tmp_path):
    now_s = int(time.time())
    meter = ShellyMeter("shellypro3em-1", lambda clamp, minute: 60.0 + minute // 60 % 7)
    with_place(tmp_path / "data", meter, (now_s - 2 * HOUR_S) * 1000)
    meter.keep(now_s - 2 * HOUR_S, now_s)
    with serve(tmp_path / "data", CHOWON_MQTT__BROKER="embedded") as server:
        server.ready().listening()
        assert server.mqtt_port is not None
        meter.connect(Address("127.0.0.1", server.mqtt_port))
        try:
            meter.say(now_s - HOUR_S)
            meter.say(now_s)
            eventually(lambda: server.get("/health")["backfill"]["readings"] > 0)
        finally:
            meter.close()
        span = f"from={(now_s - HOUR_S) * 1000}&to={now_s * 1000}"
        usage = server.get(f"/sites/1/usage?{span}&resolution=1min")
        assert usage["gaps"] == []
        told = sum(meter.power_w("a", start // 1000) * 3 / 60_000 for start in usage["start_ms"][1:])
        assert sum(usage["import_kwh"][1:]) == pytest.approx(told, rel=0.02)
        (device,) = server.get("/health")["backfill"]["devices"]
        assert (device["family"], device["device"]) == ("shelly", "shellypro3em-1")
        assert (device["asked"], device["answered"], device["problem"]) == (2, 2, None)


def test_a_server_that_is_told_not_to_ask_does_not(tmp_path):
    with serve(tmp_path / "data", CHOWON_MQTT__BROKER="embedded", CHOWON_BACKFILL__ENABLED="false") as server:
        server.ready()
        assert server.get("/health")["backfill"] is None


def with_place(folder, meter, since_ms):
    """A data folder in which the meter has its place since an instant."""
    store = open_store(folder)
    channel = store.sites.register(ChannelKey("home", "mains", "main"), 150_000)
    placed = [Placement(ChannelKey("~shelly", meter.name, "main"), channel)]
    store.devices.place(placed)
    store.backfills.through(placed, since_ms)
    store.close()
