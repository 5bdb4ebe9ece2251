"""Reading a CSV file of somebody else's by a mapping: rows as columns of numbers, bad ones named by line."""

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.quantities import I64, QUARTER_MS
from chowon.domain.tariff import Text
from chowon.errors import BadInput, NotFound, Problem, shortened
from chowon.i18n import said
from chowon.ingest.csv_mapping import EPOCH_MS, EPOCH_S, ISO, Mapping
from chowon.meters.checks import F64
from chowon.meters.decoded import MAX_PROBLEMS, Findings

BLOCK_ROWS: Final = 200_000
"""Rows that are held at once where none needs another."""
MOST_ROWS: Final = 5_000_000
"""Rows of a file that must be held as a whole: intervals, of which each needs the next."""
_HEAD_CHARACTERS: Final = 2**20
_MILLI: Final = 1000
_LARGEST: Final = 1e15
"""No meter has seen as much of anything."""
_FAR_MS: Final = 253_402_300_800_000
"""Year 10,000"""
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 — local times are measured from it, then their offset is taken off
_MOST_OFFSETS: Final = 100_000
_MILLISECOND: Final = timedelta(milliseconds=1)
_Instant: TypeAlias = Callable[[str, int | None], int]
"""(text, the row before's instant) → ms UTC. Errors: _Bad."""


@dataclass(frozen=True, slots=True)
class Fault(Problem):
    """Why one row is left out, in both languages."""

    line: int
    column: str
    said: Text
    """what is expected"""


def fault(line: int, column: str, found: str, id_: str, places: dict[str, str]) -> Fault:
    """One of them; id_: of its text in i18n, "import.…"."""
    text = said(f"import.{id_}", places)
    return Fault(f"line {line}.{column}", shortened(found), text.en, line, column, text)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a file as its mapping says, in order of time; of equal times the last of the file."""

    time_ms: I64
    """(n,) int64, ms UTC"""
    lines: I64
    """(n,) int64, line of the file"""
    numbers: F64
    """(n, values of the mapping) float64; NaN where the cell is empty"""
    faults: tuple[Fault, ...]
    """The first MAX_PROBLEMS of those that are left out"""
    rejected: int
    more: bool = False
    """Whether the file goes on after these"""

    def __len__(self) -> int:
        return len(self.time_ms)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The faults for a terminal, and how many more there are."""
        findings = Findings(list(self.faults), len(self.faults))
        findings.count(self.rejected - len(self.faults))
        return findings.problems()


def read(path: Path, mapping: Mapping, most: int | None = None) -> Rows:
    """The whole file, or its first `most` rows.

    Errors: NotFound; BadInput where a column of the mapping is not there, or rows are too many to be held.
    """
    parts = []
    for part in blocks(path, mapping, most or BLOCK_ROWS):
        parts.append(part)
        if most is not None:
            break
        if sum(map(len, parts)) > MOST_ROWS:
            raise BadInput(f"{path}: more than {MOST_ROWS:,} intervals; split the file, e.g. by years")
    return _joined(parts)


def blocks(path: Path, mapping: Mapping, size: int = BLOCK_ROWS) -> Iterator[Rows]:
    """The file's rows in parts of at most `size`, at least one part. Errors: as `read`."""
    reader = _Reader(mapping)
    cells = _cells(path, mapping)
    ahead = next(cells, None)
    while True:
        part = [] if ahead is None else [ahead, *islice(cells, size - 1)]
        ahead = next(cells, None)
        yield reader.rows(part, more=ahead is not None)
        if ahead is None:
            return


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
    """A cell that cannot be used, and the text that says why."""

    def __init__(self, id_: str, **places: str) -> None:
        super().__init__(id_)
        self.id, self.places = id_, places


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
                    f"{path.name}: line {mapping.header_line} has no column "
                    f"{', '.join(map(repr, missing))}; it has {shortened(', '.join(map(repr, names)), 500)}"
                )
            places = [names.index(name) for name in wanted]
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    line = mapping.header_line - 1 + reader.line_num
                    yield line, [cells[p].strip() if p < len(cells) else "" for p in places]
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror or error}") from error
    except (UnicodeError, csv.Error) as error:
        raise BadInput(f"{path.name}: {error}; see the mapping's encoding and delimiter") from error


