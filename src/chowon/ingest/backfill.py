"""Filling gaps from what devices have kept of their own: whom to ask, and when.

A device is asked when it is heard for the first time since the start, when it is heard after a silence, and
once a day; one at a time, and only one that has been heard lately. An attempt that fails is made again after
a pause that doubles; after some of them in a row the device is left alone until there is new hope: a silence
that ended, or the next day. What was asked for, and answered, is not asked for again (ports.BackfillBook).
"""

import asyncio
import contextlib
import heapq
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from chowon.domain.sites import UNPLACED, Placement
from chowon.errors import Damaged, PayloadRejected, Unavailable
from chowon.ingest.backfill_round import Ask, BackfillBooks, Round, Tally
from chowon.meters.decoded import Decoded
from chowon.meters.kept import Keeper

log: Final = logging.getLogger(__name__)

MOST_DEVICES: Final = 10_000
"""So many are told apart; the one unheard for longest is forgotten first, and counted."""
SHOWN_DEVICES: Final = 100
"""Of those that were asked, the ones asked last."""


@dataclass(frozen=True, slots=True)
class BackfillPace:
    """How long to wait for what."""

    settle_s: float = 10
    """After a device is heard again: what the broker has kept of it comes first"""
    every_s: float = 86_400
    timeout_s: float = 30
    """For one answer: a device reads some 55 minutes a second from its flash"""
    first_pause_s: float = 30
    longest_pause_s: float = 3600
    most_failures: int = 6
    """In a row, until new hope"""
    places_s: float = 60
    """How old what is known of devices' places may be"""
    lately_s: float = 600
    """One that was heard longer ago isn't asked"""


@dataclass(frozen=True, slots=True)
class DeviceBackfill:
    """What came of asking one device since the start."""

    family: str
    device: str
    asked: int
    answered: int
    readings: int
    """Written into its channels' gaps"""
    last_asked_ms: int
    problem: str | None
    remark: str | None
    """What a person should know though nothing is wrong, such as a hold shorter than the stored intervals"""


@dataclass(frozen=True, slots=True)
class BackfillStats:
    """The state at one moment."""

    asked: int
    answered: int
    readings: int
    forgotten: int
    """Devices that had to go because others were heard"""
    devices: tuple[DeviceBackfill, ...]


@dataclass(slots=True)
class _Device:
    keeper: Keeper
    name: str
    address: str
    heard_ms: float = -math.inf
    due_s: float = math.inf
    failures: int = 0
    tally: Tally = field(default_factory=Tally)


