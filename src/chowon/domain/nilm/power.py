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
    """The same for the same home wherever it is read from: "refit/2", "tracebase/D33E1F/kettle" """
    mains: Power
    """Known nowhere where nobody measured them: plugs, which can teach and not be scored"""
    appliances: Mapping[str, Power]
    """By kind, on the grid of `mains`"""
    others: Mapping[str, Power] = field(default_factory=dict)
    """Measured loads of no kind that is asked for, by the data set's own name: never scored"""
    sources: frozenset[str] = frozenset()
    """Ids of the recordings that a composed home was made of"""

    @property
    def measured(self) -> bool:
        """Were its mains measured, ever?"""
        return bool(self.mains.known.any())


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


def unmeasured(start_ms: int, step_ms: int, n: int) -> Power:
    """Power that nobody measured: known nowhere, of no size in memory."""
    nothing, never = np.zeros(1), np.zeros(1, np.bool_)
    return Power(start_ms, step_ms, np.broadcast_to(nothing, n), np.broadcast_to(never, n))


def coarser(power: Power, step_ms: int, phase: int = 0) -> Power:
    """The mean power of longer steps, known where at least half of their fine intervals are.

    phase: begin so many fine intervals late, as a meter does that reads at other seconds. What doesn't fill
    a step at the end is left out. Errors: BadInput where the steps don't divide.
    """
    per_step, rest = divmod(step_ms, power.step_ms)
    if rest or not per_step or not 0 <= phase < per_step:
        raise BadInput(
            f"power: found steps of {step_ms} ms from phase {phase} of steps of {power.step_ms} ms; expected "
            "a multiple of these, and a phase within one"
        )
    n = max(0, len(power) - phase) // per_step
    whole = slice(phase, phase + n * per_step)
    heard = power.known[whole].reshape(n, per_step).sum(axis=1)
    total = power.power_w[whole].reshape(n, per_step).sum(axis=1)
    known = heard >= LEAST_KNOWN * per_step
    start_ms = power.start_ms + phase * power.step_ms
    return Power(start_ms, step_ms, np.where(known, total / np.maximum(heard, 1), 0.0), known)


def wholly_coarser(mains: Power, step_ms: int) -> tuple[Power, int]:
    """(means of longer steps up to the end of the last one begun, the intervals in each).

    Errors: BadInput where the steps don't divide.
    """
    per_step, rest = divmod(step_ms, mains.step_ms)
    if rest or not per_step:
        raise BadInput(
            f"mains every {mains.step_ms / 1000:g} s: too seldom to tell appliances apart; expected "
            f"{step_ms / 1000:g} s or a part of it"
        )
    missing = -len(mains) % per_step
    power_w, known = np.pad(mains.power_w, (0, missing)), np.pad(mains.known, (0, missing))
    return coarser(Power(mains.start_ms, mains.step_ms, power_w, known), step_ms), per_step


def within(mains: Power, told_w: Mapping[str, F64]) -> dict[str, Power]:
    """Parts of the mains, scaled down alike where their sum is above them; 0 where these are unknown."""
    total = np.sum([np.zeros(len(mains)), *told_w.values()], axis=0)
    most = np.where(mains.known, np.maximum(mains.power_w, 0.0), 0.0)
    scale = np.where(total > most, most / np.maximum(total, 1e-9), 1.0)
    return {kind: Power(mains.start_ms, mains.step_ms, w * scale, mains.known) for kind, w in told_w.items()}


def _upto(time_ms: I64, amount: F64, edges_ms: I64) -> F64:
    """What the pieces between samples amount to up to each edge; evenly within a piece."""
    total = np.concatenate([[0.0], np.cumsum(amount)])
    return np.asarray(np.interp(edges_ms.astype(np.float64), time_ms.astype(np.float64), total), np.float64)
