"""How likely a kind must be on to be told, for each output by itself, as chowon.models.nilm.network.gates.

Needs the extra `train` (torch).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor

from chowon.domain.nilm.power import F64
from chowon.models.nilm.live_network.front import DELAY
from chowon.models.nilm.live_network.shape import Network, late
from chowon.models.nilm.live_network.training import Batches, Shelves, heard_minutes, heard_ticks
from chowon.models.nilm.network.gates import GATES, as_long, counted

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
    return {name: as_long(kinds, found) for name, found in counts.items()}


def _counted(logit: Tensor, on: Tensor, sure: Tensor) -> F64:
    """As network.gates.counted."""
    return counted(torch.sigmoid(logit.float()).numpy(), on.numpy(), sure.numpy())
