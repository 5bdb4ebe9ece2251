"""From a data set's own samples to a labelled home on one grid.

Each column comes onto the grid by itself (chowon.domain.nilm.power.on_grid): a sample stands until the next,
at most 10 s, or three intervals where the column is slower than 5 s; what is longer is a gap and stays one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from chowon.bench.nilm.kinds import kind_of
from chowon.domain.nilm.power import F64, Home, Power, Trace, hold_of, median_step, on_grid, summed
from chowon.domain.quantities import I64, Bools
from chowon.errors import DataSetInvalid, Problem


@dataclass(frozen=True, slots=True)
class RawHome:
    """A home as its data set has it. Nothing is read before it is asked for."""

    id: str
    """"redd/1": data set and number, the same whatever the files' format"""
    mains: Sequence[Callable[[], Trace]]
    """Added up: the legs or phases"""
    appliances: Mapping[str, Callable[[], Trace]]
    """By the data set's own name"""
    facts: Mapping[str, str] = field(default_factory=dict)
    """licence, clock, note, …: what must be known before the figures are believed"""


@dataclass(frozen=True, slots=True)
class GapRules:
    """How a data set hides its gaps."""

    zero_mains: bool = False
    """Samples of 0 W (or below) of the mains are no measurement: REFIT writes zeros into its long gaps"""
    frozen_mains_ms: int | None = None
    """Mains that don't move by a hair for so long were not measured"""


def home_on_grid(
    raw: RawHome,
    step_ms: int,
    kinds: Sequence[str],
    gaps: GapRules,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> Home:
    """The home's mains and the kinds that it has, from the first sample of mains to the last, or [from, to).

    Errors: DataSetInvalid without two samples of mains, or where these are further apart than the grid.
    """
    legs = [read() for read in raw.mains]
    _check(raw.id, legs, step_ms)
    start = max(min(int(leg.time_ms[0]) for leg in legs), from_ms or 0) // step_ms * step_ms
    end = max(int(leg.time_ms[-1]) for leg in legs)
    end = end if to_ms is None else min(end, to_ms)
    n = max(0, -(-(end - start) // step_ms))

    def gridded(trace: Trace) -> Power:
        return on_grid(trace, hold_of(median_step(trace)), start, step_ms, n)

    holds = [hold_of(median_step(leg)) for leg in legs]
    legs = [_measured(leg, gaps) for leg in legs]
    mains = summed([on_grid(leg, hold, start, step_ms, n) for leg, hold in zip(legs, holds, strict=True)])
    columns: dict[str, list[Power]] = {}
    for name, read in raw.appliances.items():
        kind = kind_of(name)
        if kind in kinds and kind is not None:
            columns.setdefault(kind, []).append(gridded(read()))
    return Home(raw.id, mains, {kind: summed(parts) for kind, parts in columns.items()})


def trace_of(time_ms: I64, power_w: F64) -> Trace:
    """A trace of samples as files have them: put in order, of equal instants the last, without NaN."""
    order = np.argsort(time_ms, kind="stable")
    time_ms, power_w = time_ms[order].astype(np.int64), power_w[order].astype(np.float64)
    kept = np.isfinite(power_w) & np.append(np.diff(time_ms) > 0, [True] * min(1, len(time_ms)))
    return Trace(time_ms[kept], power_w[kept])


def home_id(dataset: str, home: str) -> str:
    """ "redd/1" of REDD's "house1", "house_1", "1"."""
    plain = home.lower().replace("household", "").replace("house", "").replace("home", "").strip("_- ")
    return f"{dataset.lower().replace('_', '-')}/{plain.lstrip('0') or '0'}"


def zero_share(home: Home) -> float:
    """The share of known mains that is exactly 0 W: much of it is a gap that somebody wrote zeros into."""
    known = home.mains.known
    return float((home.mains.power_w[known] == 0).mean()) if known.any() else 0.0


def _check(home_id: str, legs: Sequence[Trace], step_ms: int) -> None:
    if not legs or min(len(leg.time_ms) for leg in legs) < 2:
        problem = Problem("mains", "fewer than two samples", "a measured home")
        raise DataSetInvalid(f"home {home_id} cannot be used", [problem])
    interval_ms = max(median_step(leg) for leg in legs)
    if interval_ms > step_ms:
        found = f"a sample every {interval_ms / 1000:g} s"
        expected = (
            f"one at least every {step_ms / 1000:g} s, the grid: a finer one would be made up; take a coarser"
        )
        raise DataSetInvalid(f"home {home_id} cannot be used", [Problem("mains", found, expected)])


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
