"""Line protocol of lines that are all alike as a table: for large bodies much faster than piece by piece.

Alike: the same separators in the same order in every line, and the same names of fields; as a collector
sends that asks many meters the same. With commas and equals signs made into spaces such a text is a table
that Arrow's reader of CSV takes apart without making an object of each piece. What it would take for more or
less than it is (its own quotes, line ends, empty values, names of numbers) is kept out before or checked
after; whatever is not surely of this shape is left to others (None), as a whole.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from chowon.domain.quantities import I64
from chowon.meters.checks import F64, Rows, Sent
from chowon.meters.decoded import Envelope
from chowon.meters.fields import FIELDS
from chowon.meters.influx_columns import FIELD_NAME
from chowon.meters.influx_series import Series, remembered_series
from chowon.meters.names import Names

LEAST_BYTES: Final = 90_000
"""Below some 700 lines the calls cost more than they save."""
_MOST_BYTES: Final = 2**26
"""Arrow takes no more at once."""
_MOST_CELLS: Final = 64
"""A line of more is left to others."""
_ALL_BUT_SEPARATORS: Final = bytes(set(range(256)) - set(b" ,=\n"))
_AS_TABLE: Final = bytes.maketrans(b",=", b"  ")
_DIGITS: Final = b"0123456789-"
_MOST_DIGITS: Final = 20
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""Arrow passes over one that begins a text."""
_PARSE: Final = pa_csv.ParseOptions(delimiter=" ", quote_char=False, double_quote=False, escape_char=False)


class Grid:
    """Reads lines with these field names."""

    def __init__(self, aliases: Mapping[str, tuple[str, float]]) -> None:
        """aliases: field → (our field, factor)."""
        places = {field.name: place for place, field in enumerate(FIELDS)}
        self._aliases = {name.encode(): (places[field], factor) for name, (field, factor) in aliases.items()}

    def rows(
        self,
        payload: bytes,
        envelope: Envelope,
        per_ms: tuple[int, int],
        names_of: Callable[[bytes], Names | None],
    ) -> Rows | None:
        """The lines as sent, before the checks; None where any may need another reader.

        per_ms: (factor, divisor) that make milliseconds of a stamp.
        """
        text = payload.removesuffix(b"\n")
        shape = _shape(text)
        if shape is None:
            return None
        line, n = shape
        of_series, of_fields, _ = line.split(b" ")
        cells = _cells(text, len(line), n)
        if cells is None:
            return None
        first = len(of_series) + 1
        fields = cells[first : first + len(of_fields) + 1]
        time_ms = _time_ms(cells[-1], *per_ms)
        sent = None if time_ms is None else self._sent(fields[0::2], fields[1::2], n)
        if time_ms is None or sent is None:
            return None
        series = _series(cells[:first], of_series, text, envelope, names_of)
        if series is None:
            return None
        return Rows(
            series.keys, series.key_index, series.names_at, time_ms, sent, lambda row: f"line {row + 1}"
        )

    def _sent(self, names: Sequence["_Cells"], values: Sequence["_Cells"], n: int) -> dict[str, Sent] | None:
        """The fields that are ours by our names; None where one is there twice or may be no number."""
        every = np.ones(n, np.bool_)
        found: dict[int, Sent] = {}
        for name, value in zip(names, values, strict=True):
            written, numbers = name.same(), value.numbers()
            if written is None or numbers is None or FIELD_NAME.fullmatch(written) is None:
                return None
            place, factor = self._aliases.get(written, (-1, 1.0))
            if place in found:
                return None
            if place >= 0:
                with np.errstate(over="ignore"):  # what is beyond a float is beyond every range
                    found[place] = Sent(numbers * factor, every)
        return {FIELDS[place].name: found[place] for place in sorted(found)} or None


