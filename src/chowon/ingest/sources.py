"""Keeps every meter that chowon asks or listens to by itself running: each in a task of its own.

One that fails is tried again, with longer and longer pauses; the others never notice.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from chowon.domain.readings import turned_columns
from chowon.domain.sites import ChannelKey
from chowon.errors import ChowonError, PayloadRejected
from chowon.ingest import line, modbus
from chowon.ingest.back_off import BackOff
from chowon.ingest.door import Door, decoded
from chowon.ingest.outbox import Outbox
from chowon.ingest.source_file import ModbusSource, Source, StreamSource
from chowon.meters.decoded import Decoded, Envelope
from chowon.meters.polled import readings
from chowon.meters.register_map import RegisterMap
from chowon.ports import SiteBook

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceState:
    """How one source is."""

    name: str
    kind: str
    where: str
    payloads: int
    """Telegrams or rounds that brought something since the start"""
    last_ms: int | None
    """When the last one came, ms UTC"""
    problem: str | None
    """Why nothing comes, with what to do; None while all is well"""
    dropped: int
    """Readings lost because the store was away for too long"""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Between two attempts at a source that failed: doubles up to the longest."""

    first_s: float = 1.0
    longest_s: float = 60.0


class Sources:
    """All sources of a data folder."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        maps: Callable[[str], RegisterMap],
        door: Door,
        book: SiteBook,
        *,
        now_ms: Callable[[], int],
        pauses: Pauses | None = None,
    ) -> None:
        pauses = pauses or Pauses()
        self._watched = [
            _Watched(name, source, maps, door, book, now_ms, pauses) for name, source in sources.items()
        ]

    async def run(self) -> None:
        """Belongs to the application's TaskGroup; until cancelled."""
        async with asyncio.TaskGroup() as group:
            for watched in self._watched:
                group.create_task(watched.run())

    def states(self) -> list[SourceState]:
        """Of each source, by name."""
        return [watched.state for watched in self._watched]


class _Watched:
    def __init__(
        self,
        name: str,
        source: Source,
        maps: Callable[[str], RegisterMap],
        door: Door,
        book: SiteBook,
        now_ms: Callable[[], int],
        pauses: Pauses,
    ) -> None:
        self._source, self._maps, self._door, self._book, self._now_ms = source, maps, door, book, now_ms
        self._outbox = Outbox(door, name, now_ms)
        self._back_off = BackOff(pauses.first_s, pauses.longest_s)
        self._known: set[ChannelKey] = set()
        self._state = SourceState(name, source.kind, source.where, 0, None, "not connected yet", 0)

    @property
    def state(self) -> SourceState:
        return replace(self._state, dropped=self._outbox.dropped)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._outbox.run())
            group.create_task(self._again_and_again())

    async def _again_and_again(self) -> None:
        while True:
            try:
                await self._once()
            except ChowonError as error:
                self._failed(str(error))
            except Exception:
                log.exception("meter '%s' failed in a way that it should not", self._state.name)
                self._failed("a bug in chowon; its log says more")
            await asyncio.sleep(self._back_off.pause_s(time.monotonic()))

    async def _once(self) -> None:
        source = self._source
        if isinstance(source, StreamSource):
            decoder = line.decoder_of(source)
            async for payload in line.payloads(source):
                try:
                    await self._take(decoded(decoder, payload, self._envelope()))
                except PayloadRejected as error:
                    self._door.refused(error, self._state.name, self._now_ms())
        else:
            await self._ask(source)

    async def _ask(self, source: ModbusSource) -> None:
        async for when_ms, values in modbus.rounds(source, self._maps, self._now_ms, self._failed):
            if values:
                await self._take(readings(values, self._envelope(), when_ms))
            else:
                self._failed(f"{source.where}: it answers, but holds none of the values of its register map")

    def _envelope(self) -> Envelope:
        return Envelope(self._now_ms(), self._source.site, self._source.meter)

    async def _take(self, found: Decoded) -> None:
        fresh = [key for key in found.keys if key not in self._known]
        if fresh:
            await asyncio.to_thread(self._register, fresh)
        if len(found):
            if self._source.turned:
                columns = turned_columns(found.columns, np.ones(len(found), np.bool_))
                found = replace(found, columns=columns)
            self._outbox.put(found)
            now_ms = self._now_ms()
            self._state = replace(
                self._state, payloads=self._state.payloads + 1, last_ms=now_ms, problem=None
            )
        if found.rejected:
            self._door.ledger.rejected(self._state.name, found.problems, found.rejected, self._now_ms())

    def _register(self, keys: list[ChannelKey]) -> None:
        """A meter that speaks seldom needs a hold of its own."""
        self._book.register_all(keys, round(self._source.hold_s * 1000))
        self._known.update(keys)

    def _failed(self, problem: str) -> None:
        if problem != self._state.problem:
            log.warning("meter '%s': %s", self._state.name, problem)
        self._state = replace(self._state, problem=problem)
