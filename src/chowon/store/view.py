"""One consistent moment of lake and journal, for readers.

The order makes it consistent: first the catalog's list of files with the sequence that they reach, then the
journal after that sequence. If the journal was trimmed further meanwhile, the list is older than it: again.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from chowon.domain.quantities import U32
from chowon.domain.readings import Readings, concat, empty, latest
from chowon.domain.rollups import Rollup
from chowon.errors import Damaged, NotFound
from chowon.ports import Entry
from chowon.store.catalog.files import FileList, Snapshot
from chowon.store.columns import joined, newest, readings_of_table, rollup_of_table
from chowon.store.lake import Lake

ATTEMPTS: Final = 8


class Unsealed(Protocol):
    """The part of a journal that a reader needs."""

    def read(self, after: int) -> Iterator[Entry]:
        """Entries with a sequence above `after`, in order. Errors: NotFound if they were trimmed."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything acknowledged up to one moment."""

    lake: Lake
    snapshot: Snapshot
    tail: Readings
    """What the lake does not hold yet, in the order in which it was appended."""

    def raw(self, channels: U32, start_ms: int, end_ms: int) -> Readings:
        """Readings of these channels (sorted) in [start, end), sorted; of equal keys the last appended."""
        if not len(channels):
            return empty()
        parts = [
            readings_of_table(self.lake.read(file, channels, start_ms, end_ms))
            for file in self.snapshot.overlapping("raw", channels, start_ms, end_ms)
        ]
        return latest(concat([*parts, self.tail_of(channels, start_ms, end_ms)]))

    def sealed_minutes(self, channels: U32, start_ms: int, end_ms: int) -> Rollup:
        """The lake's rollup rows of these channels (sorted) in [start, end), rows that are gone included."""
        files = self.snapshot.overlapping("minute", channels, start_ms, end_ms) if len(channels) else []
        parts = [rollup_of_table(self.lake.read(file, channels, start_ms, end_ms)) for file in files]
        return newest(joined(parts))

    def tail_of(self, channels: U32, start_ms: int, end_ms: int) -> Readings:
        """The tail's readings of these channels in [start, end), in the order in which they were appended."""
        tail = self.tail
        mask = (tail.time_ms >= start_ms) & (tail.time_ms < end_ms)
        return tail.where(mask & np.isin(tail.channel, channels))


class Views:
    """Gives views; keeps the decoded tail, so that asking every second decodes a batch once. Thread-safe."""

    def __init__(self, lake: Lake, files: FileList, journal: Unsealed) -> None:
        self._lake = lake
        self._files = files
        self._journal = journal
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._through = 0
        self._merged = empty()

    def current(self) -> View:
        """Everything acknowledged up to now. Errors: Damaged, StoreUnavailable."""
        with self._lock:
            snapshot = self._files.snapshot()
            for _ in range(ATTEMPTS):
                try:
                    self._catch_up(snapshot.sealed_through)
                except NotFound:
                    snapshot = self._files.snapshot()
                else:
                    return View(self._lake, snapshot, self._merged)
        raise Damaged(
            f"the journal was trimmed past entry {snapshot.sealed_through}, which is as far as the catalog "
            "knows the lake; restore catalog and journal from the same backup"
        )

    def is_current(self, view: View) -> bool:
        """Whether the list of files is still that of this view."""
        return self._files.snapshot().revision == view.snapshot.revision

    def _catch_up(self, sealed_through: int) -> None:
        """Make the kept tail that after `sealed_through`. Errors: NotFound if it was trimmed meanwhile."""
        through = max(self._through, sealed_through)
        fresh = list(self._journal.read(through))
        kept = [entry for entry in self._entries if entry.sequence > sealed_through]
        if len(kept) != len(self._entries):
            self._merged = concat([entry.readings for entry in (*kept, *fresh)])
        elif fresh:
            self._merged = concat([self._merged, *(entry.readings for entry in fresh)])
        self._entries = [*kept, *fresh]
        self._through = fresh[-1].sequence if fresh else through
