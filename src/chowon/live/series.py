"""One line of power for a site whose current comes in over several channels."""

from collections.abc import Mapping

import numpy as np

from chowon.domain.quantities import ABSENT_I32, I64, Bools
from chowon.domain.readings import Readings


def summed_power(readings: Readings, hold_ms: Mapping[int, int]) -> tuple[I64, I64]:
    """(time_ms, power_dw) of the sum of the channels in `hold_ms`, at each instant at which one was heard.

    `readings` sorted by (channel, time). An instant at which a channel is silent for longer than its hold
    is left out: a part is not the whole.
    """
    none = np.zeros(0, np.int64)
    if readings.power_dw is None:
        return none, none
    told: Bools = readings.power_dw != ABSENT_I32
    told &= np.isin(readings.channel, list(hold_ms))
    channel, time_ms, power_dw = readings.channel[told], readings.time_ms[told], readings.power_dw[told]
    at = np.unique(time_ms)
    total = np.zeros(len(at), np.int64)
    known = np.ones(len(at), np.bool_)
    for one, hold in hold_ms.items():
        mine = channel == one
        if not mine.any():
            return none, none
        index = np.searchsorted(time_ms[mine], at, "right") - 1
        known &= (index >= 0) & (at - time_ms[mine][index] <= hold)
        total += power_dw[mine][index]
    return at[known], total[known]
