"""What devices announce of themselves for Home Assistant: which topic holds which quantity, in which unit.

ESPHome, OpenDTU and many others publish a retained discovery message for each of their sensors, or one for a
whole device with its components; an empty one takes it back. Keys stand in their long or short names, and "~"
in a topic stands for the base topic. A sensor of a class that isn't ours is nothing; one that is, but whose
unit or template cannot be understood, is a problem.

A channel is what remains of a sensor's name without the device's name and the words for the quantity: "Power"
is "main", "Power Phase A" is "a", "Heat pump energy" is "heat_pump". A counter is export if its name says
export, returned, produced or the like; power of such a name is a channel of its own ("produced"), for its
sign is anybody's guess. A sensor without a class is known by W and Wh and their multiples. Source: Home
Assistant's pages on MQTT discovery and on sensors.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters import value_template
from chowon.meters.decoded import Family
from chowon.meters.device_message import json_object, number
from chowon.meters.fields import did_you_mean, key_from
from chowon.meters.names import DEFAULT_NAME
from chowon.meters.value_template import Path

FAMILY: Final = Family("home-assistant", "ESPHome, OpenDTU, …", hold_s=300)

OURS: Final = "chowon"
"""The origin of what chowon announces itself (outward/home_assistant.py): that is no device"""
_POWER: Final = {"mW": 0.001, "W": 1.0, "kW": 1e3, "MW": 1e6}
_ENERGY: Final = {"mWh": 0.001, "Wh": 1.0, "kWh": 1e3, "MWh": 1e6, "GWh": 1e9}
_REACTIVE: Final = {"mvar": 0.001, "var": 1.0, "VAr": 1.0, "VAR": 1.0, "kvar": 1e3, "kVAr": 1e3}
_UNITS: Final[Mapping[str, tuple[str, Mapping[str, float]]]] = {
    "power": ("power_w", _POWER),
    "reactive_power": ("reactive_var", _REACTIVE),
    "voltage": ("voltage_v", {"mV": 0.001, "V": 1.0, "kV": 1e3}),
    "current": ("current_a", {"mA": 0.001, "A": 1.0}),
    "frequency": ("frequency_hz", {"mHz": 0.001, "Hz": 1.0}),
    "energy": ("import_wh", _ENERGY),
}
"""Device class → the field, and each unit's factor into the field's unit."""
_CLASS_OF_UNIT: Final = {**dict.fromkeys(_POWER, "power"), **dict.fromkeys(_ENERGY, "energy")}
"""For sensors without a class: these units are unmistakable."""
_COUNTING: Final = ("total", "total_increasing")
_LONG: Final = {
    "stat_t": "state_topic",
    "val_tpl": "value_template",
    "unit_of_meas": "unit_of_measurement",
    "dev_cla": "device_class",
    "stat_cla": "state_class",
    "uniq_id": "unique_id",
    "avty": "availability",
    "avty_t": "availability_topic",
    "exp_aft": "expire_after",
    "dev": "device",
    "cmps": "components",
    "p": "platform",
    "ids": "identifiers",
    "cns": "connections",
    "mdl": "model",
    "t": "topic",
    "o": "origin",
}
_SHARED: Final = ("state_topic", "availability", "availability_topic", "device", "~")
"""What a device's message says once for all its components."""
_EXPORT: Final = frozenset(
    {"export", "exported", "feed", "fed", "injected", "produced", "return", "returned", "역송"}
)
_PLAIN: Final = frozenset(
    {
        *("active", "consumed", "consumption", "current", "delivered", "energy", "frequency", "import"),
        *("imported", "in", "instantaneous", "line", "main", "mains", "meter", "phase", "power", "reactive"),
        *("sensor", "the", "to", "total", "usage", "voltage"),
        *("전력", "전력량", "유효전력", "무효전력", "소비전력", "전압"),
        *("전류", "주파수", "에너지", "누적", "총"),
    }
)
"""Words that say no more than the quantity does."""
_LONGEST_TEXT: Final = 1024
_MOST_COMPONENTS: Final = 500


