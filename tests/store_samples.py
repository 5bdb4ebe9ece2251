"""Small streams for the tests of the store."""

import numpy as np

from chowon.domain.quantities import I64
from chowon.domain.readings import Readings

NOON_MS = 1_795_435_200_000
"""2026-11-23T12:00Z"""


def seconds(start_ms: int, count: int, power_dw: int = 1000, channel: int = 1) -> Readings:
    """`count` readings, one a second, power growing by 0.1 W each."""
    step: I64 = np.arange(count, dtype=np.int64)
    return Readings(
        np.full(count, channel, np.uint32),
        start_ms + 1000 * step,
        power_dw=(power_dw + step).astype(np.int32),
    )


def one(time_ms: int, power_dw: int | None, channel: int = 1, voltage_dv: int = 2200) -> Readings:
    """A single reading; without power if it is None."""
    return Readings(
        np.array([channel], np.uint32),
        np.array([time_ms], np.int64),
        power_dw=None if power_dw is None else np.array([power_dw], np.int32),
        voltage_dv=np.array([voltage_dv], np.int32),
    )
