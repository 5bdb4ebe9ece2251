"""Made-up homes whose appliances are known to the watt."""

import numpy as np

from chowon.domain.nilm.power import Home, Power
from chowon.domain.nilm.runs import OnRule

STEP_MS = 60_000
RULES = {"kettle": OnRule(500, 0, 0, 3100), "fridge": OnRule(50, 60_000, 12_000, 400)}


def power(watts, step_ms: int = STEP_MS, known=None, start_ms: int = 0) -> Power:
    power_w = np.asarray(watts, np.float64)
    heard = np.ones(len(power_w), np.bool_) if known is None else np.asarray(known, np.bool_)
    return Power(start_ms, step_ms, np.where(heard, power_w, 0.0), heard)


def home(home_id: str = "made/1", days: int = 2, seed: int = 1, always_w: float = 60.0) -> Home:
    """A fridge that takes 100 W for 15 min in every 45, and a 2,000 W kettle twelve times a day."""
    random = np.random.default_rng(seed)
    n = days * 1440
    fridge_w = np.where(np.arange(n) % 45 < 15, 100.0, 0.0)
    kettle_w = np.zeros(n)
    for start in random.choice(np.arange(5, n - 5, 20), 12 * days, replace=False):
        kettle_w[start : start + 3] = 2000.0
    mains_w = always_w + fridge_w + kettle_w + random.normal(0, 2, n)
    return Home(home_id, power(mains_w), {"fridge": power(fridge_w), "kettle": power(kettle_w)})
