"""Shelly devices of the second generation and later: meters, plugs and switches that measure.

They tell changes on `<prefix>/events/rpc` (on by default, with the device's own instant) and, if asked to,
the whole status of a component on `<prefix>/status/<component>`. A change is a partial overlay: what it
leaves out is as before, not 0. The prefix is the device's id until somebody changes it; a device with a
prefix of its own has a name by each of the two, so only one of them should be switched on.

| component | channels |
|---|---|
| em:0, emdata:0 (three phases) | "a", "b", "c", and "main", which is their sum |
| em1:N, em1data:N, switch:N, cover:N, light:N, … | N + 1: "1", "2", … |
| pm1:0 | "main", for such a device has one only |

Nothing is counted twice as long as either "main" or the three phases are placed as what the site takes from
the grid, and not both: that is a matter of their roles, so all four are decoded. A second three-phase meter,
em:1, has "2-a" … "2-main".

Sources: the vendor's pages on EM, EM1, EMData, EM1Data, Switch, PM1 and MQTT; power in W, energy in Wh.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from chowon.meters.decoded import Decoded, Envelope, Family, nothing
from chowon.meters.device_message import (
    DeviceMessage,
    Meaning,
    Values,
    epoch_ms,
    json_object,
    level,
    stamp,
)
from chowon.meters.names import DEFAULT_NAME

FAMILY: Final = Family("shelly", "Shelly", hold_s=150)
"""Such devices say their energy every minute, and power whenever it changes."""

_PREFIXES: Final = ("{first}", "{first}/{second}", "{first}/{second}/{third}")
_COMPONENT: Final = re.compile(r"([a-z0-9]+):(\d{1,4})", re.ASCII)
_STATUS_METHODS: Final = ("NotifyStatus", "NotifyFullStatus")

_ACTIVE: Final[Meaning] = {
    "act_power": ("power_w", 1),
    "active_power": ("power_w", 1),
    "voltage": ("voltage_v", 1),
    "current": ("current_a", 1),
    "freq": ("frequency_hz", 1),
}
_SINGLE_ENERGY: Final[Meaning] = {
    "total_act_energy": ("import_wh", 1),
    "total_act_ret_energy": ("export_wh", 1),
}
_OUTPUT: Final[Meaning] = {
    "apower": ("power_w", 1),
    "voltage": ("voltage_v", 1),
    "current": ("current_a", 1),
    "freq": ("frequency_hz", 1),
}
_SINGLE: Final[Mapping[str, Meaning]] = {
    "em1": _ACTIVE,
    "em1data": _SINGLE_ENERGY,
    **dict.fromkeys(("switch", "pm1", "cover", "light", "cct", "rgb", "rgbw"), _OUTPUT),
}
_PHASES: Final = ("a", "b", "c")
_TOTAL: Final[Meaning] = {
    "total_act_power": ("power_w", 1),
    "total_active_power": ("power_w", 1),
    "total_current": ("current_a", 1),
}
_TOTAL_ENERGY: Final[Meaning] = {"total_act": ("import_wh", 1), "total_act_ret": ("export_wh", 1)}
_TRIPHASE: Final[Mapping[str, tuple[Meaning, Meaning]]] = {
    "em": (_ACTIVE, _TOTAL),
    "emdata": (_SINGLE_ENERGY, _TOTAL_ENERGY),
}
"""Component → what stands of each phase after "a_", "b_", "c_", and what stands of their sum."""
_COUNTERS: Final = (("aenergy", "import_wh"), ("ret_aenergy", "export_wh"))
_OUT_OF_RANGE: Final = "out_of_range:"
_BROKEN: Final = "power_meter_failure"
_POWER: Final = {"act_power", "active_power"}
"""Errors and values don't spell it in the same way."""


class Shelly:
    """Decoder of notifications and of the status of single components."""

    name = "shelly"
    content_types: tuple[str, ...] = ()
    topics = (
        *(f"{prefix}/events/rpc" for prefix in _PREFIXES),
        *(f"{prefix}/status/{{component}}" for prefix in _PREFIXES),
    )
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        component = envelope.levels.get("component")
        if component is not None:
            return _status(component, payload, envelope)
        return _notification(payload, envelope)


