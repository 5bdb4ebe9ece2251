"""From mains to appliances, a network for each kind. Needs the extra `train` (torch)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch

from chowon.domain.nilm.power import F64, Power, wholly_coarser
from chowon.models.nilm.one_each.design import F32, STEP_MS, Design, Settings
from chowon.models.nilm.one_each.windows import Scale, standardised

_AT_ONCE: Final = 32
"""Windows"""


class Teller:
    """Trained networks at work."""

    def __init__(self, design: Design, settings: Settings, networks: Mapping[str, tuple[Any, Scale]]) -> None:
        self._design, self._settings, self._networks = design, settings, networks

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """As models.nilm.interface.Disaggregator. Errors: BadInput for mains coarser than a minute."""
        grid, per_step = wholly_coarser(mains, STEP_MS)
        told = {}
        for kind in (kind for kind in kinds if kind in self._networks):
            power_w = np.repeat(self._power_w(grid, *self._networks[kind]), per_step)[: len(mains)]
            told[kind] = Power(
                mains.start_ms, mains.step_ms, np.where(mains.known, power_w, 0.0), mains.known
            )
        return told

    def _power_w(self, grid: Power, network: Any, scale: Scale) -> F64:
        """(n,) W; 0 where a whole window is unknown."""
        settings, n = self._settings, len(grid)
        tiles = -(-n // settings.tells)
        after = settings.context + tiles * settings.tells - n
        seen = np.pad(standardised(grid.power_w, grid.known, scale), (settings.context, after))
        heard = np.pad(grid.known, (0, tiles * settings.tells - n)).reshape(tiles, settings.tells)
        worth = np.flatnonzero(heard.any(axis=1))
        power: F32 = np.zeros((tiles, settings.tells), np.float32)
        with torch.inference_mode():
            for some in (worth[at : at + _AT_ONCE] for at in range(0, len(worth), _AT_ONCE)):
                windows = seen[some[:, None] * settings.tells + np.arange(settings.window)]
                power[some] = self._design.told(network, torch.from_numpy(windows)[:, None]).numpy()
        power_w = power.astype(np.float64) * scale.power_deviation_w + scale.power_mean_w
        power_w[~heard.any(axis=1)] = 0.0
        return np.maximum(power_w.ravel()[:n], 0.0)
