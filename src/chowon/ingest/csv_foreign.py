"""Reading a CSV file of somebody else's by a mapping: rows as readings, bad ones named by their line."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from chowon.errors import BadInput, NotFound, Problem, shortened
from chowon.ingest.csv_mapping import EPOCH_MS, EPOCH_S, ISO, Mapping, Value
from chowon.meters.decoded import Findings

MOST_ROWS: Final = 5_000_000
_HEAD_CHARACTERS: Final = 2**20
_MILLI: Final = 1000
_LARGEST: Final = 1e15
"""No meter has seen as much of anything."""
_FAR_MS: Final = 253_402_300_800_000
"""Year 10,000"""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file that can be used."""

    line: int
    time_ms: int
    numbers: tuple[float | None, ...]
    """One for each value of the mapping; None where the cell is empty"""


@dataclass(frozen=True, slots=True)
class Rows:
    """A file as its mapping says."""

    rows: list[Row]
    """In order of time; of equal times the last of the file"""
    problems: tuple[Problem, ...]
    rejected: int


def read(path: Path, mapping: Mapping) -> Rows:
    """The whole file. Errors: NotFound; BadInput where a column of the mapping is not there."""
    findings, rejected = Findings(), 0
    found: dict[int, Row] = {}
    previous_ms: int | None = None
    for line, cells in _cells(path, mapping):
        try:
            row = _row(line, cells, mapping, previous_ms)
        except _Bad as bad:
            rejected += 1
            findings.add(f"line {line}.{bad.column}", bad.found, bad.expected)
            continue
        if row is not None:
            found[row.time_ms] = row
            previous_ms = row.time_ms
    return Rows([found[at] for at in sorted(found)], findings.problems(), rejected)


def head(path: Path, encoding: str) -> str:
    """Its beginning, to guess from. Errors: NotFound, BadInput."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            return file.read(_HEAD_CHARACTERS)
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror or error}") from error
    except (UnicodeError, LookupError) as error:  # other bytes; no encoding of this name
        raise BadInput(f"{path}: not {encoding}: {error}; name its encoding, e.g. cp949 or cp1252") from error


class _Bad(Exception):
    def __init__(self, column: str, found: str, expected: str) -> None:
        super().__init__(column)
        self.column, self.found, self.expected = column, shortened(found), expected


def _cells(path: Path, mapping: Mapping) -> Iterator[tuple[int, list[str]]]:
    """(line, the cells that the mapping names: times first) of each row that isn't empty."""
    wanted = [*mapping.time_columns, *(value.column for value in mapping.value)]
    try:
        with path.open(encoding=mapping.encoding, newline="") as file:
            for _ in range(mapping.header_line - 1):
                next(file, None)
            reader = csv.reader(file, delimiter=mapping.delimiter)
            names = [name.strip() for name in next(reader, [])]
            missing = [name for name in wanted if name not in names]
            if missing:
                raise BadInput(
                    f"{path}: line {mapping.header_line} has no column {', '.join(map(repr, missing))}; "
                    f"it has {', '.join(map(repr, names))}"
                )
            places = [names.index(name) for name in wanted]
            for cells in islice(reader, MOST_ROWS):
                if any(cell.strip() for cell in cells):
                    line = mapping.header_line - 1 + reader.line_num
                    yield line, [cells[p].strip() if p < len(cells) else "" for p in places]
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror or error}") from error
    except (UnicodeError, csv.Error) as error:
        raise BadInput(f"{path}: {error}; see the mapping's encoding and delimiter") from error


def _row(line: int, cells: Sequence[str], mapping: Mapping, previous_ms: int | None) -> Row | None:
    """None for a row with a time and nothing else. Errors: _Bad."""
    times = len(mapping.time_columns)
    time_ms = _instant_ms(" ".join(cells[:times]), mapping, previous_ms)
    numbers = tuple(
        _number(cell, value, mapping) for cell, value in zip(cells[times:], mapping.value, strict=True)
    )
    return Row(line, time_ms, numbers) if any(n is not None for n in numbers) else None


def _instant_ms(text: str, mapping: Mapping, previous_ms: int | None) -> int:
    column = mapping.time_columns[0]
    try:
        if mapping.time_format in (EPOCH_S, EPOCH_MS):
            time_ms = int(text) * (_MILLI if mapping.time_format == EPOCH_S else 1)
            if abs(time_ms) > _FAR_MS:
                raise ValueError("no date")  # noqa: TRY301 — told with the others
            return time_ms
        iso = mapping.time_format == ISO
        when = datetime.fromisoformat(text) if iso else datetime.strptime(text, mapping.time_format)  # noqa: DTZ007
    except (ValueError, OverflowError):
        raise _Bad(column, text, f"a time written as {mapping.time_format}") from None
    if when.tzinfo is not None:
        return round(when.timestamp() * _MILLI)
    return _local_ms(when, ZoneInfo(mapping.timezone), previous_ms, column)


def _local_ms(when: datetime, zone: ZoneInfo, previous_ms: int | None, column: str) -> int:
    """Where the clock goes back an hour comes twice: the second time once the first has been."""
    first, second = (round(when.replace(tzinfo=zone, fold=fold).timestamp() * _MILLI) for fold in (0, 1))
    if second < first:
        raise _Bad(column, str(when), f"a time that {zone.key} has: the clock goes forward over this one")
    return second if first != second and previous_ms is not None and previous_ms >= first else first


def _number(cell: str, value: Value, mapping: Mapping) -> float | None:
    if not cell:
        return None
    plain = cell.replace(",", ".") if mapping.decimal == "," else cell
    try:
        number = float(plain)
    except ValueError:
        raise _Bad(value.column, cell, f"a number with {mapping.decimal!r} before its decimals") from None
    if not abs(number) <= _LARGEST:  # NaN neither
        raise _Bad(value.column, cell, f"a number up to {_LARGEST:g}")
    return number
