"""Units of stored quantities, and how "no value" is written in an array.

All stored quantities are scaled integers, so that sums are exact and order does not matter.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]
U32: TypeAlias = NDArray[np.uint32]
Bools: TypeAlias = NDArray[np.bool_]

ABSENT_I32: Final = np.int32(-(2**31))
"""Stands for "no value" in an int32 column; becomes null in Arrow, JSON and Parquet."""
ABSENT_I64: Final = np.int64(-(2**63))
"""Stands for "no value" in an int64 column."""

DWMS_PER_WH: Final = 36_000_000
"""Energy is summed in deciwatt-milliseconds (0.1 mJ): 0.1 W held for 1 ms. 36,000,000 make 1 Wh.

An int64 holds 256 GWh of them, and integer sums do not depend on the order of the readings.
"""

MINUTE_MS: Final = 60_000
QUARTER_MS: Final = 15 * MINUTE_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
DEFAULT_HOLD_MS: Final = 10_000
"""A sample stands for the time until the next one, but never for longer than this: past it is a gap."""
