"""CSV files as typed columns: a bad cell or a ragged row costs its row only and is named by its line.

Cells are read as bytes and converted a whole column at a time; only where that fails are the bad cells looked
for, by a pattern first, by halving for the few that a pattern lets through (30 February).
"""

import codecs
import io
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from chowon.domain.quantities import I64, Bools
from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.decoded import MAX_PROBLEMS, Findings
from chowon.meters.fields import BY_NAME, KEY_RULE

RECORDED_TIME, RECORDED_MAINS = "timestamp", "mains"
"""A file with both is a recording: its other columns are numbers, called as the channels."""

_HEADER_LINE: Final = 1
_NO_TEXT: Final = "\x1a"
"""Stands for a byte that is no text; ASCII calls it "substitute"."""
_ESCAPED: Final = re.compile("[\udc80-\udcff]")
_CLOCK: Final = (
    r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([ T]([01]\d|2[0-3])(:?[0-5]\d(:?[0-5]\d(\.\d{1,9})?)?)?)?"
)


@dataclass(frozen=True, slots=True)
class CsvRows:
    """Some rows of a file."""

    good: pa.Table
    """Rows of which every cell can be used: time int64 ms, quantities float64, names strings"""
    lines: I64
    """(good.num_rows,) int64, the line of each good row in the file; the header is line 1"""
    rejected: int
    """How many rows are not kept; empty ones are passed over."""
    problems: tuple[Problem, ...]
    """As of a Decoded: the first are named, the others counted."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the cells of a column may be."""

    expected: str
    result: pa.DataType
    forms: tuple[tuple[pa.DataType, str], ...] = ()
    """(Arrow type, pattern of the cells that are tried as this type); none: the text as it is"""
    needed: bool = False
    """An empty cell is wrong."""


def _number(expected: str) -> _Kind:
    pattern = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
    return _Kind(expected, pa.float64(), ((pa.float64(), pattern),))


_INSTANT: Final = _Kind(
    "ms since 1970 UTC, or ISO 8601 such as 2026-11-23T10:00:00+09:00",
    pa.int64(),
    (
        (pa.int64(), r"^-?\d{1,18}$"),
        (pa.timestamp("ns", "UTC"), rf"^{_CLOCK}(Z|[+-]\d\d(:?\d\d)?)$"),
        (pa.timestamp("ns"), rf"^{_CLOCK}$"),
    ),
    needed=True,
)
_KINDS: Final = {
    "time": _INSTANT,
    **dict.fromkeys(("site", "meter", "channel"), _Kind(KEY_RULE, pa.string())),
    **{name: _number(field.expected) for name, field in BY_NAME.items()},
}
_AS_IT_IS: Final = _Kind("text in UTF-8", pa.string())


def read(path: Path) -> Iterator[CsvRows]:
    """The file block by block.

    Errors: PayloadRejected (no header), and those of Arrow (empty, or it cannot be unpacked).
    """
    ragged = _Ragged()
    # one thread: only then does Arrow say in which line a ragged row stands
    reading = pa_csv.ReadOptions(use_threads=False)
    parsing = pa_csv.ParseOptions(invalid_row_handler=ragged.note, ignore_empty_lines=False)
    any_row = pa_csv.ParseOptions(invalid_row_handler=lambda _: "skip", ignore_empty_lines=False)
    with pa_csv.open_csv(_Text(path), reading, any_row) as header:
        names = header.schema.names
    if names == [""]:
        problem = Problem("line 1", "an empty line", "the names of the columns: remove the empty lines above")
        raise PayloadRejected(f"{path} does not begin with a header", [problem])
    as_bytes = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=True)
    with pa_csv.open_csv(_Text(path), reading, parsing, as_bytes) as reader:
        for block in reader:
            yield _converted(block, ragged)
        if ragged.waiting:
            yield _converted(pa.RecordBatch.from_pylist([], reader.schema), ragged)


class _Text(io.RawIOBase):
    """A file, unpacked where its name says so, with _NO_TEXT for each byte that isn't UTF-8.

    Arrow cannot tell of a ragged row with such a byte, and would refuse the whole file for it.
    """

    def __init__(self, path: Path) -> None:
        self._packed = pa.input_stream(str(path))
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._rest = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """How many bytes were written into the buffer; 0 at the end only."""
        while not self._rest:
            raw = self._packed.read(len(buffer))
            self._rest = _plain(self._decoder.decode(raw, not raw))
            if not raw:
                break
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def close(self) -> None:
        """Releases the file."""
        self._packed.close()
        super().close()


