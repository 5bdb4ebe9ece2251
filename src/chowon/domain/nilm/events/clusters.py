"""Runs of one home that are alike, found without anybody's help: unknown appliances, a bounded number.

A cluster knows how large its runs' first edge is, how long they last, how far they overshoot, how much of
the first power they take on the mean, and how long it is from one to the next. Its id is never used again.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Final

from chowon.domain.nilm.events.following import Ended, Run
from chowon.domain.nilm.events.spread import Spread, Usual
from chowon.domain.quantities import DAY_MS

MOST_CLUSTERS: Final = 32
RECENT: Final = 6
_NEAR: Final = 3.5
"""A run is a cluster's if none of its numbers is more standard deviations away"""
_SAME: Final = 1.0
"""Clusters whose numbers are all nearer to each other are one"""
_FADES_MS: Final = 30 * DAY_MS
USUAL: Final = {
    "size": Usual(0.06, 0.025, 0.07),  # natural logarithm of W
    "lasts": Usual(0.7, 0.25, 0.9),  # natural logarithm of s
    "overshoot": Usual(0.2, 0.1, 0.3),  # share of the size
    "shape": Usual(0.2, 0.08, 0.25),  # mean power / size
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Runs that are alike."""

    id: int
    size: Spread = field(default_factory=Spread)
    """Of ln W"""
    lasts: Spread = field(default_factory=Spread)
    """Of ln s"""
    overshoot: Spread = field(default_factory=Spread)
    shape: Spread = field(default_factory=Spread)
    between: Spread = field(default_factory=Spread)
    """Of ln s from the begin of one to the next"""
    runs: int = 0
    energy_wh: float = 0.0
    last_ms: int = 0
    """When the last run began"""
    recent: tuple[int, ...] = ()
    """When the last few began"""

    @property
    def power_w(self) -> float:
        """The typical size."""
        return math.exp(self.size.mean)

    @property
    def seconds(self) -> float:
        """How long a run typically lasts."""
        return math.exp(self.lasts.mean)

    @property
    def every_s(self) -> float | None:
        """The typical time from begin to begin; None of fewer than two runs."""
        return math.exp(self.between.mean) if self.between.count else None

    def distance(self, facts: dict[str, float]) -> float:
        """How far a run is at its farthest number, standard deviations."""
        return max(self.spread(name).distance(value) for name, value in facts.items())

    def density(self, facts: dict[str, float]) -> float:
        """How likely a run with these numbers is, of this cluster."""
        return math.prod(self.spread(name).density(value) for name, value in facts.items())

    def spread(self, name: str) -> Spread:
        """What is expected of the next run's number."""
        seen: Spread = getattr(self, name)
        return seen.expected(USUAL[name])

    def with_run(self, run: Run) -> "Cluster":
        """One more run."""
        gone_s = (run.at_ms - self.last_ms) / 1000
        numbers = {name: getattr(self, name).with_(value) for name, value in facts_of(run).items()}
        return replace(
            self,
            **numbers,
            between=self.between.with_(math.log(gone_s)) if self.runs and gone_s > 0 else self.between,
            runs=self.runs + 1,
            energy_wh=self.energy_wh + run.energy_wh,
            last_ms=max(self.last_ms, run.at_ms),
            recent=(*self.recent, run.at_ms)[-RECENT:],
        )

    def and_(self, other: "Cluster") -> "Cluster":
        """Both as one, with this one's id."""
        joined = {name: getattr(self, name).and_(getattr(other, name)) for name in (*USUAL, "between")}
        return replace(
            self,
            **joined,
            runs=self.runs + other.runs,
            energy_wh=self.energy_wh + other.energy_wh,
            last_ms=max(self.last_ms, other.last_ms),
            recent=tuple(sorted((*self.recent, *other.recent)))[-RECENT:],
        )

    def same_as(self, other: "Cluster") -> bool:
        """Whether the two can hardly be told apart."""
        return all(
            max(mine.distance(theirs.mean), theirs.distance(mine.mean)) <= _SAME
            for mine, theirs in ((self.spread(name), other.spread(name)) for name in USUAL)
        )


def told_by(run: Run) -> bool:
    """Whether a run's end was seen: others tell nothing of how long it lasted."""
    return run.ended in (Ended.FALL, Ended.TOGETHER) and run.seconds > 0


def facts_of(run: Run) -> dict[str, float]:
    """The numbers by which runs are compared."""
    shape = run.energy_wh * 3600 / run.seconds / run.first_w
    return {
        "size": math.log(run.first_w),
        "lasts": math.log(run.seconds),
        "overshoot": min(run.overshoot_w / run.first_w, 3.0),
        "shape": min(shape, 3.0),
    }


def nearest(clusters: tuple[Cluster, ...], run: Run) -> Cluster | None:
    """The cluster that a run is of, if any."""
    facts = facts_of(run)
    near = [one for one in clusters if one.distance(facts) <= _NEAR]
    return max(near, key=lambda one: (one.density(facts) * weight(one, run.at_ms), -one.id), default=None)


def weight(cluster: Cluster, now_ms: int) -> float:
    """How much a cluster counts: its runs, fading while it has none."""
    return cluster.runs * math.exp(-max(now_ms - cluster.last_ms, 0) / _FADES_MS)
