"""Home Assistant beside a real server and real brokers: what it shows moves with the readings, and lasts."""

import json
import time
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.brokers import free_port, mosquitto, needs_mosquitto
from tests.home_assistant import HomeAssistant
from tests.system.programs import Server, eventually, run, serve

pytestmark = needs_mosquitto
IMPORT = "chowon_home_import"
QUICK = {
    "CHOWON_HOME_ASSISTANT__ENABLED": "true",
    "CHOWON_HOME_ASSISTANT__EVERY_S": "0.1",
    "CHOWON_HOME_ASSISTANT__COUNTERS_EVERY_S": "0.5",
    "CHOWON_HOME_ASSISTANT__LANGUAGE": "en",
}


def external(folder, port: int, **settings: str) -> Server:
    return serve(folder, CHOWON_MQTT__BROKER="external", CHOWON_MQTT__PORT=str(port), **(QUICK | settings))


def measure(server: Server, power_w: float, from_ms: int, seconds: int) -> None:
    """A reading a second."""
    readings = [{"site": "home", "time": from_ms + 1000 * n, "power_w": power_w} for n in range(seconds + 1)]
    assert server.post(json.dumps({"readings": readings}).encode())[0] == 200


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def never_falling(home: HomeAssistant, *names: str):
    """Whatever happens in the block, these counters only rise."""
    yield
    for name in names:
        history = home.entities[name].history
        assert history, name
        assert history == sorted(history), name


def test_its_sensors_follow_the_readings_and_the_counter_survives_restarts_and_corrections(tmp_path):
    port, start_ms = free_port(), now_ms() - 300_000
    with mosquitto(tmp_path, port) as broker, HomeAssistant(broker) as home, never_falling(home, IMPORT):
        with external(tmp_path / "data", port) as server:
            server.ready().listening()
            measure(server, 3600, start_ms, 100)
            eventually(lambda: home.value(IMPORT) == 0.1)
            assert home.value("chowon_home_export") == 0
            measure(server, -7200, start_ms + 101_000, 100)
            eventually(lambda: home.value("chowon_home_export") == 0.2)
            # the last positive sample stands for one second more
            assert home.value(IMPORT) == 0.101
            measure(server, 1000, now_ms(), 0)
            eventually(lambda: home.value("chowon_home_power") == 1000)
            said = server.get("/sites/1/now")
            eventually(lambda: home.value("chowon_home_price") == float(said["marginal_price"]))
            assert home.value("chowon_home_tier") == 1
            assert home.value("chowon_home_tier_left") == pytest.approx(200, abs=1)
            assert home.value("chowon_home_cost") == float(said["period"]["cost"])
            reset = home.entities["chowon_home_cost"].last_reset
            assert reset is not None
            assert reset.timestamp() * 1000 == said["period"]["from_ms"]
            assert home.entities["chowon_home_power"].config["name"] == "Power"
            # a correction takes back half of what was measured: the counter stands still
            measure(server, 1800, start_ms, 99)
            measure(server, 3600, start_ms + 201_000, 10)
            period = eventually(lambda: (k := server.get("/sites/1/now")["period"]["kwh"]) < 0.09 and k)
            eventually(lambda: home.value("chowon_home_period") == pytest.approx(period))
            assert home.value(IMPORT) == 0.101
            assert server.stopped() == 0
        eventually(lambda: home.online == {"chowon/ha/status": "offline"})
        assert home.value(IMPORT) is None
        with external(tmp_path / "data", port) as server:
            server.ready()
            eventually(lambda: home.value(IMPORT) == 0.101)
            measure(server, 36000, start_ms + 212_000, 10)
            eventually(lambda: (home.value(IMPORT) or 0) > 0.101)
            server.killed()
        eventually(lambda: home.online == {"chowon/ha/status": "offline"})  # the last will
        assert home.objections == []


