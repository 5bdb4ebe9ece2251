"""A model that keeps up with homes, and how one home is brought to where all others are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import numpy as np

from chowon.domain.nilm.live import F32, TICK_MS, Parts, Told
from chowon.domain.nilm.power import Power, Trace, on_grid
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

    def put(self: S, row: int, lone: S) -> None:
        """Take over the only row of another one that has come as far; there is room for it afterwards."""


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


class CaughtUp:
    """A site as its readings of the last day tell it, up to a tick."""

    def __init__(self, model: KindModel, owned: tuple[str, ...], every_ms: float) -> None:
        """every_ms: how often it is heard, 0 where that is unknown. Blocks."""
        self.stream, self.minutes = model.opened(1), Minutes(model.kinds)
        self.quick = 0 < every_ms <= QUICK_MS
        self.minutes.grow(1)
        self.stream.owns(0, owned)
        self._columns, self._by_tick = columns_of(self.stream, model.kinds), False
        self.present: Parts | None = None
        """What was told last"""
        self.mains = _NO_MAINS
        """What it was told from"""

    def through(self, mains: Stream, hold_ms: int, until_ms: int) -> "CaughtUp":
        """Goes through them by the minute, as is quick, at last as the meter is. Blocks."""
        order = np.argsort(mains.time_ms, kind="stable")
        self.mains = Stream(mains.row[order], mains.time_ms[order], mains.power_dw[order])
        trace = _trace(self.mains, hold_ms, until_ms)
        since_ms = (until_ms - KEPT_MS) // MINUTE_MS * MINUTE_MS
        whole_ms = until_ms // MINUTE_MS * MINUTE_MS - (_BY_TICK_MS if self.quick else 0)
        self._steps(on_grid(trace, hold_ms, since_ms, MINUTE_MS, (whole_ms - since_ms) // MINUTE_MS))
        self._by_tick = self.quick
        self.stream.meters(np.array([0]), every_tick=self.quick)
        if self.quick:
            self._steps(on_grid(trace, hold_ms, whole_ms, TICK_MS, (until_ms - whole_ms) // TICK_MS))
        else:
            self._step(np.zeros(1, np.float32), np.zeros(1, np.bool_), until_ms - TICK_MS)
        return self

    def _steps(self, grid: Power) -> None:
        watts, known = grid.power_w.astype(np.float32), grid.known
        for i in range(len(grid)):
            last_ms = grid.start_ms + (i + 1) * grid.step_ms - TICK_MS
            self._step(watts[i : i + 1], known[i : i + 1], last_ms)

    def _step(self, watts: F32, known: Bools, at_ms: int) -> None:
        for told in self.stream.step(watts, known, at_ms):
            self.minutes.hear(told, self._columns, np.array([self._by_tick]))
            if told.present.known[0]:
                self.present = told.present


def columns_of(stream: KindStream, kinds: Sequence[str]) -> I64:
    """(kinds,) where each stands in what a stream tells."""
    return np.array([stream.kinds.index(kind) for kind in kinds], np.int64)


def _trace(mains: Stream, hold_ms: int, until_ms: int) -> Trace:
    """The newest reading stands until then, as far as its hold goes. mains: in order."""
    last = np.append(mains.time_ms[1:] != mains.time_ms[:-1], True)[: len(mains.time_ms)]
    time_ms, power_w = mains.time_ms[last], mains.power_dw[last] / 10
    if len(time_ms) and time_ms[-1] < until_ms:
        end_ms = min(until_ms, int(time_ms[-1]) + hold_ms)
        time_ms, power_w = np.append(time_ms, end_ms), np.append(power_w, 0.0)
    return Trace(time_ms, power_w)


_NO_MAINS: Final = Stream(*(np.zeros(0, np.int64),) * 3)
