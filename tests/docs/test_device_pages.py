"""The pages on devices: their settings are valid, their links lead somewhere, what they promise is read."""

import json
import re
from pathlib import Path

import pytest

from chowon.config import load
from chowon.ingest.announcements import Announcements
from chowon.meters.decoded import Envelope
from tests.devices import NOW_MS, rows, said

FOLDER = Path(__file__).parents[2] / "docs/how-to"
PAGES = ["shelly", "tasmota", "esphome", "zigbee2mqtt", "emonpi"]
every_page = pytest.mark.parametrize("name", PAGES)


def _text(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


@every_page
def test_a_page_says_what_to_set_what_comes_of_it_and_what_to_do_when_nothing_does(name: str) -> None:
    headings = re.findall(r"^## (.*)$", _text(name), re.MULTILINE)
    assert [h for h in headings if h in ("3. What chowon makes of it", "When nothing arrives")] == headings[
        -2:
    ]
    assert name in _text("send-readings")


@every_page
def test_the_links_of_a_page_lead_somewhere(name: str) -> None:
    for file, anchor in re.findall(r"\]\(([\w-]+\.md)(?:#([\w-]+))?\)", _text(name)):
        headings = re.findall(r"^#+ (.*)$", (FOLDER / file).read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in [h.lower().replace(" ", "-") for h in headings]


@pytest.mark.parametrize("name", ["send-readings", "emonpi"])
def test_the_settings_of_a_broker_for_devices_are_valid(name: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", _text(name), re.DOTALL)
    (block,) = (b for b in blocks if "[mqtt]" in b)
    file = tmp_path / "chowon.toml"
    file.write_text(block, encoding="utf-8")
    assert load(file, environ={}).config.mqtt.port == 1883


def test_the_call_that_sets_up_a_shelly_is_json() -> None:
    for body in re.findall(r"-d '(.*?)'", _text("shelly"), re.DOTALL):
        assert set(json.loads(body)) <= {"id", "method", "params"}


def test_the_keys_of_a_node_are_those_that_are_read() -> None:
    table = re.findall(r"^\| (`.*?) \| (?:W|V)", _text("emonpi"), re.MULTILINE)
    named = {key for cell in table for key in re.findall(r"`(\w+)`", cell)}
    assert named == {"power1", "power2", "P1", "power", "vrms"}
    assert all(len(said(f"emon/emonpi/{key}", "5")) == 1 for key in named)
    assert not any(len(said(f"emon/emonpi/{key}", "5")) for key in ("E1", "E12", "pulse"))


def test_a_channel_of_an_esphome_sensor_is_as_the_page_says() -> None:
    claims = re.search(r"^- The channel is what remains.*$", _text("esphome"), re.MULTILINE)
    assert claims is not None
    pairs = re.findall(r"\*([^*]+)\* is `(\w+)`", claims.group())
    assert len(pairs) == 3
    for n, (sensor, channel) in enumerate(pairs):
        unit = {"unit_of_meas": "Wh", "stat_cla": "total"} if "energy" in sensor else {"unit_of_meas": "W"}
        sent = {"name": sensor, "stat_t": f"x/{n}", "uniq_id": str(n), "dev": {"ids": "x"}, **unit}
        known = Announcements()
        known.learn(f"homeassistant/sensor/x/{n}/config", json.dumps(sent).encode())
        assert rows(known.decode(f"x/{n}", b"5", Envelope(NOW_MS)))[0]["channel"] == channel
