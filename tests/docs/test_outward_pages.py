"""The pages on Home Assistant and webhooks say what the code does."""

import base64
import re
import time
import tomllib
from pathlib import Path
from typing import get_args

from chowon.config import Config, WebhookEvent
from chowon.outward.home_assistant import SENSORS
from chowon.outward.webhooks import ATTEMPTS, MOST_WAITING, SHOWN, signature

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
HOME = (HOW_TO / "home-assistant.md").read_text("utf-8")
HOOKS = (HOW_TO / "webhooks.md").read_text("utf-8")


def examples(page: str, language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", page, re.DOTALL | re.MULTILINE)
    return [re.sub(f"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def test_every_example_of_settings_can_be_used():
    texts = examples(HOME, "toml") + examples(HOOKS, "toml")
    assert len(texts) == 2
    for text in texts:
        Config.model_validate(tomllib.loads(text))


def test_every_sensor_stands_in_the_table_with_its_unit_and_classes():
    rows = dict(re.findall(r"\| `sensor\.chowon_<site>_(\w+)` \|[^|]*\|([^|]*\|[^|]*)\|", HOME))
    assert list(rows) == [s.key for s in SENSORS]
    for sensor in SENSORS:
        unit, classes = (cell.strip() for cell in rows[sensor.key].split("|"))
        assert unit == (sensor.unit or "").replace("{currency}", "currency")
        assert classes == ", ".join(c for c in (sensor.device_class, sensor.state_class) if c)


def test_every_event_stands_in_the_table():
    assert re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", HOOKS, re.MULTILINE) == list(get_args(WebhookEvent))


def test_the_bounds_of_the_page_are_those_of_the_code():
    assert f"{ATTEMPTS} times in all" in HOOKS
    assert f"up to {MOST_WAITING} others wait" in HOOKS
    assert f"the last {SHOWN} attempts" in HOOKS


def test_the_check_of_the_page_takes_what_chowon_signs_and_nothing_else():
    (code,) = examples(HOOKS, "python")
    names: dict = {}
    exec(code, names)
    secret = "whsec_" + base64.b64encode(bytes(24)).decode()
    at = int(time.time())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret, "msg_1", at, b"{}"),
    }
    assert names["genuine"](secret, headers, b"{}")
    assert not names["genuine"](secret, headers, b"{ }")
    assert not names["genuine"](secret, headers | {"webhook-timestamp": str(at - 301)}, b"{}")
