"""Says that nothing is ever on. On a rare appliance its mean absolute error is hard to beat, and useless."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from chowon.domain.nilm.fitted import Fitted
from chowon.domain.nilm.power import Home, Power
from chowon.domain.nilm.runs import OnRule
from chowon.models.nilm.interface import Disaggregator, Model


class _Told:
    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """0 W of each."""
        nothing = np.zeros(len(mains))
        return {kind: Power(mains.start_ms, mains.step_ms, nothing, mains.known) for kind in kinds}


class Zero:
    """The zero predictor."""

    name = "zero"
    within_mains = False
    """Mains may be below 0, where the home gives energy"""

    def lookahead_ms(self, step_ms: int) -> int | None:  # noqa: ARG002
        """None needed."""
        return 0

    def fit(self, homes: Sequence[Home], rules: Mapping[str, OnRule], seed: int) -> Disaggregator:  # noqa: ARG002
        """Nothing to learn."""
        return _Told()

    def shipped(self, without: Collection[str] = ()) -> Fitted[Disaggregator]:  # noqa: ARG002
        """Of no home."""
        return Fitted(_Told(), frozenset())


MODEL: Final[Model] = Zero()
