"""Says that each appliance always takes what it took on average in the homes it learnt from."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from chowon.domain.nilm.levels import means_of
from chowon.domain.nilm.power import Power
from chowon.models.nilm.interface import Model
from chowon.models.nilm.of_facts import OfFacts


class _Told:
    def __init__(self, mean_w: Mapping[str, float]) -> None:
        self._mean_w = mean_w

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """Its mean, wherever the mains are known."""
        return {
            kind: Power(
                mains.start_ms,
                mains.step_ms,
                np.where(mains.known, self._mean_w[kind], 0.0),
                mains.known,
            )
            for kind in kinds
            if kind in self._mean_w
        }


MODEL: Final[Model] = OfFacts(
    "mean", within_mains=False, told=lambda facts: _Told(means_of(facts)), looks_ahead=False
)
