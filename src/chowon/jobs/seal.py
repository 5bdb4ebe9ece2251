"""Sealing: what the journal holds becomes lake files, and small files become large ones.

The steps, and what a crash right after each leaves:

1. write raw files and rollup files   files that nobody lists; deleted at the next start
2. commit the list and the watermark  all of it is in the lake; readers pass over the journal's rows up to
                                      the watermark, the next start trims them
3. trim the journal                   nothing
4. delete replaced files, later       files that nobody lists; deleted at the next start

So a reading is in the journal after the watermark or in a listed file, never in neither, never in both.
"""

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.counters import FLOWS, Flow
from chowon.domain.readings import Readings, concat, empty, latest
from chowon.domain.rollups import Rollup
from chowon.jobs.compact import SMALL_FILES, Merge, merged, merges
from chowon.jobs.hold_change import minutes_anew
from chowon.store.catalog.counter_times import CounterSpan
from chowon.store.catalog.files import Heard, HoldChange, NewFile, Snapshot
from chowon.store.columns import joined, newest, rows_where, table_of_readings, table_of_rollup
from chowon.store.counter_news import changed_counters
from chowon.store.counter_rows import table_of_counters
from chowon.store.opening import Store
from chowon.store.recompute import emptied, recomputed, touched
from chowon.store.spans import split
from chowon.store.view import View

SEAL_ROWS: Final = 4_000_000
"""One seal takes about so many readings, so that memory stays bounded; then comes the next one."""
MERGES: Final = 16
"""One run merges at most so often, so that sealing has its turn after a large import; the rest waits."""
GRACE_MS: Final = 60_000
"""A replaced file stays for so long for readers that still hold the older list."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one run did."""

    readings: int
    files_added: int
    files_merged: int
    files_deleted: int


