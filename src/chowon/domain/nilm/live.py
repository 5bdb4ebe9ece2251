"""What a model that keeps up tells of many homes: what runs now, and what ran a while ago."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chowon.domain.quantities import Bools

F32: TypeAlias = NDArray[np.float32]

TICK_MS: Final = 10_000
"""The interval in which quick meters are told"""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """One interval of all homes."""

    start_ms: int
    step_ms: int
    power_w: F32
    """(homes, kinds) mean W, 0 where unknown or not there"""
    rest_w: F32
    """(homes,) what of the mains is none of these kinds"""
    known: Bools
    """(homes,)"""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a tick tells."""

    present: Parts
    """Provisional: this tick of meters that are fast enough; of others, when one closes, their minute"""
    settled: Parts | None
    """The minute that has been settled by now, if the tick closes a minute"""
