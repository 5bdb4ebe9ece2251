"""When an appliance is on: a threshold, pauses that belong to a run, and runs too short to be one."""

from dataclasses import dataclass

import numpy as np

from chowon.domain.nilm.power import Power
from chowon.domain.quantities import I64, Bools


@dataclass(frozen=True, slots=True)
class OnRule:
    """What counts as on, after Kelly & Knottenbelt 2015 (Neural NILM), table 3."""

    on_w: float
    """On at this power and above"""
    min_on_ms: int = 0
    """A shorter run is none"""
    min_off_ms: int = 0
    """A shorter pause is part of the run"""
    most_w: float = 200_000.0
    """Power beyond it is taken as this much before anything is scored"""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Stretches of intervals in which an appliance is on, in order."""

    start: I64
    """(r,) the first interval of each"""
    end: I64
    """(r,) the interval after its last"""

    def __len__(self) -> int:
        return len(self.start)


def runs_of(on: Bools) -> Runs:
    """The stretches of True."""
    edge = np.diff(np.concatenate([[False], on, [False]]).astype(np.int8))
    return Runs(np.flatnonzero(edge == 1).astype(np.int64), np.flatnonzero(edge == -1).astype(np.int64))


def states(n: int, runs: Runs) -> Bools:
    """(n,) True within the runs."""
    change = np.zeros(n + 1, np.int64)
    change[runs.start] += 1
    change[runs.end] -= 1
    return np.cumsum(change[:-1]) > 0


def runs_by_rule(power: Power, rule: OnRule) -> Runs:
    """The runs by this rule. A gap ends a run: nobody knows what went on in it."""
    runs = runs_of(power.known & (power.power_w >= rule.on_w))
    if len(runs) > 1:
        unknown_before = np.concatenate([[0], np.cumsum(~power.known)])
        pause = runs.start[1:] - runs.end[:-1]
        heard = unknown_before[runs.start[1:]] == unknown_before[runs.end[:-1]]
        apart = (pause * power.step_ms >= rule.min_off_ms) | ~heard
        runs = Runs(runs.start[np.r_[True, apart]], runs.end[np.r_[apart, True]])
    long_enough = (runs.end - runs.start) * power.step_ms >= rule.min_on_ms
    return Runs(runs.start[long_enough], runs.end[long_enough])


def overlapped(runs: Runs, by: Bools) -> Bools:
    """(r,) which of the runs hold at least one interval that is True in `by`."""
    before = np.concatenate([[0], np.cumsum(by)])
    return np.asarray(before[runs.end] > before[runs.start], np.bool_)
