"""How likely a kind must be on to be told: by lessons that did not teach, for each output by itself.

Of some likelihoods the one above which a kind is for as much of the time as it is on. Likelihoods of what is
hard to tell stay low, so one gate for all would tell too little of it. Needs the extra `train` (torch).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor

from chowon.models.nilm.live_network.front import DELAY
from chowon.models.nilm.live_network.shape import Network, late
from chowon.models.nilm.live_network.training import Batches, Shelves, heard_minutes, heard_ticks

GATES: Final = tuple(round(float(gate), 3) for gate in np.geomspace(0.05, 0.6, 30))
_BATCHES: Final = 12
_BATCH: Final = 32


def gates_of(network: Network, of: Shelves, seed: int, after: int) -> Mapping[str, Mapping[str, float]]:
    """{"tick", "minute", "settled"}: likelihoods by kind. after: the last lesson that taught."""
    batches = Batches(of, seed, _BATCH)
    kinds = of.minutes.kinds
    counts = {name: np.zeros((1 + len(GATES), len(kinds))) for name in ("tick", "minute", "settled")}
    for i in range(_BATCHES):
        slow, quick = batches[after + 1 + i]
        with torch.no_grad():
            _, now, settled = heard_minutes(network, slow)
            quick_settled, ticks = heard_ticks(network, quick)
        *_, on, sure = slow
        *_, quick_on, quick_sure = quick
        counts["minute"] += _counted(now.logit, on, sure)
        counts["settled"] += _counted(settled.logit[..., DELAY:], late(on), late(sure))
        counts["settled"] += _counted(quick_settled.logit[..., DELAY:], late(quick_on), late(quick_sure))
        counts["tick"] += _counted(ticks.logit, quick[3], quick[4])
    return {name: _as_long(kinds, found) for name, found in counts.items()}


def _counted(logit: Tensor, on: Tensor, sure: Tensor) -> np.ndarray:
    """(1 + gates, kinds) intervals that are on, then those above each gate; sure ones only."""
    likely = torch.sigmoid(logit.float()) * sure
    found = [((on > 0) & (sure > 0)).sum((0, 2)), *((likely >= gate).sum((0, 2)) for gate in GATES)]
    return torch.stack(found).numpy().astype(np.float64)


def _as_long(kinds: tuple[str, ...], counts: np.ndarray) -> dict[str, float]:
    apart = np.abs(counts[1:] - counts[:1])
    return {kind: GATES[int(apart[:, i].argmin())] for i, kind in enumerate(kinds)}
