"""Copy this file to add a protocol: rename it, change the three marked places, add one recording.

As it stands it reads a line "time_ms,power_w,import_wh" on `blueprint/{site}/{meter}`. It is not offered to
meters; the laws in tests/laws/test_meters_laws.py run on it as on every decoder.
"""

from typing import Final

import numpy as np

from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.checks import Rows, Sent, checked
from chowon.meters.decoded import Decoded, Envelope, Findings
from chowon.meters.names import Keys, Names


class Blueprint:
    """Decoder of one comma-separated line; an empty place is absent, never 0."""

    # 1. How payloads of this protocol are recognised.
    name = "blueprint"
    content_types = ("text/x-chowon-blueprint",)
    topics = ("blueprint/{site}/{meter}",)
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        # 2. From bytes to numbers in our units. What cannot be read at all is PayloadRejected, nothing else.
        try:
            time, power_w, import_wh = payload.decode().strip().split(",")
            time_ms = min(int(time), 2**62)
            sent = {"power_w": _sent(power_w), "import_wh": _sent(import_wh)}
        except ValueError:
            problem = Problem("payload", shortened(payload), "time_ms,power_w,import_wh")
            raise PayloadRejected("the line cannot be read", [problem]) from None
        # 3. Who measured: the topic gave site and meter, the protocol may name channels.
        keys = Keys(envelope)
        names: Names = (None, None, None)
        rows = Rows(
            keys,
            keys.indices([names]),
            lambda _: names,
            np.array([max(time_ms, -(2**62))], np.int64),
            sent,
            lambda _: "line",
        )
        return checked(rows, envelope, Findings())


DECODER: Final = Blueprint()


def _sent(text: str) -> Sent:
    return Sent(np.array([float(text or 0)]), np.array([text != ""]))
