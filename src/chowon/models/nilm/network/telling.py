"""From mains to appliances with trained weights: the whole recording at once, both directions."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnxruntime

from chowon.domain.nilm.power import F64, Power, wholly_coarser, within
from chowon.domain.nilm.runs import OnRule, Runs, runs_by_rule, states
from chowon.domain.quantities import Bools
from chowon.models.nilm.network.card import Card
from chowon.models.nilm.network.kinds import lessons
from chowon.models.nilm.network.library import F32
from chowon.models.nilm.network.owning import own_w

CHUNK: Final = 4096
"""Intervals told at once"""
MARGIN: Final = 512
"""Intervals seen before and after them"""
USUAL_THRESHOLD: Final = 0.4
"""Of a kind for which the card has none"""
_AT_ONCE: Final = 4


class Teller:
    """Trained weights at work."""

    def __init__(self, weights: bytes, card: Card) -> None:
        self._session = session(weights)
        self._card = card

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """As models.nilm.interface.Disaggregator. Errors: BadInput for mains coarser than the grid."""
        card = self._card
        grid, ratio = wholly_coarser(mains, card.step_ms)
        known_kinds = [kind for kind in kinds if kind in card.kinds]
        likely_on, power_w = self._said(grid, [card.kinds.index(kind) for kind in known_kinds])
        told = {
            kind: self._while_on(grid, kind, likely_on[i], power_w[i]) for i, kind in enumerate(known_kinds)
        }
        return within(mains, {kind: np.repeat(w, ratio)[: len(mains)] for kind, w in told.items()})

    def _said(self, grid: Power, of: Sequence[int]) -> tuple[F64, F64]:
        """((kinds, n) how likely on, (kinds, n) W while on)."""
        n = len(grid)
        likely_on, power_w = np.zeros((len(of), n)), np.zeros((len(of), n))
        if not of:
            return likely_on, power_w
        mains_w = np.pad(np.maximum(grid.power_w, 0.0), (MARGIN, CHUNK + MARGIN)).astype(np.float32)
        known = np.pad(grid.known, (MARGIN, CHUNK + MARGIN))
        starts = [s for s in range(0, n, CHUNK) if known[s + MARGIN : s + MARGIN + CHUNK].any()]
        for first in range(0, len(starts), _AT_ONCE):
            some = starts[first : first + _AT_ONCE]
            inputs = {
                "mains_w": np.stack([mains_w[s : s + CHUNK + 2 * MARGIN] for s in some]),
                "known": np.stack([known[s : s + CHUNK + 2 * MARGIN] for s in some]).astype(np.float32),
            }
            logits, watts = self._session.run(None, inputs)
            for start, logit, watt in zip(some, logits, watts, strict=True):
                stop = min(n, start + CHUNK)
                inner = slice(MARGIN, MARGIN + stop - start)
                likely_on[:, start:stop] = likely(logit[of, inner])
                power_w[:, start:stop] = watt[of, inner]
        return likely_on, power_w

    def _while_on(self, grid: Power, kind: str, likely_on: F64, power_w: F64) -> F64:
        """(n,) W: what it takes in the runs that the kind's rule makes of being on."""
        card = self._card
        sure = grid.known & (likely_on >= card.thresholds.get(kind, USUAL_THRESHOLD))
        runs = _runs(grid, sure, card.rules[kind])
        lesson = lessons().get(kind)
        told_w = np.where(states(len(grid), runs) & grid.known, power_w, 0.0)
        return own_w(grid, runs, told_w) if lesson is not None and lesson.one_power else told_w


def session(weights: bytes) -> onnxruntime.InferenceSession:
    """The network, on one thread: (homes, n) `mains_w` and `known` to logits and W, (homes, kinds, n)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def likely(logits: F32) -> F64:
    """Likelihoods, alike."""
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def _runs(grid: Power, sure: Bools, rule: OnRule) -> Runs:
    as_power = Power(grid.start_ms, grid.step_ms, np.where(sure, rule.on_w, 0.0), grid.known)
    return runs_by_rule(as_power, rule)
