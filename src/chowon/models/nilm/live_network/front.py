"""What the live network is given of a home, and the lengths that its parts agree on."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

TICKS: Final = 6
"""In a minute"""
DELAY: Final = 20
"""Minutes after which a minute is settled"""
HEARD: Final = 36
"""Ticks that the quick part looks back on: six minutes"""
BLOCK: Final = 4
"""Minutes in a step of the slow part"""
RATES: Final = (1 / 5, 1 / 30, 1 / 240)
"""How fast a base rises towards the mains, by minute; it falls at once"""


def bases(mains_w: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(homes, n, 3) W: what runs anyway, after each minute of (homes, n); -1 before the first known one."""
    homes, n = mains_w.shape
    found = np.empty((homes, n, len(RATES)), np.float32)
    now = np.full((homes, len(RATES)), -1.0, np.float32)
    rates = np.array(RATES, np.float32)
    for t in range(n):
        watts = mains_w[:, t, None]
        risen = now + rates * (watts - now)
        now = np.where(known[:, t, None], np.where((now < 0) | (watts < now), watts, risen), now)
        found[:, t] = now
    return found
