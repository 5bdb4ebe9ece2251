"""Rows of counters by the minute: as Arrow tables with the lake's schema, and joined from several places."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from chowon.domain.counter_minutes import COUNTER_COLUMNS, CounterMinutes
from chowon.domain.quantities import ABSENT_I64, I64, U32
from chowon.store.columns import TIME, last_of_key

GONE_MS: Final = -1
"""A row whose last_ms is this says: the minute has no reading of the counter any more. In the lake: nulls."""
_TIMES: Final = ("start_ms", "last_ms")


def table_of_counters(rows: CounterMinutes) -> pa.Table:
    """channel uint32, start and last timestamp[ms, UTC], then milliwatt-hours; all null where it is gone."""
    gone = rows.last_ms == GONE_MS
    arrays = {"channel": pa.array(rows.channel), "start": pa.array(rows.start_ms).cast(TIME)}
    for name in COUNTER_COLUMNS[2:]:
        column = pa.array(getattr(rows, name), mask=gone)
        arrays[name.removesuffix("_ms")] = column.cast(TIME) if name in _TIMES else column
    return pa.table(arrays)


def counters_of_table(table: pa.Table) -> CounterMinutes:
    """What `table_of_counters` was given, rows that are gone included."""
    columns = []
    for name in COUNTER_COLUMNS[1:]:
        column = table[name.removesuffix("_ms")]
        if name in _TIMES:
            column = column.cast(pa.int64())
        if column.null_count:
            column = column.fill_null(GONE_MS if name == "last_ms" else int(ABSENT_I64))
        columns.append(column.to_numpy())
    return CounterMinutes(table["channel"].to_numpy(), *columns)


def newest_counters(parts: Sequence[CounterMinutes]) -> CounterMinutes:
    """All parts, sorted by (channel, start), one row a key: of equal keys that of the last part."""
    some = [p for p in parts if len(p)]
    if not some:
        return gone_counters(np.zeros(0, np.uint32), np.zeros(0, np.int64))
    rows = CounterMinutes(*(np.concatenate([getattr(p, n) for p in some]) for n in COUNTER_COLUMNS))
    index = last_of_key(rows.channel, rows.start_ms)
    return rows if index is None else rows.where(index)


def present(rows: CounterMinutes) -> CounterMinutes:
    """Without the rows that are gone."""
    keep = rows.last_ms != GONE_MS
    return rows if keep.all() else rows.where(keep)


def gone_counters(channel: U32, start_ms: I64) -> CounterMinutes:
    """Rows that say that these minutes have none any more."""
    none = np.full(len(start_ms), ABSENT_I64)
    gone = np.full(len(start_ms), GONE_MS, np.int64)
    return CounterMinutes(channel, start_ms, gone, none, none, none)
