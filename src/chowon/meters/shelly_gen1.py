"""Shelly devices of the first generation: one topic a quantity, a bare number each.

`shellies/<id>/emeter/<n>/…` are the clamps of EM and 3EM: power W, reactive_power var, voltage V, current A,
and the counters total and total_returned in Wh. (`energy` and `returned_energy` beside them are what came
since the last message: passed over.) `shellies/<id>/relay/<n>/…` are plugs and switches: power W, and energy
in watt-minutes since the device started, 60 of which make 1 Wh.

Channels are "1", "2", "3", as the device counts them from 0. Source: the vendor's page on the first
generation.
"""

from collections.abc import Mapping
from typing import Final

from chowon.meters.decoded import Decoded, Envelope, nothing
from chowon.meters.device_message import DeviceMessage, Meaning, bare_number, level, stamp
from chowon.meters.shelly import FAMILY as SHELLY

FAMILY: Final = SHELLY

_MEANINGS: Final[Mapping[str, Meaning]] = {
    "emeter": {
        "power": ("power_w", 1),
        "reactive_power": ("reactive_var", 1),
        "voltage": ("voltage_v", 1),
        "current": ("current_a", 1),
        "total": ("import_wh", 1),
        "total_returned": ("export_wh", 1),
    },
    "relay": {"power": ("power_w", 1), "energy": ("import_wh", 1 / 60)},
}


class ShellyGen1:
    """Decoder of single numbers."""

    name = "shelly-gen1"
    content_types: tuple[str, ...] = ()
    topics = ("shellies/{device}/{part}/{index}/{quantity}",)
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        device = level(envelope, "device")
        part, index, quantity = (envelope.levels.get(name, "") for name in ("part", "index", "quantity"))
        meaning = _MEANINGS.get(part, {})
        time_ms = stamp(None, envelope)
        if quantity not in meaning or not (index.isascii() and index.isdigit()) or time_ms is None:
            return nothing()
        message = DeviceMessage(FAMILY, device, time_ms, envelope, apart=True)
        message.add(str(int(index[:4]) + 1), {quantity: bare_number(payload)}, meaning, f"{part}/{index}")
        return message.decoded()


DECODER: Final = ShellyGen1()
