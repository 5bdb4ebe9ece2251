"""The pages on InfluxDB, emonCMS and Prometheus: their examples run, their tables say what the code does."""

import json
import os
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chowon.config import load
from chowon.meters.emoncms_keys import meaning
from chowon.meters.prometheus_write import BUILT_IN, OWN
from tests.system.programs import Server, eventually, serve
from tests.system.prometheus import needs_prometheus

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
INFLUX, EMONCMS, PROMETHEUS = (
    (PAGES / f"{name}.md").read_text("utf-8")
    for name in ("connect-influx", "connect-emoncms", "use-prometheus")
)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def told(server: Server) -> set[str]:
    """The names of all metrics that have a sample."""
    status, text = server.ask("/metrics")
    assert status == 200
    families = text_string_to_metric_families(text.decode())
    return {sample.name for family in families for sample in family.samples}


def test_emoncms_by_hand_is_heard(tmp_path):
    commands = [b for b in blocks(EMONCMS, "sh") if b.startswith("curl")]
    assert len(commands) == 1
    with serve(tmp_path / "data") as server:
        address = {"CHOWON": server.ready().http}
        script = ["sh", "-e", "-c", commands[0]]
        done = subprocess.run(script, env=os.environ | address, capture_output=True, text=True, check=True)
        assert done.stdout == '{"success": true}ok'
        assert server.get("/health")["rejected_payloads"] == 0


def test_every_key_of_the_table_is_electricity():
    table = EMONCMS.split("## Which key")[1].split("## Time")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    keys = [key for row in rows for key in re.findall(r"`(\w+)`", row[1])]
    assert len(keys) > 20
    assert [key for key in keys if meaning(key) is None] == []


def test_telegrafs_settings_are_toml_with_the_port_that_chowon_has():
    (settings,) = (tomllib.loads(block) for block in blocks(INFLUX, "toml"))
    (output,) = settings["outputs"]["influxdb_v2"]
    assert output["urls"] == [f"http://127.0.0.1:{load(environ={}).config.server.port}"]
    assert settings["global_tags"] == {"site": "home"}


def test_the_metrics_of_others_are_settings_that_load(tmp_path):
    (text,) = blocks(PROMETHEUS, "toml")
    file = tmp_path / "chowon.toml"
    file.write_text(text)
    assert len(load(file, {}).config.prometheus.metrics) == 2


def test_every_metric_that_is_taken_stands_on_the_page():
    for metric in OWN:
        assert f"`{metric}`" in PROMETHEUS
    for metric in BUILT_IN:
        prefix, _, end = metric.metric.partition("_sensor")
        assert f"`homeassistant_sensor{end}`" in PROMETHEUS or f"`…{end}`" in PROMETHEUS
        assert prefix in PROMETHEUS


def test_every_metric_that_is_told_stands_on_the_page(tmp_path):
    settings = {"CHOWON_DEFAULTS__HOLD_S": "3600", "CHOWON_MQTT__BROKER": "embedded"}
    with serve(tmp_path / "data", **settings) as server:
        server.ready()
        reading = {"site": "home", "time": int(time.time() * 1000), "power_w": 5, "voltage_v": 220}
        assert server.post(json.dumps({"readings": [reading]}).encode())[0] == 200
        names = eventually(lambda: n if "chowon_site_power_watts" in (n := told(server)) else None)
    for name in names:
        short = name.removeprefix("chowon_readings")
        assert f"`{name}`" in PROMETHEUS or f"`…{short}`" in PROMETHEUS, name
    named = {name for name in re.findall(r"`(chowon_[a-z_]+)`", PROMETHEUS) if not name.endswith("_")}
    assert named - set(OWN) == {n for n in names if f"`{n}`" in PROMETHEUS}


@needs_prometheus
@pytest.mark.parametrize("kind", ["scrape_configs", "remote_write", "groups"])
def test_prometheus_accepts_the_examples(tmp_path, kind):
    promtool = shutil.which("promtool")
    assert promtool is not None
    (text,) = (block for block in blocks(PROMETHEUS, "yaml") if block.startswith(kind))
    file = tmp_path / "example.yml"
    file.write_text(text)
    check = ["check", "rules" if kind == "groups" else "config", file]
    done = subprocess.run([promtool, *check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
