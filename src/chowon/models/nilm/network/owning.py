"""Whether a home has a kettle at all, by the runs that were taken for one's; nobody has to label anything.

A home's kettle always takes the same power. What is taken for a kettle in a home without one is a toaster, a
hair dryer, a coffee machine: many powers. So a kind of one power is told where many of its runs agree.
"""

from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64, Power
from chowon.domain.nilm.runs import Runs

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


def one_power(mains: Power, runs: Runs) -> bool:
    """Whether these runs, intervals of `mains`, are mostly of one power; True of few."""
    if len(runs) < LEAST_RUNS:
        return True
    size = np.log(np.maximum(_rises_w(mains, runs), 1.0))
    near = np.abs(size[:, None] - size[None, :])
    usual = size[int((near < _CENTRED).sum(axis=1).argmax())]
    return bool((np.abs(size - usual) < _ALIKE).mean() >= LEAST_ALIKE)


def _rises_w(mains: Power, runs: Runs) -> F64:
    """(r,) the highest interval of each run above what ran around it."""
    padded = np.pad(mains.power_w, _AROUND, mode="edge")
    steps = np.arange(_AROUND)
    before = padded[runs.start[:, None] + steps]
    after = padded[runs.end[:, None] + _AROUND + steps]
    under = np.median(np.concatenate([before, after], axis=1), axis=1)
    highest = np.maximum.reduceat(np.append(mains.power_w, 0.0), np.stack([runs.start, runs.end], 1).ravel())[
        ::2
    ]
    return np.asarray(highest - under, np.float64)
