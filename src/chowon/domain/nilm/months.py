"""Months of measured time: so that a home with gaps or without a true clock has appliance-months too."""

from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64
from chowon.domain.quantities import DAY_MS

LEAST_DAYS: Final = 7
"""A last, shorter month counts from here on, scaled up to a whole one"""


def month_kwh(power_w: F64, step_ms: int, days: int) -> F64:
    """(months,) kWh of every `days` days of known intervals, one after the other.

    power_w: (n,) W of the known intervals only. Less than `LEAST_DAYS` at the end are left out.
    """
    per_month = days * DAY_MS // step_ms
    whole, rest = divmod(len(power_w), per_month)
    kwh_per_w = step_ms / 3.6e9
    months = power_w[: whole * per_month].reshape(whole, per_month).sum(axis=1) * kwh_per_w
    if rest * step_ms < LEAST_DAYS * DAY_MS:
        return np.asarray(months, np.float64)
    last = power_w[whole * per_month :].sum() * kwh_per_w * per_month / rest
    return np.append(months, last)
