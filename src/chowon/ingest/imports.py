"""Imports of files that a person brings over HTTP: one after another, in the background, told as they go.

Nothing is written before `start`. A file may be imported twice: what is there already is not written again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from chowon.domain.quantities import I64
from chowon.domain.sites import ChannelKey, Role
from chowon.errors import BadInput, ChowonError, Overloaded, PayloadRejected, Problem, StoreUnavailable
from chowon.ingest import csv_mapping, files
from chowon.ingest.door import Door
from chowon.ingest.files import Piece
from chowon.ingest.import_compare import CHANGED, KNOWN, NEW, compared
from chowon.ingest.import_spool import Spool, Spooled
from chowon.meters.decoded import MAX_PROBLEMS, Decoded, Envelope
from chowon.ports import History, SiteBook

State = Literal["here", "waiting", "running", "done", "failed", "stopped"]
ATTEMPTS: Final = 6
"""How often a piece is offered while the queue is full or the store is away"""
_PAUSE_S: Final = 1.0
_Pair: TypeAlias = tuple[int, ChannelKey | None]
"""A place in the file and a channel"""
_NO_PAIR: Final[_Pair] = (-1, None)
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """How and where a file is to be imported."""

    mapping: csv_mapping.Mapping | None
    """None for Green Button"""
    site: str
    meter: str
    hold_ms: int
    """of channels that become known by it"""
    site_name: str | None = None
    """of a site that becomes known by it"""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """by channel, of those that become known by it"""


@dataclass(frozen=True, slots=True)
class Tally:
    """What has become of a file's readings: a number of one row for one channel, an interval being one."""

    rows: int = 0
    """Rows of the file that were read"""
    new: int = 0
    changed: int = 0
    """Something else stood there at this time"""
    known: int = 0
    """The very same stood there"""
    refused: int = 0
    """Rows that are left out"""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Import:
    """One file and how far it is."""

    file: Spooled
    state: State = "here"
    tally: Tally = Tally()
    message: str | None = None
    """why it failed"""
    wish: Wish | None = None


@dataclass(frozen=True, slots=True)
class ImportBooks:
    """What imports work with."""

    door: Door
    sites: SiteBook
    history: History
    now_ms: Callable[[], int]
    changed: Callable[[list[int]], Awaitable[None]]
    """told which channels have another past now"""
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """held while a setting is read, changed and written"""


class Imports:
    """The files, and the one task that takes them in."""

    def __init__(self, books: ImportBooks, spool: Spool) -> None:
        self._books, self._spool = books, spool
        spool.busy = self._is_busy
        spool.sweep()
        self._imports: dict[str, Import] = {}
        self._waiting: deque[str] = deque()
        self._work = asyncio.Event()

    @property
    def most_bytes(self) -> int:
        """How large a file may be."""
        return self._spool.most_bytes

    @property
    def spool(self) -> Spool:
        """Where files stand meanwhile."""
        return self._spool

    def all(self) -> list[Import]:
        """Every file that is here, the oldest first."""
        here = [one.id for one in self._spool.all()]
        self._imports = {id_: self._imports[id_] for id_ in here}
        return list(self._imports.values())

    def get(self, id_: str) -> Import:
        """One of them. Errors: NotFound."""
        return self._imports[self._spool.get(id_).id]

    def add(self, file: Spooled) -> Import:
        """A file that has come."""
        self._imports[file.id] = Import(file)
        return self._imports[file.id]

    def start(self, id_: str, wish: Wish) -> Import:
        """Import it, after those that wait already. Errors: NotFound; BadInput while it is under way."""
        one = self.get(id_)
        if self._is_busy(id_):
            raise BadInput("this file is being imported already")
        self._imports[id_] = Import(one.file, "waiting", wish=wish)
        self._waiting.append(id_)
        self._work.set()
        return self._imports[id_]

    def drop(self, id_: str) -> None:
        """Forget a file; one that is under way stops after the piece in hand. What is written stays."""
        self._spool.get(id_)
        if self._is_busy(id_):
            self._set(id_, state="stopped")
            return
        self._spool.drop(id_)
        self._imports.pop(id_, None)

    async def run(self) -> None:
        """Import what is started, for ever; belongs to the application's tasks."""
        while True:
            if not self._waiting:
                self._work.clear()
                await self._work.wait()
            id_ = self._waiting.popleft()
            if id_ in self._imports and self._imports[id_].state == "waiting":
                await self._one(id_)

    async def _one(self, id_: str) -> None:
        self._set(id_, state="running")
        touched: list[ChannelKey] = []
        try:
            await self._take(id_, touched)
            if touched:
                found = await asyncio.to_thread(self._books.sites.resolve, touched)
                await self._books.changed([channel.id for channel in found if channel is not None])
        except ChowonError as error:
            self._set(id_, state="failed", message=str(error))
        except (OSError, ValueError, ArithmeticError, pa.ArrowException) as error:
            _log.exception("import %s failed", id_)
            what = f"chowon could not do this ({type(error).__name__}); its log says why"
            self._set(id_, state="failed", message=what)
        else:
            if self._is_running(id_):
                self._set(id_, state="done")

    async def _take(self, id_: str, touched: list[ChannelKey]) -> None:
        """touched: gets the channels that are written."""
        one = self._imports[id_]
        wish, tally = one.wish, Tally()
        assert wish is not None
        names = files.Names(wish.site, wish.meter)
        pieces = files.pieces(one.file.path, names, wish.mapping)
        previous = _NO_PAIR
        while self._is_running(id_) and (piece := await asyncio.to_thread(_next, pieces)) is not None:
            tally = replace(
                tally,
                rows=tally.rows + piece.rows,
                refused=tally.refused + piece.rejected,
                problems=(*tally.problems, *piece.problems)[:MAX_PROBLEMS],
            )
            if piece.payload is not None:
                tally, previous = await self._piece(piece, wish, tally, previous, touched)
            self._set(id_, tally=tally)

    async def _piece(
        self, piece: Piece, wish: Wish, tally: Tally, previous: _Pair, touched: list[ChannelKey]
    ) -> tuple[Tally, _Pair]:
        books, source = self._books, "import"
        assert piece.payload is not None
        decoder = books.door.registry.of_content_type(files.FORMAT)
        try:
            found = await books.door.read(decoder, piece.payload, Envelope(books.now_ms()), source)
        except PayloadRejected as error:
            return _refused(tally, piece, error.problems, piece.rows - piece.rejected), previous
        tally = _refused(tally, piece, found.problems, found.rejected)
        if not len(found):
            return tally, previous
        fresh = [key for key in found.keys if key not in touched]
        if fresh:
            await self._make_known(fresh, wish)
            touched += fresh
        resolved = await books.door.naming.resolve(found, books.now_ms())
        states = await asyncio.to_thread(compared, resolved.readings, books.history)
        await self._submit(found.where(states != KNOWN), source)
        pairs, state = _pairs(found, _lines(piece, found), states, previous)
        counts = {which: int(np.count_nonzero(state == which)) for which in (NEW, CHANGED, KNOWN)}
        tally = replace(
            tally,
            new=tally.new + counts[NEW],
            changed=tally.changed + counts[CHANGED],
            known=tally.known + counts[KNOWN],
        )
        return tally, pairs

    async def _submit(self, found: Decoded, source: str) -> None:
        for attempt in range(ATTEMPTS):
            try:
                await self._books.door.take_decoded(found, self._books.now_ms(), source, past=True)
            except (Overloaded, StoreUnavailable):
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(_PAUSE_S * 2**attempt)
            else:
                return

    async def _make_known(self, keys: Sequence[ChannelKey], wish: Wish) -> None:
        async with self._books.changing:
            made = await asyncio.to_thread(_register, self._books.sites, keys, wish)
        if made:
            await self._books.door.naming.forget()

    def _is_running(self, id_: str) -> bool:
        return id_ in self._imports and self._imports[id_].state == "running"

    def _is_busy(self, id_: str) -> bool:
        return id_ in self._imports and self._imports[id_].state in ("waiting", "running")

    def _set(self, id_: str, **changes: object) -> None:
        """Of one that was forgotten meanwhile nothing is noted."""
        if id_ in self._imports:
            self._imports[id_] = replace(self._imports[id_], **changes)  # type: ignore[arg-type]


