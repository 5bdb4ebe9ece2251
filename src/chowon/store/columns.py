"""Readings and rollups as Arrow tables with the lake's schema, and back."""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from chowon.domain.quantities import ABSENT_I32, ABSENT_I64, I32, I64, U32
from chowon.domain.readings import QUANTITIES, Readings, absent_of
from chowon.domain.rollups import ROLLUP_COLUMNS, Rollup

TIME: Final = pa.timestamp("ms", tz="UTC")
NO_ROW_MS: Final = -1
"""A rollup row whose covered_ms is this says: the minute has no row any more. In the lake: nulls."""
_ROLLUP_I32: Final = frozenset({"min_dw", "max_dw"})
_MEASURES: Final = tuple(name for name in ROLLUP_COLUMNS if name not in ("channel", "start_ms", "known_ms"))


def table_of_readings(readings: Readings, names: Collection[str] | None = None) -> pa.Table:
    """channel uint32, time timestamp[ms, UTC], then each quantity that has a value; absent is null.

    names: exactly these quantities, also when none of them has a value.
    """
    arrays = {"channel": pa.array(readings.channel), "time": pa.array(readings.time_ms).cast(TIME)}
    for name in QUANTITIES:
        column = readings.column(name)
        absent = None if column is None else column == absent_of(name)
        if (absent is None or absent.all()) if names is None else name not in names:
            continue
        kind = pa.from_numpy_dtype(absent_of(name).dtype)
        arrays[name] = pa.nulls(len(readings), kind) if column is None else pa.array(column, mask=absent)
    return pa.table(arrays)


def readings_of_table(table: pa.Table) -> Readings:
    """What `table_of_readings` was given."""
    columns = {
        name: _numbers(table[name], absent_of(name)) for name in QUANTITIES if name in table.column_names
    }
    return Readings(table["channel"].to_numpy(), _numbers(table["time"]), **columns)  # type: ignore[arg-type]


def table_of_rollup(rows: Rollup) -> pa.Table:
    """channel uint32, start timestamp[ms, UTC], then the measures; all null where the row is gone."""
    gone = rows.covered_ms == NO_ROW_MS
    arrays = {"channel": pa.array(rows.channel), "start": pa.array(rows.start_ms).cast(TIME)}
    arrays |= {name: pa.array(getattr(rows, name), mask=gone) for name in _MEASURES}
    return pa.table(arrays)


def rollup_of_table(table: pa.Table) -> Rollup:
    """What `table_of_rollup` was given, rows that are gone included; known is what power covers."""
    filler: dict[str, np.int32 | np.int64] = dict.fromkeys(_MEASURES, ABSENT_I64)
    filler |= dict.fromkeys(_ROLLUP_I32, ABSENT_I32) | {"covered_ms": np.int64(NO_ROW_MS)}
    columns = {name: _numbers(table[name], filler[name]) for name in _MEASURES}
    known: dict[str, I32 | I64] = {"known_ms": columns["covered_ms"]}
    start_ms = _numbers(table["start"])
    return Rollup(table["channel"].to_numpy(), start_ms, **columns, **known)  # type: ignore[arg-type]


def joined(parts: Sequence[Rollup]) -> Rollup:
    """All parts one after the other."""
    parts = [p for p in parts if len(p)] or list(parts[:1])
    if not parts:
        return gone_rows(np.zeros(0, np.uint32), np.zeros(0, np.int64))
    return Rollup(*(np.concatenate([getattr(p, name) for p in parts]) for name in ROLLUP_COLUMNS))


def rows_where(rows: Rollup, mask: np.ndarray) -> Rollup:
    """The rows that a mask or an index array selects."""
    return Rollup(*(getattr(rows, name)[mask] for name in ROLLUP_COLUMNS))


def newest(rows: Rollup) -> Rollup:
    """Sorted by (channel, start), one row a key: of equal keys the one that stands last."""
    index = last_of_key(rows.channel, rows.start_ms)
    return rows if index is None else rows_where(rows, index)


def last_of_key(channel: U32, start_ms: I64) -> I64 | None:
    """Indices that sort by (channel, start) and leave of equal keys the last; None if nothing changes."""
    n = len(start_ms)
    same = channel[1:] == channel[:-1]
    if n < 2 or bool(np.all((channel[1:] > channel[:-1]) | (same & (start_ms[1:] > start_ms[:-1])))):
        return None
    order = np.lexsort((np.arange(n), start_ms, channel))
    channel, start_ms = channel[order], start_ms[order]
    last = np.ones(n, np.bool_)
    last[:-1] = (channel[1:] != channel[:-1]) | (start_ms[1:] != start_ms[:-1])
    found: I64 = order[last]
    return found


def gone_rows(channel: np.ndarray, start_ms: I64) -> Rollup:
    """Rows that say that these minutes have none any more."""
    n = len(start_ms)
    none = np.full(n, ABSENT_I64)
    low = np.full(n, ABSENT_I32)
    gone = np.full(n, NO_ROW_MS, np.int64)
    return Rollup(channel, start_ms, none, none, gone, low, low, gone)


def _numbers(column: pa.ChunkedArray, absent: np.int32 | np.int64 | None = None) -> I32 | I64:
    if column.type == TIME:
        column = column.cast(pa.int64())
    if column.null_count:
        assert absent is not None
        column = column.fill_null(pa.scalar(absent.item(), column.type))
    numbers: I32 | I64 = column.to_numpy()
    return numbers
