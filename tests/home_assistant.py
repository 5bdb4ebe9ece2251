"""A consumer that does what Home Assistant documents: reads discovery, follows the topics, checks all of it.

Sources of the rules: home-assistant.io/integrations/mqtt/#mqtt-discovery (topic `<prefix>/<component>/
[<node_id>/]<object_id>/config`, ids of [a-zA-Z0-9_-]; an empty payload removes; abbreviations),
home-assistant.io/integrations/sensor.mqtt (keys; "None" is unknown; last_reset_value_template beside `total`
only), developers.home-assistant.io/docs/core/entity/sensor (device classes with their units and state
classes), home-assistant.io/docs/energy and the energy page's validation (kWh sensors of class energy with
state class total or total_increasing; costs of class monetary).
"""

import json
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from chowon.ingest.broker import Address

UNITS: dict[str, set[str | None]] = {
    "power": {"mW", "W", "kW", "MW", "GW", "TW"},
    "energy": {"J", "kJ", "MJ", "GJ", "mWh", "Wh", "kWh", "MWh", "GWh", "TWh", "cal", "kcal", "Mcal", "Gcal"},
    "monetary": {"KRW", "USD", "EUR", "JPY", "DKK", "GBP"},
}
"""By device class; monetary: any code of ISO 4217, here those of chowon's tariffs"""
STATE_CLASSES: dict[str, set[str | None]] = {
    "power": {"measurement", None},
    "energy": {"total", "total_increasing", None},
    "monetary": {"total", None},
}
KEYS = {
    "name", "unique_id", "default_entity_id", "state_topic", "value_template", "availability_topic",
    "payload_available", "payload_not_available", "device", "origin", "unit_of_measurement", "device_class",
    "state_class", "suggested_display_precision", "last_reset_value_template",
}  # fmt: skip
"""Those of the documentation of the MQTT sensor that chowon uses"""
DEVICE_KEYS = {"identifiers", "name", "manufacturer", "model", "sw_version"}
_TOPIC = re.compile(r"homeassistant/sensor/(?:([a-zA-Z0-9_-]+)/)?([a-zA-Z0-9_-]+)/config")
_TEMPLATE = re.compile(r"\{\{ value_json\.(\w+) \}\}")


def problems(topic: str, config: dict[str, Any]) -> list[str]:
    """What Home Assistant would object to in a discovery message."""
    found = [f"unknown key {key}" for key in config.keys() - KEYS]
    found += [f"unknown key {key} of the device" for key in config["device"].keys() - DEVICE_KEYS]
    if not _TOPIC.fullmatch(topic):
        found.append("illegal discovery topic")
    for needed in ("state_topic", "unique_id", "device"):
        if not config.get(needed):
            found.append(f"{needed} is missing")
    if not config["device"].get("identifiers") or not config["origin"].get("name"):
        found.append("the device needs identifiers, the origin a name")
    kind, unit, state = (config.get(k) for k in ("device_class", "unit_of_measurement", "state_class"))
    if state not in {None, "measurement", "total", "total_increasing"}:
        found.append(f"no such state class: {state}")
    if kind is not None:
        if unit not in UNITS[kind]:
            found.append(f"{kind} cannot be in {unit}")
        if state not in STATE_CLASSES[kind]:
            found.append(f"{kind} cannot be {state}")
    if "last_reset_value_template" in config and state != "total":
        found.append("last_reset_value_template goes with state class total only")
    if not re.fullmatch(r"sensor\.[a-z0-9_]+", config.get("default_entity_id", "sensor.x")):
        found.append("no valid entity id")
    return found


def rendered(template: str, payload: bytes) -> str:
    """A value template, as far as chowon uses them: one key of the JSON, as Python writes it."""
    match = _TEMPLATE.fullmatch(template)
    assert match is not None, template
    return str(json.loads(payload)[match[1]])


@dataclass
class Entity:
    """One sensor."""

    config: dict[str, Any]
    state: str | None = None
    """None: unknown"""
    last_reset: datetime | None = None
    history: list[float] = field(default_factory=list)
    """all numbers that it ever had"""


class HomeAssistant:
    """Connected to a broker, and again whenever it is back."""

    def __init__(self, address: Address) -> None:
        self.entities: dict[str, Entity] = {}
        """by unique id"""
        self.objections: list[str] = []
        self.online: dict[str, str] = {}
        """by availability topic"""
        self._topics: dict[str, str] = {}
        """discovery topic → unique id"""
        self._retained: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]
        self._client.on_connect = lambda client, *_: client.subscribe(
            [("homeassistant/+/+/config", 0), ("homeassistant/+/+/+/config", 0), ("chowon/#", 0)]
        )
        self._client.on_message = self._on_message
        self._client.connect(address.host, address.port)
        self._client.loop_start()

    def __enter__(self) -> "HomeAssistant":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def value(self, unique_id: str) -> float | None:
        """The state as a number; None: unknown, unavailable or not there."""
        with self._lock:
            entity = self.entities.get(unique_id)
            if entity is None or entity.state is None:
                return None
            up = self.online.get(entity.config["availability_topic"]) == entity.config["payload_available"]
            return float(entity.state) if up else None

    def _on_message(self, _client: object, _data: object, message: MQTTMessage) -> None:
        with self._lock:
            if message.topic.startswith("homeassistant/"):
                self._discovered(message.topic, message.payload)
                return
            self._retained[message.topic] = message.payload
            for entity in self.entities.values():
                self._update(entity, message.topic, message.payload)

    def _discovered(self, topic: str, payload: bytes) -> None:
        if not payload:
            self.entities.pop(self._topics.pop(topic, ""), None)
            return
        config = json.loads(payload)
        self.objections += [f"{topic}: {problem}" for problem in problems(topic, config)]
        name = config["unique_id"]
        if name in self.entities and self._topics.get(topic) != name:
            self.objections.append(f"{topic}: {name} does not generate unique IDs")
        self._topics[topic] = name
        entity = self.entities.setdefault(name, Entity(config))
        entity.config = config
        for known in (config["availability_topic"], config["state_topic"]):
            if known in self._retained:
                self._update(entity, known, self._retained[known])

    def _update(self, entity: Entity, topic: str, payload: bytes) -> None:
        if topic == entity.config["availability_topic"]:
            self.online[topic] = payload.decode()
        if topic != entity.config["state_topic"] or not payload:
            return
        value = rendered(entity.config["value_template"], payload)
        entity.state = None if value == "None" else value
        if entity.state is not None:
            entity.history.append(float(value))
        reset = entity.config.get("last_reset_value_template")
        if reset is not None and (since := rendered(reset, payload)) != "None":
            entity.last_reset = datetime.fromisoformat(since)
