"""Line protocol of the common shape as whole columns: many times faster than line by line.

The common shape: every line has a series, numbers only and a timestamp, single spaces between them, and no
quotes, escapes or comments. Whatever is not surely of this shape is left to the exact parser, as a whole; for
the rest a law in tests/laws says that both give the same.

The text is taken apart by whole-text operations (split, join, translate), which for bodies of some hundred
lines cost less than the calls of an array library. What stands between the parts is checked first and apart:
the text with everything but its separators taken out has only one right form.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from chowon.domain.quantities import I64
from chowon.meters.checks import F64, Rows, Sent
from chowon.meters.decoded import Envelope
from chowon.meters.fields import FIELDS
from chowon.meters.influx_series import Series, series_of
from chowon.meters.names import Names

_ALL_BUT_GAPS: Final = bytes(set(range(256)) - set(b" \n"))
_ALL_BUT_SEPARATORS: Final = bytes(set(range(256)) - set(b" ,="))
_NUMBER_BYTES: Final = b"0123456789.-,"
_NUMBERS: Final = re.compile(
    rb"(?:(?:[+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?|[+-]?\d++[iu])(?:,(?!\Z)|\Z))++"
)
_STAMPS: Final = re.compile(rb"(?:-?\d{1,20}(?:,(?!\Z)|\Z))++")
FIELD_NAME: Final = re.compile(rb'[^\\"\r]++')
_MOST_OTHERS: Final = 10_000
"""So many field names that mean nothing to us are remembered."""


class Columns:
    """Reads lines with these field names."""

    def __init__(self, aliases: Mapping[str, tuple[str, float]]) -> None:
        """aliases: field → (our field, factor)."""
        places = {field.name: place for place, field in enumerate(FIELDS)}
        self._codes = {name.encode(): code for code, name in enumerate(aliases)}
        self._other = len(aliases)
        self._field = np.array([*(places[field] for field, _ in aliases.values()), -1])
        self._factor = np.array([*(factor for _, factor in aliases.values()), 1.0])

    def rows(
        self,
        payload: bytes,
        envelope: Envelope,
        per_ms: tuple[int, int],
        names_of: Callable[[bytes], Names | None],
    ) -> Rows | None:
        """The lines as sent, before the checks; None when any of them may need the exact parser.

        per_ms: (factor, divisor) that make milliseconds of a stamp.
        """
        text = payload.removesuffix(b"\n")
        gaps = text.translate(None, _ALL_BUT_GAPS) + b"\n"
        if gaps != b"  \n" * (len(gaps) // 3):
            return None
        parts = text.replace(b"\n", b" ").split(b" ")
        time_ms = _time_ms(parts[2::3], *per_ms)
        sent = None if time_ms is None else self._sent(parts[1::3])
        series = None if sent is None else series_of(parts[0::3], envelope, names_of)
        return None if time_ms is None or sent is None or series is None else _rows(series, time_ms, sent)

    def _sent(self, fields: Sequence[bytes]) -> dict[str, Sent] | None:
        """The known fields of all lines by our names; None when a line has none."""
        text = b" ".join(fields)
        separators = text.translate(None, _ALL_BUT_SEPARATORS) + b" "
        n, pairs = len(fields), len(separators) // 2
        if separators[0::2] != b"=" * pairs or b"=" in separators[1::2]:
            return None
        parts = text.replace(b"=", b",").replace(b" ", b",").split(b",")
        values, codes = _numbers(parts[1::2]), self._codes_of(parts[0::2])
        if values is None or codes is None:
            return None
        with np.errstate(over="ignore"):  # what is beyond a float is beyond every range
            values *= self._factor[codes]
        field = self._field[codes]
        each = pairs // n
        alike = separators == separators[: 2 * each] * n
        if alike and (field.reshape(n, each) == field[:each]).all():
            sent = _of_equal_lines(field[:each].tolist(), values.reshape(n, each))
            if sent is not None:
                return sent
        last = np.frombuffer(separators[1::2], np.uint8) == ord(" ")
        return _of_any_lines(field, values, np.cumsum(last) - last, n)

    def _codes_of(self, names: Sequence[bytes]) -> I64 | None:
        """(n,) which alias each name is; None when one may be more than a name."""
        try:
            return np.fromiter(map(self._codes.__getitem__, names), np.int64, len(names))
        except KeyError:
            others = set(names) - self._codes.keys()
        if not all(map(FIELD_NAME.fullmatch, others)):
            return None
        if len(self._codes) + len(others) > _MOST_OTHERS:
            self._codes = {name: code for name, code in self._codes.items() if code != self._other}
        known = self._codes | dict.fromkeys(set(names) - self._codes.keys(), self._other)
        if len(known) <= _MOST_OTHERS:
            self._codes = known
        return np.fromiter(map(known.__getitem__, names), np.int64, len(names))


def _rows(series: Series, time_ms: I64, sent: Mapping[str, Sent]) -> Rows:
    return Rows(
        series.keys,
        series.key_index,
        series.names_at,
        time_ms,
        sent,
        lambda row: f"line {row + 1}",
    )


def _time_ms(stamps: Sequence[bytes], factor: int, divisor: int) -> I64 | None:
    text = b",".join(stamps)
    if not _of_one_length(text, len(stamps[0])) and _STAMPS.fullmatch(text) is None:
        return None
    found = np.fromstring(text, np.int64, sep=",")  # what is too large becomes the largest
    far = 2**62 // factor
    if len(found) != len(stamps) or found.max() > far or found.min() < -far:  # a stamp may hold a comma
        return None
    return found * factor // divisor


def _of_one_length(stamps: bytes, length: int) -> bool:
    """Whether they are surely numbers of so many digits: stamps of one unit and time are."""
    between = stamps[length :: length + 1]
    digits_only = between == stamps.translate(None, b"0123456789") == b"," * len(between)
    return digits_only and 0 < length <= 20 and not stamps.endswith(b",")


def _numbers(texts: Sequence[bytes]) -> F64 | None:
    """(n,) the values; None when one is no number."""
    text = b",".join(texts)
    if text.translate(None, _NUMBER_BYTES):
        if _NUMBERS.fullmatch(text) is None:
            return None
        texts = text.replace(b"i", b"").replace(b"u", b"").split(b",")
    try:
        return np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        return None


def _of_equal_lines(fields: Sequence[int], values: F64) -> dict[str, Sent] | None:
    """Where each line has the same fields. values: (n, fields). None when one of them stands there twice."""
    known = [place for place in fields if place >= 0]
    if not known or len(set(known)) < len(known):
        return None
    every = np.ones(len(values), np.bool_)
    return {FIELDS[place].name: Sent(values[:, fields.index(place)], every) for place in sorted(known)}


def _of_any_lines(field: I64, values: F64, row: I64, n: int) -> dict[str, Sent] | None:
    sent: dict[str, Sent] = {}
    some = np.zeros(n, np.bool_)
    for place in np.unique(field[field >= 0]).tolist():
        mine = field == place
        column, present = np.zeros(n), np.zeros(n, np.bool_)
        column[row[mine]] = values[mine]  # of two the last counts
        present[row[mine]] = True
        sent[FIELDS[place].name] = Sent(column, present)
        some |= present
    return sent if some.all() else None