@dataclass(frozen=True, slots=True)
class Announced:
    """One sensor that a device says it has."""

    unique_id: str
    device: str
    """The device's own id"""
    device_name: str | None
    device_model: str | None
    channel: str
    quantity: str
    """A field name: "power_w"."""
    factor: float
    """What the value is multiplied by to be in the field's unit; unit and template taken together"""
    state_topic: str
    path: Path | None
    """Where the value stands in the JSON that comes there; None: the message is the value"""
    availability_topics: tuple[str, ...] = ()
    expire_after_s: float | None = None
    """The silence after which its last value holds no longer, if the device says so"""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one discovery message says; both empty for what isn't ours, and for one that takes back."""

    sensors: tuple[Announced, ...] = ()
    problems: tuple[Problem, ...] = ()


def discovered(topic: str, payload: bytes) -> Discovery:
    """What a message on `<prefix>/<component>/[<node>/]<object>/config` announces.

    Errors: PayloadRejected — not JSON.
    """
    levels = topic.split("/")
    if len(levels) not in (4, 5) or levels[-1] != "config" or levels[1] not in ("sensor", "device"):
        return Discovery()
    if not payload.strip():
        return Discovery()
    sent = _named(json_object(payload, "a discovery message"))
    origin = sent.get("origin")
    if isinstance(origin, Mapping) and origin.get("name") == OURS:
        return Discovery()
    name = "/".join(levels[2:-1])
    if levels[1] == "sensor":
        return _collected({name: sent})
    components = sent.get("components")
    if not isinstance(components, Mapping) or len(components) > _MOST_COMPONENTS:
        expected = f"an object with at most {_MOST_COMPONENTS} components"
        problem = Problem("components", shortened(components), expected)
        raise PayloadRejected("the device's message cannot be read", [problem])
    shared = {key: sent[key] for key in _SHARED if key in sent}
    own = {key: _named(component) for key, component in components.items() if isinstance(component, Mapping)}
    return _collected(
        {
            f"{name}/{key}": shared | component
            for key, component in own.items()
            if component.get("platform") == "sensor" and len(component) > 1  # else it is taken back
        }
    )


def told_apart(sensors: Sequence[Announced]) -> tuple[Announced, ...]:
    """The same, where no two of one device mean the same quantity of the same channel.

    Of such two the one whose unique id comes first keeps the channel, the others are channels by their unique
    id: that does not depend on the order in which they announced themselves.
    """
    taken: set[tuple[str, str, str]] = set()
    found = []
    for sensor in sorted(sensors, key=lambda s: (s.unique_id, s.state_topic)):
        own = sensor
        if (sensor.device, sensor.channel, sensor.quantity) in taken:
            own = replace(sensor, channel=key_from(sensor.unique_id))
        taken.add((own.device, own.channel, own.quantity))
        found.append(own)
    return tuple(found)


def _collected(messages: Mapping[str, Mapping[str, object]]) -> Discovery:
    sensors: list[Announced] = []
    problems: list[Problem] = []
    for name, sent in messages.items():
        try:
            if (sensor := _sensor(name, sent)) is not None:
                sensors.append(sensor)
        except _Unclear as unclear:
            problems.append(Problem(f"{name}.{unclear.key}", shortened(unclear.found), unclear.expected))
    return Discovery(tuple(sensors), tuple(problems))


class _Unclear(Exception):
    """A key of a sensor of ours that cannot be understood."""

    def __init__(self, key: str, found: object, expected: str) -> None:
        super().__init__(key)
        self.key, self.found, self.expected = key, found, expected


