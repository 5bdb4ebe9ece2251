"""Arrow IPC streams: one row a reading, the same names as in JSON, checked as whole columns."""

from collections import Counter
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chowon.domain.quantities import I64
from chowon.domain.readings import absent_of
from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.checks import Rows, Sent, checked
from chowon.meters.decoded import MAX_PROBLEMS, Decoded, Envelope, Findings
from chowon.meters.fields import BY_NAME, FIELDS, did_you_mean
from chowon.meters.names import Keys, Names

CONTENT_TYPE: Final = "application/vnd.apache.arrow.stream"
_NAME_COLUMNS: Final = ("site", "meter", "channel")
_KNOWN: Final = ("time", *_NAME_COLUMNS, *BY_NAME)
_MOST_LOOKED_AT: Final = 2**31
"""Bytes of dictionaries, which takes half a second"""
_BROKEN: Final = (pa.ArrowException, ValueError, OSError, OverflowError, MemoryError, IndexError)


class ArrowStream:
    """Decoder of uncompressed Arrow IPC streams (compress the whole body with gzip instead)."""

    name = "arrow-stream"
    content_types = (CONTENT_TYPE,)
    topics: tuple[str, ...] = ()
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        try:
            return _decoded(_table(payload), envelope)
        except _BROKEN as error:
            raise _rejected("stream", shortened(str(error)), "a whole Arrow IPC stream") from None


DECODER: Final = ArrowStream()


def encode(decoded: Decoded) -> bytes:
    """The readings as one record batch, names as dictionaries, absent quantities as null."""
    arrays: dict[str, pa.Array] = {"time": pa.array(decoded.time_ms, pa.timestamp("ms", "UTC"))}
    index = pa.array(decoded.key_index.astype(np.int32))
    for name in _NAME_COLUMNS:
        names = pa.array([getattr(key, name) for key in decoded.keys], pa.string())
        arrays[name] = pa.DictionaryArray.from_arrays(index, names)
    for field in FIELDS:
        column = decoded.columns.get(field.column)
        if column is not None:
            arrays[field.name] = pa.array(column / field.scale, mask=column == absent_of(field.column))
    batch = pa.record_batch(arrays)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _table(payload: bytes) -> pa.Table:
    """The whole stream, validated. Errors: PayloadRejected, _BROKEN."""
    for message in pa.ipc.MessageReader.open_stream(payload):
        if message.type in {"record batch", "dictionary"} and _is_compressed(message):
            raise _rejected(
                "record batch", "compressed buffers", "an uncompressed stream; gzip the whole body"
            )
    with pa.ipc.open_stream(payload) as reader:
        _check_schema(reader.schema)
        batches: list[pa.RecordBatch] = []
        looked_at = 0
        for batch in reader:
            if batch.num_rows > len(payload):  # each row takes 8 bytes of time: no memory for lies
                raise _rejected("record batch", f"{batch.num_rows} rows", f"at most {len(payload) // 8}")
            batch.validate()  # buffers as long as they must be: nbytes follows offsets without looking
            looked_at += sum(c.dictionary.nbytes for c in batch.columns if pa.types.is_dictionary(c.type))
            if looked_at > _MOST_LOOKED_AT:  # each batch has its dictionaries looked through anew
                found = f"{len(batches) + 1} and more that share large dictionaries"
                raise _rejected("record batches", found, "fewer and larger ones")
            batch.validate(full=True)
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema)


def _is_compressed(message: pa.ipc.Message) -> bool:
    """Whether buffers are compressed, which could make gigabytes of a small body.

    Reads the flatbuffer tables of Message, DictionaryBatch and RecordBatch by hand (Arrow columnar format,
    "Encapsulated message format"): pyarrow does not tell before it has inflated them.
    """
    raw = memoryview(message.metadata)
    header = _follow(raw, _follow(raw, 0, None), 2)
    batch = _follow(raw, header, 1) if message.type == "dictionary" else header
    return _slot(raw, batch, 3) != 0


def _slot(raw: memoryview, table: int, slot: int) -> int:
    """Where a field of a flatbuffer table stands, relative to the table; 0 when it is left out."""
    vtable = table - int.from_bytes(raw[table : table + 4], "little", signed=True)
    if 4 + 2 * slot >= int.from_bytes(raw[vtable : vtable + 2], "little"):
        return 0
    return int.from_bytes(raw[vtable + 4 + 2 * slot : vtable + 6 + 2 * slot], "little")


