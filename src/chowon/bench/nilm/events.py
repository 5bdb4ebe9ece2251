"""Edges of the mains on labelled recordings, and how fast they are found in many homes at once.

An appliance's own edges are those that the same rules find in its own column. So this says what is lost by
looking at one meter in place of one at each appliance, and not whether the rules are right.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from chowon.bench.nilm.kinds import kind_of
from chowon.bench.nilm.readers import reader
from chowon.domain.nilm.events.agreeing import agreeing
from chowon.domain.nilm.events.clusters import told_by
from chowon.domain.nilm.events.detector import Detector
from chowon.domain.nilm.events.edges import EdgeRules, Edges, Told
from chowon.domain.nilm.events.following import Following, Run, follow
from chowon.domain.nilm.events.known import Known, take
from chowon.domain.nilm.events.scoring import EventScores, paired, scored
from chowon.domain.nilm.power import Power, Trace, hold_of, median_step, on_grid
from chowon.domain.quantities import DAY_MS, I64, MINUTE_MS
from chowon.models.nilm.network.shipped import shipped
from chowon.models.nilm.nightly import trusted

LEAST_W: Final = (50.0, 200.0)
_EVERY_S: Final = 120
"""In the homes of the speed test something switches so often"""
_WARM_S: Final = 60


@dataclass(frozen=True, slots=True)
class HomeEvents:
    """One home."""

    home: str
    days: float
    by_size: tuple[EventScores, ...]
    runs: int
    """that were paired from its edges"""
    ended_seen_share: float | None
    """of their energy: whose end was a fall"""
    clusters: int
    purity: float | None
    """of the energy of clustered runs of a known appliance: the share that is of its cluster's main one"""
    suggested: int
    """clusters of which the network says what they may be; weights that this home did not teach"""
    suggested_right: int
    """of these: most of their energy with a known appliance is of that kind"""


@dataclass(frozen=True, slots=True)
class Speed:
    """One core, made-up homes with noise in which something switches every two minutes."""

    homes: int
    seconds_a_batch: int
    """readings of each home in a batch"""
    home_samples_per_s: float
    ms_a_batch: float
    bytes_a_home: float


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A labelled home as edges tell it."""

    id: str
    sources: frozenset[str]
    mains: Trace
    appliances: dict[str, Trace]
    own: Edges
    """Of the mains"""
    theirs: Edges
    """Of the appliances' columns, from row 1 on"""
    runs: tuple[Run, ...]
    columns: tuple[str | None, ...]
    """The appliance that each run is of: whose own rise it begins with"""


def recorded(path: Path, days: float | None = None, rules: EdgeRules | None = None) -> Recorded:
    """One home, its first days. Errors: NotFound, RecordingInvalid."""
    raw = reader("recording")(path, "")
    traces = [raw.mains[0](), *(read() for read in raw.appliances.values())]
    until = np.inf if days is None else int(traces[0].time_ms[0]) + days * DAY_MS
    traces = [Trace(t.time_ms[t.time_ms < until], t.power_w[t.time_ms < until]) for t in traces]
    found, names = edges_of(traces, rules), list(raw.appliances)
    own, theirs = found.where(found.row == 0), found.where(found.row > 0)
    _, runs = follow(Following(), own)
    rows = _rows(runs, theirs, own)
    columns = tuple(None if row is None else names[row - 1] for row in rows)
    return Recorded(
        raw.id, raw.sources, traces[0], dict(zip(names, traces[1:], strict=True)), own, theirs, runs, columns
    )


def on_recording(path: Path, days: float | None = None, rules: EdgeRules | None = None) -> HomeEvents:
    """Scores of one home, of its first days. Errors: NotFound, RecordingInvalid."""
    home = recorded(path, days, rules)
    known, of = Known(), []
    for run in home.runs:
        known, cluster = take(known, run)
        of.append(cluster)
    seen = sum(run.energy_wh for run in home.runs if told_by(run))
    whole = sum(run.energy_wh for run in home.runs)
    energy = _energy(home, of)
    clustered = ((cluster, run) for cluster, run in zip(of, home.runs, strict=True) if cluster is not None)
    meant = agreeing(clustered, _told(home))
    mostly = {cluster: max(by, key=lambda column: by[column]) for cluster, by in energy.items()}
    return HomeEvents(
        home.id,
        round(float(np.ptp(home.mains.time_ms)) / DAY_MS, 2),
        tuple(scored(home.theirs, home.own, least_w) for least_w in LEAST_W),
        len(home.runs),
        seen / whole if whole else None,
        len(known.clusters),
        _purity(energy),
        len(meant),
        sum(kind_of(mostly.get(cluster, "")) == one.kind for cluster, one in meant.items()),
    )