class _Reader:
    """Makes numbers of cells; remembers the instant of the row before."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._instant = _instants(mapping)
        self._times = len(mapping.time_columns)
        self._previous_ms: int | None = None

    def rows(self, cells: Sequence[tuple[int, list[str]]], more: bool) -> Rows:
        """What can be used of these, in order of time. more: whether others follow."""
        columns = self._mapping.time_columns
        times, lines, numbers = [], [], []
        faults: list[Fault] = []
        rejected = 0
        for line, row in cells:
            column, cell = columns[0], " ".join(row[: self._times])
            try:
                time_ms = self._instant(cell, self._previous_ms)
                found = []
                for value, cell in zip(self._mapping.value, row[self._times :], strict=True):
                    column = value.column
                    found.append(_number(cell, self._mapping.decimal))
            except _Bad as bad:
                rejected += 1
                if len(faults) < MAX_PROBLEMS:
                    faults.append(fault(line, column, cell, bad.id, bad.places))
                continue
            if all(number != number for number in found):  # noqa: PLR0124 — a time and nothing else
                continue
            self._previous_ms = time_ms
            times.append(time_ms)
            lines.append(line)
            numbers.append(found)
        width = len(self._mapping.value)
        return _ordered(
            np.array(times, np.int64),
            np.array(lines, np.int64),
            np.array(numbers, np.float64).reshape(len(times), width),
            tuple(faults),
            rejected,
            more,
        )


def _ordered(
    times: I64, lines: I64, numbers: F64, faults: tuple[Fault, ...], rejected: int, more: bool
) -> Rows:
    order = np.argsort(times, kind="stable")
    last = np.append(np.diff(times[order]) != 0, True)[: len(order)]
    kept = order[last]
    return Rows(times[kept], lines[kept], numbers[kept], faults, rejected, more)


def _joined(parts: Sequence[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return _ordered(
        np.concatenate([part.time_ms for part in parts]),
        np.concatenate([part.lines for part in parts]),
        np.concatenate([part.numbers for part in parts]),
        tuple(one for part in parts for one in part.faults)[:MAX_PROBLEMS],
        sum(part.rejected for part in parts),
        parts[-1].more,
    )


def _instants(mapping: Mapping) -> _Instant:
    written = mapping.time_format
    if written in (EPOCH_S, EPOCH_MS):
        return lambda text, _: _since_1970(text, _MILLI if written == EPOCH_S else 1, written)
    clock = _Clock(ZoneInfo(mapping.timezone))

    def instant(text: str, previous_ms: int | None) -> int:
        try:
            when = datetime.fromisoformat(text) if written == ISO else datetime.strptime(text, written)  # noqa: DTZ007
        except (ValueError, OverflowError):
            raise _Bad("time", format=written) from None
        if when.tzinfo is not None:
            return round(when.timestamp() * _MILLI)
        return clock.instant_ms(when, previous_ms)

    return instant


def _since_1970(text: str, factor: int, written: str) -> int:
    try:
        time_ms = int(text) * factor
    except ValueError:
        raise _Bad("time", format=written) from None
    if abs(time_ms) > _FAR_MS:
        raise _Bad("time", format=written)
    return time_ms


class _Clock:
    """A zone's clock; offsets are looked up once a quarter of an hour, within which no clock is moved."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._offsets: dict[int, tuple[int, int]] = {}

    def instant_ms(self, when: datetime, previous_ms: int | None) -> int:
        """Where the clock goes back an hour comes twice: the second time once the first has been.

        Errors: _Bad for a time that this clock passes over.
        """
        local_ms = (when - _EPOCH) // _MILLISECOND
        quarter = local_ms // QUARTER_MS
        offsets = self._offsets.get(quarter)
        if offsets is None:
            if len(self._offsets) >= _MOST_OFFSETS:
                self._offsets.clear()
            offsets = self._offsets[quarter] = (self._offset_ms(when, 0), self._offset_ms(when, 1))
        first, second = local_ms - offsets[0], local_ms - offsets[1]
        if second < first:
            raise _Bad("skipped", zone=self._zone.key)
        return second if first != second and previous_ms is not None and previous_ms >= first else first

    def _offset_ms(self, when: datetime, fold: int) -> int:
        offset = when.replace(tzinfo=self._zone, fold=fold).utcoffset()
        assert offset is not None
        return offset // _MILLISECOND


def _number(cell: str, decimal: str) -> float:
    """NaN for an empty cell. Errors: _Bad."""
    if not cell:
        return math.nan
    try:
        number = float(cell.replace(",", ".") if decimal == "," else cell)
    except ValueError:
        raise _Bad("number", sign=decimal) from None
    if not abs(number) <= _LARGEST:  # NaN neither
        raise _Bad("too_large", most=f"{_LARGEST:g}")
    return number
