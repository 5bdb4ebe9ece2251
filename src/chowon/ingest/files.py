"""Files of measurements as payloads for the door: Parquet and CSV, in pieces, in the columns of the API."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chowon.domain.quantities import I64
from chowon.errors import NotFound, PayloadRejected, Problem, shortened
from chowon.ingest import csv_foreign, csv_readings, csv_rows
from chowon.ingest.csv_look import LOOKED_AT_ROWS
from chowon.ingest.csv_mapping import Mapping
from chowon.ingest.csv_rows import RECORDED_MAINS, RECORDED_TIME
from chowon.ingest.import_target import hold_for
from chowon.meters import green_button
from chowon.meters.arrow_stream import CONTENT_TYPE
from chowon.meters.decoded import MAX_PROBLEMS

ROWS: Final = 200_000
"""Rows of a file in one payload."""
KINDS: Final = ".parquet, .csv, .csv.gz, .xml (Green Button)"
FORMAT: Final = CONTENT_TYPE
GREEN_BUTTON: Final = ".xml"
_LINE: Final = "line of the file"
"""Column that goes with the rows until they are a payload."""
_ROW: Final = re.compile(r"row (\d+)")


@dataclass(frozen=True, slots=True)
class Names:
    """What a file's readings belong to, where the file does not say so itself."""

    site: str
    meter: str = "main"
    channel: str = "main"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file."""

    payload: bytes | None
    """The usable ones as an Arrow IPC stream; None when there are none."""
    rows: int
    """How many rows of the file it stands for, usable or not"""
    rejected: int
    """How many of them are not in the payload"""
    problems: tuple[Problem, ...]
    """What is wrong with those, by line"""
    places: tuple[str, I64]
    """"line" or "row", and its number in the file for each row of the payload"""

    def located(self, where: str) -> str:
        """A place in the payload ("row 3.power_w") as the place in the file ("line 70005.power_w")."""
        word, numbers = self.places
        row = _ROW.match(where)
        return where if row is None else f"{word} {numbers[int(row[1])]}{where[row.end() :]}"


def row_count(path: Path) -> int | None:
    """How many rows the file has, None where only reading it through would tell. Errors: as `pieces`."""
    with _readable(path):
        return pq.ParquetFile(path).metadata.num_rows if path.suffix == ".parquet" else None


def pieces(path: Path, names: Names, mapping: Mapping | None = None) -> Iterator[Piece]:
    """The file's readings. A recording's `mains` is channel `main`, its other columns are channels by name.

    mapping: what the columns of somebody else's CSV file mean.
    Errors: NotFound, PayloadRejected (not such a file), BadInput for a mapping that doesn't fit it.
    """
    if mapping is not None:
        yield from _mapped_pieces(path, names, mapping)
        return
    with _readable(path):
        if path.suffix == ".parquet":
            yield from _parquet_pieces(path, names)
        elif path.suffix == GREEN_BUTTON:
            yield _green_button_piece(path, names)
        elif path.suffixes[-1:] == [".csv"] or path.suffixes[-2:] == [".csv", ".gz"]:
            for read in csv_rows.read(path):
                payload, lines = _stream(read.good, read.lines, names)
                rows = len(read.lines) + read.rejected
                yield Piece(payload, rows, read.rejected, read.problems, ("line", lines))
        else:
            problem = Problem(str(path), shortened(path.suffix), KINDS)
            raise PayloadRejected(f"{path} is of an unknown kind", [problem])


def hold_ms(path: Path, mapping: Mapping | None = None) -> int | None:
    """How long one reading of the file is to stand, where the file says so: as its intervals or steps do.

    Errors: as `pieces`.
    """
    if mapping is not None:
        whole = csv_readings.has_intervals(mapping)
        found = csv_foreign.read(path, mapping, None if whole else LOOKED_AT_ROWS)
        return hold_for(csv_readings.usual_ms(found), csv_readings.longest_ms(found, mapping))
    if path.suffix != GREEN_BUTTON:
        return None
    with _readable(path):
        return max(int(s.duration_ms.max()) for s in green_button.parse(path.read_bytes()).series)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever the libraries say of a file, as errors of our tree."""
    if not path.is_file():
        raise NotFound(f"{path}: no such file")
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        problem = Problem(str(path), shortened(str(error), 200), f"a readable file of one of {KINDS}")
        raise PayloadRejected(f"{path} cannot be read", [problem]) from error


