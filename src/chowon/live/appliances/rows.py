"""The arrays over all sites: their streams, the edges in them, and how often they are heard."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.nilm.events.detector import NEVER, Detector
from chowon.domain.nilm.events.edges import Edges
from chowon.domain.nilm.power import F64
from chowon.domain.quantities import I64
from chowon.domain.readings import Readings
from chowon.domain.sites import Site
from chowon.live.appliances.mains import Mains, Stream

SLOW_MS: Final = 90_000
"""A meter that is heard less often shows too few steps"""
_NEW: Final = 0.2


@dataclass(frozen=True, slots=True)
class RowNow:
    """One row at this moment."""

    last_ms: int | None
    """The newest power; None before the first"""
    power_dw: int
    always_on_w: float
    always_on_hours: int
    slow: bool


@dataclass(frozen=True, slots=True, eq=False)
class Fed:
    """What readings tell."""

    stream: Stream
    edges: Edges
    late: I64
    """Rows with a reading that came too late and took no part"""


class Rows:
    """A row a site. Not thread-safe: one owner."""

    def __init__(self) -> None:
        self.mains = Mains()
        self.detector = Detector(0)
        self.every_ms: F64 = np.zeros(0)
        """(rows,) the mean time from one reading to the next, 0 until there are two"""

    def add(self, site: Site) -> int:
        """The row of one more site, which has at least one main channel."""
        row = self.mains.add(site)
        if row >= len(self.detector):
            self.detector.grow(max(1, 2 * row))
        self.detector.hold(np.array([row]), max(one.hold_ms for one in site.main_channels))
        self.every_ms = np.append(self.every_ms, 0.0)
        return row

    def drop(self, row: int) -> None:
        """Nothing is told of this row any more."""
        self.mains.drop(row)

    def put(self, row: int, other: "Rows", their_row: int) -> None:
        """Take over a row of others, of the same site."""
        self.mains.put(row, other.mains.kept(their_row))
        self.detector.put(np.array([row]), other.detector, np.array([their_row]))
        self.every_ms[row] = other.every_ms[their_row]

    def newer(self, readings: Readings) -> Readings:
        """Those of them that are newer than what is known of their channels."""
        return self.mains.newer(readings)

    def feed(self, readings: Readings) -> Fed:
        """Take in readings, in any order."""
        stream, late = self.mains.feed(readings)
        before_ms = self.detector.last_ms(stream.row)
        heard = self.detector.apply(stream.row, stream.time_ms, stream.power_dw)
        self._pace(stream, before_ms)
        return Fed(stream, heard.edges, np.union1d(late, heard.late))

    def now(self, row: int) -> RowNow:
        """What is known of a row."""
        rows = np.array([row])
        level_w, hours = self.detector.base.level_w(rows)
        last_ms = int(self.detector.last_ms(rows)[0])
        return RowNow(
            None if last_ms == NEVER else last_ms,
            round(float(self.detector.last_w(rows)[0]) * 10),
            float(level_w[0]),
            int(hours[0]),
            bool(self.every_ms[row] > SLOW_MS),
        )

    def parts_of(self, row: int, now_ms: int) -> list[tuple[int, int]]:
        """(channel, 0.1 W) of what a meter of its own tells, where it was heard lately."""
        return self.mains.parts_of(row, now_ms)

    def _pace(self, stream: Stream, before_ms: I64) -> None:
        """How often each row is heard, as a mean that forgets; a silence counts as twice the mean."""
        rows, of, counts = np.unique(stream.row, return_inverse=True, return_counts=True)
        since_ms = np.full(len(rows), np.iinfo(np.int64).max)
        np.minimum.at(since_ms, of, np.where(before_ms == NEVER, stream.time_ms, before_ms))
        new = np.zeros(len(rows), np.int64)
        new[of] = before_ms == NEVER
        counts = counts - new
        told = counts > 0
        rows, since_ms, counts = rows[told], since_ms[told], counts[told]
        waited_ms = np.maximum(self.detector.last_ms(rows) - since_ms, 0) / counts
        old = self.every_ms[rows]
        waited_ms = np.where(old > 0, np.minimum(waited_ms, 2 * old + 1000), waited_ms)
        share = np.where(old > 0, np.minimum(_NEW * counts, 1.0), 1.0)
        self.every_ms[rows] = old + share * (waited_ms - old)
