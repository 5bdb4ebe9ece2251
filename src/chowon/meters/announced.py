"""The state of a sensor that announced itself: one number of a message, as a reading with one quantity."""

from collections.abc import Sequence
from typing import Final

import msgspec

from chowon.errors import shortened
from chowon.meters.decoded import Decoded, Envelope, joined, nothing
from chowon.meters.device_message import DeviceMessage, number, stamp
from chowon.meters.home_assistant import FAMILY, Announced
from chowon.meters.value_template import at

_EXPECTED_JSON: Final = "JSON, as the sensor's template says"


def decode(sensors: Sequence[Announced], payload: bytes, envelope: Envelope) -> Decoded:
    """What one message says of the sensors whose state stands on its topic, each a reading of its own.

    Each quantity has its own millisecond after the instant of arrival; a message that the broker had kept is
    nothing, for its age is unknown. A sensor that the message leaves out is absent.
    """
    time_ms = stamp(None, envelope)
    if time_ms is None or not sensors:
        return nothing()
    message, problem = _json(payload) if any(s.path is not None for s in sensors) else (None, None)
    parts = []
    for sensor in sensors:
        said = DeviceMessage(FAMILY, sensor.device, time_ms, envelope, apart=True)
        if sensor.path is None:
            value: object = payload.decode(errors="replace")
        elif problem is None:
            value = at(message, sensor.path)
        else:
            said.refuse(envelope.topic or "state", problem, _EXPECTED_JSON)
            value = None
        key = sensor.unique_id
        said.add(sensor.channel, {key: value}, {key: (sensor.quantity, sensor.factor)}, "state")
        parts.append(said.decoded())
    return joined(parts)


def _json(payload: bytes) -> tuple[object, str | None]:
    """(the message, None), or (None, why it is none); a word for "no value" is a message without one."""
    try:
        return msgspec.json.decode(payload), None
    except (ValueError, RecursionError) as error:
        reason = shortened(str(error))
    try:
        return number(payload.decode()), None
    except ValueError:
        return None, reason
