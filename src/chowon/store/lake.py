"""The lake: a folder of immutable Parquet files, sorted by (channel, time); what is told, by (site, time).

A file is written under a temporary name, synced, renamed, and its folder synced; then it may be listed in
the catalog, and only listed files count. Its name is unique and says nothing about what is newer.
Files that are no longer listed are deleted after a grace for readers that still hold an older list.
"""

import contextlib
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chowon.domain.quantities import I64, U32
from chowon.errors import Damaged, StoreUnavailable
from chowon.store.catalog.files import Kind, LakeFile, NewFile

GROUP_ROWS: Final = 16_384
"""A row group ends at the first change of channel after so many rows: one a channel-day at 1 Hz."""
FOOTERS: Final = 1024
"""So many files' row group limits are remembered."""
_TEMPORARY: Final = ".tmp"
_TIME_COLUMN: Final[dict[str, str]] = {
    "raw": "time",
    "minute": "start",
    "import": "start",
    "export": "start",
    "told": "start",
}
_KEY_COLUMN: Final[dict[str, str]] = dict.fromkeys(_TIME_COLUMN, "channel") | {"told": "site"}


@dataclass(frozen=True, slots=True)
class Footer:
    """Where the rows of a file are: its metadata, and the limits of its n row groups."""

    metadata: pq.FileMetaData
    limits: I64
    """(5, n) first and last channel, first and last time, rows"""


class Lake:
    """Files below one folder. `origin`: id of the journal that is sealed into it, part of every name."""

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self._origin = origin[:12]
        self._retired: list[tuple[int, str]] = []
        self._footer = lru_cache(FOOTERS)(self._read_footer)

    def write(self, kind: Kind, span: str, shard: int, tables: Iterable[pa.Table]) -> NewFile:
        """One durable file of all tables, which are sorted and follow each other; it is not listed yet.

        Errors: StoreUnavailable; no file of this name is left then.
        """
        path = f"{kind}/{span}/s{shard}-{self._origin}-{uuid.uuid4().hex}.parquet"
        final = self.folder / path
        temporary = final.with_suffix(_TEMPORARY)
        limits = _Limits(_KEY_COLUMN[kind], _TIME_COLUMN[kind])
        try:
            self._make_folder(final.parent)
            with temporary.open("xb") as sink:
                _write_groups(sink, _KEY_COLUMN[kind], (limits.seen(table) for table in tables))
                sink.flush()
                os.fsync(sink.fileno())
                size = os.fstat(sink.fileno()).st_size
            temporary.rename(final)
            _sync_folder(final.parent)
        except OSError as error:
            for path_left in (temporary, final):
                with contextlib.suppress(OSError):
                    path_left.unlink(missing_ok=True)
            raise StoreUnavailable(
                f"{final}: {error}; the journal keeps its readings: check free space and the disk"
            ) from error
        return NewFile(kind, span, shard, path, limits.rows, size, *limits.times, *limits.channels)

    def read(
        self, file: LakeFile, channels: U32 | None, start_ms: int, end_ms: int, columns: Iterable[str] = ()
    ) -> pa.Table:
        """The file's rows in [start, end) of these channels (sorted; None: all), sorted by (channel, time).

        columns: only these, if any are named. Errors: FileNotFoundError if the file was replaced meanwhile;
        Damaged.
        """
        path = self.folder / file.path
        try:
            footer = self._footer(file.path)
            groups = _groups(footer, channels, start_ms, end_ms)
            with pq.ParquetFile(path, metadata=footer.metadata, page_checksum_verification=True) as parquet:
                names = [n for n in parquet.schema_arrow.names if n in columns] if columns else None
                table = parquet.read_row_groups(groups, names, use_threads=False)
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise Damaged(
                f"{path}: {error}; restore the file from a backup, `chowon doctor` lists what is missing"
            ) from error
        of_kind = _KEY_COLUMN[file.kind], _TIME_COLUMN[file.kind]
        return _selected(table, of_kind, channels, start_ms, end_ms)

    def channel_rows(self, file: LakeFile) -> tuple[U32, I64]:
        """The channels in a file and how many rows each has there."""
        key = _KEY_COLUMN[file.kind]
        table = self.read(file, None, 0, np.iinfo(np.int64).max, [key, _TIME_COLUMN[file.kind]])
        channels, rows = np.unique(table[key].to_numpy(), return_counts=True)
        return channels, rows.astype(np.int64)

    def columns(self, file: LakeFile) -> list[str]:
        """The names of the columns that a file has."""
        names: list[str] = self._footer(file.path).metadata.schema.names
        return names

    def exists(self, file: LakeFile) -> bool:
        """Whether the file is there with the size that the catalog says."""
        try:
            return (self.folder / file.path).stat().st_size == file.bytes
        except FileNotFoundError:
            return False

    def retire(self, files: Iterable[LakeFile | NewFile], now_ms: int) -> None:
        """These are not listed (any more): delete them once `collect` finds that the grace is over."""
        self._retired.extend((now_ms, file.path) for file in files)

    def collect(self, retired_before_ms: int, listed: Iterable[LakeFile]) -> int:
        """Delete files that were retired before this instant and are not listed after all; how many."""
        known = {file.path for file in listed}
        due = [path for at, path in self._retired if at < retired_before_ms and path not in known]
        self.delete(self.folder / path for path in due)
        self._retired = [(at, path) for at, path in self._retired if at >= retired_before_ms]
        return len(due)

    def delete(self, paths: Iterable[Path]) -> None:
        """Delete files that nobody lists. Errors: StoreUnavailable."""
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StoreUnavailable(f"{path}: {error}; check that the folder is writable") from error

    def unlisted(self, listed: Iterable[LakeFile]) -> tuple[list[Path], list[Path]]:
        """Files that the catalog does not list: (what a crash of this journal's writer left, others)."""
        known = {self.folder / file.path for file in listed}
        ours: list[Path] = []
        foreign: list[Path] = []
        for path in self._files():
            if path not in known:
                (ours if f"-{self._origin}-" in path.name else foreign).append(path)
        return ours, foreign

    def _files(self) -> Iterator[Path]:
        for pattern in ("*.parquet", f"*{_TEMPORARY}"):
            yield from sorted(self.folder.glob(f"*/*/{pattern}"))

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)

    def _read_footer(self, path: str) -> Footer:
        metadata = pq.read_metadata(self.folder / path)
        limits = np.zeros((5, metadata.num_row_groups), np.int64)
        for n in range(metadata.num_row_groups):
            group = metadata.row_group(n)
            channel, time = group.column(0).statistics, group.column(1).statistics
            limits[:, n] = (
                channel.min_raw & 0xFFFF_FFFF,
                channel.max_raw & 0xFFFF_FFFF,
                time.min_raw,
                time.max_raw,
                group.num_rows,
            )
        return Footer(metadata, limits)


