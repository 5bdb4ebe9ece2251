"""What a few taps of a person are worth: the energy of clusters that were named, against the appliance's own.

The person is made up: she names something large that switches on without a name, at most so many times for
each appliance, and is always right. An appliance is known by its own column, as in `events`.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from chowon.bench.nilm.events import Recorded, recorded
from chowon.domain.nilm.events.clusters import nearest
from chowon.domain.nilm.events.known import Known, NameRun, learn, take
from chowon.domain.nilm.power import Trace
from chowon.domain.quantities import MINUTE_MS

ASKED_FROM_W: Final = 100.0
NOTICED_S: Final = 20
"""Shorter runs are over before anybody looks"""
_LEAST_WH: Final = 300.0
_MS_PER_H: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Named:
    """One appliance."""

    home: str
    appliance: str
    taps: int
    runs: int
    """Of its clusters"""
    true_kwh: float
    told_kwh: float
    error: float
    """(told - true) / true"""


def named(path: Path, taps: int, days: float | None = None) -> list[Named]:
    """Each appliance that was named and used 0.3 kWh at least. Errors: NotFound, RecordingInvalid."""
    home = recorded(path, days)
    known, of, given = _lived(home, taps)
    told_wh, runs = dict.fromkeys(home.appliances, 0.0), Counter[str]()
    for run, cluster in zip(home.runs, of, strict=True):
        name = None if cluster is None else known.name_of(cluster)
        if name is not None:
            told_wh[name] += run.energy_wh
            runs[name] += 1
    found = []
    for column, trace in home.appliances.items():
        true_wh = _energy_wh(trace)
        if given[column] and true_wh >= _LEAST_WH:
            error = told_wh[column] / true_wh - 1
            kwh = round(true_wh / 1000, 2), round(told_wh[column] / 1000, 2)
            found.append(Named(home.id, column, given[column], runs[column], *kwh, round(error, 3)))
    return found


def _lived(home: Recorded, taps: int) -> tuple[Known, list[int | None], Counter[str]]:
    """(what is known in the end, the cluster of each run, how often each appliance was named)."""
    known, of, given = Known(), list[int | None](), Counter[str]()
    for run, column in zip(home.runs, home.columns, strict=True):
        noticed = run.first_w >= ASKED_FROM_W and run.seconds >= NOTICED_S
        if column is not None and noticed and given[column] < taps:
            cluster = nearest(known.clusters, run)
            if cluster is None or known.name_of(cluster.id) != column:
                known = learn(known, NameRun(run.at_ms, column))
                given[column] += 1
        known, found = take(known, run)
        of.append(found)
    return known, of, given


def _energy_wh(trace: Trace) -> float:
    """Of samples that are at most a minute apart."""
    lasts_ms = np.diff(trace.time_ms)
    return float((trace.power_w[:-1] * lasts_ms)[lasts_ms <= MINUTE_MS].sum() / _MS_PER_H)
