"""The network, told after the day: it sees both directions of the whole recording."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from chowon import i18n
from chowon.domain.nilm.fitted import Fitted
from chowon.domain.nilm.power import Home
from chowon.domain.nilm.runs import OnRule
from chowon.domain.tariff import Text
from chowon.errors import BadInput
from chowon.models.nilm.interface import Disaggregator, LearnsHome, Model
from chowon.models.nilm.network.fitting import fit
from chowon.models.nilm.network.kinds import lessons
from chowon.models.nilm.network.shipped import chosen, shipped
from chowon.models.nilm.network.telling import opened


@dataclass(frozen=True, slots=True)
class Nightly:
    """One gated network for all kinds."""

    kept: Path | None = None
    """Where trainings are kept and taken up"""
    name: str = "network"
    within_mains: bool = True
    comes_taught: bool = True

    def keeping_in(self, folder: Path) -> "Nightly":
        """The same, with trainings kept in a folder."""
        return Nightly(folder)

    def lookahead_ms(self, step_ms: int) -> int | None:  # noqa: ARG002
        """As models.nilm.interface.Model."""
        return None

    def fit(self, homes: Sequence[Home], rules: Mapping[str, OnRule], seed: int) -> Disaggregator:
        """As models.nilm.interface.Model. Twenty minutes of a core. Errors: ExtraMissing without torch."""
        if not homes:
            raise BadInput("model network: no home or plug teaches it; expected one at least")
        step_ms = max(home.mains.step_ms for home in homes)
        weights = fit(homes, rules, seed, step_ms, kept=self.kept)
        return opened(weights.onnx, weights.card)

    def shipped(self, without: Collection[str] = ()) -> Fitted[Disaggregator]:
        """As models.nilm.interface.Model."""
        teller, card = shipped(without)
        return Fitted(teller, frozenset(card.homes))


MODEL: Final[Model] = Nightly()


@dataclass(frozen=True, slots=True)
class Trusted:
    """A kind that people may be told of."""

    label: Text
    standing: bool
    """In the home day and night: it has no runs"""
    f1: float | None
    """On homes that it had never seen, where that was measured; once they had taught it, if `once_seen`"""
    once_seen: bool = False
    """Only in homes in which people have seen it run, and often enough to teach it"""


def trusted() -> tuple[Disaggregator, Mapping[str, Trusted]]:
    """(the shipped network, the kinds that people may be told of in any home). Errors: NotFound."""
    teller, kinds = tellable()
    return teller, {kind: one for kind, one in kinds.items() if not one.once_seen}


def tellable() -> tuple[Disaggregator, Mapping[str, Trusted]]:
    """The same, with the kinds that people may be told of once they have taught them. Errors: NotFound."""
    network, card = shipped(())
    teller: Disaggregator = network
    teachable = teller.teachable() if isinstance(teller, LearnsHome) else ()
    once_seen = [kind for kind in card.once_seen if kind in teachable]
    return teller, {
        kind: Trusted(
            i18n.appliance(kind),
            lessons()[kind].standing,
            card.figures.get(kind, {}).get("named_f1" if kind in once_seen else "f1"),
            once_seen=kind in once_seen,
        )
        for kind in card.kinds
        if kind in card.billed or kind in once_seen
    }


def weights() -> str:
    """Which weights `tellable` tells with: another name after each training. Errors: NotFound."""
    onnx, card = chosen(())
    seen = hashlib.sha256(onnx)
    seen.update(json.dumps(asdict(card), sort_keys=True).encode())
    return f"network-{seen.hexdigest()[:16]}"