def _sensor(name: str, sent: Mapping[str, object]) -> Announced | None:
    """None for what isn't ours. Errors: _Unclear."""
    unit = sent.get("unit_of_measurement")
    kind = sent.get("device_class") or _CLASS_OF_UNIT.get(unit if isinstance(unit, str) else "")
    if not isinstance(kind, str) or kind not in _UNITS:
        return None
    quantity, factors = _UNITS[kind]
    if not isinstance(unit, str) or unit not in factors:
        raise _Unclear("unit_of_measurement", unit, f"one of {', '.join(factors)}{_close(unit, factors)}")
    if kind == "energy" and sent.get("state_class") not in _COUNTING:
        if not sent.get("device_class"):
            return None  # kWh of yesterday, of a forecast, …
        raise _Unclear("state_class", sent.get("state_class"), f"{' or '.join(_COUNTING)}, for a counter")
    topic = _topic(sent, "state_topic")
    if topic is None:
        raise _Unclear("state_topic", sent.get("state_topic"), "the topic of its state, without + and #")
    device, device_name, device_model = _device(sent, name)
    unique_id = _text(sent.get("unique_id")) or name
    words = [word for word in _words(sent, name, device_name) if word not in _PLAIN]
    if kind == "energy" and not _EXPORT.isdisjoint(words):
        quantity, words = "export_wh", [word for word in words if word not in _EXPORT]
    picked = _picked(sent)
    return Announced(
        unique_id,
        device,
        device_name,
        device_model,
        key_from("_".join(words)) if words else DEFAULT_NAME,
        quantity,
        factors[unit] * picked.factor,
        topic,
        picked.path,
        _availability(sent),
        _seconds(sent.get("expire_after")),
    )


def _picked(sent: Mapping[str, object]) -> value_template.Picked:
    """Errors: _Unclear."""
    template = sent.get("value_template")
    if template is None:
        return value_template.Picked(None, 1.0)
    try:
        return value_template.parsed(template if isinstance(template, str) else "")
    except ValueError as error:
        raise _Unclear("value_template", template, str(error)) from None


def _named(sent: Mapping[str, object]) -> dict[str, object]:
    """The same with long key names; a key that stands in both forms counts in its long one."""
    return {_LONG[k]: v for k, v in sent.items() if k in _LONG} | {
        k: v for k, v in sent.items() if k not in _LONG
    }


def _topic(sent: Mapping[str, object], key: str) -> str | None:
    """The topic under this key with its base put in, None where there is no good one."""
    topic, base = _text(sent.get(key)), _text(sent.get("~"))
    if topic is not None and base is not None:
        topic = f"{base}{topic[1:]}" if topic.startswith("~") else topic
        topic = f"{topic[:-1]}{base}" if topic.endswith("~") else topic
    if topic is None or len(topic) > _LONGEST_TEXT or topic.startswith("$") or re.search(r"[+#\0]", topic):
        return None
    return topic


def _availability(sent: Mapping[str, object]) -> tuple[str, ...]:
    listed = sent.get("availability")
    entries = listed if isinstance(listed, list) else [listed] if isinstance(listed, Mapping) else []
    base = {"~": sent.get("~")}
    found = [_topic(base | _named(entry), "topic") for entry in entries if isinstance(entry, Mapping)]
    return tuple(topic for topic in (_topic(sent, "availability_topic"), *found) if topic is not None)


def _device(sent: Mapping[str, object], name: str) -> tuple[str, str | None, str | None]:
    """(id, name, model)"""
    found = sent.get("device")
    device = _named(found) if isinstance(found, Mapping) else {}
    ids, connections = device.get("identifiers"), device.get("connections")
    first = ids[0] if isinstance(ids, list) and ids else ids
    if _text(first) is None and isinstance(connections, list) and connections:
        pair = connections[0]
        first = pair[1] if isinstance(pair, list) and len(pair) == 2 else None
    known = _text(first) or _text(sent.get("unique_id")) or name
    return known, _text(device.get("name")), _text(device.get("model"))


def _words(sent: Mapping[str, object], name: str, device_name: str | None) -> list[str]:
    """The words of a sensor's name that are not the device's; of its object id where it has no name."""
    given = _text(sent.get("name"))
    if given is None and "name" not in sent:
        given = name.rsplit("/", 1)[-1]
    words, device = ([w for w in re.split(r"[\W_]+", (t or "").lower()) if w] for t in (given, device_name))
    return words[len(device) :] if device and words[: len(device)] == device else words


def _seconds(value: object) -> float | None:
    try:
        found = number(value)
    except ValueError:
        return None
    return found if found is not None and found > 0 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT else None


def _close(unit: object, known: Mapping[str, float]) -> str:
    return did_you_mean(unit, known) if isinstance(unit, str) else ""
