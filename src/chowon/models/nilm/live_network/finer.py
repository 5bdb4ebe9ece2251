"""Minutes as 10-s intervals: a minute between two levels was a step within it.

A mean between that of the minute before and that of the minute after is taken as the one level and then the
other, with the step where the mean says; every other minute is flat. The mean of each minute stays.
"""

from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64, Home, Power
from chowon.domain.quantities import Bools

_LEAST_STEP_W: Final = 20.0


def finer(home: Home, step_ms: int, most: int) -> Home:
    """The home on a grid of this step, its first `most` intervals; one on this grid already as it is.

    The mains are put together from what they are less the appliances, and the appliances.
    """
    ratio = home.mains.step_ms // step_ms
    if ratio <= 1:
        return home
    kept = min(len(home.mains), most // ratio)
    mains = _first(home.mains, kept)
    appliances = {kind: _first(power, kept) for kind, power in home.appliances.items()}
    others = {name: _first(power, kept) for name, power in home.others.items()}
    known = np.logical_and.reduce([mains.known, *(power.known for power in appliances.values())])
    whole = np.sum([np.zeros(kept), *(power.power_w for power in appliances.values())], axis=0)
    rest_w = np.where(known, np.maximum(mains.power_w - whole, 0.0), 0.0)
    fine = {kind: _finer(power, ratio) for kind, power in appliances.items()}
    mains_w = np.sum([_stepped(rest_w, known, ratio), *(one.power_w for one in fine.values())], axis=0)
    sure = np.repeat(known, ratio)
    return Home(
        home.id,
        Power(mains.start_ms, step_ms, np.where(sure, mains_w, 0.0), sure),
        fine,
        {name: _finer(power, ratio) for name, power in others.items()},
        home.sources,
    )


def _first(power: Power, n: int) -> Power:
    return Power(power.start_ms, power.step_ms, power.power_w[:n], power.known[:n])


def _finer(power: Power, ratio: int) -> Power:
    power_w = _stepped(power.power_w, power.known, ratio)
    return Power(power.start_ms, power.step_ms // ratio, power_w, np.repeat(power.known, ratio))


def _stepped(power_w: F64, known: Bools, ratio: int) -> F64:
    """(n × ratio,) W."""
    before = np.concatenate([power_w[:1], power_w[:-1]])
    after = np.concatenate([power_w[1:], power_w[-1:]])
    heard = known & np.concatenate([known[:1], known[:-1]]) & np.concatenate([known[1:], known[-1:]])
    low, high = np.minimum(before, after), np.maximum(before, after)
    steps = heard & (low < power_w) & (power_w < high) & (high - low > _LEAST_STEP_W)
    apart = np.where(steps, before - after, 1.0)
    share = np.where(steps, (power_w - after) / apart, 0.0)
    earlier = np.clip(ratio * share[:, None] - np.arange(ratio), 0.0, 1.0)
    made = earlier * before[:, None] + (1 - earlier) * after[:, None]
    return np.asarray(np.where(steps[:, None], made, power_w[:, None]).ravel(), np.float64)
