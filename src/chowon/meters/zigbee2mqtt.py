"""Zigbee2MQTT: the JSON state of a device on `zigbee2mqtt/<name>`, names with one slash included.

Only what says power or energy is a meter: a battery sensor's `voltage` is that of its battery, in mV. Energy
is in kWh, power in W, voltage in V, current in A. `last_seen` is the instant when it is sent (advanced
settings, any of its forms but a local time without zone).

Phases are `…_phase_a`, `…_phase_b`, `…_phase_c` or `…_a`, `…_b`: channels "a", "b", "c"; endpoints `…_l1`,
`…_left` are channels "1", "left". A three-phase meter that sends power and power_phase_b, but no
power_phase_a, means phase a by the plain name; a plain counter is always the device's own, and the sum of the
phases is put beside it. Where the direction stands beside a power that has no sign (`energy_flow`
"producing"), it is given one.

Commands, availability, the bridge, and single attributes as topics (`zigbee2mqtt/<name>/power`) are passed
over. Source: the project's pages on MQTT topics, settings and devices.
"""

import re
from collections.abc import Mapping
from typing import Final

from chowon.meters.decoded import Decoded, Envelope, Family, nothing
from chowon.meters.device_message import DeviceMessage, epoch_ms, iso_ms, json_object, level, number, stamp
from chowon.meters.names import DEFAULT_NAME

FAMILY: Final = Family("zigbee2mqtt", "Zigbee2MQTT", hold_s=3700)
"""Most plugs say a steady power once an hour."""

_QUANTITIES: Final[Mapping[str, tuple[str, float]]] = {
    "power": ("power_w", 1),
    "power_reactive": ("reactive_var", 1),
    "voltage": ("voltage_v", 1),
    "current": ("current_a", 1),
    "ac_frequency": ("frequency_hz", 1),
    "energy": ("import_wh", 1000),
    "produced_energy": ("export_wh", 1000),
    "energy_produced": ("export_wh", 1000),
}
_COUNTERS: Final = frozenset({"energy", "produced_energy", "energy_produced"})
_METERING: Final = frozenset({"power", *_COUNTERS})
_KEY: Final = re.compile(
    r"(produced_energy|energy_produced|power_reactive|ac_frequency|power|voltage|current|energy|energy_flow)"
    r"(?:_(?:phase_([abc])|([abc])|l([1-9])|(left|right|center)))?",
    re.ASCII,
)
_FLOW: Final = "energy_flow"
_OTHER_TOPICS: Final = frozenset({"set", "get", "availability", "action"})


class Zigbee2Mqtt:
    """Decoder of device states."""

    name = "zigbee2mqtt"
    content_types: tuple[str, ...] = ()
    topics = ("zigbee2mqtt/{first}", "zigbee2mqtt/{first}/{second}")
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        first, second = (envelope.levels.get(name) for name in ("first", "second"))
        if first == "bridge" or second in _OTHER_TOPICS:
            return nothing()
        if second is not None and not payload.lstrip().startswith(b"{"):
            return nothing()  # one attribute of a device
        device = level(envelope, "first", "second")
        state = json_object(payload, "the device's state") if payload else {}
        channels = _channels(state)
        time_ms = stamp(_last_seen_ms(state), envelope)
        if not channels or time_ms is None:
            return nothing()
        message = DeviceMessage(FAMILY, device, time_ms, envelope)
        for channel, keys in channels.items():
            values = {quantity: state[key] for quantity, key in keys.items()}
            if (flow := values.pop(_FLOW, None)) is not None:
                values |= _directed(values, flow)
            meaning = {keys[quantity]: _QUANTITIES[quantity] for quantity in values}
            message.add(channel, {keys[q]: v for q, v in values.items()}, meaning, "state")
        message.add(DEFAULT_NAME, _sum(state, channels), {"power": _QUANTITIES["power"]}, "state")
        return message.decoded()


DECODER: Final = Zigbee2Mqtt()


def _channels(state: Mapping[str, object]) -> dict[str, dict[str, str]]:
    """Channel → quantity → key of the state; empty for a device that is no meter."""
    found: dict[str, dict[str, str]] = {}
    for key in state:
        if (match := _KEY.fullmatch(key)) is not None:
            quantity, *suffixes = match.groups()
            channel = next(filter(None, suffixes), DEFAULT_NAME)
            found.setdefault(channel, {})[quantity] = key
    if not any(state[key] is not None and q in _METERING for c in found.values() for q, key in c.items()):
        return {}
    main, first = found.get(DEFAULT_NAME, {}), found.get("a", {})
    for quantity in [q for q in main if q not in _COUNTERS]:
        if quantity in found.get("b", {}) and quantity not in first:
            found.setdefault("a", {})[quantity] = main.pop(quantity)
    return found


def _directed(values: Mapping[str, object], flow: object) -> dict[str, object]:
    """Power as given to the grid, when the state says so in a word."""
    try:
        power = number(values.get("power"))
    except ValueError:
        return {}  # told with the value
    return {"power": -abs(power)} if power is not None and flow == "producing" else {}


def _sum(state: Mapping[str, object], channels: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """The power of a three-phase meter that says it by phase only."""
    keys = [channels.get(phase, {}).get("power", "") for phase in "abc"]
    if "power" in channels.get(DEFAULT_NAME, {}) or keys[1:] != ["power_phase_b", "power_phase_c"]:
        return {}
    try:
        powers = [number(state.get(key)) for key in keys]
    except ValueError:
        return {}  # told with the phase
    known = [power for power in powers if power is not None]
    return {"power": sum(known)} if len(known) == len(keys) else {}


def _last_seen_ms(state: Mapping[str, object]) -> int | None:
    sent = state.get("last_seen")
    return iso_ms(sent) if isinstance(sent, str) else epoch_ms(sent, 1)