def _follow(raw: memoryview, table: int, slot: int | None) -> int:
    """The table that a field points to; the root table for no slot."""
    at = table if slot is None else table + _slot(raw, table, slot)
    return at + int.from_bytes(raw[at : at + 4], "little")


def _check_schema(schema: pa.Schema) -> None:
    """Errors: PayloadRejected with every column that cannot be used."""
    problems: list[Problem] = []
    times = Counter(schema.names)
    for name, kind in zip(schema.names, schema.types, strict=True):
        if len(problems) == MAX_PROBLEMS:
            break
        if times[name] > 1:
            problems.append(Problem(f"column {shortened(name)}", "twice", "each column once"))
        elif name not in _KNOWN:
            expected = f"no column of this name{did_you_mean(name, _KNOWN)}"
            problems.append(Problem(f"column {shortened(name)}", shortened(str(kind)), expected))
        elif (wanted := _expected_type(name, kind)) is not None:
            problems.append(Problem(f"column '{name}'", shortened(str(kind)), wanted))
    if "time" not in times:
        problems.append(Problem("column 'time'", "nothing", "timestamps, or int64 ms since 1970 UTC"))
    if problems:
        raise PayloadRejected("the stream's columns cannot be used", problems)


def _expected_type(name: str, kind: pa.DataType) -> str | None:
    if name == "time":
        fits = pa.types.is_timestamp(kind) or pa.types.is_int64(kind)
        return None if fits else "timestamps, or int64 ms since 1970 UTC"
    if name in _NAME_COLUMNS:
        text = kind.value_type if pa.types.is_dictionary(kind) else kind
        fits = pa.types.is_string(text) or pa.types.is_large_string(text)
        return None if fits else "strings, or a dictionary of strings"
    fits = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return None if fits else f"integers or floats, {BY_NAME[name].unit}"


def _decoded(table: pa.Table, envelope: Envelope) -> Decoded:
    time = table.column("time")
    if pa.types.is_timestamp(time.type):
        time = time.cast(pa.timestamp("ms", time.type.tz), safe=False)
    time_ms = time.cast(pa.int64()).fill_null(0).to_numpy()  # 0 is out of range, and so refused
    keys = Keys(envelope)
    names = _NamesOfRows(table)
    sent = {}
    for name in BY_NAME:
        if name in table.column_names:
            column = table.column(name)
            values = column.cast(pa.float64(), safe=False).fill_null(0).to_numpy()
            sent[name] = Sent(values, column.is_valid().to_numpy())
    rows = Rows(keys, names.indices(keys), names.of, time_ms, sent, "row {}".format)
    return checked(rows, envelope, Findings())


class _NamesOfRows:
    """The three name columns as codes, so that each combination is looked at once."""

    def __init__(self, table: pa.Table) -> None:
        self._values: list[list[str | None]] = []
        combined = np.zeros(table.num_rows, np.int64)
        for name in _NAME_COLUMNS:
            codes: NDArray[np.int64] = np.zeros(table.num_rows, np.int64)
            values: list[str | None] = [None]
            if name in table.column_names:
                texts = table.column(name).cast(pa.large_string()).combine_chunks().dictionary_encode()
                values = [None, *texts.dictionary.to_pylist()]
                codes = texts.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False) + 1
            combined = combined * len(values) + codes
            self._values.append(values)
        self._combined = combined

    def of(self, row: int) -> Names:
        """(site, meter, channel) as sent in this row."""
        return self._names(int(self._combined[row]))

    def indices(self, keys: Keys) -> I64:
        """(n,) int64, as Keys.indices."""
        unique, position = np.unique(self._combined, return_inverse=True)
        return np.array([keys.index(self._names(int(code))) for code in unique], np.int64)[position]

    def _names(self, code: int) -> Names:
        sites, meters, channels = self._values
        code, channel = divmod(code, len(channels))
        site, meter = divmod(code, len(meters))
        return sites[site], meters[meter], channels[channel]


def _rejected(where: str, found: str, expected: str) -> PayloadRejected:
    return PayloadRejected("the Arrow stream cannot be read", [Problem(where, found, expected)])
