"""DSMR P1 telegrams of Dutch, Belgian, Luxembourgish, Swedish and Hungarian meters, through dsmr-parser.

Channels: "main" (power, both counters), and "main-l1" to "main-l3" where the meter tells its phases: parts of
main, not to be added to it. Import is the total where the meter tells one, else the sum of its registers. A
telegram with a checksum is only used when that is right; the stamp is the meter's own (DSMR 4 and later).
"""

import logging
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, TypeAlias

from chowon.errors import ExtraMissing, PayloadRejected, Problem, shortened
from chowon.meters.decoded import Decoded, Envelope
from chowon.meters.names import DEFAULT_NAME
from chowon.meters.polled import readings

Values: TypeAlias = dict[tuple[str, str], float]
"""(channel, field) → value in the field's unit"""
MOST_BYTES: Final = 16 * 1024
"""The largest telegrams, with a month of gas and demand readings, have about 4 kB."""
_CHECKSUM: Final = re.compile(r"![0-9A-F]{4}\s*\Z")
_REGISTERS: Final = 4
_LARGEST_EXPONENT: Final = 15
_FACTOR: Final = {"kW": 1000, "kWh": 1000, "kvar": 1000}


class Dsmr:
    """Decoder of one telegram, from "/" to the checksum."""

    name = "dsmr-p1"
    content_types = ("application/vnd.dsmr.telegram",)
    topics: tuple[str, ...] = ()
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        text = _text(payload)
        try:
            parser = parser_for(_CHECKSUM.search(text) is not None)
        except ExtraMissing as error:
            raise _refused("no dsmr-parser here", str(error)) from error
        found = _parsed(parser, text)
        values = {**_whole(found), **_phases(found)}
        if not values:
            raise _refused(shortened(payload), "a telegram with electricity (1-0:1.7.0, 1-0:1.8.0 or 1.8.1)")
        return readings(values, envelope, _stamp_ms(found, envelope.received_ms))


DECODER: Final = Dsmr()


def _text(payload: bytes) -> str:
    if len(payload) > MOST_BYTES:
        raise _refused(f"{len(payload)} bytes", f"one telegram of at most {MOST_BYTES} bytes")
    try:
        text = payload.decode("ascii")
    except UnicodeDecodeError:
        raise _refused(shortened(payload), "ASCII; see whether speed and parity are right") from None
    if not text.startswith("/") or "!" not in text:
        raise _refused(shortened(payload), "a whole telegram, from '/' to '!' and the checksum")
    return text


def _parsed(parser: Any, text: str) -> Mapping[str, Any]:
    """The telegram's objects by dsmr-parser's name of each."""
    try:
        return dict(iter(parser.parse(text)))
    except Exception as error:  # the parser meets whatever a line with errors brings
        raise _refused(
            f"{type(error).__name__}: {shortened(str(error))}", "a telegram without errors"
        ) from error


@cache
def parser_for(with_checksum: bool) -> Any:
    """A parser of what we keep, whatever country the meter is from. Errors: ExtraMissing."""
    try:
        from dsmr_parser import telegram_specifications as known  # noqa: PLC0415 — a third of a second
        from dsmr_parser.parsers import TelegramParser  # noqa: PLC0415
    except ImportError as error:
        raise ExtraMissing("reading DSMR meters", "serial") from error
    logging.getLogger("dsmr_parser").setLevel(logging.CRITICAL)  # what cannot be read is told by us
    objects: dict[str, Any] = {}
    for specification in (known.V5, known.SWEDEN, known.EON_HUNGARY):
        for one in specification["objects"]:
            if one["value_name"] in _KEPT:
                objects.setdefault(one["value_name"], one)
    return TelegramParser({"checksum_support": with_checksum, "objects": list(objects.values())})


_KEPT: Final = frozenset(
    (
        "P1_MESSAGE_TIMESTAMP",
        "CURRENT_ELECTRICITY_USAGE",
        "CURRENT_ELECTRICITY_DELIVERY",
        "ELECTRICITY_IMPORTED_TOTAL",
        "ELECTRICITY_EXPORTED_TOTAL",
        *(f"ELECTRICITY_{way}_TARIFF_{n}" for way in ("USED", "DELIVERED") for n in range(1, _REGISTERS + 1)),
        *(f"INSTANTANEOUS_{what}_L{n}" for what in ("VOLTAGE", "CURRENT") for n in (1, 2, 3)),
        *(f"INSTANTANEOUS_ACTIVE_POWER_L{n}_{way}" for way in ("POSITIVE", "NEGATIVE") for n in (1, 2, 3)),
    )
)


def _whole(found: Mapping[str, Any]) -> Values:
    values = {
        "power_w": _net(found, "CURRENT_ELECTRICITY_USAGE", "CURRENT_ELECTRICITY_DELIVERY"),
        "import_wh": _counter(found, "ELECTRICITY_IMPORTED_TOTAL", "ELECTRICITY_USED_TARIFF_"),
        "export_wh": _counter(found, "ELECTRICITY_EXPORTED_TOTAL", "ELECTRICITY_DELIVERED_TARIFF_"),
    }
    return _told(DEFAULT_NAME, values)


def _phases(found: Mapping[str, Any]) -> Values:
    phases: Values = {}
    for n in (1, 2, 3):
        power = f"INSTANTANEOUS_ACTIVE_POWER_L{n}_"
        values = {
            "power_w": _net(found, power + "POSITIVE", power + "NEGATIVE"),
            "voltage_v": _number(found, f"INSTANTANEOUS_VOLTAGE_L{n}"),
            "current_a": _number(found, f"INSTANTANEOUS_CURRENT_L{n}"),
        }
        phases |= _told(f"{DEFAULT_NAME}-l{n}", values)
    return phases


def _told(channel: str, values: Mapping[str, Decimal | None]) -> Values:
    return {(channel, field): float(value) for field, value in values.items() if value is not None}


def _net(found: Mapping[str, Any], taken: str, given: str) -> Decimal | None:
    used, delivered = _number(found, taken), _number(found, given)
    if used is None and delivered is None:
        return None
    return (used or Decimal(0)) - (delivered or Decimal(0))


def _counter(found: Mapping[str, Any], total: str, registers: str) -> Decimal | None:
    whole = _number(found, total)
    if whole is not None:
        return whole
    parts = [_number(found, f"{registers}{n}") for n in range(1, _REGISTERS + 1)]
    told = [part for part in parts if part is not None]
    return sum(told, Decimal(0)) if told else None


def _number(found: Mapping[str, Any], name: str) -> Decimal | None:
    """In W, Wh, V or A. Errors: PayloadRejected."""
    one = found.get(name)
    value = getattr(one, "value", None)
    if not isinstance(value, Decimal | int | float):
        return None
    number = Decimal(str(value))
    if not number.is_finite() or number.adjusted() > _LARGEST_EXPONENT:
        raise _refused(f"{name} {shortened(str(value))}", f"numbers below 1e{_LARGEST_EXPONENT + 1}")
    return number * _FACTOR.get(str(getattr(one, "unit", "")), 1)


def _stamp_ms(found: Mapping[str, Any], received_ms: int) -> int:
    stamp = getattr(found.get("P1_MESSAGE_TIMESTAMP"), "value", None)
    return int(stamp.timestamp() * 1000) if isinstance(stamp, datetime) else received_ms


def _refused(found: str, expected: str) -> PayloadRejected:
    return PayloadRejected("the telegram cannot be read", [Problem("telegram", found, expected)])