def _plain(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _ESCAPED.sub(_NO_TEXT, text).encode()


class _Ragged:
    """Rows with too few or too many columns; and so which lines the others stand in."""

    def __init__(self) -> None:
        self._lines = array("q")
        self._last_good = _HEADER_LINE
        self._count = 0
        self._named: list[tuple[int, Problem]] = []

    def note(self, row: pa_csv.InvalidRow) -> str:
        """Arrow's handler; it may run ahead of the blocks."""
        self._lines.append(row.number)
        self._count += 1
        if len(self._named) < MAX_PROBLEMS:
            found = f"{row.actual_columns} columns: {shortened(row.text)}"
            expected = f"{row.expected_columns} columns, as in the header"
            self._named.append((row.number, Problem(f"line {row.number}", found, expected)))
        return "skip"

    @property
    def waiting(self) -> bool:
        """Whether some have come since `taken`."""
        return self._count > 0

    def lines_between(self, rows: int) -> I64:
        """(rows,) int64, the lines of the next rows that are not ragged."""
        ragged = np.array(self._lines, np.int64)
        candidates = np.arange(self._last_good + 1, self._last_good + 1 + rows + len(ragged))
        lines = candidates[~np.isin(candidates, ragged)][:rows]
        if rows:
            self._last_good = int(lines[-1])
            self._lines = array("q", ragged[ragged > self._last_good].tolist())
        return lines

    def taken(self) -> tuple[int, list[tuple[int, Problem]]]:
        """How many have come since the last call, and the first of them with their lines."""
        count, named = self._count, self._named
        self._count, self._named = 0, []
        return count, named


def _converted(block: pa.RecordBatch, ragged: _Ragged) -> CsvRows:
    """The rows of a block of bytes whose every cell can be used; the others are named."""
    lines = ragged.lines_between(block.num_rows)
    ragged_rows, named = ragged.taken()
    names = block.schema.names
    kinds = [_kind(name, is_recording={RECORDED_TIME, RECORDED_MAINS} <= set(names)) for name in names]
    columns = [_values(cells, kind) for cells, kind in zip(block.columns, kinds, strict=True)]
    empty = np.logical_and.reduce([_mask(cells.is_null()) for cells in block.columns])
    bad, wrong_cells = np.zeros(len(lines), np.bool_), ragged_rows
    for name, kind, cells, values in zip(names, kinds, block.columns, columns, strict=True):
        wrong = _mask(values.is_null()) & ~empty
        if not kind.needed:
            wrong &= _mask(cells.is_valid())
        wrong_cells += int(np.count_nonzero(wrong))
        bad |= wrong
        for row in np.flatnonzero(wrong)[:MAX_PROBLEMS].tolist():
            problem = Problem(f"line {lines[row]}.{name}", _shown(cells[row]), kind.expected)
            named.append((int(lines[row]), problem))
    kept = ~(bad | empty)
    table = pa.Table.from_arrays(columns, names=names)
    return CsvRows(
        table if kept.all() else table.filter(pa.array(kept)),
        lines[kept],
        ragged_rows + int(np.count_nonzero(bad)),
        _first(named, wrong_cells),
    )


def _kind(name: str, is_recording: bool) -> _Kind:
    if is_recording:
        return (
            _INSTANT
            if name == RECORDED_TIME
            else _number("a number of V" if name == "voltage" else "a number of W")
        )
    return _KINDS.get(name, _AS_IT_IS)


def _values(cells: pa.Array, kind: _Kind) -> pa.Array:
    """The cells in the kind's type; null where one is empty or cannot be used."""
    texts = _cast(cells, pa.string())
    for wanted, _ in kind.forms:
        try:
            texts[:8].cast(wanted)  # a cast that fails is slow: a look at a few cells first
            return _as(texts.cast(wanted), kind.result)
        except pa.ArrowInvalid:  # some cells have another form, or none
            continue
    if not kind.forms:
        return pc.if_else(pc.match_substring(texts, _NO_TEXT), None, texts)
    texts = pc.utf8_trim_whitespace(texts)
    tried = []
    for wanted, pattern in kind.forms:
        candidates = pc.if_else(pc.match_substring_regex(texts, pattern), texts, None)
        tried.append(_as(_cast(candidates, wanted), kind.result))
    return pc.coalesce(*tried)


def _cast(cells: pa.Array, wanted: pa.DataType) -> pa.Array:
    """The cells as another type; null where that is impossible."""
    try:
        return cells.cast(wanted)
    except pa.ArrowInvalid:
        if len(cells) == 1:
            return pa.nulls(1, wanted)
        half = len(cells) // 2
        return pa.concat_arrays([_cast(cells[:half], wanted), _cast(cells[half:], wanted)])


def _as(values: pa.Array, result: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("ms", values.type.tz), safe=False)
    return values.cast(result)


def _mask(flags: pa.Array) -> Bools:
    mask: Bools = flags.to_numpy(zero_copy_only=False)
    return mask


def _shown(cell: pa.Scalar) -> str:
    return shortened(cell.as_py().decode(errors="replace")) if cell.is_valid else "nothing"


def _first(named: list[tuple[int, Problem]], total: int) -> tuple[Problem, ...]:
    """The first problems in the order of their lines; how many more there are."""
    findings = Findings()
    shown = [problem for _, problem in sorted(named, key=lambda pair: pair[0])[:MAX_PROBLEMS]]
    for problem in shown:
        findings.add(problem.where, problem.found, problem.expected)
    findings.count(total - len(shown))
    return findings.problems()
