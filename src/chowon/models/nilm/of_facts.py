"""Models that need no more of a home than a few facts of each kind: they are taught the same way."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from chowon.domain.nilm.fitted import Fitted
from chowon.domain.nilm.levels import KindFacts, facts_of
from chowon.domain.nilm.power import Home
from chowon.domain.nilm.runs import OnRule
from chowon.models.nilm.interface import Disaggregator
from chowon.models.nilm.learnt import learnt


@dataclass(frozen=True, slots=True)
class OfFacts:
    """A model (models.nilm.interface.Model); no chance in it."""

    name: str
    within_mains: bool
    told: Callable[[Mapping[str, KindFacts]], Disaggregator]
    """What tells with these facts"""
    looks_ahead: bool
    """It tells an interval when the recording is over; else at once"""

    def lookahead_ms(self, step_ms: int) -> int | None:  # noqa: ARG002
        """As models.nilm.interface.Model."""
        return None if self.looks_ahead else 0

    def fit(self, homes: Sequence[Home], rules: Mapping[str, OnRule], seed: int) -> Disaggregator:  # noqa: ARG002
        """As models.nilm.interface.Model."""
        return self.told(facts_of(homes, rules))

    def shipped(self, without: Collection[str] = ()) -> Fitted[Disaggregator]:
        """The facts of the homes in learnt.json."""
        return learnt(without).further([], lambda facts, _: self.told(facts))
