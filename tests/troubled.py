"""A meter with a true load and every trouble that counters have, each of them known."""

from dataclasses import dataclass, field

import numpy as np

from chowon.domain.counters import Counts, Decision
from chowon.domain.quantities import MINUTE_MS
from chowon.domain.readings import Readings, concat, latest

START_MS = 1_795_359_600_000
KWH = 1_000_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that was done to the readings of [start, end]."""

    kinds: frozenset[str]
    """the decisions that may tell of it"""
    start_ms: int
    end_ms: int
    lost_milliwh: int = 0
    """energy that no reading can tell: used between the last one before and the first one after"""

    def told_by(self, decisions: tuple[Decision, ...]) -> bool:
        return any(
            d.kind in self.kinds and d.start_ms <= self.end_ms and d.end_ms >= self.start_ms
            for d in decisions
        )


@dataclass
class Meter:
    """Readings every so often of a counter that advances truly; troubles are put on afterwards."""

    random: np.random.Generator
    n: int
    step_ms: int = MINUTE_MS
    resolution: int = 1_000
    start_milliwh: int = 5_000 * KWH
    modulus: int | None = None
    """the counter starts again at this"""
    troubles: list[Trouble] = field(default_factory=list)
    turns: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        watts = 80 + 2500 * (self.random.random(self.n) < 0.1) + 400 * self.random.random(self.n)
        used = (watts * self.step_ms / 3600).astype(np.int64)
        self.time_ms = START_MS + self.step_ms * np.arange(self.n, dtype=np.int64)
        self.true = self.start_milliwh + np.cumsum(used)
        self.shown = self.true.copy()
        self.moved = self.time_ms.copy()
        if self.modulus is not None:
            self.turns = np.flatnonzero(np.diff(self.shown // self.modulus) > 0)
            self.shown %= self.modulus
            for at in self.turns.tolist():
                self.note("rollover", at, at + 1)

    @property
    def energy(self) -> int:
        """What was truly used from the first reading to the last, as far as any reading can tell."""
        return int(self.true[-1] - self.true[0]) - sum(t.lost_milliwh for t in self.troubles)

    def note(self, kinds: str, first: int, last: int, lost: int = 0) -> None:
        span = (int(self.moved[max(first, 0)]), int(self.moved[min(last, self.n - 1)]))
        self.troubles.append(Trouble(frozenset(kinds.split()), *sorted(span), lost))

    def used(self, before: int, after: int) -> int:
        return int(self.true[after] - self.true[before])

    def dropout(self, at: int, length: int) -> None:
        self.shown[at : at + length] = 0
        self.note("dropout", at, at + length)

    def spike(self, at: int, length: int) -> None:
        self.shown[at : at + length] += self.random.integers(50, 5000) * KWH
        self.note("spike", at, at + length)

    def jitter(self, at: int, length: int) -> None:
        self.shown[at : at + length] += self.random.integers(-40_000, 40_000, length)
        self.shown[at : at + 2] = (
            self.true[at : at + 2] - self.true[at] + self.shown[at - 1] + [45_000, -45_000]
        )
        self.note("noise", at - 1, at + length + 1)

    def reset(self, at: int) -> None:
        self.shown[at:] -= self.shown[at] - self.used(at - 1, at) // 2
        self.note("reset", at - 1, at, self.used(at - 1, at) - self.used(at - 1, at) // 2)

    def replace(self, at: int, value: int) -> None:
        self.shown[at:] += value - self.shown[at]
        self.note("replaced", at - 1, at, self.used(at - 1, at))

    def units(self, at: int, length: int) -> None:
        """Wh are sent as kWh for a while."""
        self.shown[at : at + length] *= 1000
        self.note("unit_change spike", at - 1, at)
        self.note("unit_change spike", at + length - 1, at + length)

    def clock(self, at: int, length: int, ahead_ms: int) -> None:
        """The meter's clock jumps, and back before it is as late as it was."""
        self.moved[at : at + length] += ahead_ms
        self.note("noise dropout spike", at, at + length)

    def counts(self) -> Counts:
        """The readings as a set: out of order and repeated on the way, then sorted."""
        shown = self.shown // self.resolution * self.resolution
        readings = Readings(np.ones(self.n, np.uint32), self.moved, import_milliwh=shown)
        again = self.random.integers(0, self.n, self.n // 10)
        arrived = concat([readings.where(self.random.permutation(self.n)), readings.where(again)])
        found = latest(arrived)
        assert found.import_milliwh is not None
        return Counts(found.channel, found.time_ms, found.import_milliwh)
