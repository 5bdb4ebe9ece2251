"""Stand-ins for the store: a journal in memory that a test holds still or breaks, and a site book."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from chowon.domain.readings import Readings, concat
from chowon.domain.sites import Channel, ChannelKey, Placement, Site
from chowon.errors import NotFound, StoreUnavailable
from chowon.ingest.door import Door
from chowon.ingest.ledger import Ledger
from chowon.ingest.naming import Naming, NamingPolicy
from chowon.ingest.pipeline import Pipeline, QueueLimits
from chowon.meters.registry import found
from chowon.ports import Bounds, Entry

NOW_MS = 1_795_400_000_000
TIMEOUT_S = 20


class MemoryJournal:
    """A journal in a list. `hold` stops the next append until `release`; `fail_with` breaks appends."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.appends = 0
        self.fail_with: Exception | None = None
        self.entered = threading.Event()
        self._gate = threading.Event()
        self._gate.set()

    def hold(self) -> None:
        self.entered.clear()
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    def append(self, batches: Sequence[Readings]) -> int:
        self.entered.set()
        assert self._gate.wait(TIMEOUT_S), "the test forgot to release the journal"
        if self.fail_with is not None:
            raise self.fail_with
        self.appends += 1
        for batch in batches:
            self.entries.append(Entry(len(self.entries) + 1, batch))
        return len(self.entries)

    def read(self, after: int) -> Iterator[Entry]:
        return iter(self.entries[after:])

    def trim(self, through: int) -> None:
        raise NotImplementedError

    def bounds(self) -> Bounds:
        return Bounds(0, len(self.entries))

    def close(self) -> None:
        self.release()

    @property
    def readings(self) -> Readings:
        return concat([entry.readings for entry in self.entries])


class MemorySites:
    """A site book in a dictionary; ids count from 1."""

    def __init__(self, *keys: ChannelKey) -> None:
        self.channels: dict[ChannelKey, Channel] = {}
        self.questions = 0
        for key in keys:
            self.register(key, 10_000)

    def sites(self) -> list[Site]:
        site = Site(1, "all", "all", "Asia/Seoul", 1, "kr.kepco.residential.low")
        return [replace(site, channels=tuple(self.channels.values()))]

    def site(self, site_id: int) -> Site:
        raise NotFound(str(site_id))

    def resolve(self, keys: Sequence[ChannelKey]) -> list[Channel | None]:
        self.questions += 1
        return [self.channels.get(key) for key in keys]

    def register(self, key: ChannelKey, hold_ms: int) -> Channel:
        return self.channels.setdefault(key, Channel(len(self.channels) + 1, key, hold_ms=hold_ms))

    def register_all(self, keys: Sequence[ChannelKey], hold_ms: int) -> list[Channel]:
        return [self.register(key, hold_ms) for key in keys]

    def configure(self, site: Site) -> None:
        raise NotFound(site.key)


class MemoryDevices:
    """A device book in a dictionary."""

    def __init__(self) -> None:
        self.decided: dict[ChannelKey, Placement] = {}
        self.questions = 0

    def find(self, keys: Sequence[ChannelKey]) -> list[Placement | None]:
        self.questions += 1
        return [self.decided.get(key) for key in keys]

    def placements(self) -> list[Placement]:
        return list(self.decided.values())

    def place(self, decided: Sequence[Placement]) -> None:
        self.decided |= {placement.key: placement for placement in decided}

    def remove(self, family: str, device: str) -> None:
        raise NotFound(f"{family}/{device}")


class Intake:
    """Door, pipeline and journal put together as the application does it."""

    def __init__(
        self,
        sites: MemorySites | None = None,
        policy: NamingPolicy | None = None,
        limits: QueueLimits | None = None,
        monotonic_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.journal = MemoryJournal()
        self.live: list[Readings] = []
        self.sites = sites or MemorySites()
        self.ledger = Ledger()
        self.pipeline = Pipeline(self.journal, self.live.append, limits, monotonic_s=monotonic_s)
        self.door = Door(found(), Naming(self.sites, policy), self.pipeline, self.ledger)

    def run(self, scene: Callable[["Intake"], Awaitable[Any]]) -> Any:
        """Plays the scene while the writer runs; drains at the end."""

        async def play() -> Any:
            async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as group:
                group.create_task(self.pipeline.run())
                try:
                    return await scene(self)
                finally:
                    self.journal.release()
                    self.pipeline.close()

        return asyncio.run(play())

    async def written(self) -> None:
        """Returns once the writer is inside `append`."""
        assert await asyncio.to_thread(self.journal.entered.wait, TIMEOUT_S)


def disk_full() -> StoreUnavailable:
    return StoreUnavailable("journal: no space left on the disk; free some")
