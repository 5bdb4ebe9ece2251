"""One round with one device: what is missing, what it has of that, and that into the journal, oldest first.

After each answer whose readings are durable the book is moved on, so a round that ends early, however it
ends, is taken up where it was. Nothing here waits for another attempt: ingest/backfill.py does.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias

import numpy as np

from chowon.domain.quantities import DAY_MS
from chowon.domain.sites import ChannelKey, Placement
from chowon.errors import MeterUnavailable, NotFound, PayloadRejected, Problem
from chowon.ingest.backfill_fit import SHORTEST_HOLD_MS, begun_in, fitted, kept_apart, times_an_interval
from chowon.ingest.backfill_plan import Plan, Window, planned, windows
from chowon.ingest.door import Door
from chowon.ingest.mqtt_calls import ASKER
from chowon.meters.decoded import Decoded, Envelope, joined, nothing
from chowon.meters.kept import Asker, Block, Keeper, Page, Question, Wanted
from chowon.ports import BackfillBook, DeviceBook, History

Ask: TypeAlias = Callable[[Question, float], Awaitable[bytes]]
"""(question, seconds) → the answer. Errors: MeterUnavailable."""

MOST_PAGES: Final = 300
"""Of one listing or one window; a device with more never ends."""
MOST_BLOCKS: Final = 20_000
WINDOWS_A_ROUND: Final = 24
"""Two days; a longer past is continued when the other devices have had their turn."""
TRIES_OF_A_WINDOW: Final = 3
"""So many unreadable answers about one window, and it is given up, with what it hides."""


@dataclass(frozen=True, slots=True)
class BackfillBooks:
    """What a round reads and writes."""

    door: Door
    devices: DeviceBook
    history: History
    book: BackfillBook
    now_ms: Callable[[], int]


@dataclass(slots=True)
class Tally:
    """What came of asking one device."""

    asked: int = 0
    answered: int = 0
    readings: int = 0
    last_asked_ms: int | None = None
    problem: str | None = None
    remark: str | None = None
    rejected: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Unreadable answers by store and start of the window"""