def _next(pieces: Iterator[Piece]) -> Piece | None:
    return next(pieces, None)


def _register(book: SiteBook, keys: Sequence[ChannelKey], wish: Wish) -> bool:
    """Make channels known that are not, with what the person said of them. Whether there were any."""
    unknown = [key for key, channel in zip(keys, book.resolve(keys), strict=True) if channel is None]
    if not unknown:
        return False
    site_is_new = all(site.key != wish.site for site in book.sites())
    made = {channel.id: channel for channel in book.register_all(unknown, wish.hold_ms)}
    site = next(site for site in book.sites() if site.key == wish.site)
    channels = tuple(
        replace(c, role=wish.roles.get(c.key.channel, c.role)) if c.id in made else c for c in site.channels
    )
    name = wish.site_name if site_is_new and wish.site_name else site.name
    if channels != site.channels or name != site.name:
        book.configure(replace(site, name=name, channels=channels))
    return True


def _refused(tally: Tally, piece: Piece, problems: Sequence[Problem], rows: int) -> Tally:
    told = [replace(p, where=piece.located(p.where)) for p in problems]
    return replace(tally, refused=tally.refused + rows, problems=(*tally.problems, *told)[:MAX_PROBLEMS])


def _lines(piece: Piece, found: Decoded) -> I64:
    """The place in the file of each reading that was kept of the payload."""
    numbers = piece.places[1]
    if len(found) == len(numbers):
        return numbers
    with pa.ipc.open_stream(piece.payload) as stream:
        sent = stream.read_all()
    lines = np.zeros(len(found), np.int64)
    times = sent["time"].cast(pa.int64()).to_numpy()
    names = np.array(
        [f"{m}/{c}" for m, c in zip(*(sent[n].to_pylist() for n in ("meter", "channel")), strict=True)]
    )
    for position, key in enumerate(found.keys):
        theirs = np.flatnonzero(names == f"{key.meter}/{key.channel}")
        theirs = theirs[np.argsort(times[theirs], kind="stable")]
        mine = np.flatnonzero(found.key_index == position)
        lines[mine] = numbers[theirs[np.searchsorted(times[theirs], found.time_ms[mine])]]
    return lines


def _pairs(found: Decoded, lines: I64, states: I64, previous: _Pair) -> tuple[_Pair, I64]:
    """(the last pair of line and channel, the state of each pair): an interval is two readings, but one pair.

    A pair that the piece before had begun is not counted again.
    """
    codes = lines * len(found.keys) + found.key_index
    unique, at = np.unique(codes, return_inverse=True)
    state = np.full(len(unique), KNOWN, np.int64)
    np.minimum.at(state, at, states)
    told = [
        (int(code) // len(found.keys), found.keys[int(code) % len(found.keys)]) for code in unique[[0, -1]]
    ]
    return told[1], state[1:] if told[0] == previous else state
