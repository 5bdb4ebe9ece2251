"""From mains to appliances with trained weights: the whole recording at once, both directions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64, Power, wholly_coarser, within
from chowon.domain.nilm.runs import OnRule, Runs, runs_by_rule, runs_of, states
from chowon.domain.quantities import Bools
from chowon.models.nilm.network.card import Card
from chowon.models.nilm.network.hearing import Hearing
from chowon.models.nilm.network.kinds import lessons
from chowon.models.nilm.network.learning import Head, Named, learnt
from chowon.models.nilm.network.owning import own_w

USUAL_THRESHOLD: Final = 0.4
"""Of a kind for which the card has none"""


def opened(weights: bytes, card: Card) -> "Teller":
    """These weights at work."""
    return Teller(Hearing(weights, card.kinds), card)


@dataclass(frozen=True, slots=True, eq=False)
class Teller:
    """Trained weights at work."""

    hearing: Hearing
    card: Card
    own: Mapping[str, Head] = field(default_factory=dict)
    """What runs of a home, named by people, made of the weights of a kind"""
    has: frozenset[str] = frozenset()
    """Kinds that people saw in the home"""

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """As models.nilm.interface.Disaggregator. Errors: BadInput for mains coarser than the grid."""
        grid, ratio = wholly_coarser(mains, self.card.step_ms)
        told = self._told(grid, [kind for kind in kinds if kind in self.card.kinds])
        return within(mains, {kind: np.repeat(w, ratio)[: len(mains)] for kind, w in told.items()})

    def teachable(self) -> tuple[str, ...]:
        """As models.nilm.interface.LearnsHome: kinds that have runs."""
        return tuple(kind for kind in self.card.kinds if kind in lessons() and not lessons()[kind].standing)

    def taught(self, mains: Power, ran: Mapping[str, Runs], not_ran: Mapping[str, Runs]) -> "Teller":
        """As models.nilm.interface.LearnsHome. Errors: as `disaggregate`."""
        grid, ratio = wholly_coarser(mains, self.card.step_ms)
        n = len(grid)
        nothing = np.zeros(n, np.bool_)
        on = {kind: _on(ran[kind], ratio, grid) for kind in self.teachable() if kind in ran}
        off = {kind: _on(not_ran[kind], ratio, grid) for kind in self.teachable() if kind in not_ran}
        has = frozenset(kind for kind, theirs in on.items() if theirs.any())
        kinds = [kind for kind in self.teachable() if kind in has or off.get(kind, nothing).any()]
        came = replace(self, own={}, has=has)
        if not kinds:
            return came
        told, heard, heads = came.disaggregate(grid, kinds), self.hearing.heard(grid), self.hearing.heads()
        mains_w = np.maximum(grid.power_w, 0.0)
        own = {}
        for kind in kinds:
            named = Named(
                runs_of(on.get(kind, nothing)),
                off.get(kind, nothing),
                np.logical_or.reduce([nothing, *(theirs for other, theirs in on.items() if other != kind)]),
                told[kind].power_w > 0,
            )
            most_w = self.card.rules[kind].most_w
            own[kind] = learnt(heads[kind], heard, mains_w, grid.known, named, most_w)
        return replace(came, own=own)

    def _told(self, grid: Power, kinds: Sequence[str]) -> dict[str, F64]:
        """(n,) W of each kind, on the grid of the network."""
        likely_on, power_w = self.hearing.said(grid, kinds, self.own)
        return {kind: self._while_on(grid, kind, likely_on[i], power_w[i]) for i, kind in enumerate(kinds)}

    def _while_on(self, grid: Power, kind: str, likely_on: F64, power_w: F64) -> F64:
        """(n,) W: what it takes in the runs that the kind's rule makes of being on."""
        card = self.card
        sure = grid.known & (likely_on >= card.thresholds.get(kind, USUAL_THRESHOLD))
        runs = _runs(grid, sure, card.rules[kind])
        lesson = lessons().get(kind)
        told_w = np.where(states(len(grid), runs) & grid.known, power_w, 0.0)
        if lesson is None or not lesson.one_power:
            return told_w
        return own_w(grid, runs, told_w, surely=kind in self.has)


def _runs(grid: Power, sure: Bools, rule: OnRule) -> Runs:
    as_power = Power(grid.start_ms, grid.step_ms, np.where(sure, rule.on_w, 0.0), grid.known)
    return runs_by_rule(as_power, rule)


def _on(runs: Runs, ratio: int, grid: Power) -> Bools:
    """(n,) the known intervals of the grid that these runs, in intervals finer by `ratio`, touch."""
    n = len(grid) * ratio
    fine = states(n, Runs(np.clip(runs.start, 0, n), np.clip(runs.end, 0, n)))
    return np.asarray(fine.reshape(-1, ratio).any(axis=1) & grid.known, np.bool_)