class Backfill:
    """Belongs to the event loop."""

    def __init__(
        self,
        keepers: Sequence[Keeper],
        books: BackfillBooks,
        *,
        pace: BackfillPace | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keepers = {UNPLACED + keeper.family.name: keeper for keeper in keepers}
        self._books = books
        self._pace = pace or BackfillPace()
        self._monotonic_s = monotonic_s
        self._devices: OrderedDict[tuple[str, str], _Device] = OrderedDict()
        self._due: list[tuple[float, int, tuple[str, str]]] = []
        """A heap: when, who came first, whom; valid as long as it is what the device says"""
        self._turns = count()
        self._news = asyncio.Event()
        self._placed: dict[tuple[str, str], list[Placement]] = {}
        self._placed_s = -math.inf
        self._asked = self._answered = self._readings = self._forgotten = 0

    def heard(self, topic: str, readings: Decoded, received_ms: int) -> None:
        """A message of some device; cheap for one that nobody here can ask."""
        key = readings.keys[0]
        keeper = self._keepers.get(key.site)
        address = None if keeper is None else keeper.address(topic)
        if keeper is None or address is None:
            return
        name = (key.site, key.meter)
        device = self._devices.get(name)
        if device is None:
            device = self._devices[name] = _Device(keeper, key.meter, address)
            self._make_room()
        self._devices.move_to_end(name)
        if received_ms - device.heard_ms > keeper.family.hold_s * 1000:
            device.failures = 0
            self._schedule(name, device, self._monotonic_s() + self._pace.settle_s)
        device.heard_ms, device.address = received_ms, address

    async def run(self, ask: Ask) -> None:
        """Belongs to the application's TaskGroup; to be cancelled. ask: puts a question to a device."""
        while True:
            name = self._first_due()
            if name is None:
                wait_s = self._due[0][0] - self._monotonic_s() if self._due else None
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):  # wait_for of Python 3.11 may lose a cancellation
                        await self._news.wait()
            else:
                await self._once(name, self._devices[name], ask)

    def stats(self) -> BackfillStats:
        """Counts at this moment."""
        tallies = [d.tally for d in self._devices.values()]
        shown = [(name, d) for name, d in self._devices.items() if d.tally.last_asked_ms is not None]
        shown.sort(key=lambda one: -(one[1].tally.last_asked_ms or 0))
        return BackfillStats(
            self._asked + sum(tally.asked for tally in tallies),
            self._answered + sum(tally.answered for tally in tallies),
            self._readings + sum(tally.readings for tally in tallies),
            self._forgotten,
            tuple(_shown(site, device.name, device.tally) for (site, _), device in shown[:SHOWN_DEVICES]),
        )

    def _schedule(self, name: tuple[str, str], device: _Device, due_s: float) -> None:
        device.due_s = due_s
        heapq.heappush(self._due, (due_s, next(self._turns), name))
        if len(self._due) > 4 * len(self._devices) + 100:  # most were scheduled anew since
            due = [(d.due_s, n) for n, d in self._devices.items() if d.due_s < math.inf]
            self._due = [(at_s, next(self._turns), n) for at_s, n in sorted(due)]
        self._news.set()

    def _first_due(self) -> tuple[str, str] | None:
        """The device whose turn it is; entries that were scheduled anew since are passed over."""
        while self._due:
            due_s, _, name = self._due[0]
            device = self._devices.get(name)
            if device is not None and device.due_s == due_s and due_s > self._monotonic_s():
                return None
            heapq.heappop(self._due)
            if device is not None and device.due_s == due_s:
                return name
        return None

    async def _once(self, name: tuple[str, str], device: _Device, ask: Ask) -> None:
        """One attempt with one device; whatever goes wrong is told and tried again, and harms no other."""
        device.due_s = math.inf  # unless it is heard after a silence meanwhile
        tally = device.tally
        try:
            wait_s = await self._round(name, device, ask)
        except (Unavailable, PayloadRejected, Damaged) as error:
            tally.problem = str(error)
            wait_s = self._after_failure(device)
        except Exception as error:
            log.exception("backfill: %s failed", device.name)
            tally.problem = f"{type(error).__name__}: {error}; please report this bug"
            wait_s = self._after_failure(device)
        if name in self._devices:
            self._schedule(name, device, min(device.due_s, self._monotonic_s() + wait_s))

    async def _round(self, name: tuple[str, str], device: _Device, ask: Ask) -> float:
        """Seconds until the next one. Errors: as Round.run."""
        pace = self._pace
        placed = await self._placements(name)
        if not placed:
            return pace.places_s
        if self._books.now_ms() - device.heard_ms > pace.lately_s * 1000:
            return pace.every_s
        device.tally.problem = None
        before = device.tally.readings
        attempt = Round(
            device.keeper, device.name, device.address, self._books, ask, pace.timeout_s, device.tally
        )
        whole = await attempt.run(placed)
        device.failures = 0
        if device.tally.readings > before:
            log.info("backfill: %s gave %d readings", device.name, device.tally.readings - before)
        return pace.every_s if whole else 0.0

    def _after_failure(self, device: _Device) -> float:
        pace = self._pace
        device.failures += 1
        if device.failures >= pace.most_failures:
            device.failures = 0
            return pace.every_s
        return min(pace.first_pause_s * 2.0 ** (device.failures - 1), pace.longest_pause_s)

    async def _placements(self, name: tuple[str, str]) -> list[Placement]:
        """The device's channels that feed one of ours."""
        now_s = self._monotonic_s()
        if now_s - self._placed_s >= self._pace.places_s:
            found: dict[tuple[str, str], list[Placement]] = {}
            for placement in await asyncio.to_thread(self._books.devices.placements):
                if placement.channel is not None and placement.key.site in self._keepers:
                    found.setdefault((placement.key.site, placement.key.meter), []).append(placement)
            self._placed, self._placed_s = found, now_s
        return self._placed.get(name, [])

    def _make_room(self) -> None:
        while len(self._devices) > MOST_DEVICES:
            _, gone = self._devices.popitem(last=False)
            self._forgotten += 1
            self._asked += gone.tally.asked
            self._answered += gone.tally.answered
            self._readings += gone.tally.readings


def _shown(site: str, name: str, tally: Tally) -> DeviceBackfill:
    return DeviceBackfill(
        site.removeprefix(UNPLACED),
        name,
        tally.asked,
        tally.answered,
        tally.readings,
        tally.last_asked_ms or 0,
        tally.problem,
        tally.remark,
    )
