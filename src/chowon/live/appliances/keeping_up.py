"""A model that keeps up with homes, and how some of them are brought to where all others are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import numpy as np

from chowon.domain.nilm.live import F32, TICK_MS, Parts, Told
from chowon.domain.nilm.power import Trace, on_grid
from chowon.domain.quantities import I64, MINUTE_MS, Bools
from chowon.live.appliances.mains import Stream
from chowon.live.appliances.minutes import KEPT_MS, Minutes

QUICK_MS: Final = 12_000
"""A meter that is heard so often is told by the tick, any other by the minute"""
_BY_TICK_MS: Final = 7 * MINUTE_MS
"""So much is gone through tick by tick: more than a model looks back on"""
S = TypeVar("S", bound="KindStream")


class KindStream(Protocol):
    """Many homes, by row (models.nilm.live_network.stream.Stream)."""

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
        self.stream, self.minutes = model.opened(len(sites)), Minutes(model.kinds)
        self.minutes.grow(len(sites))
        self.newest = Newest(len(sites), model.kinds)
        self._columns, self._by_tick = columns_of(self.stream, model.kinds), np.zeros(len(sites), np.bool_)
        for row, site in enumerate(sites):
            self.stream.owns(row, site.owned)
        quick = np.array([site.quick for site in sites], np.bool_)
        traces = [_trace(site.mains, site.hold_ms, until_ms) for site in sites]
        holds = [site.hold_ms for site in sites]
        begun_ms = min([int(one.time_ms[0]) for one in traces if len(one.time_ms)], default=until_ms)
        since_ms = max(until_ms - KEPT_MS, begun_ms) // MINUTE_MS * MINUTE_MS
        whole_ms = max(until_ms // MINUTE_MS * MINUTE_MS - _BY_TICK_MS, since_ms)
        self._steps(*_grids(traces, holds, since_ms, MINUTE_MS, whole_ms), since_ms, MINUTE_MS)
        self._by_tick = quick
        self.stream.meters(np.flatnonzero(quick), every_tick=True)
        ticks_w, known = _grids(traces, holds, whole_ms, TICK_MS, until_ms)
        minutes_w, minutes_known = _grids(traces, holds, whole_ms, MINUTE_MS, until_ms)
        ticks_w[~quick], known[~quick] = 0, False
        whole = minutes_w.shape[1] * (MINUTE_MS // TICK_MS)
        closing = slice(MINUTE_MS // TICK_MS - 1, whole, MINUTE_MS // TICK_MS)
        ticks_w[~quick, closing], known[~quick, closing] = minutes_w[~quick], minutes_known[~quick]
        self._steps(ticks_w, known, whole_ms, TICK_MS)
        nothing = np.zeros(len(sites), np.float32)
        self._step(nothing, nothing > 0, until_ms - TICK_MS)

    def _steps(self, watts: F32, known: Bools, start_ms: int, step_ms: int) -> None:
        """Those in which anything is known; the stream knows what it missed."""
        for i in np.flatnonzero(known.any(axis=0)).tolist():
            self._step(watts[:, i], known[:, i], start_ms + (i + 1) * step_ms - TICK_MS)
        if known.shape[1]:
            never = np.zeros(len(known), np.bool_)
            self._step(watts[:, -1], never, start_ms + known.shape[1] * step_ms - TICK_MS)

    def _step(self, watts: F32, known: Bools, at_ms: int) -> None:
        for told in self.stream.step(watts, known, at_ms):
            self.minutes.hear(told, self._columns, self._by_tick)
            self.newest.hear(told.present, self._columns)


def _grids(
    traces: Sequence[Trace], holds: Sequence[int], start_ms: int, step_ms: int, end_ms: int
) -> tuple[F32, Bools]:
    """((sites, n) mean W, (sites, n) whether known) of the whole steps of a span."""
    n = (end_ms - start_ms) // step_ms
    grids = [on_grid(one, hold, start_ms, step_ms, n) for one, hold in zip(traces, holds, strict=True)]
    return np.stack([one.power_w for one in grids]).astype(np.float32), np.stack([one.known for one in grids])


def columns_of(stream: KindStream, kinds: Sequence[str]) -> I64:
    """(kinds,) where each stands in what a stream tells."""
    return np.array([stream.kinds.index(kind) for kind in kinds], np.int64)


def _trace(mains: Stream, hold_ms: int, until_ms: int) -> Trace:
    """The newest reading before then stands until then, as far as its hold goes."""
    order = np.argsort(mains.time_ms, kind="stable")
    mains = Stream(mains.row[order], mains.time_ms[order], mains.power_dw[order])
    last = np.append(mains.time_ms[1:] != mains.time_ms[:-1], True)[: len(mains.time_ms)]
    time_ms, power_w = mains.time_ms[last], mains.power_dw[last] / 10
    if len(time_ms) and time_ms[-1] < until_ms:
        end_ms = min(until_ms, int(time_ms[-1]) + hold_ms)
        time_ms, power_w = np.append(time_ms, end_ms), np.append(power_w, 0.0)
    return Trace(time_ms, power_w)
