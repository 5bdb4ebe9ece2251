"""Runs that a person names in a home's first days, and what a model tells from then on.

The person is made up, and always right: of each appliance she names a few of its runs, from begin to end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64, Home, Power
from chowon.domain.nilm.runs import OnRule, Runs, runs_by_rule
from chowon.domain.quantities import DAY_MS
from chowon.models.nilm.interface import Disaggregator, LearnsHome

WITH_NAMED: Final = "-named"
"""After a model's name, where it was taught by such runs"""


@dataclass(frozen=True, slots=True)
class Naming:
    """How much she says."""

    runs: int
    """Of each appliance, at most"""
    days: float
    """From the appliance's first run on"""


def named(
    truths: Mapping[str, Power], rules: Mapping[str, OnRule], how: Naming, seed: int
) -> dict[str, Runs]:
    """By kind, chosen by chance of its runs in these days; kinds without any are not there."""
    found = {}
    for kind, truth in truths.items():
        rule = rules[kind]
        capped = np.where(truth.known, np.minimum(truth.power_w, rule.most_w), 0.0)
        runs = runs_by_rule(Power(truth.start_ms, truth.step_ms, capped, truth.known), rule)
        if len(runs):
            early = np.flatnonzero(runs.start < runs.start[0] + how.days * DAY_MS / truth.step_ms)
            chance = np.random.default_rng(seed)
            chosen = np.sort(chance.choice(early, min(how.runs, len(early)), replace=False))
            found[kind] = Runs(runs.start[chosen], runs.end[chosen])
    return found


def learning(told: LearnsHome, home: Home, named: Mapping[str, Runs]) -> Disaggregator:
    """The model, taught by these runs and the mains until a day after the last of them."""
    teachable = {kind: runs for kind, runs in named.items() if kind in told.teachable()}
    mains = home.mains
    last = max((int(runs.end[-1]) for runs in teachable.values()), default=0)
    until = min(len(mains), last + DAY_MS // mains.step_ms)
    seen = Power(mains.start_ms, mains.step_ms, mains.power_w[:until], mains.known[:until])
    return told.taught(seen, teachable, {})


def since(truth: Power, runs: Runs | None) -> Power:
    """The truth from the last of these runs on; unknown before. So what was named is never scored."""
    known = truth.known.copy()
    known[: 0 if runs is None else int(runs.end[-1])] = False
    power_w: F64 = np.where(known, truth.power_w, 0.0)
    return Power(truth.start_ms, truth.step_ms, power_w, known)
