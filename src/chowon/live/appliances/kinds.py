"""Kinds of appliances of all sites, as a model that keeps up tells them: what runs now, and what ran.

A tick of all sites is told as soon as every meter that is quick enough has come to its end, and at the latest
`WAITED_MS` after it. What comes later takes part when a site is read again.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from chowon.domain.nilm.live import TICK_MS
from chowon.domain.nilm.power import F64, Power
from chowon.domain.nilm.told import LiveValue
from chowon.domain.quantities import I64, MINUTE_MS, Bools
from chowon.domain.sites import Site
from chowon.live.appliances.keeping_up import (
    QUICK_MS,
    CaughtUp,
    KindModel,
    KindStream,
    Latest,
    Newest,
    Waiting,
    columns_of,
)
from chowon.live.appliances.mains import Stream, hold_ms_of
from chowon.live.appliances.minutes import Minutes
from chowon.live.appliances.ticks import Ticks

WAITED_MS: Final = 15_000
"""Senders that gather what they send for 10 s are waited for"""
ALIVE_MS: Final = 60_000
"""Nobody waits for a meter that was silent for longer"""
FAR_MS: Final = 10 * MINUTE_MS
"""So far from where it was, the clock is another one"""


class Kinds:
    """A slot a site. Belongs to the event loop; `told` may be asked from threads."""

    def __init__(self, model: KindModel) -> None:
        self.model = model
        self._every: KindStream | None = None
        self._columns: I64 = np.zeros(0, np.int64)
        self._ticks, self._minutes = Ticks(), Minutes(model.kinds)
        self._slot_of: dict[int, int] = {}
        self._row_of: dict[int, int] = {}  # by slot
        self._free: list[int] = []
        self._slot_of_row: I64 = np.full(16, -1, np.int64)
        self._quick: Bools = np.zeros(0, np.bool_)
        self._newest = Newest(0, model.kinds)
        self._without: dict[int, frozenset[str]] = {}  # by site
        self._owned: dict[int, tuple[str, ...]] = {}  # by slot: changes that wait for the next tick
        self._waiting: dict[int, Waiting] = {}  # by row
        self._since: dict[int, list[Stream]] = {}  # by row: what came since a site waits
        self._next_ms: int | None = None

    def next_ms(self, now_ms: int) -> int:
        """Where the next tick begins; at first it is the one that has begun."""
        if self._next_ms is None:
            self._next_ms = now_ms // TICK_MS * TICK_MS
            self._ticks.skip(self._next_ms)
        return self._next_ms

    @property
    def waiting(self) -> int:
        """How many sites wait for `catch_up`."""
        return len(self._waiting)

    def wait(self, site: Site, row: int, every_ms: float, mains: Stream, without: Collection[str]) -> None:
        """A site goes on from its last day as `mains` tells it, as soon as `catch_up` is called.

        row: where its readings come from. every_ms: how often, 0 where that is unknown.
        """
        self._forget_waiting(site.id)
        self._without[site.id] = frozenset(without)
        hold_ms, quick = hold_ms_of(site), 0 < every_ms <= QUICK_MS
        self._waiting[row] = Waiting(site.id, row, hold_ms, quick, self._kinds_but(without), mains)

    async def catch_up(self, now_ms: int) -> None:
        """Bring all that wait to where the others are."""
        if not self._waiting:
            return
        until_ms, sites = self.next_ms(now_ms), list(self._waiting.values())
        caught = await asyncio.to_thread(CaughtUp, self.model, sites, until_ms)
        for row, site in enumerate(sites):
            since = self._since.pop(site.row, [])
            if self._waiting.get(site.row) is site:
                del self._waiting[site.row]
                self._put(site, _joined([site.mains, *since]), (caught, row), until_ms)

    def _put(self, site: Waiting, mains: Stream, found: tuple[CaughtUp, int], until_ms: int) -> None:
        caught, their_row = found
        self._drop(site.site_id)
        slot = self._free_slot()
        if self._every is None:
            self._every = self.model.opened(1)
            self._columns = columns_of(self._every, self.model.kinds)
            self._every.step(np.zeros(1, np.float32), np.zeros(1, np.bool_), until_ms - TICK_MS)
        self._every.put(slot, caught.stream, their_row)
        self._minutes.put(slot, caught.minutes, their_row)
        self._newest.put(slot, caught.newest, their_row)
        self._ticks.begin(slot, site.hold_ms, mains)
        self._quick[slot], self._owned[slot] = site.quick, self._kinds_but(self._without[site.site_id])
        if site.row >= len(self._slot_of_row):
            self._slot_of_row = np.append(self._slot_of_row, np.full(site.row + 1, -1))
        self._slot_of_row[site.row], self._row_of[slot], self._slot_of[site.site_id] = slot, site.row, slot

    def drop(self, site_id: int) -> None:
        """Nothing is told of a site any more, or until it has waited again."""
        self._forget_waiting(site_id)
        self._drop(site_id)
        self._without.pop(site_id, None)

    def _drop(self, site_id: int) -> None:
        slot = self._slot_of.pop(site_id, None)
        if slot is not None:
            self._slot_of_row[self._row_of.pop(slot)] = -1
            self._ticks.begin(slot, 0)
            self._newest.end_ms[slot] = 0
            self._owned.pop(slot, None)
            self._free.append(slot)

    def _forget_waiting(self, site_id: int) -> None:
        for row in [row for row, site in self._waiting.items() if site.site_id == site_id]:
            del self._waiting[row]
            self._since.pop(row, None)

    def without(self, site_id: int, kinds: Collection[str]) -> None:
        """From the next tick on a site has these kinds not, and all others."""
        self._without[site_id] = frozenset(kinds)
        if site_id in self._slot_of:
            self._owned[self._slot_of[site_id]] = self._kinds_but(kinds)

    def feed(self, mains: Stream) -> list[int]:
        """Take in what comes. Gives the rows of which something came after its tick was told."""
        for row in self._waiting:
            mine = mains.row == row
            if mine.any():
                self._since.setdefault(row, []).append(_where(mains, mine))
        known = mains.row < len(self._slot_of_row)
        slot = np.where(known, self._slot_of_row[np.where(known, mains.row, 0)], -1)
        mine = slot >= 0
        late = self._ticks.feed(Stream(slot[mine], mains.time_ms[mine], mains.power_dw[mine]))
        return [self._row_of[one] for one in late.tolist()]

    async def advance(self, now_ms: int, every_ms: F64) -> bool:
        """Tell what can be told by now. every_ms: (rows,) how often they are heard, 0 where unknown.

        False where the clock was put forward or back, or nobody came by for long: begin with another one.
        """
        if self._every is None or self._next_ms is None:
            return True
        if abs(now_ms - self._next_ms) > FAR_MS:
            return False
        while self._ready(self._next_ms + TICK_MS, now_ms):
            start_ms = self._next_ms
            self._changes(every_ms, start_ms)
            watts, known = self._ticks.mean(start_ms, ~self._quick)
            self._next_ms += TICK_MS
            quick = self._quick.copy()
            for told in await asyncio.to_thread(self._every.step, watts, known, start_ms):
                self._minutes.hear(told, self._columns, quick)
                self._newest.hear(told.present, self._columns)
        return True

    def latest(self, site_id: int) -> Latest | None:
        """What was told last of a site."""
        slot, newest = self._slot_of.get(site_id), self._newest
        if slot is None or not newest.end_ms[slot]:
            return None
        return Latest(
            int(newest.end_ms[slot]),
            TICK_MS if self._quick[slot] else MINUTE_MS,
            {k: round(w, 1) for k, w in zip(self.model.kinds, newest.power_w[slot].tolist(), strict=True)},
            round(float(newest.rest_w[slot]), 1),
        )

    def told(self, site_id: int, from_ms: int, to_ms: int) -> Mapping[LiveValue, Mapping[str, Power]]:
        """What was told of the whole minutes of a span, as far as it is kept; nothing of other sites."""
        slot = self._slot_of.get(site_id)
        if slot is None:
            return {}
        return {
            "provisional": self._minutes.told(slot, "provisional", from_ms, to_ms),
            "settled": self._minutes.told(slot, "settled", from_ms, to_ms),
        }

    def _kinds_but(self, without: Collection[str]) -> tuple[str, ...]:
        return tuple(kind for kind in self.model.kinds if kind not in without)

    def _free_slot(self) -> int:
        if not self._free:
            begun = len(self._quick)
            more = max(1, begun // 4)
            # The last one is taken first: what grows with it grows at once.
            self._free = list(range(begun, begun + more))
            self._minutes.grow(begun + more)
            self._quick = np.append(self._quick, np.zeros(more, np.bool_))
            self._newest.grow(begun + more)
        return self._free.pop()

    def _ready(self, end_ms: int, now_ms: int) -> bool:
        if now_ms < end_ms or now_ms >= end_ms + WAITED_MS:
            return now_ms >= end_ms
        newest_ms = self._ticks.newest_ms()
        awaited = self._quick & (newest_ms >= end_ms - ALIVE_MS)
        return bool((newest_ms[awaited] >= end_ms).all())

    def _changes(self, every_ms: F64, start_ms: int) -> None:
        """What a site owns, and how often its meter speaks, as it is by now; the latter by the minute."""
        assert self._every is not None
        for slot, kinds in self._owned.items():
            self._every.owns(slot, kinds)
        self._owned.clear()
        if start_ms % MINUTE_MS:
            return
        for slot, row in self._row_of.items():
            # Half as often will do once it is quick: a meter at the bound is not now this and now that.
            quick = 0 < every_ms[row] <= QUICK_MS * (2 if self._quick[slot] else 1)
            if quick != self._quick[slot]:
                self._quick[slot] = quick
                self._every.meters(np.array([slot]), every_tick=quick)


def _where(stream: Stream, mask: Bools) -> Stream:
    return Stream(stream.row[mask], stream.time_ms[mask], stream.power_dw[mask])


def _joined(streams: Sequence[Stream]) -> Stream:
    return Stream(
        np.concatenate([one.row for one in streams]),
        np.concatenate([one.time_ms for one in streams]),
        np.concatenate([one.power_dw for one in streams]),
    )
