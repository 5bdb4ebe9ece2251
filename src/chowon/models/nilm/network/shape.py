"""The network's shape, in torch: mains in, for each kind how likely it is on and what it takes if so.

Works on any grid; a time that is not known is masked. The trunk (a one-dimensional U-net over four scales,
1, 4, 16 and 64 intervals) is shared; each kind has a vector, from which its output's weights are made, so
that a further kind or a home's own appliance needs a vector and no new network. Power is a share of the
mains, between none and all of it.
"""

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

INPUTS: Final = 12
_BASES: Final = (10, 60, 480)
"""Intervals over which the lowest mains count as what runs anyway"""
_UNHEARD_W: Final = 1e5
_SELDOM: Final = 2.0
"""A network that knows nothing yet holds a kind for on an eighth of the time"""


class Network(nn.Module):
    """(batch, n) mains in W, 0 where unknown, and (batch, n) 1 where known, to two (batch, kinds, n).

    The first is the logit of being on, the second the power in W while it is. n is a multiple of 64.
    """

    def __init__(self, kinds: int, widths: tuple[int, ...] = (32, 64, 96, 96), vector: int = 16) -> None:
        super().__init__()
        features = 2 * widths[0]
        self.stem = nn.Conv1d(INPUTS, widths[0], 7, padding=3)
        self.inward = nn.ModuleList(nn.Sequential(_Block(w), _Block(w, 2)) for w in widths)
        self.coarser = nn.ModuleList(nn.Conv1d(2 * a, b, 1) for a, b in pairwise(widths))
        self.finer = nn.ModuleList(nn.Conv1d(a + b, a, 1) for a, b in pairwise(widths))
        self.outward = nn.ModuleList(_Block(w) for w in widths[:-1])
        self.features = nn.Conv1d(widths[0], features, 1)
        self.vectors = nn.Parameter(torch.randn(kinds, vector) * 0.3)
        self.weights = nn.Linear(vector, 2 * features)
        self.offsets = nn.Linear(vector, 2)

    def forward(self, mains_w: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        logit, power_w, *_ = self.said(mains_w, known)
        return logit, power_w

    def said(self, mains_w: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """As forward, and what it was made of: (batch, features, n) what was heard, and two weights.

        These are (kinds, features + 1), the last for what is always there: of the logit, and of the share of
        the mains before its logistic function.
        """
        heard = functional.gelu(self.features(functional.gelu(self._trunk(_seen(mains_w, known)))))
        weights = self.weights(self.vectors).chunk(2, -1)
        gate, share = (
            torch.cat([weight, offset - usual], -1)
            for weight, offset, usual in zip(
                weights, self.offsets(self.vectors).chunk(2, -1), (_SELDOM, 0.0), strict=True
            )
        )
        part = torch.sigmoid(_of(heard, share))
        return _of(heard, gate), part * mains_w[:, None], heard, gate, share

    def _trunk(self, heard: Tensor) -> Tensor:
        heard = self.stem(heard)
        kept = []
        for block, coarser in zip(self.inward[:-1], self.coarser, strict=True):
            heard = block(heard)
            kept.append(heard)
            pooled = [functional.avg_pool1d(heard, 4), functional.max_pool1d(heard, 4)]
            heard = coarser(torch.cat(pooled, 1))
        heard = self.inward[-1](heard)
        for finer, block in zip(reversed(self.finer), reversed(self.outward), strict=True):
            beside = kept.pop()
            wide = functional.interpolate(heard, scale_factor=4.0, mode="linear")
            heard = block(finer(torch.cat([beside, wide], 1)))
        return heard


class _Block(nn.Module):
    def __init__(self, width: int, apart: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, width, 5, padding=2 * apart, dilation=apart)
        self.first_norm = nn.BatchNorm1d(width)
        self.second = nn.Conv1d(width, width, 3, padding=1)
        self.second_norm = nn.BatchNorm1d(width)

    def forward(self, heard: Tensor) -> Tensor:
        inner = functional.gelu(self.first_norm(self.first(heard)))
        return heard + self.second_norm(self.second(inner))


def _of(heard: Tensor, weights: Tensor) -> Tensor:
    """(batch, kinds, n)"""
    return torch.einsum("bft,kf->bkt", heard, weights[:, :-1]) + weights[None, :, -1:]


def _seen(mains_w: Tensor, known: Tensor) -> Tensor:
    """(batch, 12, n): the mains, what they are above what ran anyway, and steps; on even and log scales."""
    bases = [_base(mains_w, known, over) for over in _BASES]
    above = [mains_w - base for base in bases]
    step = functional.pad(mains_w[:, 1:] - mains_w[:, :-1], (1, 0))
    seen = [
        mains_w / 2000,
        _log(mains_w),
        above[0] / 2000,
        *(_log(w) for w in above),
        above[1] / 2000,
        _log(bases[1]),
        _log(bases[2]),
        known,
        step / 1000,
        torch.sign(step) * _log(step.abs()),
    ]
    return torch.stack(seen, 1) * known[:, None]


def _base(mains_w: Tensor, known: Tensor, over: int) -> Tensor:
    """The lowest known mains within half of `over` intervals before and after."""
    heard = torch.where(known > 0, mains_w, torch.full_like(mains_w, _UNHEARD_W))
    padded = functional.pad(-heard[:, None], (over // 2, over // 2), value=-_UNHEARD_W)
    lowest = -functional.max_pool1d(padded, over + 1, 1)[:, 0]
    return torch.where(lowest < _UNHEARD_W, lowest, torch.zeros_like(lowest))


def _log(power_w: Tensor) -> Tensor:
    return torch.log1p(torch.clamp(power_w, min=0) / 20) / 4
