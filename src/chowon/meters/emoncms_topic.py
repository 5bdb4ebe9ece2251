"""OpenEnergyMonitor: emonPi, emonTx and emonHub: `emon/<node>/<key>` (bare number), `emon/<node>` (JSON).

What a key means stands in emoncms_keys; what is of the node as a whole (vrms) goes to every channel that has
power beside it, else to "main". Keys that mean nothing to us are passed over; pulse and pulsecount need the
meter's pulses per kWh, which nobody sends, and power1pluspower2 would count power1 again.

`time` in JSON is seconds since 1970, or ISO 8601 with a zone. Sources: emonHub's configuration and the
firmwares' node decoders.
"""

from typing import Final

from chowon.meters.decoded import Decoded, Envelope, nothing
from chowon.meters.device_message import (
    DeviceMessage,
    Meaning,
    bare_number,
    epoch_ms,
    iso_ms,
    json_object,
    level,
    stamp,
)
from chowon.meters.emoncms_keys import FAMILY, meaning
from chowon.meters.names import DEFAULT_NAME


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
    known, time_ms = meaning(key), stamp(None, envelope)
    if known is None or time_ms is None:
        return nothing()
    message = DeviceMessage(FAMILY, level(envelope, "node"), time_ms, envelope, apart=True)
    to: Meaning = {key: (known.field, known.factor)}
    message.add(known.channel or DEFAULT_NAME, {key: bare_number(payload)}, to, "payload")
    return message.decoded()


def _node(payload: bytes, envelope: Envelope) -> Decoded:
    sent = json_object(payload, "the node's values by key")
    channels: dict[str, dict[str, tuple[str, float]]] = {}
    whole: dict[str, tuple[str, float]] = {}
    for key in sent:
        known = meaning(key)
        if known is not None:
            keys = whole if known.channel is None else channels.setdefault(known.channel, {})
            keys[key] = (known.field, known.factor)
    time = sent.get("time")
    time_ms = stamp(iso_ms(time) if isinstance(time, str) else epoch_ms(time, 1000), envelope)
    if not (channels or whole) or time_ms is None:
        return nothing()
    powered = {name for name, keys in channels.items() if "power_w" in {field for field, _ in keys.values()}}
    message = DeviceMessage(FAMILY, level(envelope, "node"), time_ms, envelope)
    for channel, keys in channels.items():
        message.add(channel, sent, keys | whole if channel in powered else keys, "node")
    if whole and not powered:
        message.add(DEFAULT_NAME, sent, whole, "node")
    return message.decoded()