class Round:
    """One device, once."""

    def __init__(
        self,
        keeper: Keeper,
        device: str,
        address: str,
        books: BackfillBooks,
        ask: Ask,
        timeout_s: float,
        tally: Tally,
    ) -> None:
        self._keeper, self._device, self._address = keeper, device, address
        self._books, self._ask_device, self._timeout_s = books, ask, timeout_s
        self._tally = tally

    async def run(self, placed: list[Placement]) -> bool:
        """Whether all was asked for that there was to ask; if not, it goes on in another round.

        placed: the device's channels that feed one of ours.
        Errors: MeterUnavailable, PayloadRejected; Overloaded, StoreUnavailable, Damaged.
        """
        by_channel = {placement.key.channel: placement for placement in placed}
        whole = True
        for store, channels in self._keeper.stores(by_channel).items():
            whole &= await self._store(store, [by_channel[channel] for channel in channels])
        return whole

    async def _store(self, store: str, placed: list[Placement]) -> bool:
        books = self._books
        plan = await asyncio.to_thread(
            planned, placed, books.history, books.book, books.now_ms(), self._keeper.kept_ms
        )
        if plan.gaps:
            try:
                todo = windows(plan.gaps.values(), await self._listed(store))
                for window in todo[:WINDOWS_A_ROUND]:
                    await self._fill(store, window, plan)
                    await asyncio.to_thread(self._settle, plan, window[1])
                if len(todo) > WINDOWS_A_ROUND:
                    return False
            except NotFound as error:
                self._tally.remark = f"{store}: {error}"
        await asyncio.to_thread(self._settle, plan, None)
        return True

    def _settle(self, plan: Plan, end_ms: int | None) -> None:
        """Up to this instant all is asked for, but not past a channel's newest reading: what gap begins
        there is not known before the next one. None: that far.
        """
        for key, newest_ms in plan.newest_ms.items():
            through_ms = newest_ms if end_ms is None else min(end_ms, newest_ms)
            self._books.book.settle([plan.placed[key]], through_ms)

    async def _listed(self, store: str) -> list[Block]:
        """What the store holds; blocks from before the device's clock was set lie far off, and are not."""
        found: list[Block] = []
        now_ms, after_ms = self._books.now_ms(), 0
        for _ in range(MOST_PAGES):
            wanted = Wanted(store, after_ms, now_ms)
            listed = await asyncio.to_thread(self._keeper.listed, await self._ask(wanted, listing=True))
            found += [block for block in listed.blocks if block.start_ms < now_ms + DAY_MS]
            if listed.next_ms is None or listed.next_ms <= after_ms or len(found) > MOST_BLOCKS:
                break
            after_ms = listed.next_ms
        if len(found) > MOST_BLOCKS:
            problem = Problem("blocks", f"more than {MOST_BLOCKS}", "the runs of minutes that a meter keeps")
            raise PayloadRejected("the device's list of records never ends", [problem])
        return found

    async def _fill(self, store: str, window: Window, plan: Plan) -> None:
        """One window; given up after too many answers that can't be read."""
        try:
            await self._pages(store, window, plan)
            self._tally.rejected.pop((store, window[0]), None)
        except PayloadRejected as error:
            self._tally.rejected[store, window[0]] += 1
            if self._tally.rejected[store, window[0]] < TRIES_OF_A_WINDOW:
                raise
            del self._tally.rejected[store, window[0]]
            self._tally.problem = f"{store}: given up {_utc(window[0])} … {_utc(window[1])}: {error}"

    async def _pages(self, store: str, window: Window, plan: Plan) -> None:
        after_ms, end_ms = window
        for _ in range(MOST_PAGES):
            wanted = Wanted(store, after_ms, end_ms)
            payload = await self._ask(wanted, listing=False)
            envelope = Envelope(self._books.now_ms())
            page = await asyncio.to_thread(self._keeper.page, payload, wanted, self._device, envelope)
            await self._keep(page, window, plan)
            if page.next_ms is None or page.next_ms >= end_ms:
                return
            after_ms = _further(page.next_ms, after_ms)
        problem = Problem("next", f"more than {MOST_PAGES} answers", "the end of two hours")
        raise PayloadRejected("the device's records never end", [problem])

    async def _ask(self, wanted: Wanted, *, listing: bool) -> bytes:
        asker = Asker(ASKER + self._device, secrets.randbits(31))
        question = self._keeper.question(self._address, wanted, asker, listing=listing)
        self._tally.asked += 1
        self._tally.last_asked_ms = self._books.now_ms()
        payload = await self._ask_device(question, self._timeout_s)
        self._tally.answered += 1
        return payload

    async def _keep(self, page: Page, window: Window, plan: Plan) -> None:
        """Returns when what fits is durable."""
        fit = await asyncio.to_thread(self._fit, page, window, plan)
        if not len(fit):
            return
        source = f"backfill {self._device}"
        outcome = await self._books.door.take_decoded(fit, self._books.now_ms(), source, past=True)
        self._tally.readings += outcome.accepted
        if outcome.accepted < len(fit):
            raise MeterUnavailable(f"{self._device}: its place was changed meanwhile; asking anew")

    def _fit(self, page: Page, window: Window, plan: Plan) -> Decoded:
        """What begins in the window, is missing, and stands at no instant of a reading that is there."""
        self._say_holds(page, plan)
        self._say_rejected(page)
        parts = [fitted(begun_in(kept, *window), plan.gaps, plan.holds_ms) for kept in page.kept]
        found = joined(parts) if parts else nothing()
        if not len(found):
            return found
        placed = list(plan.placed.values())
        if self._books.devices.find([placement.key for placement in placed]) != placed:
            raise MeterUnavailable(f"{self._device}: its place was changed meanwhile; asking anew")
        ids = [placement.channel.id for placement in placed if placement.channel is not None]
        first_ms, last_ms = int(np.min(found.time_ms)), int(np.max(found.time_ms))
        there = self._books.history.readings(ids, first_ms, last_ms + 2)
        return kept_apart(found, plan.placed, there)

    def _say_rejected(self, page: Page) -> None:
        """What cannot be is left out by the checks that every reading passes."""
        rejected = sum(kept.readings.rejected for kept in page.kept)
        problems = [problem for kept in page.kept for problem in kept.readings.problems]
        if rejected:
            self._tally.problem = f"{rejected} of its stored values cannot be: {problems[0]}"

    def _say_holds(self, page: Page, plan: Plan) -> None:
        longest: dict[ChannelKey, int] = {}
        for kept in page.kept:
            for key in kept.readings.keys:
                longest[key] = max(longest.get(key, 0), kept.interval_ms)
        for key, placement in plan.placed.items():
            channel, interval_ms = placement.channel, longest.get(key, 0)
            if channel is None or channel.hold_ms >= interval_ms:
                continue
            said = f"{channel.key}: its hold of {channel.hold_ms / 1000:g} s is shorter than the "
            said += f"{interval_ms / 1000:g} s that the device keeps, so "
            often = times_an_interval(interval_ms, channel.hold_ms)
            self._tally.remark = said + (
                f"the mean of each is written {often} times"
                if channel.hold_ms >= SHORTEST_HOLD_MS
                else "nothing is filled: give it a hold of 1 s or more"
            )


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _further(next_ms: int, after_ms: int) -> int:
    """Errors: PayloadRejected where a device goes round in circles."""
    if next_ms <= after_ms:
        problem = Problem("next", str(next_ms), f"an instant after {after_ms}")
        raise PayloadRejected("the device's answer does not lead on", [problem])
    return next_ms