class Sealer:
    """The only one that changes the lake. Every step can be repeated."""

    def __init__(self, store: Store, seal_rows: int = SEAL_ROWS, small_files: int = SMALL_FILES) -> None:
        self._store = store
        self._seal_rows = seal_rows
        self._small_files = small_files
        self._lock = threading.Lock()
        self.recounting: int | None = None
        """the channel whose hold is being changed"""

    def run(self, now_ms: int) -> Sealed:
        """Seal all that the journal holds now, merge what is due at `now_ms`, delete what was replaced.

        Errors: StoreUnavailable (try again later), Damaged; what was done before them counts.
        """
        with self._lock:
            deleted = self._store.lake.collect(now_ms - GRACE_MS, self._files().files)
            readings = added = 0
            last = self._store.journal.bounds().last
            while (done := self._seal_once(last, now_ms)) is not None:
                readings += done[0]
                added += done[1]
            due = merges(self._files(), now_ms, self._small_files)[:MERGES]
            files_merged = sum(self._merge(merge, now_ms) for merge in due)
            return Sealed(readings, added, files_merged, deleted)

    def add(self, files: Sequence[NewFile]) -> None:
        """List files of what was worked out from readings, all or none. Errors: as `run`."""
        with self._lock:
            self._store.files.commit(self._files(), files)

    def change_hold(self, change: HoldChange, now_ms: int) -> None:
        """Give a channel another hold, in one go with all its rollups. Errors: as `run`; nothing was changed.

        What the journal holds of it is not counted yet: whoever asks counts it with the hold of that moment.
        """
        store, ids = self._store, np.array([change.channel], np.uint32)
        with self._lock:
            snapshot, added = self._files(), list[NewFile]()
            view = View(store.lake, snapshot, empty())
            self.recounting = change.channel
            try:
                for first_ms, last_ms in store.files.times(ids).values():
                    for rows in minutes_anew(view, change.channel, change.hold_ms, first_ms, last_ms):
                        for span, shard, some in split(rows.channel, rows.start_ms, "minute", store.shards):
                            table = table_of_rollup(rows_where(rows, some))
                            added.append(store.lake.write("minute", span, shard, [table]))
                store.files.commit(snapshot, added, hold=change)
            except Exception:
                store.lake.retire(added, now_ms)
                raise
            finally:
                self.recounting = None
            store.sites.look_again()

    def _files(self) -> Snapshot:
        return self._store.files.snapshot()

    def _seal_once(self, last: int, now_ms: int) -> tuple[int, int] | None:
        """Seal the first unsealed entries; (readings, files), None if there is nothing left up to `last`."""
        store = self._store
        snapshot = store.files.snapshot()
        if snapshot.sealed_through >= last:
            return None
        through, fresh = self._unsealed(snapshot.sealed_through)
        if through == snapshot.sealed_through:
            return None
        added: list[NewFile] = []
        try:
            view = View(store.lake, snapshot, fresh)
            self._write(view, fresh, added)
            counters = {flow: self._write_counters(view, fresh, flow, added) for flow in FLOWS}
            store.files.commit(
                snapshot, added, sealed_through=through, heard=_heard(fresh), counters=counters
            )
        except Exception:
            store.lake.retire(added, now_ms)
            raise
        store.journal.trim(through)
        return len(fresh), len(added)

    def _unsealed(self, after: int) -> tuple[int, Readings]:
        """The journal's first entries after this sequence: (last sequence, its readings sorted, unique)."""
        parts: list[Readings] = []
        through = after
        rows = 0
        with closing(self._store.journal.read(after)) as entries:
            for entry in entries:
                through = entry.sequence
                parts.append(entry.readings)
                rows += len(entry.readings)
                if rows >= self._seal_rows:
                    break
        return through, latest(concat(parts))

    def _write(self, view: View, fresh: Readings, added: list[NewFile]) -> None:
        """Write the files of these readings and of the rollup rows that they change; noted in `added`."""
        store = self._store
        for span, shard, rows in split(fresh.channel, fresh.time_ms, "raw", store.shards):
            table = table_of_readings(fresh.where(rows))
            added.append(store.lake.write("raw", span, shard, [table]))
        minutes = self._changed_minutes(view, fresh)
        for span, shard, rows in split(minutes.channel, minutes.start_ms, "minute", store.shards):
            table = table_of_rollup(rows_where(minutes, rows))
            added.append(store.lake.write("minute", span, shard, [table]))

    def _write_counters(
        self, view: View, fresh: Readings, flow: Flow, added: list[NewFile]
    ) -> dict[int, CounterSpan | None]:
        """Write the rows of one flow's counters that these readings change; what is new of the counters."""
        store = self._store
        news = changed_counters(view, fresh, flow, store.files.counters)
        for span, shard, rows in split(news.rows.channel, news.rows.start_ms, flow, store.shards):
            table = table_of_counters(news.rows.where(rows))
            added.append(store.lake.write(flow, span, shard, [table]))
        return news.spans

    def _changed_minutes(self, view: View, fresh: Readings) -> Rollup:
        holds = self._store.sites.holds
        rows = newest(recomputed(touched(fresh, holds), view.raw, holds))
        return newest(joined([rows, emptied(fresh, rows, holds)]))

    def _merge(self, merge: Merge, now_ms: int) -> int:
        """Replace the files by one; how many were replaced."""
        store = self._store
        new = merged(store.lake, merge)
        try:
            store.files.commit(store.files.snapshot(), new, remove=merge.files)
        except Exception:
            store.lake.retire(new, now_ms)
            raise
        store.lake.retire(merge.files, now_ms)
        return len(merge.files)


def _heard(fresh: Readings) -> Heard:
    """When each channel of these readings (sorted) was first and last heard."""
    if not len(fresh):
        return Heard(fresh.channel, fresh.time_ms, fresh.time_ms)
    first = np.flatnonzero(np.append(True, fresh.channel[1:] != fresh.channel[:-1]))
    last = np.append(first[1:], len(fresh)) - 1
    return Heard(fresh.channel[first], fresh.time_ms[first], fresh.time_ms[last])
