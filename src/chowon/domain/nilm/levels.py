"""What homes teach about a kind of appliance: how much it takes in each of its states, and for how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64, Home, Power
from chowon.domain.nilm.runs import OnRule, runs_by_rule, states
from chowon.domain.quantities import Bools

MOST_LEVELS: Final = 3
_ENOUGH: Final = 0.1
_APART: Final = 0.15
"""Levels closer than this to one another are one"""


@dataclass(frozen=True, slots=True)
class KindFacts:
    """A kind of appliance, as a few homes have it."""

    mean_w: float | None
    """Over all known time, each home alike; None where no home with mains has it: a plug of its own may have
    been recorded on the days of its use only"""
    levels_w: tuple[float, ...]
    """Powers at which it runs, rising; empty where it never ran"""
    longest_run_ms: int
    """95 of 100 runs are over by then; 0 where it never ran"""


def facts_of(homes: Sequence[Home], rules: Mapping[str, OnRule]) -> dict[str, KindFacts]:
    """The facts of each kind that at least one of the homes has."""
    return together([facts_of_home(home, rules) for home in homes])


def facts_of_home(home: Home, rules: Mapping[str, OnRule]) -> dict[str, KindFacts]:
    """The facts of each kind that this home has."""
    theirs = {kind: home.appliances[kind] for kind in rules if kind in home.appliances}
    return {
        kind: _facts(power, rules[kind], in_a_home=home.measured)
        for kind, power in theirs.items()
        if power.known.any()
    }


def means_of(facts: Mapping[str, KindFacts]) -> dict[str, float]:
    """The mean power of each kind for which it is known."""
    return {kind: one.mean_w for kind, one in facts.items() if one.mean_w is not None}


def together(by_home: Sequence[Mapping[str, KindFacts]]) -> dict[str, KindFacts]:
    """The facts of several homes as one, each home alike: the mean, the levels of all levels, the median."""
    kinds = dict.fromkeys(kind for facts in by_home for kind in facts)
    return {kind: _joined([facts[kind] for facts in by_home if kind in facts]) for kind in kinds}


def choices_within(levels_w: Sequence[Sequence[float]], most: int) -> list[list[float]]:
    """Off (0 W) and the levels of each kind, at most so many sets of choices of all.

    Of more, kinds with the most levels lose their lowest one, again and again.
    """
    choices = [[0.0, *levels] for levels in levels_w]
    while prod(len(choice) for choice in choices) > most:
        max(choices, key=len).pop(1)
    return choices


def levels_of(power_w: F64, most: int = MOST_LEVELS) -> tuple[float, ...]:
    """At most so many levels, rising: Lloyd's k-means in one dimension, begun at even quantiles."""
    if not len(power_w):
        return ()
    levels = np.unique(np.quantile(power_w, (np.arange(most) + 0.5) / most))
    for _ in range(30):
        nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, power_w)
        count = np.bincount(nearest, minlength=len(levels))
        moved = np.bincount(nearest, power_w, len(levels))[count > 0] / count[count > 0]
        if len(moved) == len(levels) and np.allclose(moved, levels, atol=0.5):
            break
        levels = moved
    kept = [float(levels[0])]
    kept += [float(b) for a, b in pairwise(levels) if b - a > _APART * b]
    return tuple(kept)


def _facts(power: Power, rule: OnRule, *, in_a_home: bool) -> KindFacts:
    taken = np.minimum(power.power_w, rule.most_w)
    runs = runs_by_rule(power, rule)
    on = states(len(power), runs) & (power.power_w >= rule.on_w)
    spans = (runs.end - runs.start) * power.step_ms
    longest = round(float(np.quantile(spans, 0.95)) / 1000) * 1000 if len(spans) else 0
    mean_w = float(taken[power.known].mean()) if in_a_home else None
    return KindFacts(mean_w, levels_of(taken[_steady(on)]), longest)


def _steady(on: Bools) -> Bools:
    """Without the first and last interval of each stretch, in which it was on for a part only.

    All of them where too few would be left: an appliance that is never on for three intervals.
    """
    apart = np.concatenate([[False], on, [False]])
    inner = on & apart[:-2] & apart[2:]
    return inner if inner.sum() >= _ENOUGH * on.sum() else on


def _joined(facts: Sequence[KindFacts]) -> KindFacts:
    ran = [one for one in facts if one.levels_w]
    means = [one.mean_w for one in facts if one.mean_w is not None]
    return KindFacts(
        float(np.mean(means)) if means else None,
        levels_of(np.array([level for one in ran for level in one.levels_w])),
        round(float(np.median([one.longest_run_ms for one in ran]))) if ran else 0,
    )
