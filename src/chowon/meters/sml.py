"""SML files as German meters send them over their optical head, through smllib.

Channels: "main" (power and both counters), "main-l1" to "main-l3" where the meter tells its phases: parts of
main, not to be added to it. The checksum must be right. A meter's own seconds count from its start, so each
reading gets the time of receipt. Power has a sign at two-way meters: below 0 is given to the grid.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from chowon.errors import ExtraMissing, PayloadRejected, Problem, shortened
from chowon.meters.decoded import Decoded, Envelope
from chowon.meters.names import DEFAULT_NAME
from chowon.meters.polled import readings

MOST_BYTES: Final = 32 * 1024
START: Final = b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01"
_LONG_LIST: Final = 0xF0
_LARGEST_SCALE: Final = 12
_UNITS: Final = {27: "W", 30: "Wh", 33: "A", 35: "V", 44: "Hz"}
_OBIS: Final = {
    "0100010800ff": ("", "import_wh", "Wh"),
    "0100020800ff": ("", "export_wh", "Wh"),
    "0100100700ff": ("", "power_w", "W"),
    "0100010700ff": ("", "power_w", "W"),
    "01000e0700ff": ("", "frequency_hz", "Hz"),
    "0100240700ff": ("-l1", "power_w", "W"),
    "0100380700ff": ("-l2", "power_w", "W"),
    "01004c0700ff": ("-l3", "power_w", "W"),
    "0100200700ff": ("-l1", "voltage_v", "V"),
    "0100340700ff": ("-l2", "voltage_v", "V"),
    "0100480700ff": ("-l3", "voltage_v", "V"),
    "01001f0700ff": ("-l1", "current_a", "A"),
    "0100330700ff": ("-l2", "current_a", "A"),
    "0100470700ff": ("-l3", "current_a", "A"),
}
"""OBIS code → (end of the channel's name, our field, unit); 16.7.0, which has a sign, before 1.7.0."""


class Sml:
    """Decoder of one SML file with its transport frame."""

    name = "sml"
    content_types = ("application/vnd.sml",)
    topics: tuple[str, ...] = ()
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        values = _values(payload)
        if not values:
            raise _refused(shortened(payload), "a file with electricity (1-0:1.8.0, 1-0:16.7.0, …)")
        return readings(values, envelope, envelope.received_ms)


DECODER: Final = Sml()


def _values(payload: bytes) -> dict[tuple[str, str], float]:
    """(channel, field) → value in the unit of the field."""
    if len(payload) > MOST_BYTES:
        raise _refused(f"{len(payload)} bytes", f"one file of at most {MOST_BYTES} bytes")
    if not payload.startswith(START):
        raise _refused(shortened(payload), "a file from 1b1b1b1b 01010101 on")
    try:
        entries = entries_by()(payload)
    except ExtraMissing as error:
        raise _refused("no smllib here", str(error)) from error
    except Exception as error:  # the parser meets whatever a line with errors brings
        # not str(error): of some of smllib's errors that is an error itself
        said = ": ".join((type(error).__name__, *map(shortened, error.args)))
        raise _refused(said, "a file without errors") from error
    found: dict[tuple[str, str], float] = {}
    for obis, (end, field, unit) in _OBIS.items():
        value = _number(entries.get(obis), unit)
        if value is not None:
            found.setdefault((DEFAULT_NAME + end, field), value)
    return found


def _number(entry: Any, unit: str) -> float | None:
    value = getattr(entry, "value", None)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**64:
        return None
    scale = entry.scaler if isinstance(entry.scaler, int) else 0
    if _UNITS.get(entry.unit) != unit or abs(scale) > _LARGEST_SCALE:
        return None
    return float(value * 10.0**scale)


@cache
def entries_by() -> Callable[[bytes], dict[str, Any]]:
    """A function from a file to its entries by OBIS code, the first of equal ones. Errors: ExtraMissing."""
    try:
        from smllib.reader import SmlStreamReader  # noqa: PLC0415 — an extra
        from smllib.sml_frame import SmlFrame  # noqa: PLC0415
    except ImportError as error:
        raise ExtraMissing("reading SML meters", "serial") from error

    class _Frame(SmlFrame):  # type: ignore[misc,unused-ignore]
        """smllib's, but the length of a list is not believed: an entry has 7 parts."""

        def get_value(self, pos: int | None = None) -> Any:
            at = self.next_pos if pos is None else pos
            if at < self.buf_len and self.buffer[at] & _LONG_LIST == _LONG_LIST:
                raise ValueError("an entry with a list of more than 15 parts")
            return super().get_value(pos)

    def entries(payload: bytes) -> dict[str, Any]:
        reader = SmlStreamReader()
        reader.add(payload)
        frame = reader.get_frame()
        if frame is None:
            raise ValueError("a file without its end (1b1b1b1b 1a and the checksum)")
        found: dict[str, Any] = {}
        for entry in _Frame(frame.bytes).get_obis():
            found.setdefault(str(entry.obis), entry)
        return found

    return entries


def _refused(found: str, expected: str) -> PayloadRejected:
    return PayloadRejected("the SML file cannot be read", [Problem("file", found, expected)])
