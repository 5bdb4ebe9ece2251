"""Combinatorial optimisation (Hart 1992): at each instant the set of states that best explains the mains.

Each interval by itself, so nothing stops an appliance from being on for one minute in the middle of the
night. What the home always uses is taken off first; a set is never above what is left.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from chowon.domain.nilm.always_on import always_on_w
from chowon.domain.nilm.levels import KindFacts, choices_within
from chowon.domain.nilm.power import F64, Power
from chowon.models.nilm.interface import Model
from chowon.models.nilm.of_facts import OfFacts

MOST_SETS: Final = 2**18
"""Of more, kinds with the most levels lose their lowest one, again and again."""


class _Told:
    def __init__(self, facts: Mapping[str, KindFacts]) -> None:
        self._facts = facts

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """The largest set of states within what is above the always-on load."""
        known = [kind for kind in kinds if kind in self._facts]
        sets_w = _sets([self._facts[kind].levels_w for kind in known])
        order = np.argsort(total_w := sets_w.sum(axis=1), kind="stable")
        left_w = np.where(mains.known, mains.power_w - always_on_w(mains), 0.0)
        chosen = order[np.maximum(np.searchsorted(total_w[order], left_w, "right") - 1, 0)]
        return {
            kind: Power(mains.start_ms, mains.step_ms, sets_w[chosen, column], mains.known)
            for column, kind in enumerate(known)
        }


MODEL: Final[Model] = OfFacts("co", within_mains=True, told=_Told, looks_ahead=False)


def _sets(levels_w: Sequence[tuple[float, ...]]) -> F64:
    """(sets, kinds) W: every choice of a level, or off, for each kind."""
    choices = choices_within(levels_w, MOST_SETS)
    if not choices:
        return np.zeros((1, 0))
    return np.stack([axis.ravel() for axis in np.meshgrid(*choices, indexing="ij")], axis=1)
