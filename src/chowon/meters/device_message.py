"""One message of a device that speaks its vendor's format: what every such decoder needs of it.

A vendor's key becomes a field of ours with a factor; what is left out or null stays absent. All readings of a
message have one instant, the device's own or that of arrival, and are kept apart from those of other messages
with the same stamp, because the same (channel, time) replaces whole.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import msgspec
import numpy as np

from chowon.domain.readings import QUANTITIES
from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.checks import Rows, Sent, checked
from chowon.meters.decoded import Decoded, Envelope, Family, Findings
from chowon.meters.fields import BY_NAME
from chowon.meters.names import Keys

Meaning: TypeAlias = Mapping[str, tuple[str, float]]
"""A vendor's key → the field that it is, and the factor that brings its value into the field's unit."""

Values: TypeAlias = Mapping[str, object]
"""A JSON object, or as much of one as matters."""

CLOCK_SET_MS: Final = 1_577_836_800_000
"""2020-01-01 UTC; a device that says an earlier time has not asked for the time yet."""
_NO_VALUE: Final = frozenset({"", "nan", "null", "none", "unknown", "unavailable"})
"""Texts, lower case, by which devices say that they have not measured."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_MS: Final = 2**62
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_LONGEST_NUMBER: Final = 64


@dataclass(slots=True)
class _Row:
    place: str
    values: dict[str, float] = field(default_factory=dict)
    bad: bool = False

    def offset_ms(self, apart: bool) -> int:
        if apart:
            return min(QUANTITIES.index(BY_NAME[name].column) for name in self.values)
        return 0 if "power_w" in self.values else 1


class DeviceMessage:
    """Collects what one message says of the channels of one device.

    A reading without power is stamped 1 ms later than one with it, so that counters that come by themselves
    never replace power. apart: the topic carries one quantity only; each quantity has its own millisecond.
    """

    def __init__(
        self, family: Family, device: str, time_ms: int, envelope: Envelope, *, apart: bool = False
    ) -> None:
        self._family = family
        self._device = device
        self._time_ms = time_ms
        self._envelope = envelope
        self._apart = apart
        self._rows: dict[str, _Row] = {}
        self._findings = Findings()
        self._refused = 0

    def add(self, channel: str, sent: Values, meaning: Meaning, place: str) -> None:
        """What stands under the keys of `meaning`. place: where `sent` stands in the payload.

        Several calls for one channel make one reading; one bad value, and it is not kept.
        """
        values: dict[str, float] = {}
        bad = False
        for key, (name, factor) in meaning.items():
            try:
                value = number(sent.get(key))
            except ValueError:
                bad = True
                self._findings.add(f"{place}.{key}", shortened(sent[key]), "a number, or null for no value")
            else:
                if value is not None:
                    values[name] = value * factor
        if values or bad:
            row = self._rows.setdefault(channel, _Row(place))
            row.values |= values
            row.bad |= bad

    def refuse(self, where: str, found: object, expected: str) -> None:
        """A part that cannot be read: it counts as one reading that is not kept."""
        self._findings.add(where, shortened(found), expected)
        self._refused += 1

    def decoded(self) -> Decoded:
        """The readings that pass all checks; empty where the message is not about electricity."""
        keys = Keys(self._envelope)
        good = {channel: row for channel, row in self._rows.items() if not row.bad}
        rows = list(good.values())
        index = [keys.device(self._family.name, self._device, channel) for channel in good]
        times = [self._time_ms + row.offset_ms(self._apart) for row in rows]
        sent = {
            name: Sent(
                np.array([row.values.get(name, 0.0) for row in rows], np.float64),
                np.array([name in row.values for row in rows], np.bool_),
            )
            for name in dict.fromkeys(name for row in rows for name in row.values)
        }
        return checked(
            Rows(
                keys,
                np.array(index, np.int64),
                lambda _: (None, None, None),
                np.array(times, np.int64),
                sent,
                lambda row: rows[row].place,
            ),
            self._envelope,
            self._findings,
            self._refused + len(self._rows) - len(rows),
        )


def json_object(payload: bytes, expected: str) -> dict[str, object]:
    """The payload as a JSON object. Errors: PayloadRejected."""
    try:
        found = msgspec.json.decode(payload)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else shortened(str(error))
        raise PayloadRejected("the payload is not JSON", [Problem("payload", reason, expected)]) from None
    if not isinstance(found, dict):
        problem = Problem("payload", shortened(found), expected)
        raise PayloadRejected("the payload is no JSON object", [problem])
    return found


def bare_number(payload: bytes) -> float | None:
    """The payload as a number in text, None where it says that there is none. Errors: PayloadRejected."""
    try:
        return number(payload.decode())
    except ValueError:
        problem = Problem("payload", shortened(payload), "a number as text")
        raise PayloadRejected("the payload is no number", [problem]) from None


def number(value: object) -> float | None:
    """A JSON number, or a text that is one; None where nothing was measured. Errors: ValueError."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _NO_VALUE:
            return None
        if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
            return float(text)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise ValueError("too large") from None
    raise ValueError("no number")


def level(envelope: Envelope, *names: str) -> str:
    """The device's name from the named levels of the topic, joined by "/". Errors: PayloadRejected."""
    found = "/".join(envelope.levels[name] for name in names if envelope.levels.get(name))
    if not found:
        problem = Problem("topic", shortened(envelope.topic), "a topic that names the device")
        raise PayloadRejected("nobody knows which device this is", [problem])
    return found


def stamp(device_ms: int | None, envelope: Envelope) -> int | None:
    """The device's own instant if its clock is set, else that of arrival; None where its age is unknown."""
    if device_ms is not None and device_ms >= CLOCK_SET_MS:
        return device_ms
    return None if envelope.retained else envelope.received_ms


def epoch_ms(value: object, unit_ms: int) -> int | None:
    """An instant that is sent as a number since 1970, in units of `unit_ms`; None for anything else."""
    try:
        found = number(value)
    except ValueError:
        return None
    if found is None:
        return None
    return round(min(max(found * unit_ms, -_FAR_MS), _FAR_MS))


def iso_ms(value: object) -> int | None:
    """An ISO 8601 instant; None without a zone, whose local time nobody knows, and for anything else."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            return None
        return (instant - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
