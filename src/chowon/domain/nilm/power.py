"""Mean power by interval: how samples of any rate come onto one grid, and what stays unknown.

A sample stands until the next one where that comes within the hold, as in chowon.domain.energy; a longer
silence is a gap. An interval is known where samples stand for at least half of it. Nothing is filled in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chowon.domain.quantities import DEFAULT_HOLD_MS, I64, Bools
from chowon.errors import BadInput

F64: TypeAlias = NDArray[np.float64]

LEAST_KNOWN: Final = 0.5
"""The share of an interval for which samples must stand"""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Samples of one channel, in order of time, measured ones only."""

    time_ms: I64
    """(n,) int64, ms UTC, rising"""
    power_w: F64
    """(n,) float64, W"""

    def __post_init__(self) -> None:
        if self.time_ms.shape != self.power_w.shape or (np.diff(self.time_ms) <= 0).any():
            raise BadInput("trace: expected one power an instant, in order of time, each instant once")


@dataclass(frozen=True, slots=True, eq=False)
class Power:
    """Mean power by interval."""

    start_ms: int
    step_ms: int
    power_w: F64
    """(n,) float64, W; 0 where unknown"""
    known: Bools
    """(n,)"""

    def __len__(self) -> int:
        return len(self.power_w)

    @property
    def hours(self) -> float:
        """The known time."""
        return int(self.known.sum()) * self.step_ms / 3_600_000


@dataclass(frozen=True, slots=True, eq=False)
class Home:
    """A labelled home on one grid."""

    id: str
    """The same for the same home wherever it is read from: "refit/2" """
    mains: Power
    appliances: Mapping[str, Power]
    """By kind, on the grid of `mains`"""
    others: Mapping[str, Power] = field(default_factory=dict)
    """What else was measured apart and is of no kind, by name"""


def hold_of(interval_ms: int) -> int:
    """The longest silence that a sample bridges: 10 s, or three intervals where they are over 5 s."""
    return DEFAULT_HOLD_MS if interval_ms <= 5_000 else 3 * interval_ms


def median_step(trace: Trace) -> int:
    """The median time between two samples, ms; 0 for fewer than two."""
    return int(np.median(np.diff(trace.time_ms))) if len(trace.time_ms) > 1 else 0


def on_grid(trace: Trace, hold_ms: int, start_ms: int, step_ms: int, n: int) -> Power:
    """The mean power of n intervals from `start_ms` on, each over the time for which samples stand."""
    edges = start_ms + step_ms * np.arange(n + 1, dtype=np.int64)
    if len(trace.time_ms) < 2:
        return Power(start_ms, step_ms, np.zeros(n), np.zeros(n, np.bool_))
    gone = np.diff(trace.time_ms)
    stands_ms = np.where(gone <= hold_ms, gone, 0).astype(np.float64)
    covered_ms = np.diff(_upto(trace.time_ms, stands_ms, edges))
    energy = np.diff(_upto(trace.time_ms, stands_ms * trace.power_w[:-1], edges))
    known = covered_ms >= LEAST_KNOWN * step_ms
    return Power(start_ms, step_ms, np.where(known, energy / np.maximum(covered_ms, 1), 0.0), known)


def summed(parts: Sequence[Power]) -> Power:
    """The sum of powers on one grid, known where all are; at least one."""
    first = parts[0]
    if any(
        (part.start_ms, part.step_ms, len(part)) != (first.start_ms, first.step_ms, len(first))
        for part in parts
    ):
        raise BadInput("power: expected the same intervals to add up")
    known = np.logical_and.reduce([part.known for part in parts])
    total = np.sum([part.power_w for part in parts], axis=0)
    return Power(first.start_ms, first.step_ms, np.where(known, total, 0.0), known)


def coarser(power: Power, ratio: int) -> Power:
    """Means of `ratio` intervals each, known where at least half of them are; the last may be of fewer."""
    if ratio == 1:
        return power
    n = -(-len(power) // ratio)
    missing = n * ratio - len(power)
    known = np.pad(power.known, (0, missing)).reshape(n, ratio)
    power_w = np.pad(np.where(power.known, power.power_w, 0.0), (0, missing)).reshape(n, ratio)
    heard = known.sum(axis=1)
    enough = heard >= LEAST_KNOWN * ratio
    mean_w = np.where(enough, power_w.sum(axis=1) / np.maximum(heard, 1), 0.0)
    return Power(power.start_ms, power.step_ms * ratio, mean_w, enough)


def _upto(time_ms: I64, amount: F64, edges_ms: I64) -> F64:
    """What the pieces between samples amount to up to each edge; evenly within a piece."""
    total = np.concatenate([[0.0], np.cumsum(amount)])
    return np.asarray(np.interp(edges_ms.astype(np.float64), time_ms.astype(np.float64), total), np.float64)
