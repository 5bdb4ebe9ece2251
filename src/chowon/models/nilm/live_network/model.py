"""The live network as a model of the bench."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chowon.domain.nilm.fitted import Fitted
from chowon.domain.nilm.power import Home
from chowon.domain.nilm.runs import OnRule
from chowon.domain.quantities import MINUTE_MS
from chowon.errors import BadInput
from chowon.models.nilm.interface import Disaggregator
from chowon.models.nilm.live_network.fitting import WAY
from chowon.models.nilm.live_network.stream import Weights
from chowon.models.nilm.live_network.telling import Teller, lookahead_ms
from chowon.models.nilm.network.fitting import fit
from chowon.models.nilm.network.shipped import LIVE, chosen


@dataclass(frozen=True, slots=True)
class Live:
    """A model (models.nilm.interface.Model): one of the live network's two values."""

    name: str
    settled: bool
    kept: Path | None = None
    """Where trainings are kept and taken up: one for both values"""
    within_mains: bool = True
    comes_taught: bool = True

    def keeping_in(self, folder: Path) -> "Live":
        """The same, with trainings kept in a folder."""
        return Live(self.name, self.settled, folder)

    def lookahead_ms(self, step_ms: int) -> int | None:
        """As models.nilm.interface.Model."""
        return lookahead_ms(step_ms, settled=self.settled)

    def fit(self, homes: Sequence[Home], rules: Mapping[str, OnRule], seed: int) -> Disaggregator:
        """As models.nilm.interface.Model. Half an hour of a core. Errors: ExtraMissing without torch."""
        if not homes:
            raise BadInput(f"model {self.name}: no home or plug teaches it; expected one at least")
        weights = fit(homes, rules, seed, MINUTE_MS, kept=self.kept, way=WAY)
        return Teller(Weights(weights.onnx, weights.card), settled=self.settled)

    def shipped(self, without: Collection[str] = ()) -> Fitted[Disaggregator]:
        """As models.nilm.interface.Model."""
        weights = opened(without)
        return Fitted(Teller(weights, settled=self.settled), frozenset(weights.card.homes))


def opened(without: Collection[str] = ()) -> Weights:
    """The weights that come with chowon, of homes that none of these taught, where there are any such.

    Errors: NotFound without weights.
    """
    return Weights(*chosen(without, LIVE))
