"""Which files of the lake count, how far the journal is sealed, and when each channel was heard."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from sqlalchemy import Connection, Select, delete, insert, select, update

from chowon.domain.counters import Flow
from chowon.domain.quantities import I64, U32
from chowon.domain.sites import HoldBy
from chowon.errors import Misconfigured
from chowon.store.catalog.chunks import chunks
from chowon.store.catalog.counter_times import CounterSpan, counter_spans, note_counter_spans, unlisted
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.tables import channel_times, lake_files, lake_state
from chowon.store.catalog.tables import channels as channel_rows

Kind = Literal["raw", "minute", "import", "export", "told"]
"""Readings; their power by the minute; what the counters of each flow showed by the minute; the appliances of
sites by the minute, as a night told them: of these, `channel` is the site."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that stands in the lake's folder and is to be listed."""

    kind: Kind
    span: str
    """The UTC day (raw: "2026-11-23") or UTC month (the others: "2026-11") of all its rows."""
    shard: int
    path: str
    """Below the lake's folder."""
    rows: int
    bytes: int
    min_time_ms: int
    max_time_ms: int
    min_channel: int
    max_channel: int


@dataclass(frozen=True, slots=True)
class LakeFile(NewFile):
    """A listed file. Of rows with equal keys, that of the file with the highest id counts."""

    id: int
    added_ms: int


@dataclass(frozen=True)
class Snapshot:
    """The lake at one moment: its files, in the order of their ids, and how far they hold the journal."""

    revision: int
    sealed_through: int
    files: tuple[LakeFile, ...]

    @cached_property
    def _limits(self) -> I64:
        """(4, n) first and last time, first and last channel."""
        rows = [(f.min_time_ms, f.max_time_ms, f.min_channel, f.max_channel) for f in self.files]
        return np.array(rows, np.int64).reshape(-1, 4).T

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of files that there are."""
        return frozenset(f.kind for f in self.files)

    def overlapping(self, kind: Kind, channels: U32, start_ms: int, end_ms: int) -> list[LakeFile]:
        """Files that may hold rows of these channels (at least one) in [start, end), ordered by id."""
        first, last, low, high = self._limits
        touched = (first < end_ms) & (last >= start_ms) & (low <= channels.max()) & (high >= channels.min())
        return [f for i in np.flatnonzero(touched) if (f := self.files[i]).kind == kind]


@dataclass(frozen=True, slots=True)
class Heard:
    """The first and the last time of each of n channels."""

    channel: U32
    first_ms: I64
    last_ms: I64


@dataclass(frozen=True, slots=True)
class HoldChange:
    """A channel's hold from now on, for all of its past."""

    channel: int
    hold_ms: int
    by: HoldBy


