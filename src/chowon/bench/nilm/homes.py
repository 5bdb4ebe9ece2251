"""From a data set's own samples to a labelled home on one grid.

A home whose mains nobody measured (plugs) lies on the grid of its columns; it can teach, not be scored.
Each column comes onto the grid by itself (chowon.domain.nilm.power.on_grid): a sample stands until the next,
at most 10 s, or three intervals where the column is slower than 5 s; what is longer is a gap and stays one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from chowon.bench.nilm.kinds import kind_of
from chowon.domain.nilm.power import (
    F64,
    Home,
    Power,
    Trace,
    hold_of,
    median_step,
    on_grid,
    summed,
    unmeasured,
)
from chowon.domain.quantities import I64, Bools
from chowon.errors import DataSetInvalid, Problem


@dataclass(frozen=True, slots=True)
class RawHome:
    """A home as its data set has it. Nothing is read before it is asked for."""

    id: str
    """"redd/1": data set and number, the same whatever the files' format; of a plug "tracebase/D33E1F/kettle"
    """
    mains: Sequence[Callable[[], Trace]]
    """Added up: the legs or phases; none where nobody measured them"""
    appliances: Mapping[str, Callable[[], Trace]]
    """By the data set's own name"""
    facts: Mapping[str, str] = field(default_factory=dict)
    """licence, clock, note, …: what must be known before the figures are believed"""
    sources: frozenset[str] = frozenset()
    """Ids of the recordings that it was composed of, if it was"""


@dataclass(frozen=True, slots=True)
class GapRules:
    """How a data set hides its gaps."""

    zero_mains: bool = False
    """Samples of 0 W (or below) of the mains are no measurement: REFIT writes zeros into its long gaps"""
    frozen_mains_ms: int | None = None
    """Mains that don't move by a hair for so long were not measured"""


@dataclass(frozen=True, slots=True)
class _Grid:
    start_ms: int
    step_ms: int
    n: int

    def of(self, trace: Trace, hold_ms: int | None = None) -> Power:
        hold_ms = hold_of(median_step(trace)) if hold_ms is None else hold_ms
        return on_grid(trace, hold_ms, self.start_ms, self.step_ms, self.n)


def home_on_grid(
    raw: RawHome,
    step_ms: int,
    kinds: Sequence[str],
    gaps: GapRules,
    from_ms: int | None = None,
    to_ms: int | None = None,
    *,
    others: bool = False,
) -> Home:
    """The home's mains and the kinds that it has, from the first sample of mains to the last, or [from, to).

    Without mains: from the first sample of any column to the last. others: its other columns too.
    Errors: DataSetInvalid without two samples of mains, or where these are further apart than the grid.
    """
    wanted = {name: read for name, read in raw.appliances.items() if others or kind_of(name) in kinds}
    if raw.mains:
        legs = [read() for read in raw.mains]
        _check(raw.id, "mains", legs, step_ms)
        grid = _grid_of(legs, step_ms, from_ms, to_ms)
        holds = [hold_of(median_step(leg)) for leg in legs]
        measured = [_measured(leg, gaps) for leg in legs]
        mains = summed([grid.of(leg, hold) for leg, hold in zip(measured, holds, strict=True)])
        columns = {name: grid.of(read()) for name, read in wanted.items()}
    else:
        traces = {name: trace for name, read in wanted.items() if len((trace := read()).time_ms) > 1}
        _check(raw.id, "columns", list(traces.values()), step_ms)
        grid = _grid_of(list(traces.values()), step_ms, from_ms, to_ms)
        mains = unmeasured(grid.start_ms, grid.step_ms, grid.n)
        columns = {name: grid.of(trace) for name, trace in traces.items()}
    by_kind: dict[str, list[Power]] = {}
    for name, power in columns.items():
        if (kind := kind_of(name)) in kinds and kind is not None:
            by_kind.setdefault(kind, []).append(power)
    return Home(
        raw.id,
        mains,
        {kind: summed(parts) for kind, parts in by_kind.items()},
        {name: power for name, power in columns.items() if kind_of(name) not in kinds},
        raw.sources,
    )


def joined(homes: Sequence[RawHome]) -> list[RawHome]:
    """Those of one id as one home: a plug whose traces lie in several files. All without mains."""
    by_id: dict[str, list[RawHome]] = {}
    for home in homes:
        by_id.setdefault(home.id, []).append(home)
    return [parts[0] if len(parts) == 1 else _together(parts) for parts in by_id.values()]