class _Limits:
    """What a file's entry in the catalog says, gathered while its tables pass by."""

    def __init__(self, key_column: str, time_column: str) -> None:
        self._key_column, self._time_column = key_column, time_column
        self.rows = 0
        self.times = (np.iinfo(np.int64).max, np.iinfo(np.int64).min)
        self.channels = (2**32, -1)

    def seen(self, table: pa.Table) -> pa.Table:
        channel = table[self._key_column].to_numpy()
        time_ms = table[self._time_column].cast(pa.int64()).to_numpy()
        self.rows += len(channel)
        self.times = (min(self.times[0], int(time_ms.min())), max(self.times[1], int(time_ms.max())))
        self.channels = (min(self.channels[0], int(channel[0])), max(self.channels[1], int(channel[-1])))
        return table


def _write_groups(sink: object, key_column: str, tables: Iterable[pa.Table]) -> None:
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables:
            if writer is None:
                names = table.column_names
                writer = pq.ParquetWriter(
                    sink,
                    table.schema,
                    compression="zstd",
                    use_dictionary=False,
                    column_encoding=dict.fromkeys(names, "DELTA_BINARY_PACKED"),
                    write_page_checksum=True,
                )
            for start, end in _group_limits(table[key_column].to_numpy()):
                writer.write_table(table.slice(start, end - start), row_group_size=end - start)
    finally:
        if writer is not None:
            writer.close()


def _group_limits(channel: U32) -> Iterator[tuple[int, int]]:
    """[start, end) of row groups: each ends with a channel's last row, at the earliest after GROUP_ROWS."""
    ends = np.flatnonzero(np.append(channel[1:] != channel[:-1], True)) + 1
    start = 0
    while start < len(channel):
        end = int(ends[min(int(np.searchsorted(ends, start + GROUP_ROWS)), len(ends) - 1)])
        yield start, end
        start = end


def _groups(footer: Footer, channels: U32 | None, start_ms: int, end_ms: int) -> list[int]:
    low, high, first, last, _ = footer.limits
    touched = (first < end_ms) & (last >= start_ms)
    if channels is not None:
        touched &= np.searchsorted(channels, high, "right") > np.searchsorted(channels, low, "left")
    return np.flatnonzero(touched).tolist()


def _selected(
    table: pa.Table, of_kind: tuple[str, str], channels: U32 | None, start_ms: int, end_ms: int
) -> pa.Table:
    """of_kind: the names of the key and of the time."""
    key_column, time_column = of_kind
    table = table.combine_chunks()
    time_ms = table[time_column].cast(pa.int64()).to_numpy()
    mask = (time_ms >= start_ms) & (time_ms < end_ms)
    if channels is not None:
        mask &= np.isin(table[key_column].to_numpy(), channels)
    return table if mask.all() else table.filter(pa.array(mask))


def _sync_folder(folder: Path) -> None:
    """Make a rename in this folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