DECODER: Final = Shelly()


def measures(component: str) -> bool:
    """Whether a component of this name says something about electricity: "em:0", "switch:1"."""
    found = _COMPONENT.fullmatch(component)
    return found is not None and (found[1] in _SINGLE or found[1] in _TRIPHASE)


def _notification(payload: bytes, envelope: Envelope) -> Decoded:
    frame = json_object(payload, "a notification with src, method and params")
    params = frame.get("params")
    if frame.get("method") not in _STATUS_METHODS or not isinstance(params, dict):
        return nothing()
    source = frame.get("src")
    device = source if isinstance(source, str) and source else _prefix(envelope)
    time_ms = stamp(epoch_ms(params.get("ts"), 1000), envelope)
    if time_ms is None:
        return nothing()
    message = DeviceMessage(FAMILY, device, time_ms, envelope)
    for name, status in params.items():
        _add(message, name, status)
    return message.decoded()


def _status(component: str, payload: bytes, envelope: Envelope) -> Decoded:
    time_ms = stamp(None, envelope)
    if not measures(component) or time_ms is None:
        return nothing()
    status = json_object(payload, f"the status of {component}")
    message = DeviceMessage(FAMILY, _prefix(envelope), time_ms, envelope)
    _add(message, component, status)
    return message.decoded()


def _prefix(envelope: Envelope) -> str:
    """Errors: PayloadRejected."""
    return level(envelope, "first", "second", "third")


def _add(message: DeviceMessage, component: str, status: object) -> None:
    """The readings of one component; nothing for one that doesn't measure."""
    found = _COMPONENT.fullmatch(component)
    if found is None or not measures(component):
        return
    if not isinstance(status, dict):
        message.refuse(component, status, "an object, the component's status")
        return
    kind, number = found[1], int(found[2])
    if _broken(message, component, "", status):
        return
    for channel, prefix, meaning in parts(kind, number):
        if not prefix or not _broken(message, component, prefix, status):
            keys = {f"{prefix}{key}": to for key, to in meaning.items() if key not in _unsure(status, prefix)}
            message.add(channel, status, keys, component)
    for key, name in _COUNTERS if _SINGLE.get(kind) is _OUTPUT else ():
        counter = status.get(key)
        if isinstance(counter, dict):
            message.add(_single(kind, number), counter, {"total": (name, 1)}, f"{component}.{key}")
        elif counter is not None:
            message.refuse(f"{component}.{key}", counter, "an object with 'total', Wh")


def parts(kind: str, number: int) -> Iterator[tuple[str, str, Meaning]]:
    """(channel, what its keys begin with, what they mean) of a component: its phases, then their sum."""
    if kind in _SINGLE:
        yield _single(kind, number), "", _SINGLE[kind]
        return
    phase, total = _TRIPHASE[kind]
    meter = "" if number == 0 else f"{number + 1}-"
    for name in _PHASES:
        yield f"{meter}{name}", f"{name}_", phase
    yield f"{meter}{DEFAULT_NAME}", "", total


def _single(kind: str, number: int) -> str:
    return DEFAULT_NAME if kind == "pm1" and number == 0 else str(number + 1)


def _broken(message: DeviceMessage, component: str, prefix: str, status: Values) -> bool:
    """Whether the device says so itself; then it is told."""
    faults = status.get(f"{prefix}errors")
    broken = isinstance(faults, list) and _BROKEN in faults
    if broken:
        message.refuse(f"{component}.{prefix}errors", faults, "a meter that works; the device says no")
    return broken


def _unsure(status: Values, prefix: str) -> set[str]:
    """The keys of the quantities that the device calls out of its range: they are left out."""
    faults = status.get(f"{prefix}errors")
    if not isinstance(faults, list):
        return set()
    texts = (fault for fault in faults if isinstance(fault, str) and fault.startswith(_OUT_OF_RANGE))
    keys = {text.removeprefix(_OUT_OF_RANGE) for text in texts}
    return keys | (_POWER if keys & _POWER else set())
