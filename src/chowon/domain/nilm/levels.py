"""What homes teach about a kind of appliance: how much it takes in each of its states, and for how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64, Home, Power
from chowon.domain.nilm.runs import OnRule, runs_by_rule, states

MOST_LEVELS: Final = 3
_SAMPLES: Final = 20_000
"""As many intervals of a home are looked at for levels, evenly spread, so that no home outweighs another"""
_APART: Final = 0.15
"""Levels closer than this to one another are one"""


@dataclass(frozen=True, slots=True)
class KindFacts:
    """A kind of appliance, as a few homes have it."""

    mean_w: float
    """Over all known time, each home alike"""
    levels_w: tuple[float, ...]
    """Powers at which it runs, rising; empty where it never ran"""
    longest_run_ms: int
    """95 of 100 runs are over by then"""


def facts_of(homes: Sequence[Home], rules: Mapping[str, OnRule]) -> dict[str, KindFacts]:
    """The facts of each kind that at least one of the homes has."""
    found = {}
    for kind, rule in rules.items():
        theirs = [home.appliances[kind] for home in homes if kind in home.appliances]
        if theirs := [power for power in theirs if power.known.any()]:
            found[kind] = _facts(theirs, rule)
    return found


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


def _facts(theirs: Sequence[Power], rule: OnRule) -> KindFacts:
    on_w, lengths = [], []
    for power in theirs:
        runs = runs_by_rule(power, rule)
        on = states(len(power), runs) & (power.power_w >= rule.on_w)
        taken = np.minimum(power.power_w[on], rule.most_w)
        on_w.append(taken[:: max(1, len(taken) // _SAMPLES)])
        lengths.append((runs.end - runs.start) * power.step_ms)
    spans = np.concatenate(lengths)
    mean_w = float(np.mean([np.minimum(p.power_w[p.known], rule.most_w).mean() for p in theirs]))
    longest = round(float(np.quantile(spans, 0.95)) / 1000) * 1000 if len(spans) else 0
    return KindFacts(mean_w, levels_of(np.concatenate(on_w)), longest)
