"""What nights told: sums in the catalog, minutes in the lake; implements ports.NightBook.

A night's minutes are listed before its days are written down. After a crash between the two its days are
still due: they are told again, over what stands there already.
"""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import ToldDay, ToldMinutes
from chowon.domain.quantities import MINUTE_MS, U32
from chowon.errors import Damaged
from chowon.store.catalog.files import FileList, NewFile
from chowon.store.catalog.told import CatalogTold
from chowon.store.lake import Lake
from chowon.store.spans import split
from chowon.store.told_rows import newest_told, table_of_told, told_of_table
from chowon.store.view import ATTEMPTS


class ToldReader:
    """Implements ports.ToldDays. Thread-safe."""

    def __init__(self, sums: CatalogTold, lake: Lake, files: FileList) -> None:
        self.sums, self.lake, self.files = sums, lake, files

    def days(self, site_id: int, first: date, end: date) -> list[ToldDay]:
        """As ports.ToldDays. Errors: StoreUnavailable."""
        return self.sums.days(site_id, first, end)

    def minutes(self, site_id: int, from_ms: int, to_ms: int) -> dict[str, Power]:
        """As ports.ToldDays. Errors: StoreUnavailable, Damaged."""
        ids: U32 = np.array([site_id], np.uint32)
        left = ATTEMPTS
        while True:
            left -= 1
            snapshot = self.files.snapshot()
            files = snapshot.overlapping("told", ids, from_ms, to_ms)
            try:
                parts = [self.lake.read(file, ids, from_ms, to_ms) for file in files]
            except FileNotFoundError as error:  # merged with others meanwhile
                if left == 0 or self.files.snapshot().revision == snapshot.revision:
                    raise Damaged(
                        f"{error.filename or error}: the catalog lists this file, but it is not there; "
                        "restore it from a backup"
                    ) from error
            else:
                return told_of_table(newest_told(parts), from_ms, (to_ms - from_ms) // MINUTE_MS)


class ToldBook(ToldReader):
    """Implements ports.NightBook."""

    def __init__(
        self, reader: ToldReader, shards: int, list_files: Callable[[Sequence[NewFile]], None]
    ) -> None:
        """list_files: lists files of the lake, all or none (jobs.seal.Sealer.add)."""
        super().__init__(reader.sums, reader.lake, reader.files)
        self._shards, self._list_files = shards, list_files

    def keep(self, days: Sequence[ToldDay], minutes: Sequence[ToldMinutes]) -> None:
        """As ports.NightBook."""
        if minutes:
            self._write(table_of_told(minutes))
        self.sums.add(days)

    def _write(self, table: pa.Table) -> None:
        sites, start_ms = table["site"].to_numpy(), table["start"].cast(pa.int64()).to_numpy()
        written: list[NewFile] = []
        try:
            for span, shard, rows in split(sites, start_ms, "told", self._shards):
                written.append(self.lake.write("told", span, shard, [table.take(pa.array(rows))]))
            self._list_files(written)
        except Exception:
            self.lake.retire(written, 0)  # nobody has read them: the next sealing may delete them
            raise
