"""Discounts of which only the largest is given."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.outcome import Part
from chowon.domain.bill.split import HomesRun, Run
from chowon.domain.bill.steps import Step, rounded_charge
from chowon.domain.tariff.kinds import Line
from chowon.domain.tariff.terms import ZERO


def only_largest(steps: tuple[Step, ...], ids: tuple[str, ...]) -> tuple[Step, ...]:
    """The steps, those of these lines changed so that all but the largest come to 0."""
    rivals = tuple(step for step in steps if step.line.id in ids)
    if len(rivals) < 2:
        return steps
    return tuple(KeptIfLargest(step, rivals) if step.line.id in ids else step for step in steps)


@dataclass(frozen=True, slots=True)
class KeptIfLargest:
    """A step that gives way to a larger discount; among equal ones the first stays.

    Each is computed as though the others weren't there.
    """

    own: Step
    rivals: tuple[Step, ...]
    """Its own among them, in the tariff's order."""

    @property
    def line(self) -> Line:
        """The line's definition."""
        return self.own.line

    def charge(self, run: Run) -> Decimal:
        """Its own amount, or 0."""
        alone = self._alone(run)
        return self.own.charge(alone) if self._stays(lambda step: rounded_charge(step, alone)) else ZERO

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        alone = homes.without(frozenset(step.line.id for step in self.rivals))
        own, before = self.own.charges(alone), True
        amount, stays = _homes_rounded(self.own, own, alone), np.ones(len(homes.energy), np.bool_)
        for step in self.rivals:
            if step is self.own:
                before = False
                continue
            rivals = _homes_rounded(step, step.charges(alone), alone)
            if amount.loose or rivals.loose:
                alone.unsure |= ~amount.below(rivals) & ~rivals.below(amount)
            stays &= amount.below(rivals) if before else ~rivals.below(amount)
        return own.where(stays)

    def parts(self, run: Run) -> tuple[Part, ...]:
        """Its own parts, or none."""
        alone = self._alone(run)
        return self.own.parts(alone) if self._stays(lambda step: rounded_charge(step, alone)) else ()

    def exact(self, run: Run) -> Decimal:
        """Its own exact amount, or 0."""
        alone = self._alone(run)
        return self.own.exact(alone) if self._stays(lambda step: step.exact(alone)) else ZERO

    def slope(self, run: Run) -> Decimal:
        """Its own slope, or 0."""
        assert run.at is not None  # the engine hands the amounts to plans that have this step
        at = self._alone(run.at)
        return self.own.slope(self._alone(run)) if self._stays(lambda step: step.exact(at)) else ZERO

    def _stays(self, amount: Callable[[Step], Decimal]) -> bool:
        return min(self.rivals, key=amount) is self.own

    def _alone(self, run: Run) -> Run:
        """The run without the rivals' amounts."""
        ids = {step.line.id for step in self.rivals}
        amounts = {id_: amount for id_, amount in run.amounts.items() if id_ not in ids}
        at = None if run.at is None else self._alone(run.at)
        return replace(run, amounts=amounts, total=ZERO, at=at)


def _homes_rounded(step: Step, amount: Exact, homes: HomesRun) -> Exact:
    return amount if step.line.round is None else homes.rounded(amount, step.line.round)
