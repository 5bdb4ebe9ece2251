"""Copy this file to add a model: rename it, change the four marked places. The laws run on it by themselves.

As it stands each appliance gets the share of the mains that it had in the homes it learnt from. It is not
offered on the command line.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from chowon.domain.nilm.fitted import Fitted
from chowon.domain.nilm.power import Home, Power
from chowon.domain.nilm.runs import OnRule
from chowon.errors import NotFound
from chowon.models.nilm.interface import Disaggregator, Model


class _Told:
    def __init__(self, shares: Mapping[str, float]) -> None:
        self._shares = shares

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """As models.nilm.interface.Disaggregator."""
        # 1. From mains to the power of each kind; an unknown interval stays unknown, with 0 W in it.
        above_w = np.maximum(mains.power_w, 0.0)
        return {
            kind: Power(mains.start_ms, mains.step_ms, above_w * self._shares[kind], mains.known)
            for kind in kinds
            if kind in self._shares
        }


class Blueprint:
    """A fixed share of the mains."""

    # 2. What you promise; the laws hold you to it.
    name = "blueprint"
    within_mains = False

    def lookahead_ms(self, step_ms: int) -> int | None:  # noqa: ARG002
        """As models.nilm.interface.Model."""
        return 0

    def fit(self, homes: Sequence[Home], rules: Mapping[str, OnRule], seed: int) -> Disaggregator:  # noqa: ARG002
        """As models.nilm.interface.Model."""
        # 3. What is learnt from homes. All chance comes from np.random.default_rng(seed).
        shares = {}
        for kind in rules:
            theirs = [home for home in homes if kind in home.appliances]
            whole = sum(float(home.mains.power_w.sum()) for home in theirs)
            part = sum(float(home.appliances[kind].power_w[home.mains.known].sum()) for home in theirs)
            if whole > 0:
                shares[kind] = part / whole
        return _Told(shares)

    def shipped(self, without: Collection[str] = ()) -> Fitted[Disaggregator]:  # noqa: ARG002
        """As models.nilm.interface.Model."""
        # 4. The weights that come with it, with the homes that they were learnt from.
        raise NotFound("model blueprint: it comes without weights; fit it on homes (--train)")


MODEL: Final[Model] = Blueprint()
