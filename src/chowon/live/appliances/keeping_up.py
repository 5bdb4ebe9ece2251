"""A model that keeps up with homes, and how some of them are brought to where all others are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import numpy as np

from chowon.domain.nilm.live import F32, TICK_MS, Parts, Told
from chowon.domain.quantities import I64, MINUTE_MS, Bools
from chowon.live.appliances.mains import Stream
from chowon.live.appliances.minutes import KEPT_MS, Minutes
from chowon.live.appliances.ticks import means

QUICK_MS: Final = 12_000
"""A meter that is heard so often is told by the tick, any other by the minute"""
_BY_TICK_MS: Final = 7 * MINUTE_MS
"""So much is gone through tick by tick: more than a model looks back on"""
_FORGOTTEN_MS: Final = 61 * MINUTE_MS
"""After such a silence a home begins anew: nothing need be gone through"""
_SETTLED_BY_MS: Final = 22 * MINUTE_MS
"""So long after a minute it is settled"""
S = TypeVar("S", bound="KindStream")


class KindStream(Protocol):
    """Many homes, by row (models.nilm.live_network.stream.Stream).

    After an hour of nothing, and before it was ever heard, a home is as new; a minute is settled within 20.
    """

    @property
    def kinds(self) -> tuple[str, ...]:
        """In the order of what is told."""

    def meters(self, rows: I64, *, every_tick: bool) -> None:
        """Do these homes' meters say something for every tick, or by the minute?"""

    def owns(self, row: int, kinds: tuple[str, ...]) -> None:
        """Of other kinds this home is told nothing."""

    def step(self, mains_w: F32, known: Bools, at_ms: int) -> list[Told]:
        """The tick from `at_ms` on of all homes; of meters by the minute, in its last one."""

    def put(self: S, row: int, other: S, their_row: int) -> None:
        """Take over a row of another one that has come as far; there is room for it afterwards."""


@dataclass(frozen=True, slots=True)
class KindModel:
    """What tells."""

    opened: Callable[[int], KindStream]
    """Streams of so many homes; slow the first time"""
    f1: Mapping[str, float]
    """The kinds that people may be told of, and how well each is settled in homes that it never saw"""

    @property
    def kinds(self) -> tuple[str, ...]:
        """In an order that stays."""
        return tuple(self.f1)


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest interval that was told of a site; kinds and rest are its mains."""

    end_ms: int
    step_ms: int
    power_w: Mapping[str, float]
    rest_w: float


class Newest:
    """What was told last of each row."""

    def __init__(self, rows: int, kinds: Sequence[str]) -> None:
        self.end_ms: I64 = np.zeros(rows, np.int64)
        """0 for nothing"""
        self.power_w: F32 = np.zeros((rows, len(kinds)), np.float32)
        self.rest_w: F32 = np.zeros(rows, np.float32)

    def hear(self, parts: Parts, columns: I64) -> None:
        """What was told of the first rows. columns: of these kinds in it."""
        rows = np.flatnonzero(parts.known)
        mine = parts.power_w[rows][:, columns]
        self.power_w[rows] = mine
        self.rest_w[rows] = parts.rest_w[rows] + parts.power_w[rows].sum(axis=1) - mine.sum(axis=1)
        self.end_ms[rows] = parts.start_ms + TICK_MS

    def put(self, row: int, other: "Newest", their_row: int) -> None:
        """Take over a row of another one."""
        self.end_ms[row], self.rest_w[row] = other.end_ms[their_row], other.rest_w[their_row]
        self.power_w[row] = other.power_w[their_row]

    def grow(self, rows: int) -> None:
        """Room for so many rows in all."""
        more = rows - len(self.end_ms)
        self.end_ms = np.append(self.end_ms, np.zeros(more, np.int64))
        self.rest_w = np.append(self.rest_w, np.zeros(more, np.float32))
        fresh_w = np.zeros((more, self.power_w.shape[1]), np.float32)
        self.power_w = np.append(self.power_w, fresh_w, axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A site that is to be brought to where all others are."""

    site_id: int
    row: int
    """Where its readings come from"""
    hold_ms: int
    quick: bool
    owned: tuple[str, ...]
    mains: Stream
    """Its last day"""


