"""What runs now: which appliance each thing that is on may be, how sure, and what is worth asking."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chowon.domain.nilm.events.clusters import Cluster, weight
from chowon.domain.nilm.events.following import OpenRun
from chowon.domain.nilm.events.known import Known

SURE: Final = 0.7
"""From here on a name is shown as what runs; below as "perhaps" """
ASKED_FROM_W: Final = 100.0
MET_OFTEN: Final = 3
_UNKNOWN_RUNS: Final = 1.0
"""Something never seen counts as a cluster of so many runs"""
_SIZES: Final = math.log(15_000 / 15)
"""It may be of any size from 15 W to 15 kW, each doubling alike"""
_OVERSHOOTS: Final = 3.0
_TWICE: Final = 0.1
"""How likely it is that an appliance that is on is on once more"""
_CLOSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Option:
    """An appliance that something may be."""

    appliance: int
    name: str | None
    """None of one that nobody has named"""
    probability: float


@dataclass(frozen=True, slots=True)
class Guess:
    """What something that is on may be."""

    run: OpenRun
    options: tuple[Option, ...]
    """The likeliest first; what is left of 1 is something never seen"""
    told: str | None = None
    """The name that a person gave this very run"""

    @property
    def tie(self) -> bool:
        """Whether the second is nearly as likely as the first: then neither is to be shown as the one."""
        return len(self.options) > 1 and self.options[1].probability >= _CLOSE * self.options[0].probability

    @property
    def sure(self) -> Option | None:
        """The appliance that it is, if that is sure enough to say, with or without a name."""
        best = self.options[0] if self.options else None
        return best if best and best.probability >= SURE and not self.tie else None

    @property
    def name(self) -> str | None:
        """What it is, if that is sure enough to say."""
        if self.told is not None:
            return self.told
        return None if self.sure is None else self.sure.name


def running(known: Known, on: Sequence[OpenRun], now_ms: int) -> tuple[Guess, ...]:
    """A guess for each thing that is on, in their order.

    The surest are settled first: an appliance is seldom on twice.
    """
    told = dict(known.awaited)
    left = {run.at_ms: run for run in on}
    used = {known_as for at in left if (known_as := _appliance_named(known, told.get(at))) is not None}
    found: dict[int, Guess] = {at: Guess(s, (), told[at]) for at, s in left.items() if at in told}
    left = {at: run for at, run in left.items() if at not in told}
    while left:
        guesses = [_guess(known, run, now_ms, used) for run in left.values()]
        best = max(guesses, key=lambda one: one.options[0].probability if one.options else 0.0)
        found[best.run.at_ms] = best
        del left[best.run.at_ms]
        if best.options:
            used.add(best.options[0].appliance)
    return tuple(found[run.at_ms] for run in on)


def to_ask(known: Known, guesses: Sequence[Guess], least_w: float = ASKED_FROM_W) -> tuple[Guess, ...]:
    """The things that are on whose name is worth asking, the largest first."""
    open_ = [
        guess
        for guess in guesses
        if guess.run.settled
        and guess.run.first_w >= least_w
        and guess.name is None
        and not (guess.options and guess.options[0].appliance in _not_mine(known))
    ]
    return tuple(sorted(open_, key=lambda guess: (-guess.run.first_w, guess.run.at_ms)))


def worth_naming(known: Known, most: int = 5) -> tuple[Cluster, ...]:
    """The unknown appliances that use the most and were met a few times: worth asking about at leisure."""
    asked = [
        one
        for one in known.clusters
        if one.runs >= MET_OFTEN
        and known.name_of(one.id) is None
        and known.appliance_of(one.id) not in _not_mine(known)
    ]
    return tuple(sorted(asked, key=lambda one: (-one.energy_wh, one.id))[:most])


def _guess(known: Known, run: OpenRun, now_ms: int, used: set[int]) -> Guess:
    weights: dict[int, float] = {}
    for cluster in known.clusters:
        appliance = known.appliance_of(cluster.id)
        likely = _likely(cluster, run, now_ms) * (_TWICE if appliance in used else 1.0)
        weights[appliance] = weights.get(appliance, 0.0) + likely
    whole = sum(weights.values()) + _UNKNOWN_RUNS / _SIZES / _OVERSHOOTS
    options = [Option(k, known.names.get(k), w / whole) for k, w in weights.items() if w / whole > 0.01]
    return Guess(run, tuple(sorted(options, key=lambda one: (-one.probability, one.appliance))))


def _likely(cluster: Cluster, run: OpenRun, now_ms: int) -> float:
    """How often it runs, times how well it fits, times how likely it is to be on for so long."""
    fits = cluster.spread("size").density(math.log(max(run.first_w, 1e-3)))
    fits *= cluster.spread("overshoot").density(min(run.overshoot_w / max(run.first_w, 1e-3), 3.0))
    lasted_s = (now_ms - run.at_ms) / 1000
    on = cluster.spread("lasts").beyond(math.log(lasted_s)) if lasted_s > 1 else 1.0
    return weight(cluster, now_ms) * fits * on


def _appliance_named(known: Known, name: str | None) -> int | None:
    return next((k for k, v in known.names.items() if v == name and k not in known.appliance), None)


def _not_mine(known: Known) -> set[int]:
    return {known.appliance_of(cluster) for cluster in known.not_mine}
