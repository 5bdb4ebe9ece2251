"""Files of measurements as payloads for the door: Parquet and CSV, in pieces, in the columns of the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from chowon.errors import NotFound, PayloadRejected, Problem, shortened
from chowon.meters.arrow_stream import CONTENT_TYPE
from chowon.meters.fields import FIELDS

ROWS: Final = 200_000
"""Rows of a file in one payload."""
KINDS: Final = ".parquet, .csv, .csv.gz"
FORMAT: Final = CONTENT_TYPE
_CSV_TYPES: Final = {
    **{field.name: pa.float64() for field in FIELDS},
    **dict.fromkeys(("site", "meter", "channel"), pa.string()),
}
"""Said, not guessed: a guess sees the first block only, whose watts may all be whole."""
_RECORDED_TIME, _RECORDED_MAINS = "timestamp", "mains"


@dataclass(frozen=True, slots=True)
class Names:
    """What a file's readings belong to, where the file does not say so itself."""

    site: str
    meter: str = "main"
    channel: str = "main"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file, as an Arrow IPC stream."""

    payload: bytes
    rows: int
    """rows of the file that it stands for"""


def row_count(path: Path) -> int | None:
    """How many rows the file has, None where only reading it through would tell. Errors: as `pieces`."""
    with _readable(path):
        return pq.ParquetFile(path).metadata.num_rows if path.suffix == ".parquet" else None


def pieces(path: Path, names: Names) -> Iterator[Piece]:
    """The file's readings. A recording's `mains` is channel `main`, its other columns are channels by name.

    Errors: NotFound, PayloadRejected (not such a file).
    """
    with _readable(path):
        for batch in _batches(path):
            table = pa.Table.from_batches([batch])
            yield Piece(_stream(table, names), table.num_rows)


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


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        yield from pq.ParquetFile(path).iter_batches(ROWS)
    elif path.suffixes[-1:] == [".csv"] or path.suffixes[-2:] == [".csv", ".gz"]:
        with pa_csv.open_csv(path, convert_options=pa_csv.ConvertOptions(column_types=_CSV_TYPES)) as reader:
            yield from reader
    else:
        problem = Problem(str(path), shortened(path.suffix), KINDS)
        raise PayloadRejected(f"{path} is of an unknown kind", [problem])


def _stream(table: pa.Table, names: Names) -> bytes:
    if {_RECORDED_TIME, _RECORDED_MAINS} <= set(table.column_names):
        table = _unfolded(table)
    for column, value in (("site", names.site), ("meter", names.meter), ("channel", names.channel)):
        if column not in table.column_names:
            constant = pa.DictionaryArray.from_arrays(pa.array([0] * len(table), pa.int32()), [value])
            table = table.append_column(column, constant)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    payload: bytes = sink.getvalue().to_pybytes()
    return payload


def _unfolded(table: pa.Table) -> pa.Table:
    """A recording's columns as rows: time, channel, power_w, and voltage_v of the main channel."""
    parts = []
    for name in table.column_names:
        if name in (_RECORDED_TIME, "voltage"):
            continue
        measured = table.filter(table[name].is_valid())
        channel = "main" if name == _RECORDED_MAINS else name
        columns = {
            "time": measured[_RECORDED_TIME],
            "channel": pa.array([channel] * len(measured), pa.string()),
            "power_w": measured[name],
        }
        with_voltage = channel == "main" and "voltage" in table.column_names
        columns["voltage_v"] = measured["voltage"] if with_voltage else pa.nulls(len(measured), pa.float64())
        parts.append(pa.table(columns))
    return pa.concat_tables(parts, promote_options="permissive")
