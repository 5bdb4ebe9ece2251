"""How often a meter speaks, and how long its readings should stand for the next one to come in time."""

import math
from typing import Final

import numpy as np

from chowon.domain.quantities import I64, MINUTE_MS

INTERVALS_HELD: Final = 3
"""A reading stands for so many of its meter's usual intervals: two messages may be lost."""
LEAST_STEPS: Final = 20
"""Of fewer steps nothing is learnt."""
LONGEST_LEARNT_MS: Final = 15 * MINUTE_MS
"""No longer silence is bridged unless a person says so: in a quarter of an hour a home can do anything."""


def usual_step_ms(time_ms: I64) -> int | None:
    """The median time from one reading to the next; None of too few. time_ms: (n,) sorted."""
    steps = np.diff(time_ms)
    return int(np.median(steps)) if len(steps) >= LEAST_STEPS else None


def hold_of_step(step_ms: int) -> int:
    """The hold that suits a meter that speaks so often, ms, whole seconds."""
    return math.ceil(INTERVALS_HELD * step_ms / 1000) * 1000


def learnt_hold_ms(time_ms: I64, hold_ms: int) -> int | None:
    """The hold to have instead, ms; None where this one will do, or a person must decide.

    Only ever longer, and only where most steps are longer than the hold: then next to nothing is billed.
    """
    step_ms = usual_step_ms(time_ms)
    if step_ms is None or step_ms <= hold_ms:
        return None
    wanted_ms = hold_of_step(step_ms)
    return wanted_ms if wanted_ms <= LONGEST_LEARNT_MS else None
