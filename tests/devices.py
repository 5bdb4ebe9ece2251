"""Messages of devices as the broker brings them: through the registry, by their topic."""

import json
from typing import Any

from chowon.meters import chowon_json, registry
from chowon.meters.decoded import Decoded

NOW_MS = 1_795_400_000_000
REGISTRY = registry.found()


def said(topic: str, payload: object, *, retained: bool = False, received_ms: int = NOW_MS) -> Decoded:
    """What a message means; payload: text as it is, anything else as JSON."""
    raw = (payload if isinstance(payload, str) else json.dumps(payload)).encode()
    decoder, envelope = REGISTRY.of_message(topic, raw, received_ms, retained)
    return decoder.decode(raw, envelope)


def rows(decoded: Decoded) -> list[dict[str, Any]]:
    """The readings one by one: names, time, and what is present."""
    found: list[dict[str, Any]] = json.loads(chowon_json.encode(decoded))["readings"]
    return found


def of_channel(decoded: Decoded, channel: str) -> dict[str, Any]:
    """The one reading of a channel."""
    (found,) = (row for row in rows(decoded) if row["channel"] == channel)
    return found
