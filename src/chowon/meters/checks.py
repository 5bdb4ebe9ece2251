"""The checks that every reading passes, whatever its format: over columns, with each bad value named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chowon.domain.quantities import ABSENT_I32, ABSENT_I64, DAY_MS, I64, Bools
from chowon.errors import Problem, shortened
from chowon.meters.decoded import Column, Decoded, Envelope, Findings
from chowon.meters.fields import BY_NAME, FIELDS, Field
from chowon.meters.names import Keys, Names

F64: TypeAlias = NDArray[np.float64]

EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01 UTC; an earlier stamp comes from a meter whose clock was never set."""
AHEAD_MS: Final = DAY_MS
"""A stamp may lie this far past the receive time."""
NO_QUANTITY: Final = f"at least one of {', '.join(field.name for field in FIELDS)}"


@dataclass(frozen=True, slots=True)
class Sent:
    """One quantity of n readings, as it was sent."""

    values: F64 | I64
    """(n,) float64 in the unit of the field, or int64 already scaled; anything where not present"""
    present: Bools
    """(n,) bool"""


@dataclass(frozen=True, slots=True)
class Rows:
    """n readings as sent, before the checks."""

    keys: Keys
    key_index: I64
    """(n,) int64, position in keys.keys; −1 where the names are wrong"""
    names: Callable[[int], Names]
    """The names that a row was sent with."""
    time_ms: I64
    """(n,) int64"""
    sent: Mapping[str, Sent]
    """By field name, e.g. "power_w"."""
    place: Callable[[int], str]
    """Where a row stands in the payload, e.g. "readings[3]"."""


def checked(rows: Rows, envelope: Envelope, findings: Findings, rejected: int = 0) -> Decoded:
    """The readings that pass all checks. A reading with one bad value is not kept; every bad value is named.

    rejected: how many readings the format itself has refused before.
    """
    bad = rows.key_index < 0
    if bad.any():
        _note(bad, findings, lambda row: rows.keys.problems(rows.names(row), rows.place(row)))
    late = rows.time_ms > envelope.received_ms + AHEAD_MS
    wrong_time = late | (rows.time_ms < EARLIEST_MS)
    if wrong_time.any():
        _note(wrong_time, findings, lambda row: [_time_problem(rows, row, envelope)])
        bad |= wrong_time
    columns: dict[str, Column] = {}
    some = np.zeros(len(bad), np.bool_)
    for name, sent in rows.sent.items():
        if not sent.present.any():
            continue
        field = BY_NAME[name]
        columns[field.column], wrong = _scaled(field, sent)
        some |= sent.present
        if wrong.any():
            _note(wrong, findings, lambda row, f=field, s=sent: [_value_problem(rows, row, f, s)])  # type: ignore[misc]
            bad |= wrong
    if not some.all():
        _note(~some, findings, lambda row: [Problem(rows.place(row), "no quantity", NO_QUANTITY)])
        bad |= ~some
    key_index = rows.key_index.astype(np.uint32)
    refused = rejected + int(np.count_nonzero(bad))
    all_rows = Decoded(rows.keys.keys, key_index, rows.time_ms, columns, findings.problems(), refused)
    return all_rows.where(~bad) if bad.any() else all_rows


def _scaled(field: Field, sent: Sent) -> tuple[Column, Bools]:
    """The column in scaled integers, absent where nothing was sent; and where a value is out of range."""
    low, high = field.low, field.high
    values = sent.values
    if values.dtype == np.float64 and ((values >= low) & (values <= high)).all() and sent.present.all():
        whole, none = np.rint(values * field.scale), np.zeros(len(values), np.bool_)
        return (whole.astype(np.int32), none) if field.is_i32 else (whole.astype(np.int64), none)
    if values.dtype == np.float64:
        right = (values >= low) & (values <= high)  # NaN and infinities are not
        scaled = np.rint(np.where(right, values, 0) * field.scale).astype(np.int64)
    else:
        right = (values >= low * field.scale) & (values <= high * field.scale)
        scaled = np.where(right, values, 0).astype(np.int64)
    wrong = sent.present & ~right
    if field.is_i32:
        return np.where(sent.present, scaled, ABSENT_I32).astype(np.int32), wrong
    return np.where(sent.present, scaled, ABSENT_I64), wrong


def _note(wrong: Bools, findings: Findings, problems: Callable[[int], list[Problem]]) -> None:
    rows = np.flatnonzero(wrong)
    named = rows[: findings.room]
    for row in named:
        for problem in problems(int(row)):
            findings.add(problem.where, problem.found, problem.expected)
    findings.count(len(rows) - len(named))


def _value_problem(rows: Rows, row: int, field: Field, sent: Sent) -> Problem:
    value = sent.values[row].item()
    shown = value if isinstance(value, float) else value / field.scale
    return Problem(f"{rows.place(row)}.{field.name}", shortened(shown), field.expected)


def _time_problem(rows: Rows, row: int, envelope: Envelope) -> Problem:
    time_ms = int(rows.time_ms[row])
    latest = _iso(envelope.received_ms + AHEAD_MS)
    expected = (
        f"an instant from 2000-01-01 to {latest} (1 day ahead of now); check the meter's clock and unit"
    )
    return Problem(f"{rows.place(row)}.time", f"{time_ms} ms ({_iso(time_ms)})", expected)


def _iso(time_ms: int) -> str:
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return "no date"
