"""Files that somebody brought to be imported, kept until they are, for an hour at most."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chowon.domain.quantities import HOUR_MS
from chowon.errors import NotFound, StoreUnavailable

MOST_FILES: Final = 4
"""Files that are kept at once; for another one the oldest that is at rest goes."""
KEPT_MS: Final = HOUR_MS
_FOLDER: Final = "imports"
_SUFFIXES: Final = {"csv": ".csv", "green-button": ".xml"}


@dataclass(frozen=True, slots=True)
class Spooled:
    """One of them."""

    id: str
    name: str
    """as the person calls it; never a path"""
    path: Path
    n_bytes: int
    lines: int
    since_ms: int

    @property
    def is_xml(self) -> bool:
        """Whether it is a Green Button feed, going by its first character."""
        return self.path.suffix == _SUFFIXES["green-button"]


@dataclass(slots=True)
class Spool:
    """A folder of such files, emptied at the start: nothing of them is data."""

    data_folder: Path
    most_bytes: int
    """how large a file may be; who hands over its bytes sees to it"""
    now_ms: Callable[[], int]
    busy: Callable[[str], bool] = lambda _: False
    """whether a file may not go, for it is being read"""
    _files: dict[str, Spooled] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where they stand."""
        return self.data_folder / _FOLDER

    def sweep(self) -> None:
        """Drop what a stop has left behind."""
        for path in self.folder.glob("*") if self.folder.is_dir() else ():
            path.unlink(missing_ok=True)

    def all(self) -> list[Spooled]:
        """Those that are kept, the oldest first."""
        for one in list(self._files.values()):
            if self.now_ms() - one.since_ms > KEPT_MS and not self.busy(one.id):
                self.drop(one.id)
        return list(self._files.values())

    def get(self, id_: str) -> Spooled:
        """One of them. Errors: NotFound."""
        found = next((one for one in self.all() if one.id == id_), None)
        if found is None:
            raise NotFound("this file is not here any more: choose it again")
        return found

    def drop(self, id_: str) -> None:
        """Forget one; one that is gone already is no error."""
        gone = self._files.pop(id_, None)
        if gone is not None:
            gone.path.unlink(missing_ok=True)

    async def take(self, name: str, chunks: AsyncIterator[bytes]) -> Spooled:
        """Write a file as it comes. Errors: StoreUnavailable; then nothing of it stays."""
        id_ = secrets.token_hex(8)
        path = self.folder / id_
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            n_bytes, lines, first = await self._written(path, chunks)
            kept = path.with_suffix(_SUFFIXES["green-button" if _is_xml(first) else "csv"])
            path.rename(kept)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise StoreUnavailable(f"{path}: {error.strerror or error}; make room, then try again") from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        at_rest = [one.id for one in self.all() if not self.busy(one.id)]
        for old in at_rest[: max(0, len(self._files) + 1 - MOST_FILES)]:
            self.drop(old)
        spooled = Spooled(id_, name, kept, n_bytes, lines, self.now_ms())
        self._files[id_] = spooled
        return spooled

    async def _written(self, path: Path, chunks: AsyncIterator[bytes]) -> tuple[int, int, bytes]:
        n_bytes = lines = 0
        first = b""
        with await asyncio.to_thread(path.open, "wb") as file:
            async for chunk in chunks:
                n_bytes += len(chunk)
                lines += chunk.count(b"\n")
                first = first or chunk[:256]
                await asyncio.to_thread(file.write, chunk)
        return n_bytes, lines, first


def _is_xml(first: bytes) -> bool:
    return first.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
