"""Tasmota: the ENERGY object of `tele/<topic>/SENSOR`, every TelePeriod (300 s unless set), and of a STATUS.

Both orders of the full topic are read, `%prefix%/%topic%/` and `%topic%/%prefix%/`, with topics of up to
three levels. `Time` is local and says no zone, so the instant of arrival counts, unless the device is told to
send its offset (SetOption52 1).

A device of several channels sends arrays: channels "1", "2", … and "main" for what it sends once for all of
them (its counters) and for the sum of their power; voltage and frequency that are sent once hold for each
channel. A device of one channel has "main" only.

Total is the counter in kWh. A meter that sends ImportActive means by Total what flowed in both directions, so
ImportActive is taken then; ExportActive is what was given.

What a script or the smart meter interface (SML) sends stands under names of the user's own choice, with units
of their own choice: it is left. Source: the vendor's pages on MQTT, commands and power monitoring.
"""

from collections.abc import Mapping
from typing import Final

from chowon.meters.decoded import Decoded, Envelope, Family, nothing
from chowon.meters.device_message import (
    DeviceMessage,
    Meaning,
    Values,
    iso_ms,
    json_object,
    level,
    number,
    stamp,
)
from chowon.meters.names import DEFAULT_NAME

FAMILY: Final = Family("tasmota", "Tasmota", hold_s=750)

_LEVELS: Final = ("first", "second", "third")
_DEVICES: Final = ("{first}", "{first}/{second}", "{first}/{second}/{third}")
_ENDS: Final = (("tele", "SENSOR"), ("stat", "STATUS8"), ("stat", "STATUS10"))
_MOST_CHANNELS: Final = 32

_COUNTERS: Final[Meaning] = {
    "Total": ("import_wh", 1000),
    "ImportActive": ("import_wh", 1000),  # the later one counts
    "ExportActive": ("export_wh", 1000),
}
_SUPPLY: Final[Meaning] = {"Voltage": ("voltage_v", 1), "Frequency": ("frequency_hz", 1)}
_FLOW: Final[Meaning] = {
    "Power": ("power_w", 1),
    "ReactivePower": ("reactive_var", 1),
    "Current": ("current_a", 1),
}
_ALL: Final[Meaning] = {**_COUNTERS, **_SUPPLY, **_FLOW}


class Tasmota:
    """Decoder of telemetry and of answers to Status 8 and Status 10."""

    name = "tasmota"
    content_types: tuple[str, ...] = ()
    topics = tuple(
        topic
        for prefix, end in _ENDS
        for device in _DEVICES
        for topic in (f"{prefix}/{device}/{end}", f"{device}/{prefix}/{end}")
    )
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        sent = json_object(payload, "Tasmota's telemetry")
        place, status = "ENERGY", sent.get("StatusSNS")
        if isinstance(status, dict):
            place, sent = "StatusSNS.ENERGY", status
        energy = sent.get("ENERGY")
        time_ms = stamp(iso_ms(sent.get("Time")), envelope)
        if energy is None or time_ms is None:
            return nothing()
        message = DeviceMessage(FAMILY, level(envelope, *_LEVELS), time_ms, envelope)
        if isinstance(energy, dict):
            _add(message, energy, place)
        else:
            message.refuse(place, energy, "an object with Power, Total, …")
        return message.decoded()


DECODER: Final = Tasmota()


def _add(message: DeviceMessage, energy: Values, place: str) -> None:
    arrays = {key: value for key in _ALL if isinstance(value := energy.get(key), list)}
    once = {key: energy[key] for key in _ALL if key in energy and key not in arrays}
    count = max(map(len, arrays.values()), default=0)
    if count > _MOST_CHANNELS:
        message.refuse(place, count, f"at most {_MOST_CHANNELS} channels")
        return
    if not arrays:
        message.add(DEFAULT_NAME, once, _ALL, place)
        return
    for channel in range(count):
        own = {key: values[channel] for key, values in arrays.items() if channel < len(values)}
        shared = {key: once[key] for key in _SUPPLY if key in once}
        message.add(str(channel + 1), {**shared, **own}, _ALL, f"{place}[{channel}]")
    message.add(DEFAULT_NAME, {**_sum(arrays), **once}, {**_COUNTERS, **_FLOW}, place)


def _sum(arrays: Mapping[str, list[object]]) -> dict[str, object]:
    """The device's power as the sum of its channels', where all of them are known."""
    try:
        powers = [number(power) for power in arrays.get("Power", ())]
    except ValueError:
        return {}  # told by the channel
    known = [power for power in powers if power is not None]
    return {"Power": sum(known)} if known and len(known) == len(powers) else {}
