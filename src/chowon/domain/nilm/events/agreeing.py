"""What clusters of runs may be, by a model that tells kinds minute by minute: whose power rises with them.

The two look at different things: edges at how something switches, a model at how a day goes. Where the
model's power of a kind rises when a cluster's runs begin and falls when they end, they mean the same thing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.nilm.events.clusters import told_by
from chowon.domain.nilm.events.following import Run
from chowon.domain.nilm.power import F64, Power
from chowon.domain.quantities import I64

LEAST_SHARE: Final = 0.5
"""Of the energy of a cluster's runs, so much must rise and fall with the kind"""
LEAST_W: Final = 70.0
LEAST_RUNS: Final = 3
_AROUND: Final = 3
"""Intervals before and after a run with which it is compared"""
_MOSTLY: Final = 0.5
"""An interval is of a run that covers as much of it"""


@dataclass(frozen=True, slots=True)
class Agreeing:
    """A cluster's runs seem to be this kind's."""

    kind: str
    share: float
    """Of their energy that rises and falls with it, 0-1; not a probability"""


def agreeing(runs: Iterable[tuple[int, Run]], told: Mapping[str, Power]) -> dict[int, Agreeing]:
    """The kind of each cluster that agrees with one. runs: (cluster, run) of the time of `told`."""
    by_cluster: dict[int, list[Run]] = {}
    for cluster, run in runs:
        if told_by(run):
            by_cluster.setdefault(cluster, []).append(run)
    found = {}
    for cluster, theirs in by_cluster.items():
        if len(theirs) < LEAST_RUNS or float(np.median([run.first_w for run in theirs])) < LEAST_W:
            continue
        best = max(
            (Agreeing(kind, _share(theirs, power)) for kind, power in told.items()),
            key=lambda one: (one.share, one.kind),
            default=None,
        )
        if best is not None and best.share >= LEAST_SHARE:
            found[cluster] = best
    return found


def _share(runs: list[Run], kind: Power) -> float:
    """The share of the runs' energy with which the kind's power rises and falls."""
    risen_wh = sum(run.energy_wh * _rise(run, kind) for run in runs)
    return risen_wh / max(sum(run.energy_wh for run in runs), 1e-9)


def _rise(run: Run, kind: Power) -> float:
    """By how much of the run's mean power the kind takes more in it than around it, 0-1."""
    begin, end = ((at - kind.start_ms) / kind.step_ms for at in (run.at_ms, run.end_ms))
    first, last = int(np.floor(begin)), int(np.ceil(end))
    if first < 0 or last > len(kind):
        return 0.0
    place = np.arange(first, last)
    covered: F64 = np.minimum(place + 1, end) - np.maximum(place, begin)
    inside = place[covered >= min(_MOSTLY, float(covered.max()))]
    outside: I64 = np.concatenate([np.arange(first - _AROUND, first), np.arange(last, last + _AROUND)])
    outside = outside[(outside >= 0) & (outside < len(kind))]
    if not len(outside) or not kind.known[inside].all():
        return 0.0
    risen_w = float(kind.power_w[inside].mean() - kind.power_w[outside].mean())
    mean_w = run.energy_wh / run.seconds * 3600
    return min(max(risen_w / mean_w, 0.0), 1.0)
