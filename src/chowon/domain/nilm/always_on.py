"""The load that never goes away, told from the past alone."""

from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64, Power
from chowon.domain.quantities import HOUR_MS

_HOURS: Final = 24
_PASSED_OVER: Final = 2
"""As many hours of a day may hold a false low reading"""


def always_on_w(mains: Power) -> F64:
    """(n,) W: the third lowest of the hourly minima of the 24 hours before; 0 until an hour is over.

    Of fewer than three known hours the lowest. Steps that don't divide an hour are told by the hour's
    whole number of steps.
    """
    per_hour = max(1, HOUR_MS // mains.step_ms)
    hours = -(-len(mains) // per_hour)
    power_w = np.full(hours * per_hour, np.inf)
    power_w[: len(mains)] = np.where(mains.known, mains.power_w, np.inf)
    lowest = power_w.reshape(hours, per_hour).min(axis=1) if hours else power_w
    before = np.concatenate([np.full(_HOURS, np.inf), lowest[:-1]])
    days = np.sort(np.lib.stride_tricks.sliding_window_view(before, _HOURS), axis=1)
    third, first = days[:, _PASSED_OVER], days[:, 0]
    level = np.where(np.isfinite(third), third, np.where(np.isfinite(first), first, 0.0))
    return np.asarray(np.maximum(np.repeat(level, per_hour)[: len(mains)], 0.0), np.float64)