class FileList:
    """The list of one journal's lake files."""

    def __init__(self, catalog: Catalog, journal_id: str, now_ms: Callable[[], int]) -> None:
        self._catalog = catalog
        self._journal_id = journal_id
        self._now_ms = now_ms
        self._seen = Snapshot(0, 0, ())

    def claim(self, shards: int) -> None:
        """Make sure that the list exists. Errors: Misconfigured if it was made for other shards."""
        with self._catalog.writing() as connection:
            row = connection.execute(self._state()).one_or_none()
            if row is None:
                values = {"shards": shards, "sealed_through": 0, "revision": 0}
                connection.execute(insert(lake_state).values(journal_id=self._journal_id, **values))
            elif row.shards != shards:
                raise Misconfigured(
                    f"the lake was made with shards = {row.shards}, the configuration says {shards}; "
                    "set it back"
                )

    def snapshot(self) -> Snapshot:
        """The list as it stands now; one small query when nothing has changed."""
        with self._catalog.reading() as connection:
            state = connection.execute(self._state()).one_or_none()
            if state is not None and state.revision != self._seen.revision:
                rows = connection.execute(select(lake_files).order_by(lake_files.c.id))
                files = tuple(LakeFile(**row) for row in rows.mappings())
                self._seen = Snapshot(state.revision, state.sealed_through, files)
            return self._seen

    def commit(
        self,
        before: Snapshot,
        add: Sequence[NewFile],
        remove: Sequence[LakeFile] = (),
        sealed_through: int | None = None,
        heard: Heard | None = None,
        counters: Mapping[Flow, Mapping[int, CounterSpan | None]] | None = None,
        hold: HoldChange | None = None,
    ) -> None:
        """List and unlist files and move the watermark, all or nothing; `before` is what this follows from.

        hold: with which the rows of the added files were made.
        Errors: Misconfigured if another process has changed the list meanwhile: nothing was changed.
        """
        through = before.sealed_through if sealed_through is None else sealed_through
        with self._catalog.writing() as connection:
            changed = connection.execute(
                update(lake_state)
                .where(lake_state.c.journal_id == self._journal_id, lake_state.c.revision == before.revision)
                .values(sealed_through=through, revision=before.revision + 1)
            )
            if changed.rowcount != 1:
                raise Misconfigured(
                    "another process has changed the list of lake files; stop it, only one may write"
                )
            for some in chunks([f.id for f in remove]):
                connection.execute(delete(lake_files).where(lake_files.c.id.in_(some)))
            if add:
                added_ms = self._now_ms()
                connection.execute(insert(lake_files), [_values(f) | {"added_ms": added_ms} for f in add])
            if hold is not None:
                values = {"hold_ms": hold.hold_ms, "hold_by": hold.by}
                connection.execute(
                    update(channel_rows).where(channel_rows.c.id == hold.channel).values(values)
                )
            if heard is not None and len(heard.channel):
                _widen(connection, heard)
            for flow, news in (counters or {}).items():
                note_counter_spans(connection, flow, news)

    def times(self, channels: U32) -> dict[int, tuple[int, int]]:
        """The first and last time in the lake of each of these channels that has one."""
        with self._catalog.reading() as connection:
            return _times(connection, channels.tolist())

    def counters(self, flow: Flow, channels: U32) -> dict[int, CounterSpan]:
        """What the lake holds of this flow's counters, of those of these channels that have one."""
        with self._catalog.reading() as connection:
            return counter_spans(connection, flow, channels.tolist())

    def unlisted_counters(self) -> list[tuple[Flow, int]]:
        """(flow, channel) of the counters whose leaps an older version has not listed."""
        with self._catalog.reading() as connection:
            return unlisted(connection)

    def note_counter(self, flow: Flow, channel: int, span: CounterSpan) -> None:
        """What the lake is found to hold of one counter."""
        with self._catalog.writing() as connection:
            note_counter_spans(connection, flow, {channel: span})

    def _state(self) -> Select[Any]:
        return select(lake_state).where(lake_state.c.journal_id == self._journal_id)


def _values(file: NewFile) -> dict[str, object]:
    return {name: getattr(file, name) for name in NewFile.__slots__}


def _times(connection: Connection, channels: Sequence[int]) -> dict[int, tuple[int, int]]:
    found = {}
    for some in chunks(channels):
        for row in connection.execute(select(channel_times).where(channel_times.c.channel.in_(some))):
            found[row.channel] = (row.first_ms, row.last_ms)
    return found


def _widen(connection: Connection, heard: Heard) -> None:
    """Note when these channels were heard, keeping what was known."""
    ids = heard.channel.tolist()
    known = _times(connection, ids)
    rows = []
    for channel, first, last in zip(ids, heard.first_ms.tolist(), heard.last_ms.tolist(), strict=True):
        earlier, later = known.get(channel, (first, last))
        rows.append({"channel": channel, "first_ms": min(first, earlier), "last_ms": max(last, later)})
    for some in chunks(list(known)):
        connection.execute(delete(channel_times).where(channel_times.c.channel.in_(some)))
    connection.execute(insert(channel_times), rows)
