"""Keeps every meter that chowon asks or listens to by itself running: each in a task of its own.

One that fails is tried again, with longer and longer pauses; the others never notice. A meter whose settings
name no site speaks as a device without a place, until a person gives it one (ingest/naming.py).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from chowon.domain.readings import turned_columns
from chowon.domain.sites import UNPLACED, ChannelKey
from chowon.domain.tariff import Text
from chowon.errors import ChowonError, PayloadRejected
from chowon.i18n import said
from chowon.ingest import line, modbus
from chowon.ingest.back_off import BackOff
from chowon.ingest.door import Door, decoded
from chowon.ingest.outbox import Outbox
from chowon.ingest.source_file import ModbusSource, Source, StreamSource
from chowon.ingest.trouble import SourceMisfit, told
from chowon.meters.decoded import Decoded, Envelope
from chowon.meters.polled import readings
from chowon.meters.register_map import RegisterMap
from chowon.ports import SiteBook

log: Final = logging.getLogger(__name__)
_NOWHERE: Final = "cable"
"""Stands for the site of a meter that has no place while its payload is read."""


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
    said: Text | None
    """The same in both languages"""
    dropped: int
    """Readings lost because the store was away for too long"""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Between two attempts at a source that failed: doubles up to the longest."""

    first_s: float = 1.0
    longest_s: float = 60.0


class Sources:
    """All sources that are asked or listened to. Belongs to the event loop."""

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
        self._maps, self._door, self._book, self._now_ms = maps, door, book, now_ms
        self._pauses = pauses or Pauses()
        self._watched: dict[str, _Watched] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        for name, source in sources.items():
            self._watch(name, source)

    async def run(self) -> None:
        """Belongs to the application's TaskGroup; until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for name in self._watched:
                    self._begin(name)
                await asyncio.Event().wait()
            finally:
                self._group = None

    async def start(self, name: str, source: Source) -> None:
        """From now on this one is asked or listened to, in place of one of the same name."""
        await self.stop(name)
        self._watch(name, source)
        self._begin(name)

    async def stop(self, name: str) -> None:
        """Its connection is closed when this returns; nothing happens when there is none."""
        self._watched.pop(name, None)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def states(self) -> list[SourceState]:
        """Of each source, in the order in which they were started."""
        return [watched.state for watched in self._watched.values()]

    def sources(self) -> Mapping[str, Source]:
        """The settings of each, by name."""
        return {name: watched.source for name, watched in self._watched.items()}

    def _watch(self, name: str, source: Source) -> None:
        self._watched[name] = _Watched(
            name, source, self._maps, self._door, self._book, self._now_ms, self._pauses
        )

    def _begin(self, name: str) -> None:
        if self._group is not None:
            self._tasks[name] = self._group.create_task(self._watched[name].run())


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
        self.source, self._maps, self._door, self._book, self._now_ms = source, maps, door, book, now_ms
        self._outbox = Outbox(door, name, now_ms)
        self._back_off = BackOff(pauses.first_s, pauses.longest_s)
        self._known: set[ChannelKey] = set()
        first = said("cable.not_yet")
        self._state = SourceState(name, source.kind, source.where, 0, None, first.en, first, 0)

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
                self._failed(told(error))
            except Exception:
                log.exception("meter '%s' failed in a way that it should not", self._state.name)
                self._failed(said("cable.bug"))
            await asyncio.sleep(self._back_off.pause_s(time.monotonic()))

    async def _once(self) -> None:
        source = self.source
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
        rounds = modbus.rounds(source, self._maps, self._now_ms, lambda error: self._failed(told(error)))
        async for when_ms, values in rounds:
            if values:
                await self._take(readings(values, self._envelope(), when_ms))
            else:
                self._failed(SourceMisfit("no_values", where=source.where).said)

    def _envelope(self) -> Envelope:
        return Envelope(self._now_ms(), self.source.site or _NOWHERE, self.source.meter)

    async def _take(self, found: Decoded) -> None:
        if self.source.site is None:
            found = replace(found, keys=self._unplaced(found.keys))
        fresh = [key for key in found.keys if key.placed and key not in self._known]
        if fresh:
            await asyncio.to_thread(self._register, fresh)
        if len(found):
            if self.source.turned:
                columns = turned_columns(found.columns, np.ones(len(found), np.bool_))
                found = replace(found, columns=columns)
            self._outbox.put(found)
            self._state = replace(
                self._state,
                payloads=self._state.payloads + 1,
                last_ms=self._now_ms(),
                problem=None,
                said=None,
            )
        if found.rejected:
            self._door.ledger.rejected(self._state.name, found.problems, found.rejected, self._now_ms())

    def _unplaced(self, keys: tuple[ChannelKey, ...]) -> tuple[ChannelKey, ...]:
        family = UNPLACED + self.source.kind
        return tuple(ChannelKey(family, self._state.name, key.channel) for key in keys)

    def _register(self, keys: list[ChannelKey]) -> None:
        """A meter that speaks seldom needs a hold of its own."""
        self._book.register_all(keys, round(self.source.hold_s * 1000))
        self._known.update(keys)

    def _failed(self, problem: Text) -> None:
        if problem.en != self._state.problem:
            log.warning("meter '%s': %s", self._state.name, problem.en)
        self._state = replace(self._state, problem=problem.en, said=problem)
