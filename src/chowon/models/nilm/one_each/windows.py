"""What homes teach about one kind, as one long course from which windows are cut.

Homes without mains (plugs) and homes in which nobody measured the kind teach nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chowon.domain.nilm.power import F64, Home, Power, wholly_coarser
from chowon.domain.nilm.runs import OnRule, runs_by_rule, states
from chowon.domain.quantities import I64, Bools
from chowon.models.nilm.one_each.design import F32, STEP_MS, Settings

_KNOWN: Final = 0.9
"""Of the intervals of a window that it tells"""
_LEAST_W: Final = 1.0
"""No deviation is taken to be smaller"""


@dataclass(frozen=True, slots=True)
class Scale:
    """Statistics of the homes that teach, W."""

    mains_mean_w: float
    mains_deviation_w: float
    power_mean_w: float
    power_deviation_w: float


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Homes one after the other, with `context` unknown intervals around each."""

    scale: Scale
    mains: F32
    """(n,) standardised, 0 where unknown"""
    power: F32
    """(n,) standardised, capped at the rule's most before"""
    on: Bools
    known: Bools
    starts: I64
    """First intervals of windows that are nearly all known"""


def course(
    homes: Sequence[Home], kind: str, rule: OnRule, settings: Settings, *, centred: bool
) -> Course | None:
    """What they teach; None where no home has the kind, or it never ran, or no window is known."""
    theirs = [home for home in homes if home.measured and kind in home.appliances]
    parts = [_part(home, kind, rule, settings.context) for home in theirs]
    if not parts:
        return None
    mains_w, heard, power_w, on, known = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not on.any() or not (starts := _starts(known, settings)).size:
        return None
    scale = Scale(
        float(mains_w[heard].mean()),
        max(_LEAST_W, float(mains_w[heard].std())),
        float(power_w[known].mean()) if centred else 0.0,
        max(_LEAST_W, float(power_w[known].std())),
    )
    power = (power_w - scale.power_mean_w) / scale.power_deviation_w
    return Course(scale, standardised(mains_w, heard, scale), power.astype(np.float32), on, known, starts)


def standardised(mains_w: F64, known: Bools, scale: Scale) -> F32:
    """The mains as networks see them; unknown ones as the mean."""
    seen = (mains_w - scale.mains_mean_w) / scale.mains_deviation_w
    return np.where(known, seen, 0.0).astype(np.float32)


def _part(home: Home, kind: str, rule: OnRule, context: int) -> tuple[NDArray[Any], ...]:
    mains, _ = wholly_coarser(home.mains, STEP_MS)
    theirs, _ = wholly_coarser(home.appliances[kind], STEP_MS)
    known = mains.known & theirs.known
    power_w = np.where(known, np.clip(theirs.power_w, 0.0, rule.most_w), 0.0)
    on = states(len(mains), runs_by_rule(Power(mains.start_ms, mains.step_ms, power_w, known), rule))
    return tuple(np.pad(one, context) for one in (mains.power_w, mains.known, power_w, on & known, known))


def _starts(known: Bools, settings: Settings) -> I64:
    """First seen intervals of the windows whose told ones are nearly all known."""
    heard = np.concatenate([[0], np.cumsum(known)])
    first = np.arange(settings.context, len(known) - settings.context - settings.tells + 1)
    enough = heard[first + settings.tells] - heard[first] >= _KNOWN * settings.tells
    starts: I64 = (first[enough] - settings.context).astype(np.int64)
    return starts