def _green_button_piece(path: Path, names: Names) -> Piece:
    """Each interval as its mean power, at its start and again in its last millisecond.

    So a missing interval is a gap. What was given stands in a channel of its own, which adds to main: within
    an interval a home may take and give.
    """
    found = green_button.parse(path.read_bytes())
    tables, numbers = [], []
    for series in found.series:
        power_w = series.milliwh * 3600 / series.duration_ms
        given, later = series.flow == "export", series.point > 0
        n = len(series.start_ms)
        columns = {
            "time": np.concatenate([series.start_ms, series.start_ms + series.duration_ms - 1]),
            "meter": [f"{names.meter}-{series.point + 1}" if later else names.meter] * (2 * n),
            "channel": ["export" if given else names.channel] * (2 * n),
            "power_w": np.tile(-power_w if given else power_w, 2),
        }
        tables.append(pa.table(columns))
        numbers.append(np.tile(np.arange(n), 2))
    payload, rows = _stream(pa.concat_tables(tables), np.concatenate(numbers), names)
    return Piece(payload, len(rows), found.rejected, found.problems, ("interval", rows))


def _mapped_pieces(path: Path, names: Names, mapping: Mapping) -> Iterator[Piece]:
    """Block by block; intervals, whose lengths depend on each other, are read as a whole first."""
    whole = csv_readings.has_intervals(mapping)
    for found in [csv_foreign.read(path, mapping)] if whole else csv_foreign.blocks(path, mapping):
        table, lines = csv_readings.table_of(found, mapping, names.meter)
        rejected, problems = found.rejected, found.problems
        for first in range(0, max(1, table.num_rows), ROWS):
            part = slice(first, first + ROWS)
            payload, places = _stream(table.slice(first, ROWS), lines[part], names)
            rows = len(np.unique(places)) + rejected
            yield Piece(payload, rows, rejected, problems, ("line", places))
            rejected, problems = 0, ()


def _parquet_pieces(path: Path, names: Names) -> Iterator[Piece]:
    first = 0
    for batch in pq.ParquetFile(path).iter_batches(ROWS):
        numbers = np.arange(first, first + batch.num_rows)
        payload, rows = _stream(pa.Table.from_batches([batch]), numbers, names)
        yield Piece(payload, batch.num_rows, 0, (), ("row", rows))
        first += batch.num_rows


def _stream(table: pa.Table, numbers: I64, names: Names) -> tuple[bytes | None, I64]:
    """The rows as a payload, and the number of each in the file. numbers: (table.num_rows,) int64."""
    table = table.append_column(_LINE, pa.array(numbers, pa.int64()))
    twice = [name for name, times in Counter(table.column_names).items() if times > 1][:MAX_PROBLEMS]
    if twice:
        problems = [Problem(f"column {shortened(name)}", "twice", "each column once") for name in twice]
        raise PayloadRejected("the file's columns cannot be used", problems)
    if {RECORDED_TIME, RECORDED_MAINS} <= set(table.column_names):
        table = _unfolded(table)
    numbers = table[_LINE].to_numpy()
    if not len(numbers):
        return None, numbers
    table = table.drop_columns([_LINE])
    for column, value in (("site", names.site), ("meter", names.meter), ("channel", names.channel)):
        if column not in table.column_names:
            constant = pa.DictionaryArray.from_arrays(pa.array([0] * len(table), pa.int32()), [value])
            table = table.append_column(column, constant)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes(), numbers


def _unfolded(table: pa.Table) -> pa.Table:
    """A recording's columns as rows: time, channel, power_w, and voltage_v of the main channel."""
    parts = []
    for name in table.column_names:
        if name in (RECORDED_TIME, "voltage", _LINE):
            continue
        measured = table.filter(table[name].is_valid())
        channel = "main" if name == RECORDED_MAINS else name
        columns = {
            "time": measured[RECORDED_TIME],
            "channel": pa.array([channel] * len(measured), pa.string()),
            "power_w": measured[name],
            _LINE: measured[_LINE],
        }
        with_voltage = channel == "main" and "voltage" in table.column_names
        columns["voltage_v"] = measured["voltage"] if with_voltage else pa.nulls(len(measured), pa.float64())
        parts.append(pa.table(columns))
    return pa.concat_tables(parts, promote_options="permissive")
