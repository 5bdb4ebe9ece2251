"""What tells one such network from another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

STEP_MS: Final = 60_000
"""The grid of all of them; a finer one is made this coarse first"""

F32: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a network is taught and what it sees."""

    context: int
    """Intervals seen before the first one that it tells, and after the last"""
    tells: int
    """Intervals told at once"""
    steps: int
    batch: int
    """Windows a step"""
    rate: float
    """Adam's, falling to 0 over the steps by a half cosine"""

    @property
    def window(self) -> int:
        """Intervals seen at once."""
        return self.tells + 2 * self.context


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Windows of one step, as tensors."""

    mains: "Tensor"
    """(batch, 1, window) standardised, 0 where unknown"""
    power: "Tensor"
    """(batch, tells) standardised"""
    on: "Tensor"
    """(batch, tells) 1 where on by the kind's rule"""
    known: "Tensor"
    """(batch, tells) 1 where mains and appliance are; the others don't count"""


@dataclass(frozen=True, slots=True)
class Design:
    """A network for one kind."""

    build: Callable[[Settings], Any]
    """A torch module with weights by chance"""
    wrong: Callable[[Any, Lesson], "Tensor"]
    """What is to become small"""
    told: Callable[[Any, "Tensor"], "Tensor"]
    """(windows, 1, window) mains to (windows, tells) power, both standardised"""
    centred: bool
    """Its power is standardised by mean and deviation; else by the deviation alone, so that 0 is 0 W"""
    whole_tile: bool
    """Each interval is told from the whole window; else from `context` intervals before and after it"""
