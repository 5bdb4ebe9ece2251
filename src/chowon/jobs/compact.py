"""Which small lake files to merge, and merging them with bounded memory.

Within a span and shard only the newest files may be merged, all of them from some file on: the merged file
becomes the newest one, and of equal keys the newest counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
import pyarrow as pa

from chowon.domain.counters import FLOWS
from chowon.domain.quantities import HOUR_MS, U32
from chowon.domain.readings import concat, latest
from chowon.store.catalog.files import LakeFile, NewFile, Snapshot
from chowon.store.columns import (
    NO_ROW_MS,
    joined,
    newest,
    readings_of_table,
    rollup_of_table,
    rows_where,
    table_of_readings,
    table_of_rollup,
)
from chowon.store.counter_rows import counters_of_table, newest_counters, present, table_of_counters
from chowon.store.lake import Lake
from chowon.store.told_rows import newest_told

SMALL_FILES: Final = 16
"""More files of about one size than this in one span and shard become one."""
QUIET_MS: Final = HOUR_MS
"""A span that is over, and got nothing for so long, becomes one file."""
CHUNK_ROWS: Final = 4_000_000
"""About so many rows are held in memory while merging."""
_ALWAYS: Final = (0, np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Merge:
    """Files of one span and shard to become one."""

    files: tuple[LakeFile, ...]
    """In the order of their ids."""
    whole: bool
    """These are all files of the span and shard, so rows that say "no row any more" may go."""


def merges(snapshot: Snapshot, now_ms: int, small_files: int = SMALL_FILES) -> list[Merge]:
    """What is due at this instant: at most one merge for each kind, span and shard."""

    def group(file: LakeFile) -> tuple[str, str, int]:
        return (file.kind, file.span, file.shard)

    due = []
    for _, members in groupby(sorted(snapshot.files, key=lambda f: (*group(f), f.id)), key=group):
        files = tuple(members)
        newest_ms = max(file.added_ms for file in files)
        over = now_ms >= max(_end_ms(files[0].span), newest_ms) + QUIET_MS
        first = 0 if over else _first_small(files)
        if len(files) - first > (1 if over else small_files):
            due.append(Merge(files[first:], whole=first == 0))
    return due


def merged(lake: Lake, merge: Merge) -> list[NewFile]:
    """The one file that holds what these files hold, written but not listed; none if nothing is left."""
    one = merge.files[0]
    tables = _tables(lake, merge)
    head = next(tables, None)
    if head is None:
        return []
    return [lake.write(one.kind, one.span, one.shard, _chain(head, tables))]


def _first_small(files: tuple[LakeFile, ...]) -> int:
    """Where the run of small files begins: a file joins the newer ones while it is at most twice their size.

    So a reading is rewritten a logarithmic number of times, however long the span stays open.
    """
    rows = files[-1].rows
    first = len(files) - 1
    while first and files[first - 1].rows <= 2 * rows:
        first -= 1
        rows += files[first].rows
    return first


def _tables(lake: Lake, merge: Merge) -> Iterator[pa.Table]:
    """The merged rows as tables with one schema, channels in order, some channels at a time."""
    names = {name for file in merge.files for name in lake.columns(file)}
    for channels in _chunks(lake, merge.files):
        parts = [lake.read(file, channels, *_ALWAYS) for file in merge.files]
        if merge.files[0].kind == "raw":
            table = table_of_readings(latest(concat([readings_of_table(part) for part in parts])), names)
        elif merge.files[0].kind in FLOWS:
            counters = newest_counters([counters_of_table(part) for part in parts])
            table = table_of_counters(present(counters) if merge.whole else counters)
        elif merge.files[0].kind == "told":
            table = newest_told(parts)
        else:
            rows = newest(joined([rollup_of_table(part) for part in parts]))
            table = table_of_rollup(rows_where(rows, rows.covered_ms != NO_ROW_MS) if merge.whole else rows)
        if len(table):
            yield table


def _chunks(lake: Lake, files: tuple[LakeFile, ...]) -> Iterator[U32]:
    """The files' channels in order, as many at a time as have about CHUNK_ROWS rows."""
    counted = [lake.channel_rows(file) for file in files]
    channels, where = np.unique(np.concatenate([c for c, _ in counted]), return_inverse=True)
    rows = np.bincount(where, np.concatenate([r for _, r in counted]))
    chunk = (np.cumsum(rows) // CHUNK_ROWS).astype(np.int64)
    for one in np.unique(chunk).tolist():
        yield channels[chunk == one]


def _chain(head: pa.Table, rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    yield head
    yield from rest


def _end_ms(span: str) -> int:
    """The instant at which a UTC day or month is over."""
    return int((np.datetime64(span) + 1).astype("datetime64[ms]").astype(np.int64))