def trace_of(time_ms: I64, power_w: F64) -> Trace:
    """A trace of samples as files have them: put in order, of equal instants the last, without NaN."""
    order = np.argsort(time_ms, kind="stable")
    time_ms, power_w = time_ms[order].astype(np.int64), power_w[order].astype(np.float64)
    kept = np.isfinite(power_w) & np.append(np.diff(time_ms) > 0, [True] * min(1, len(time_ms)))
    return Trace(time_ms[kept], power_w[kept])


def home_id(dataset: str, home: str) -> str:
    """ "redd/1" of REDD's "house1", "house_1", "1"; "tracebase/D33E1F/kettle" of its "kettle__D33E1F".

    A plug that was cleaned by hand day by day is still that plug.
    """
    name = dataset.lower().replace("_", "-")
    appliance, of_a_plug, device = home.partition("__")
    if of_a_plug:
        return f"{name}/{device.partition('-cleaned-')[0]}/{appliance}"
    plain = home.lower().replace("household", "").replace("house", "").replace("home", "").strip("_- ")
    return f"{name}/{plain.lstrip('0') or '0'}"


def zero_share(home: Home) -> float:
    """The share of known mains that is exactly 0 W: much of it is a gap that somebody wrote zeros into."""
    known = home.mains.known
    return float((home.mains.power_w[known] == 0).mean()) if known.any() else 0.0


def _grid_of(traces: Sequence[Trace], step_ms: int, from_ms: int | None, to_ms: int | None) -> _Grid:
    start = max(min(int(trace.time_ms[0]) for trace in traces), from_ms or 0) // step_ms * step_ms
    end = max(int(trace.time_ms[-1]) for trace in traces)
    end = end if to_ms is None else min(end, to_ms)
    return _Grid(start, step_ms, max(0, -(-(end - start) // step_ms)))


def _together(parts: Sequence[RawHome]) -> RawHome:
    if any(part.mains for part in parts):
        problem = Problem("id", f"{len(parts)} recordings with mains of {parts[0].id}", "one")
        raise DataSetInvalid(f"home {parts[0].id} cannot be used", [problem])
    names = dict.fromkeys(name for part in parts for name in part.appliances)
    reads = {name: [part.appliances[name] for part in parts if name in part.appliances] for name in names}
    return RawHome(
        parts[0].id,
        (),
        {name: _one_after_another(of_name) for name, of_name in reads.items()},
        parts[0].facts,
        frozenset().union(*(part.sources for part in parts)),
    )


def _one_after_another(reads: Sequence[Callable[[], Trace]]) -> Callable[[], Trace]:
    def whole() -> Trace:
        traces = [read() for read in reads]
        return trace_of(
            np.concatenate([trace.time_ms for trace in traces]),
            np.concatenate([trace.power_w for trace in traces]),
        )

    return whole


def _check(home_id: str, what: str, traces: Sequence[Trace], step_ms: int) -> None:
    if not traces or min(len(trace.time_ms) for trace in traces) < 2:
        problem = Problem(what, "fewer than two samples", "a measured home")
        raise DataSetInvalid(f"home {home_id} cannot be used", [problem])
    interval_ms = max(median_step(trace) for trace in traces)
    if interval_ms > step_ms:
        found = f"a sample every {interval_ms / 1000:g} s"
        expected = (
            f"one at least every {step_ms / 1000:g} s, the grid: a finer one would be made up; take a "
            "coarser one, or leave the home out"
        )
        raise DataSetInvalid(f"home {home_id} cannot be used", [Problem(what, found, expected)])


def _measured(trace: Trace, gaps: GapRules) -> Trace:
    """The samples that are measurements by these rules."""
    if gaps.zero_mains:
        trace = Trace(trace.time_ms[trace.power_w > 0], trace.power_w[trace.power_w > 0])
    if gaps.frozen_mains_ms is None or not len(trace.time_ms):
        return trace
    first = np.concatenate([[True], np.diff(trace.power_w) != 0])
    begins = np.flatnonzero(first)
    ends = np.append(begins[1:], len(first)) - 1
    frozen = trace.time_ms[ends] - trace.time_ms[begins] >= gaps.frozen_mains_ms
    kept: Bools = ~frozen[np.cumsum(first) - 1]
    return Trace(trace.time_ms[kept], trace.power_w[kept])