class _Cells:
    """One column of n texts."""

    def __init__(self, column: pa.Array) -> None:
        self.column = column
        _, offsets, text = column.buffers()
        self.ends = np.frombuffer(offsets, np.int32)[column.offset :][: len(column) + 1]
        begin, end = self.ends[[0, -1]].tolist()
        self.text = b"" if text is None else text.slice(begin, end - begin).to_pybytes()
        """all of them, one after the other"""

    def same(self) -> bytes | None:
        """What all of them are; None where they differ."""
        first = self.text[: int(self.ends[1] - self.ends[0])]
        alike = (np.diff(self.ends) == len(first)).all() and self.text == first * len(self.column)
        return first if alike else None

    def numbers(self) -> F64 | None:
        """The values; None where one is not written in digits, with a minus or a point at most.

        Or all are whole numbers with the letter of one.
        """
        others = self.text.translate(None, _DIGITS)
        if not others.strip(b"."):
            return _cast(self.column, pa.float64())
        n, letter = len(self.column), others[:1]
        if letter not in b"iu" or others != letter * n:
            return None
        if (np.frombuffer(self.text, np.uint8)[self.ends[1:] - self.ends[0] - 1] != ord(letter)).any():
            return None
        ends = self.ends - self.ends[0] - np.arange(n + 1, dtype=np.int32)
        digits = [None, pa.py_buffer(ends), pa.py_buffer(self.text.replace(letter, b""))]
        return _cast(pa.Array.from_buffers(pa.string(), n, digits), pa.float64())

    def whole(self) -> I64 | None:
        """The whole numbers; None where one is something else, or too long."""
        if self.text.translate(None, _DIGITS) or int(np.diff(self.ends).max()) > _MOST_DIGITS:
            return None
        return _cast(self.column, pa.int64())


def _shape(text: bytes) -> tuple[bytes, int] | None:
    """(the separators of each line, how many lines there are); None where lines differ."""
    if b"\r" in text or len(text) > _MOST_BYTES or text.startswith(_BYTE_ORDER_MARK):
        return None
    separators = text.translate(None, _ALL_BUT_SEPARATORS) + b"\n"
    line = separators[: separators.index(b"\n") + 1]
    n = len(separators) // len(line)
    if len(line) > _MOST_CELLS or separators != line * n:
        return None
    parts = line.split(b" ")
    return (line, n) if len(parts) == 3 and _alternating(parts[1]) and parts[2] == b"\n" else None


def _alternating(separators: bytes) -> bool:
    """Whether they are those of names and values."""
    return separators == b"=," * (len(separators) // 2) + b"="


def _cells(text: bytes, columns: int, n: int) -> list[_Cells] | None:
    """The columns of the table; None where it is none."""
    reading, converting = _options(columns)
    try:
        table = pa_csv.read_csv(pa.BufferReader(text.translate(_AS_TABLE)), reading, _PARSE, converting)
    except pa.ArrowInvalid:
        return None
    batches = table.to_batches()
    return [_Cells(column) for column in batches[0].columns] if [b.num_rows for b in batches] == [n] else None


@cache
def _options(columns: int) -> tuple[pa_csv.ReadOptions, pa_csv.ConvertOptions]:
    """For a table of so many columns."""
    names = [str(at) for at in range(columns)]
    types = dict.fromkeys(names, pa.string())
    return (
        pa_csv.ReadOptions(use_threads=False, column_names=names, block_size=_MOST_BYTES + 1),
        pa_csv.ConvertOptions(check_utf8=False, column_types=types, strings_can_be_null=False),
    )


def _cast(column: pa.Array, kind: pa.DataType) -> np.ndarray | None:
    try:
        return np.asarray(column.cast(kind).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        return None


def _time_ms(stamps: _Cells, factor: int, divisor: int) -> I64 | None:
    found = stamps.whole()
    far = 2**62 // factor
    if found is None or found.max() > far or found.min() < -far:
        return None
    return found * factor // divisor


def _series(
    tags: Sequence[_Cells],
    separators: bytes,
    text: bytes,
    envelope: Envelope,
    names_of: Callable[[bytes], Names | None],
) -> Series | None:
    key = (separators, *(part for cells in tags for part in (cells.ends.tobytes(), cells.text)))
    return remembered_series(key, lambda: text.replace(b"\n", b" ").split(b" ")[0::3], envelope, names_of)