def test_the_expected_bill_is_the_one_of_the_api(tmp_path):
    """Two hours at 1 kW, in a period that began days ago."""
    today = datetime.now(ZoneInfo("Asia/Seoul")).day
    where = QUICK | {"CHOWON_DEFAULTS__READING_DAY": "15" if today <= 3 else "1"}
    with (
        mosquitto(tmp_path) as broker,
        HomeAssistant(broker) as home,
        external(tmp_path / "data", broker.port, **where) as server,
    ):
        server.ready()
        at_ms = now_ms()
        readings = [{"site": "home", "time": at_ms - 10_000 * n, "power_w": 1000} for n in range(720, -1, -1)]
        assert server.post(json.dumps({"readings": readings}).encode())[0] == 200
        eventually(lambda: home.value("chowon_home_forecast"))
        said = server.get("/sites/1/bill")["outlook"]["total"]
        assert home.value("chowon_home_forecast") == pytest.approx(float(said), rel=0.05)
        assert home.value("chowon_home_forecast") > home.value("chowon_home_cost")


def test_after_a_restart_of_the_broker_everything_is_there_again(tmp_path):
    port = free_port()
    with external(tmp_path / "data", port) as server:
        server.ready()
        (tmp_path / "first").mkdir()
        (tmp_path / "second").mkdir()
        measure(server, 3600, now_ms() - 100_000, 100)
        with mosquitto(tmp_path / "first", port) as broker, HomeAssistant(broker) as home:
            eventually(lambda: home.value(IMPORT) == 0.1)
        eventually(lambda: not server.get("/health")["outward"]["mqtt"]["connected"])
        measure(server, 3600, now_ms(), 5)  # taken in, broker or not
        with mosquitto(tmp_path / "second", port) as broker, HomeAssistant(broker) as home:
            eventually(lambda: (home.value(IMPORT) or 0) > 0.1)  # this broker remembers nothing
            assert len(home.entities) == 11
            assert home.objections == []
        assert server.get("/health")["outward"]["failed_rounds"] == 0


def test_switched_off_all_sensors_go_and_what_others_retain_stays(tmp_path):
    port = free_port()
    with mosquitto(tmp_path, port) as broker:
        with (
            external(tmp_path / "data", port, CHOWON_MIRROR__ENABLED="1") as server,
            HomeAssistant(broker) as home,
        ):
            server.ready()
            measure(server, 3600, now_ms() - 10_000, 10)
            eventually(lambda: home.value(IMPORT) == 0.01)
            home._client.publish("homeassistant/sensor/other/x/config", OTHER, 1, True).wait_for_publish(5)
            assert server.stopped() == 0
        noted = json.loads((tmp_path / "data" / "outward.json").read_text())
        assert len(noted["topics"]) == 14
        with external(tmp_path / "data", port, CHOWON_HOME_ASSISTANT__ENABLED="false") as server:
            server.ready()
            eventually(lambda: json.loads((tmp_path / "data" / "outward.json").read_text())["topics"] == [])
            assert server.stopped() == 0
        with HomeAssistant(broker) as home:
            eventually(lambda: set(home.entities) == {"other_x"})
            home._client.publish("chowon/end", b"x", 1)
            eventually(lambda: "chowon/end" in home._retained)
            assert set(home._retained) == {"chowon/end"}


OTHER = json.dumps(
    {
        "unique_id": "other_x",
        "state_topic": "other/x",
        "value_template": "{{ value_json.x }}",
        "availability_topic": "other/status",
        "device": {"identifiers": ["other"]},
        "origin": {"name": "other"},
    }
)


def test_with_the_embedded_broker_it_works_the_same(tmp_path):
    with serve(tmp_path / "data", CHOWON_MQTT__BROKER="embedded", **QUICK) as server:
        server.ready().listening()
        from chowon.ingest.broker import Address

        with HomeAssistant(Address("127.0.0.1", server.mqtt_port or 0)) as home:
            measure(server, 3600, now_ms() - 100_000, 100)
            eventually(lambda: home.value(IMPORT) == 0.1)
            assert home.objections == []
        health = server.get("/health")
        assert health["rejected_payloads"] == health["rejected_readings"] == 0
        # where chowon reads what devices announce of themselves, it is no device of its own
        status, devices = server.ask("/api/v1/devices")
        assert status == 404 or devices["talking"] == []
        assert server.stopped() == 0


def test_publishing_without_mqtt_is_refused_at_the_start(tmp_path):
    refused = run("serve", "--data", tmp_path / "data", "--port", "0", CHOWON_MQTT__BROKER="off", **QUICK)
    assert refused.code == 2
    assert "[mqtt] broker" in refused.err
