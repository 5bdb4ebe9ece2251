"""Readings and rollups as tables for people and programs: names instead of ids, units in the column names."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from chowon.domain.quantities import ABSENT_I32, DAY_MS, DWMS_PER_WH, I32, I64
from chowon.domain.readings import QUANTITIES, absent_of
from chowon.domain.sites import Site
from chowon.ports import History, Resolution
from chowon.store.sql import UNITS

_TIME: Final = pa.timestamp("ms", "UTC")


def raw_tables(history: History, site: Site, start_ms: int, end_ms: int) -> Iterator[pa.Table]:
    """Raw readings of [start, end), a UTC day at a time: time, site, meter, channel and the quantities."""
    for begin in range(start_ms, end_ms, DAY_MS):
        readings = history.readings([c.id for c in site.channels], begin, min(begin + DAY_MS, end_ms))
        if not len(readings):
            continue
        columns = {"time": pa.array(readings.time_ms).cast(_TIME)} | _keys(site, readings.channel)
        for name in QUANTITIES:
            column = readings.column(name)
            shown, scale = UNITS[name]
            columns[shown] = (
                pa.nulls(len(readings), pa.float64())
                if column is None
                else _scaled(column, scale, column == absent_of(name))
            )
        yield pa.table(columns)


def rollup_tables(
    history: History, site: Site, start_ms: int, end_ms: int, resolution: Resolution
) -> Iterator[pa.Table]:
    """Rollup rows of [start, end) as one table: start, names, kWh, W, seconds measured."""
    channels = [c.id for c in site.channels]
    rows = history.rollup(channels, start_ms, end_ms, resolution, site.timezone)
    yield pa.table(
        {"start": pa.array(rows.start_ms).cast(_TIME)}
        | _keys(site, rows.channel)
        | {
            "import_kwh": pa.array(rows.import_dwms / (DWMS_PER_WH * 1000)),
            "export_kwh": pa.array(rows.export_dwms / (DWMS_PER_WH * 1000)),
            "min_w": _scaled(rows.min_dw, 10, rows.min_dw == ABSENT_I32),
            "max_w": _scaled(rows.max_dw, 10, rows.max_dw == ABSENT_I32),
            "measured_s": pa.array(rows.covered_ms / 1000),
            "known_s": pa.array(rows.known_ms / 1000),
        }
    )


def _keys(site: Site, channel: "np.ndarray[tuple[int], np.dtype[np.uint32]]") -> dict[str, pa.Array]:
    known = {c.id: c.key for c in site.channels}
    ids, index = np.unique(channel, return_inverse=True)
    index = pa.array(index.astype(np.int32))

    def column(part: str) -> pa.Array:
        words = pa.array([getattr(known[int(i)], part) for i in ids], pa.string())
        return pa.DictionaryArray.from_arrays(index, words)

    return {part: column(part) for part in ("site", "meter", "channel")}


def _scaled(column: I32 | I64, scale: int, absent: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> pa.Array:
    return pa.array(column / scale, mask=absent)
