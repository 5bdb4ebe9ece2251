"""How likely a kind must be on to be told: by lessons that did not teach, for each output by itself.

Of some likelihoods the one with the best F1. Needs the extra `train` (torch).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor

from chowon.models.nilm.live_network.front import DELAY
from chowon.models.nilm.live_network.shape import Network, late
from chowon.models.nilm.live_network.training import Batches, Shelves, heard_minutes, heard_ticks

GATES: Final = tuple(round(0.2 + 0.05 * i, 2) for i in range(9))
_BATCHES: Final = 12
_BATCH: Final = 32


def gates_of(network: Network, of: Shelves, seed: int, after: int) -> Mapping[str, Mapping[str, float]]:
    """{"tick", "minute", "settled"}: likelihoods by kind. after: the last lesson that taught."""
    batches = Batches(of, seed, _BATCH)
    kinds = of.minutes.kinds
    counts = {name: np.zeros((3, len(GATES), len(kinds))) for name in ("tick", "minute", "settled")}
    for i in range(_BATCHES):
        slow, quick = batches[after + 1 + i]
        with torch.no_grad():
            _, now, settled = heard_minutes(network, slow)
            quick_settled, said = heard_ticks(network, quick)
        *_, on, sure = slow
        *_, quick_on, quick_sure = quick
        counts["minute"] += _counted(now.logit, on, sure)
        counts["settled"] += _counted(settled.logit[..., DELAY:], late(on), late(sure))
        counts["settled"] += _counted(quick_settled.logit[..., DELAY:], late(quick_on), late(quick_sure))
        counts["tick"] += _counted(said.logit, quick[3], quick[4])
    return {name: _best(kinds, found) for name, found in counts.items()}


def _counted(logit: Tensor, on: Tensor, sure: Tensor) -> np.ndarray:
    """(3, gates, kinds): told rightly, told wrongly, missed."""
    likely, true = torch.sigmoid(logit), (on > 0) & (sure > 0)
    found = []
    for gate in GATES:
        told = (likely >= gate) & (sure > 0)
        found.append([(one).sum((0, 2)).numpy() for one in (told & true, told & ~true, ~told & true)])
    return np.array(found, np.float64).transpose(1, 0, 2)


def _best(kinds: tuple[str, ...], counts: np.ndarray) -> dict[str, float]:
    right, wrongly, missed = counts
    score = 2 * right / np.maximum(2 * right + wrongly + missed, 1)
    return {kind: GATES[int(score[:, i].argmax())] for i, kind in enumerate(kinds)}
