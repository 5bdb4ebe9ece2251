"""Says that each appliance always takes what it took on average in the homes it learnt from."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from chowon.domain.nilm.fitted import Fitted
from chowon.domain.nilm.levels import facts_of, means_of
from chowon.domain.nilm.power import Home, Power
from chowon.domain.nilm.runs import OnRule
from chowon.models.nilm.interface import Disaggregator, Model
from chowon.models.nilm.learnt import learnt


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


class Mean:
    """The mean predictor."""

    name = "mean"
    within_mains = False

    def lookahead_ms(self, step_ms: int) -> int | None:  # noqa: ARG002
        """None needed."""
        return 0

    def fit(self, homes: Sequence[Home], rules: Mapping[str, OnRule], seed: int) -> Disaggregator:  # noqa: ARG002
        """Each kind's mean, in the homes whose mains are known."""
        return _Told(means_of(facts_of(homes, rules)))

    def shipped(self, without: Collection[str] = ()) -> Fitted[Disaggregator]:
        """Means of the homes in learnt.json."""
        return learnt(without).further([], lambda facts, _: _Told(means_of(facts)))


MODEL: Final[Model] = Mean()