def _told(home: Recorded) -> dict[str, Power]:
    """What the network tells of kinds that people are told of; weights that this home did not teach."""
    teller, _ = shipped({home.id, *home.sources})
    start_ms = int(home.mains.time_ms[0]) // MINUTE_MS * MINUTE_MS
    n = int(np.ptp(home.mains.time_ms)) // MINUTE_MS
    power = on_grid(home.mains, hold_of(median_step(home.mains)), start_ms, MINUTE_MS, n)
    return teller.disaggregate(power, list(trusted()[1]))


def edges_of(traces: list[Trace], rules: EdgeRules | None = None) -> Edges:
    """The edges of several channels of one home, a row each."""
    detector = Detector(len(traces), rules)
    for row, trace in enumerate(traces):
        detector.hold(np.array([row]), hold_of(median_step(trace)))
    rows = [np.full(len(trace.time_ms), row, np.int64) for row, trace in enumerate(traces)]
    power_dw = np.rint(10 * np.concatenate([trace.power_w for trace in traces])).astype(np.int64)
    times = np.concatenate([trace.time_ms for trace in traces])
    return detector.apply(np.concatenate(rows), times, power_dw).edges


def speed(homes: int, seconds_a_batch: int, batches: int, seed: int = 0) -> Speed:
    """Processor time of so many batches, after a minute that isn't counted."""
    random, detector = np.random.default_rng(seed), Detector(homes)
    row = np.repeat(np.arange(homes), seconds_a_batch)
    level = random.integers(500, 3_000, homes)
    spent, now = 0.0, 0
    warm = -(-_WARM_S // seconds_a_batch)
    for batch in range(warm + batches):
        power_dw, level = switching(random, level, seconds_a_batch)
        times = np.tile(1000 * (now + np.arange(seconds_a_batch)), homes)
        now += seconds_a_batch
        begun = time.process_time()
        detector.apply(row, times, power_dw)
        spent += time.process_time() - begun if batch >= warm else 0.0
    kept = sum(column.nbytes for column in detector.arrays().values())
    samples = homes * seconds_a_batch * batches
    return Speed(
        homes, seconds_a_batch, round(samples / spent), round(1000 * spent / batches, 2), kept / homes
    )


def switching(random: np.random.Generator, level: I64, seconds: int) -> tuple[I64, I64]:
    """(homes × seconds,) dW, and the level at which each home ends."""
    shape = (len(level), seconds)
    switches = random.random(shape) < 1 / _EVERY_S
    since = np.maximum.accumulate(np.where(switches, np.arange(seconds), -1), axis=1)
    levels = np.take_along_axis(random.integers(500, 20_000, shape), np.maximum(since, 0), axis=1)
    levels = np.where(since >= 0, levels, level[:, None])
    noise = np.rint(random.normal(0, 20, shape)).astype(np.int64)
    return (levels + noise).ravel(), levels[:, -1]


def _rows(runs: tuple[Run, ...], theirs: Edges, own: Edges) -> list[int | None]:
    """The row of the appliance that each run is of."""
    rises = theirs.where((theirs.told == Told.SETTLED) & (theirs.size_w > 0))
    rises = rises.where(np.argsort(rises.at_ms, kind="stable"))
    begun = own.where((own.told == Told.SETTLED) & (own.size_w > 0))
    rise_of = dict(zip(begun.at_ms.tolist(), paired(begun, rises).tolist(), strict=True))
    of = [rise_of.get(run.at_ms, -1) for run in runs]
    return [None if rise < 0 else int(rises.row[rise]) for rise in of]


def _energy(home: Recorded, of: list[int | None]) -> dict[int, dict[str, float]]:
    """Wh by cluster and appliance."""
    energy: dict[int, dict[str, float]] = {}
    for run, cluster, column in zip(home.runs, of, home.columns, strict=True):
        if cluster is not None and column is not None:
            mine = energy.setdefault(cluster, {})
            mine[column] = mine.get(column, 0.0) + run.energy_wh
    return energy


def _purity(energy: dict[int, dict[str, float]]) -> float | None:
    whole = sum(sum(one.values()) for one in energy.values())
    return sum(max(one.values()) for one in energy.values()) / whole if whole else None
