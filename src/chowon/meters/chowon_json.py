"""chowon's own JSON: one reading, a list, or {"readings": […]}. Well-formed payloads go a fast way."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from chowon.domain.readings import absent_of
from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.checks import NO_QUANTITY, Rows, Sent, checked
from chowon.meters.decoded import Decoded, Envelope, Findings
from chowon.meters.fields import BY_NAME, FIELDS, KEY_RULE, did_you_mean
from chowon.meters.names import Keys, Names

TIME_RULE: Final = "ms since 1970 UTC, or ISO 8601 with its offset like 2026-11-23T09:00:00+09:00"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Reading(msgspec.Struct, forbid_unknown_fields=True):
    time: int | str
    site: str | None = None
    meter: str | None = None
    channel: str | None = None
    power_w: float | None = None
    reactive_var: float | None = None
    voltage_v: float | None = None
    current_a: float | None = None
    frequency_hz: float | None = None
    import_wh: float | None = None
    export_wh: float | None = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    readings: list[_Reading]


_LIST: Final = msgspec.json.Decoder(list[_Reading])
_ONE: Final = msgspec.json.Decoder(_Reading)
_BODY: Final = msgspec.json.Decoder(_Body)
_FIELD_NAMES: Final = tuple(_Reading.__struct_fields__)


class ChowonJson:
    """Decoder of `application/json` and of JSON on `chowon/v1/{site}/{meter}`."""

    name = "chowon-json"
    content_types = ("application/json",)
    topics = ("chowon/v1/{site}/{meter}",)
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        try:
            rows, prefix = _fast(payload)
            return _assembled(rows, prefix.format, envelope, Findings(), 0)
        except (ValueError, OverflowError, RecursionError):  # msgspec's errors are ValueErrors
            return _slow(payload, envelope)


DECODER: Final = ChowonJson()


def encode(decoded: Decoded) -> bytes:
    """The readings as {"readings": […]}; absent quantities are left out."""
    columns = [
        (f, column.tolist(), absent_of(f.column).item())
        for f in FIELDS
        if (column := decoded.columns.get(f.column)) is not None
    ]
    rows = []
    for n, (index, time_ms) in enumerate(zip(decoded.key_index, decoded.time_ms.tolist(), strict=True)):
        key = decoded.keys[index]
        row: dict[str, object] = {"site": key.site, "meter": key.meter, "channel": key.channel}
        row["time"] = time_ms
        row |= {f.name: values[n] / f.scale for f, values, absent in columns if values[n] != absent}
        rows.append(row)
    return msgspec.json.encode({"readings": rows})


def _fast(payload: bytes) -> tuple[Sequence[_Reading], str]:
    """The readings and the form of their places. Errors: ValueError when anything is not as expected."""
    if payload[:64].lstrip()[:1] == b"[":
        return _LIST.decode(payload), "[{}]"
    try:
        return [_ONE.decode(payload)], "reading"
    except msgspec.ValidationError:
        return _BODY.decode(payload).readings, "readings[{}]"


def _assembled(
    rows: Sequence[_Reading],
    place: Callable[[int], str],
    envelope: Envelope,
    findings: Findings,
    rejected: int,
) -> Decoded:
    """Errors: ValueError, OverflowError when a time cannot be read."""
    keys = Keys(envelope)
    names: list[Names] = [(r.site, r.meter, r.channel) for r in rows]
    times = [_instant_ms(t) if isinstance(t := r.time, str) else t for r in rows]
    sent: dict[str, Sent] = {}
    for field in FIELDS:
        found = [getattr(r, field.name) for r in rows]
        if found.count(None) < len(found):
            values = np.array(found, np.float64)  # None becomes NaN, which JSON itself cannot hold
            sent[field.name] = Sent(values, ~np.isnan(values))
    return checked(
        Rows(keys, keys.indices(names), names.__getitem__, np.array(times, np.int64), sent, place),
        envelope,
        findings,
        rejected,
    )


def _slow(payload: bytes, envelope: Envelope) -> Decoded:
    """Reading by reading, with a problem for everything that is wrong in each."""
    items, prefix = _items(payload)
    findings = Findings()
    good: list[_Reading] = []
    positions: list[int] = []
    for n, item in enumerate(items):
        try:
            reading = msgspec.convert(item, _Reading)
            if isinstance(reading.time, str):
                reading.time = _instant_ms(reading.time)
            elif not -(2**62) < reading.time < 2**62:
                reading.time = 2**62  # far out of range: `checked` will say so
        except (ValueError, OverflowError):
            if findings.room:
                _complain(item, prefix.format(n), envelope, findings)
            else:
                findings.count(1)
        else:
            good.append(reading)
            positions.append(n)
    rejected = len(items) - len(good)
    return _assembled(good, lambda row: prefix.format(positions[row]), envelope, findings, rejected)


def _items(payload: bytes) -> tuple[list[object], str]:
    """The readings as plain objects, and the form of their places. Errors: PayloadRejected."""
    try:
        # "NaN" and "Infinity" are no JSON: they become texts, so that only their reading is refused.
        whole = json.loads(payload.decode(), parse_constant=str)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else shortened(str(error))
        what = "the payload is not JSON"
        raise PayloadRejected(what, [Problem("payload", reason, "JSON in UTF-8")]) from None
    if isinstance(whole, list):
        return whole, "[{}]"
    if isinstance(whole, dict) and set(whole) == {"readings"} and isinstance(whole["readings"], list):
        return whole["readings"], "readings[{}]"
    return [whole], "reading"


def _complain(item: object, place: str, envelope: Envelope, findings: Findings) -> None:
    if not isinstance(item, dict):
        findings.add(place, shortened(item), f"an object with 'time' and {NO_QUANTITY}")
        return
    before = findings.total
    names = tuple(item.get(part) for part in ("site", "meter", "channel"))
    if all(name is None or isinstance(name, str) for name in names):
        for problem in Keys(envelope).problems(names, place):  # type: ignore[arg-type]
            findings.add(problem.where, problem.found, problem.expected)
    if "time" not in item:
        findings.add(f"{place}.time", "nothing", TIME_RULE)
    for name, value in item.items():
        if not findings.room:
            return
        if (expected := _expected(name, value)) is not None:
            findings.add(f"{place}.{shortened(name).strip(chr(39))}", shortened(value), expected)
    if findings.total == before:
        findings.add(place, shortened(item), "a reading as docs/reference/api.md describes it")


def _expected(name: str, value: object) -> str | None:
    """What should stand in this field, None when its value is right."""
    if name not in _FIELD_NAMES:
        return f"no field of this name{did_you_mean(name, _FIELD_NAMES)}"
    if name == "time":
        return None if _is_time(value) else TIME_RULE
    if value is None or (name not in BY_NAME and isinstance(value, str)):
        return None
    if name not in BY_NAME:
        return KEY_RULE
    field = BY_NAME[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if number and field.low <= value <= field.high else field.expected  # type: ignore[operator]


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return isinstance(value, int) and not isinstance(value, bool)
    try:
        _instant_ms(value)
    except (ValueError, OverflowError):
        return False
    return True


def _instant_ms(text: str) -> int:
    """Errors: ValueError, OverflowError."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("a time without offset")
    return (instant - _EPOCH) // timedelta(milliseconds=1)
