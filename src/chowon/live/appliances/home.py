"""One home: what is on, what was on in the last day, and what is known of its appliances."""

from dataclasses import dataclass, field, replace
from typing import Final

from chowon.domain.nilm.events.clusters import nearest, told_by
from chowon.domain.nilm.events.edges import Edges
from chowon.domain.nilm.events.following import Following, Run, follow
from chowon.domain.nilm.events.kept import KeptHome
from chowon.domain.nilm.events.known import Known, Name, NameRun, Tap, learn, take
from chowon.domain.quantities import DAY_MS, HOUR_MS
from chowon.errors import NotFound

REMEMBERED_MS: Final = DAY_MS + 2 * HOUR_MS
"""Runs are kept for so long, and so much is read again after a start or after late readings"""


@dataclass(frozen=True, slots=True)
class PastRun:
    """Something that was on, and which cluster it is of, as it seemed when it ended."""

    run: Run
    cluster: int | None


@dataclass(frozen=True, slots=True)
class Home:
    """What is known of one site. `known` and `learnt_ms` outlive a restart; the rest is in the readings."""

    following: Following = field(default_factory=Following)
    known: Known = field(default_factory=Known)
    learnt_ms: int = 0
    """Runs that ended up to here have taught `known`"""
    runs: tuple[PastRun, ...] = ()
    """Of the last day, by end"""

    def after(self, edges: Edges) -> "Home":
        """With these edges of it, which came after all others."""
        following, over = follow(self.following, edges)
        home = replace(self, following=following)
        for run in over:
            home = home.with_run(run)
        if not over:
            return home
        since_ms = over[-1].end_ms - REMEMBERED_MS
        return replace(home, runs=tuple(one for one in home.runs if one.run.end_ms >= since_ms))

    def anew(self, edges: Edges) -> "Home":
        """As its readings of the last day tell it, in place of what was on and over.

        What had taught it already teaches it no second time.
        """
        return replace(self, following=Following(gives=self.following.gives), runs=()).after(edges)

    def taught(self, kept: KeptHome) -> "Home":
        """With what is written down of it."""
        following = replace(self.following, gives=self.following.gives or kept.gives)
        return replace(self, following=following, known=kept.known, learnt_ms=kept.learnt_ms)

    def told(self, tap: Tap) -> "Home":
        """After what a person said. Errors: NotFound for something that is not there, or no more."""
        if isinstance(tap, NameRun) and all(one.at_ms != tap.at_ms for one in self.following.now):
            cluster = next((self.cluster_of(p) for p in self.runs if p.run.at_ms == tap.at_ms), None)
            if cluster is None:
                raise NotFound(
                    f"nothing that began at {tap.at_ms} is on, or its end was not seen; "
                    "name an appliance of GET appliances instead"
                )
            tap = Name(cluster, tap.name)
        return replace(self, known=learn(self.known, tap))

    def cluster_of(self, past: PastRun) -> int | None:
        """The cluster of a run: clusters may have become one since."""
        if past.cluster is None or any(one.id == past.cluster for one in self.known.clusters):
            return past.cluster
        found = nearest(self.known.clusters, past.run)
        return None if found is None else found.id

    def with_run(self, run: Run) -> "Home":
        """With something that is over, which is learnt from, once."""
        if run.end_ms > self.learnt_ms:
            known, cluster = take(self.known, run)
            return replace(self, known=known, learnt_ms=run.end_ms, runs=(*self.runs, PastRun(run, cluster)))
        found = nearest(self.known.clusters, run) if told_by(run) else None
        return replace(self, runs=(*self.runs, PastRun(run, None if found is None else found.id)))