class CaughtUp:
    """Sites as their readings of the last day tell them, up to a tick; a row each, in this order."""

    def __init__(self, model: KindModel, sites: Sequence[Waiting], until_ms: int) -> None:
        """Goes through them by the minute, as is quick, at last as each meter is. Blocks."""
        self.minutes, self.newest = Minutes(model.kinds), Newest(len(sites), model.kinds)
        self.minutes.grow(len(sites))
        self.stream = _opened(model, sites)
        self._columns, self._by_tick = columns_of(self.stream, model.kinds), np.zeros(len(sites), np.bool_)
        day = _Day(sites, until_ms)
        self._steps(day.grids(day.since_ms, MINUTE_MS, day.whole_ms), day.since_ms, MINUTE_MS)
        if day.last_ms < until_ms - _FORGOTTEN_MS:
            self._step(day.nothing, day.never, day.last_ms // MINUTE_MS * MINUTE_MS + _SETTLED_BY_MS)
            self.stream = _opened(model, sites)
        self._step(day.nothing, day.never, day.whole_ms - TICK_MS)
        self._by_tick = np.array([site.quick for site in sites], np.bool_)
        self.stream.meters(np.flatnonzero(self._by_tick), every_tick=True)
        self._steps(day.by_meter(self._by_tick), day.whole_ms, TICK_MS)
        self._step(day.nothing, day.never, until_ms - TICK_MS)

    def _steps(self, grid: tuple[F32, Bools], start_ms: int, step_ms: int) -> None:
        """Those in which anything is known; the stream knows what it missed."""
        watts, known = grid
        for i in np.flatnonzero(known.any(axis=0)).tolist():
            self._step(watts[:, i], known[:, i], start_ms + (i + 1) * step_ms - TICK_MS)

    def _step(self, watts: F32, known: Bools, at_ms: int) -> None:
        for told in self.stream.step(watts, known, at_ms):
            self.minutes.hear(told, self._columns, self._by_tick)
            self.newest.hear(told.present, self._columns)


class _Day:
    """What sites are gone through from, up to a tick."""

    def __init__(self, sites: Sequence[Waiting], until_ms: int) -> None:
        self._until_ms = until_ms
        self._sites = sites
        times = [site.mains.time_ms for site in sites if len(site.mains.time_ms)]
        begun_ms = min((int(one.min()) for one in times), default=until_ms)
        self.last_ms = max((int(one.max()) for one in times), default=until_ms)
        self.since_ms = max(until_ms - KEPT_MS, begun_ms) // MINUTE_MS * MINUTE_MS
        self.whole_ms = max(until_ms // MINUTE_MS * MINUTE_MS - _BY_TICK_MS, self.since_ms)
        """Up to here by the minute, from here on as each meter is"""
        self.nothing, self.never = np.zeros(len(sites), np.float32), np.zeros(len(sites), np.bool_)

    def grids(self, start_ms: int, step_ms: int, end_ms: int) -> tuple[F32, Bools]:
        """((sites, n) mean W, (sites, n) whether known) of the whole steps of a span."""
        n = (end_ms - start_ms) // step_ms
        grids = [_grid(site, start_ms, step_ms, n) for site in self._sites]
        return np.stack([watts for watts, _ in grids]), np.stack([known for _, known in grids])

    def by_meter(self, quick: Bools) -> tuple[F32, Bools]:
        """The same by tick of quick meters, and of others by minute, in the minute's last tick."""
        watts, known = self.grids(self.whole_ms, TICK_MS, self._until_ms)
        minutes_w, minutes_known = self.grids(self.whole_ms, MINUTE_MS, self._until_ms)
        watts[~quick], known[~quick] = 0, False
        per_minute = MINUTE_MS // TICK_MS
        closing = np.arange(minutes_w.shape[1]) * per_minute + per_minute - 1
        slow = np.flatnonzero(~quick)[:, None]
        watts[slow, closing], known[slow, closing] = minutes_w[~quick], minutes_known[~quick]
        return watts, known


def _grid(site: Waiting, start_ms: int, step_ms: int, n: int) -> tuple[F32, Bools]:
    """A minute of a quick meter is the mean of its ticks, as it is to a stream that hears them."""
    if not site.quick or step_ms == TICK_MS:
        return means(site.mains, site.hold_ms, start_ms, step_ms, n)
    per_step = step_ms // TICK_MS
    watts, known = means(site.mains, site.hold_ms, start_ms, TICK_MS, n * per_step)
    count = known.reshape(n, per_step).sum(axis=1)
    mean_w = watts.reshape(n, per_step).sum(axis=1) / np.maximum(count, 1)
    sure: Bools = count * 2 >= per_step
    return np.where(sure, mean_w, 0).astype(np.float32), sure


def _opened(model: KindModel, sites: Sequence[Waiting]) -> KindStream:
    stream = model.opened(len(sites))
    for row, site in enumerate(sites):
        stream.owns(row, site.owned)
    return stream


def columns_of(stream: KindStream, kinds: Sequence[str]) -> I64:
    """(kinds,) where each stands in what a stream tells."""
    return np.array([stream.kinds.index(kind) for kind in kinds], np.int64)
