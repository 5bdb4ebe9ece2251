"""The journal: batches of readings in the order in which they became durable, in one SQLite file.

One row is one batch (see batches.py). WAL with synchronous=FULL: `append` returns after the disk has said
that it holds the transaction, and that return is the acknowledgement to the meter. Sequences are counted
here, start at 1 and are never given twice, also when everything was trimmed.

After an error of the disk nothing is acknowledged until a fresh connection has checkpointed the log and
written a probe. A batch whose append failed may still turn up once: same keys, so sending it again is
harmless. The layout is described for people in docs/reference/data-folder.md.
"""

import sqlite3
import struct
import threading
import uuid
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from chowon.domain.readings import Readings
from chowon.errors import Damaged, Misconfigured, NotFound, StoreUnavailable
from chowon.ports import Bounds, Entry
from chowon.store.batches import decode, encode

FORMAT: Final = "1"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (
    sequence INTEGER PRIMARY KEY, received_ms INTEGER NOT NULL, rows INTEGER NOT NULL,
    crc32 INTEGER NOT NULL, columns BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine (
    sequence INTEGER PRIMARY KEY, received_ms INTEGER NOT NULL, rows INTEGER NOT NULL,
    crc32 INTEGER NOT NULL, columns BLOB NOT NULL);
"""
_CRC_HEAD: Final = struct.Struct("<qqI")
_BUSY_S: Final = 30.0
_KEPT_PAGES: Final = 8192
"""Free pages that stay in the file for the next batches (32 MiB); what a large import left behind goes."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A batch whose bytes are not what was written."""

    sequence: int
    received_ms: int
    rows: int
    reason: str


class JournalReader:
    """A journal as another process or thread may read it, while its owner goes on appending."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise NotFound(f"{path}: no journal there; start chowon once with this data folder")
        with _reading(path) as db:
            self.id = _about(db, "journal_id")
            _check_format(path, _about(db, "format"))

    def read(self, after: int) -> Generator[Entry, None, None]:
        """Entries with a sequence above `after`, in order, as they stood when the first one was asked for.

        Errors: NotFound if some of them were trimmed already (look into the lake, then ask again);
        Damaged, naming the sequence, at the first batch that fails its checksum; StoreUnavailable.
        """
        with _reading(self.path) as db:
            trimmed = int(_about(db, "trimmed_through"))
            if after < trimmed:
                raise NotFound(
                    f"{self.path}: entries up to {trimmed} are in the lake, {after + 1} was asked for"
                )
            rows = db.execute("SELECT * FROM batches WHERE sequence > ? ORDER BY sequence", (after,))
            for sequence, received_ms, count, crc, columns in rows:
                try:
                    readings = _checked(sequence, received_ms, count, crc, columns)
                except Damaged as error:
                    raise Damaged(
                        f"{self.path}: batch {sequence}: {error}; "
                        "`chowon doctor` lists it and can set it aside"
                    ) from error
                yield Entry(sequence, readings)

    def bounds(self) -> Bounds:
        """What the journal holds at this moment."""
        with _reading(self.path) as db:
            return _bounds(db)

    def unreadable(self) -> list[Unreadable]:
        """Every batch that fails its checksum, in the journal; a full scan."""
        with _reading(self.path) as db:
            found = []
            for sequence, received_ms, count, crc, columns in db.execute(
                "SELECT * FROM batches ORDER BY sequence"
            ):
                try:
                    _checked(sequence, received_ms, count, crc, columns)
                except Damaged as error:
                    found.append(Unreadable(sequence, received_ms, count, str(error)))
            return found

    def quarantined(self) -> list[Unreadable]:
        """Batches that were set aside; their bytes are still in the file, table `quarantine`."""
        with _reading(self.path) as db:
            rows = db.execute("SELECT sequence, received_ms, rows FROM quarantine ORDER BY sequence")
            return [Unreadable(sequence, at, count, "set aside") for sequence, at, count in rows]


class SqliteJournal(JournalReader):
    """The journal of the process that owns the data folder (see lock.py)."""

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._closed = False
        try:
            self._db: sqlite3.Connection | None = _open_for_writing(path)
            self._last = _bounds(self._db).last
        except sqlite3.Error as error:
            _raise_as_ours(path, error)
        super().__init__(path)

    def append(self, batches: Sequence[Readings]) -> int:
        """Make all batches durable in one transaction; the sequence of the last one. Thread-safe.

        Errors: StoreUnavailable — nothing was acknowledged, the same batches may be sent again; BadInput.
        """
        encoded = [(len(batch), encode(batch)) for batch in batches]
        with self._lock:
            db = self._writable()
            received_ms = self._now_ms()
            first = self._last + 1
            rows = [
                (sequence, received_ms, count, _crc(sequence, received_ms, count, columns), columns)
                for sequence, (count, columns) in enumerate(encoded, first)
            ]
            self._transact(db, [("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", rows)])
            self._last += len(rows)
            return self._last

    def trim(self, through: int) -> None:
        """Forget entries up to this sequence: they stand in the lake now. Errors: StoreUnavailable."""
        with self._lock:
            db = self._writable()
            if through > self._last:
                raise Damaged(
                    f"{self.path}: asked to trim through {through}, but the journal ends at {self._last}; "
                    "it is older than the catalog: restore both from the same backup"
                )
            self._transact(
                db,
                [
                    ("DELETE FROM batches WHERE sequence <= ?", [(through,)]),
                    (
                        "UPDATE about SET value = ? WHERE name = 'trimmed_through'"
                        " AND CAST(value AS INTEGER) < ?",
                        [(str(through), through)],
                    ),
                ],
            )
            self._shrink(db)

    def quarantine(self, sequence: int) -> None:
        """Set a batch aside, so that reading goes on past it; its bytes are kept. Errors: NotFound."""
        if sequence not in {found.sequence for found in self.unreadable()}:
            raise NotFound(f"{self.path}: no unreadable batch {sequence}; `chowon doctor` lists them")
        with self._lock:
            self._transact(
                self._writable(),
                [
                    ("INSERT INTO quarantine SELECT * FROM batches WHERE sequence = ?", [(sequence,)]),
                    ("DELETE FROM batches WHERE sequence = ?", [(sequence,)]),
                ],
            )

    def close(self) -> None:
        """Release the file. Appending afterwards raises StoreUnavailable."""
        with self._lock:
            self._closed = True
            if self._db is not None:
                self._db.close()
                self._db = None

    def _shrink(self, db: sqlite3.Connection) -> None:
        try:
            (free,) = db.execute("PRAGMA freelist_count").fetchone()
            if free > _KEPT_PAGES:
                # `execute` would take one step of it, which frees one page
                db.executescript(f"PRAGMA incremental_vacuum({free - _KEPT_PAGES})")
        except sqlite3.Error as error:
            self._db = None
            db.close()
            _raise_as_ours(self.path, error)

    def _writable(self) -> sqlite3.Connection:
        """The connection; after an error a new one, once the disk takes writes again."""
        if self._closed:
            raise StoreUnavailable(f"{self.path}: the journal is closed")
        if self._db is None:
            try:
                self._db = _open_for_writing(self.path)
                self._last = _bounds(self._db).last
            except sqlite3.Error as error:
                _raise_as_ours(self.path, error)
        return self._db

    def _transact(
        self, db: sqlite3.Connection, steps: Sequence[tuple[str, Sequence[tuple[object, ...]]]]
    ) -> None:
        try:
            db.execute("BEGIN IMMEDIATE")
            for statement, rows in steps:
                db.executemany(statement, rows)
            db.execute("COMMIT")
        except sqlite3.Error as error:
            self._db = None
            db.close()
            _raise_as_ours(self.path, error)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection with one consistent view, for the length of a with block."""
    try:
        uri = f"{path.resolve().as_uri()}?mode=rw"
        db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
    except sqlite3.Error as error:
        _raise_as_ours(path, error)
    try:
        db.execute("PRAGMA query_only = ON")
        db.execute("BEGIN")
        yield db
    except sqlite3.Error as error:
        _raise_as_ours(path, error)
    finally:
        db.close()


def _open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection to a journal whose log is checkpointed and whose disk has just taken a write."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
    try:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file only
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
        db.execute("BEGIN IMMEDIATE")
        defaults = (("format", FORMAT), ("journal_id", uuid.uuid4().hex), ("trimmed_through", "0"))
        db.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", defaults)
        _check_format(path, _about(db, "format"))
        db.execute("INSERT OR REPLACE INTO about VALUES ('probe', ?)", (uuid.uuid4().hex,))
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def _about(db: sqlite3.Connection, name: str) -> str:
    row = db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise Damaged(f"the journal has no entry {name!r} in its table about")
    return str(row[0])


def _bounds(db: sqlite3.Connection) -> Bounds:
    trimmed = int(_about(db, "trimmed_through"))
    (last,) = db.execute(
        "SELECT max(coalesce((SELECT max(sequence) FROM batches), 0),"
        " coalesce((SELECT max(sequence) FROM quarantine), 0))"
    ).fetchone()
    return Bounds(trimmed, max(trimmed, last))


def _check_format(path: Path, found: str) -> None:
    if found != FORMAT:
        raise Misconfigured(f"{path}: format {found}, this chowon reads {FORMAT}; install a newer chowon")


def _crc(sequence: int, received_ms: int, rows: int, columns: bytes) -> int:
    return zlib.crc32(columns, zlib.crc32(_CRC_HEAD.pack(sequence, received_ms, rows)))


def _checked(sequence: int, received_ms: int, rows: int, crc: int, columns: bytes) -> Readings:
    found = _crc(sequence, received_ms, rows, columns)
    if found != crc:
        raise Damaged(f"checksum {found:#010x}, expected {crc:#010x}")
    readings = decode(columns)
    if len(readings) != rows:
        raise Damaged(f"{len(readings)} rows, expected {rows}")
    return readings


def _raise_as_ours(path: Path, error: sqlite3.Error) -> NoReturn:
    """Whatever SQLite says, as an error of our tree: the bytes are wrong, or the disk does not answer."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        raise Damaged(f"{path}: {error}; restore the data folder from a backup") from error
    raise StoreUnavailable(
        f"{path}: {error} ({name or type(error).__name__}); nothing was acknowledged: "
        "check free space, permissions and the disk; the next batch tries again"
    ) from error
