"""Whether a home has a kettle at all, and which runs can be its, by the runs that were taken for one's.

Nobody has to label anything: a home's kettle always takes the same power. What is taken for a kettle in a
home without one is a toaster, a hair dryer, a coffee machine: many powers. So a kind of one power is told
where many of its runs agree, and there only runs that this one appliance can make.
"""

from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64, Power
from chowon.domain.nilm.runs import Runs, states

LEAST_RUNS: Final = 20
"""Of fewer nobody can tell"""
LEAST_ALIKE: Final = 0.36
"""The share of runs around the most usual power: 0.41 and more in any month of seven homes with a kettle,
0.30 and less in homes without (docs/explanation/nilm-experiments.md)"""
_ALIKE: Final = 0.1
"""Natural logarithm of W"""
_CENTRED: Final = 0.07
_AROUND: Final = 3
"""Intervals before and after a run from which it rises"""
_HOLDS_A_WHOLE: Final = 3
"""A run of so many intervals is on for the whole of one at least"""
_LEAST_WHOLE: Final = 0.85
"""Of the usual power: a run that is on for a whole interval and rises by less is of something else"""
_LEAST_PART: Final = 0.5
"""The same of a shorter run, which may be on for a part of its intervals only"""


def own_w(mains: Power, runs: Runs, power_w: F64, *, surely: bool = False) -> F64:
    """(n,) W of the runs that one appliance of one power makes; 0 throughout in a home that has none.

    runs: intervals of `mains` taken for its; of few, all of them. power_w: (n,) what it takes in them, here
    at most as much as in its usual runs. surely: somebody saw it, so the home has one.
    """
    if len(runs) < LEAST_RUNS:
        return power_w
    size = np.log(np.maximum(_rises_w(mains, runs), 1.0))
    near = np.abs(size[:, None] - size[None, :])
    size -= size[int((near < _CENTRED).sum(axis=1).argmax())]
    alike = np.abs(size) < _ALIKE
    if alike.mean() < LEAST_ALIKE and not surely:
        return np.zeros(len(mains))
    least = np.where(runs.end - runs.start >= _HOLDS_A_WHOLE, _LEAST_WHOLE, _LEAST_PART)
    can = size >= np.log(least)
    most_w = np.median(_highest_w(power_w, runs)[alike])
    within = states(len(mains), Runs(runs.start[can], runs.end[can]))
    return np.where(within, np.minimum(power_w, most_w), 0.0)


def _rises_w(mains: Power, runs: Runs) -> F64:
    """(r,) the highest interval of each run above what ran around it."""
    padded = np.pad(mains.power_w, _AROUND, mode="edge")
    steps = np.arange(_AROUND)
    before = padded[runs.start[:, None] + steps]
    after = padded[runs.end[:, None] + _AROUND + steps]
    under = np.median(np.concatenate([before, after], axis=1), axis=1)
    return np.asarray(_highest_w(mains.power_w, runs) - under, np.float64)


def _highest_w(power_w: F64, runs: Runs) -> F64:
    """(r,) the highest interval of each run."""
    edges = np.stack([runs.start, runs.end], 1).ravel()
    return np.asarray(np.maximum.reduceat(np.append(power_w, 0.0), edges)[::2], np.float64)
