"""OpenEnergyMonitor: emonPi, emonTx and emonHub: `emon/<node>/<key>` (bare number), `emon/<node>` (JSON).

Nothing in a message tells units; by the convention of emonHub's node decoders these keys have one, whatever
their capitals:

| key | is |
|---|---|
| power1 … power12, P1 … P12 | W, channels "1" … "12" |
| power | W, channel "main" |
| vrms | V: in JSON of every channel that has power beside it, else of "main" |

All other keys are passed over; two of them on purpose. E1 … E12 (Wh) are *net*: they fall while power flows
back, which no counter of ours may do, and the power that comes with them every 10 s is enough. pulse and
pulsecount need the meter's pulses per kWh, which nobody sends. power1pluspower2 would count power1 again.

`time` in JSON is seconds since 1970, or ISO 8601 with a zone. Sources: emonHub's configuration and the
firmwares' node decoders.
"""

import re
from typing import Final

from chowon.meters.decoded import Decoded, Envelope, Family, nothing
from chowon.meters.device_message import (
    DeviceMessage,
    bare_number,
    epoch_ms,
    iso_ms,
    json_object,
    level,
    stamp,
)
from chowon.meters.names import DEFAULT_NAME

FAMILY: Final = Family("emon", "emonPi, emonTx (OpenEnergyMonitor)", hold_s=30)

_POWER: Final = re.compile(r"(?:power|p)([1-9]|1[0-2])|power", re.ASCII)
_VOLTAGE: Final = "vrms"
_POWER_W: Final = ("power_w", 1.0)
_VOLTAGE_V: Final = ("voltage_v", 1.0)


class EmoncmsTopic:
    """Decoder of nodes that publish for emonCMS."""

    name = "emoncms-topic"
    content_types: tuple[str, ...] = ()
    topics = ("emon/{node}", "emon/{node}/{key}")
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        key = envelope.levels.get("key")
        if key is None:
            return _node(payload, envelope)
        return _one(key, payload, envelope)


DECODER: Final = EmoncmsTopic()


def _one(key: str, payload: bytes, envelope: Envelope) -> Decoded:
    channel = _channel(key)
    time_ms = stamp(None, envelope)
    if (channel is None and key.lower() != _VOLTAGE) or time_ms is None:
        return nothing()
    message = DeviceMessage(FAMILY, level(envelope, "node"), time_ms, envelope, apart=True)
    meaning = {key: _VOLTAGE_V if channel is None else _POWER_W}
    message.add(channel or DEFAULT_NAME, {key: bare_number(payload)}, meaning, "payload")
    return message.decoded()


def _node(payload: bytes, envelope: Envelope) -> Decoded:
    sent = json_object(payload, "the node's values by key")
    channels = {key: channel for key in sent if (channel := _channel(key)) is not None}
    voltages = {key: _VOLTAGE_V for key in sent if key.lower() == _VOLTAGE}
    time = sent.get("time")
    time_ms = stamp(iso_ms(time) if isinstance(time, str) else epoch_ms(time, 1000), envelope)
    if not (channels or voltages) or time_ms is None:
        return nothing()
    message = DeviceMessage(FAMILY, level(envelope, "node"), time_ms, envelope)
    for key, channel in channels.items():
        message.add(channel, sent, {key: _POWER_W, **voltages}, "node")
    if not channels:
        message.add(DEFAULT_NAME, sent, voltages, "node")
    return message.decoded()


def _channel(key: str) -> str | None:
    """The channel whose power this key is."""
    found = _POWER.fullmatch(key.lower())
    return None if found is None else found[1] or DEFAULT_NAME
