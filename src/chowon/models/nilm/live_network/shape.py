"""The live network's shape, in torch: three rates, each looking back only.

The minute part, five dilated convolutions over minutes, reads a minute and an hour before it; the slow part,
a gated recurrence every four minutes, keeps what is longer ago. The quick part reads the last six minutes at
10 s. Of these, each kind's vector makes three outputs: now, by the minute; `DELAY` minutes ago, settled; and
the present 10 s, of the quick part and of the minute before. Each is how likely it is on and which share of
the mains it takes if so.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from chowon.models.nilm.live_network.front import BLOCK, DELAY, HEARD, TICKS

SEEN: Final = 12
WIDTH: Final = 48
NARROW: Final = 24
APART: Final = (1, 2, 4, 8, 16)
"""Minutes between what a convolution reads"""
LISTENERS: Final = 64
QUICK: Final = 48
CONTEXT: Final = 64
TRUNK: Final = 96
FEATURES: Final = 64
VECTOR: Final = 16
OUTPUTS: Final = 3
_HEARD_OF_EACH: Final = 3
_SELDOM: Final = 2
"""Most kinds are off most of the time"""
_PART: Final = 1
"""And take less than half of the mains when on"""


class Said(NamedTuple):
    """Of each kind, (homes, kinds, n)."""

    logit: Tensor
    share: Tensor


class Network(nn.Module):
    """Homes' minutes and ticks in; what is said of each kind, out."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.listen = nn.Conv1d(_HEARD_OF_EACH, LISTENERS, HEARD)
        self.quick = nn.Linear(LISTENERS, QUICK)
        self.stem = nn.Linear(SEEN, WIDTH)
        self.blocks = nn.ModuleList(Block(apart) for apart in APART)
        self.slow = nn.GRU(2 * WIDTH, CONTEXT, batch_first=True)
        self.trunk = nn.Linear(WIDTH + CONTEXT, TRUNK)
        self.minute = nn.Linear(TRUNK, FEATURES)
        self.beside = nn.Linear(TRUNK, QUICK)
        self.together = nn.Linear(2 * QUICK + SEEN, TRUNK)
        self.tick = nn.Linear(TRUNK, FEATURES)
        self.vectors = nn.Parameter(torch.randn(kinds, VECTOR) * 0.3)
        self.weights = nn.Linear(VECTOR, 2 * OUTPUTS * FEATURES)
        self.offsets = nn.Linear(VECTOR, 2 * OUTPUTS)

    def hear(self, mains_w: Tensor, known: Tensor) -> Tensor:
        """(homes, ticks, QUICK): what the quick part makes of each tick and the ones before it."""
        heard = functional.pad(torch.stack(heard_of(mains_w, known), 1), (HEARD - 1, 0))
        return functional.gelu(self.quick(functional.gelu(self.listen(heard)).transpose(1, 2)))

    def follow(self, seen: Tensor) -> Tensor:
        """(homes, minutes, TRUNK) of (homes, minutes, SEEN); minutes a multiple of `BLOCK`."""
        heard = functional.gelu(self.stem(seen)).transpose(1, 2)
        for block in self.blocks:
            heard = block(heard)
        pooled = [functional.avg_pool1d(heard, BLOCK), functional.max_pool1d(functional.relu(heard), BLOCK)]
        with torch.autocast("cpu", enabled=False):
            turns, _ = self.slow(torch.cat(pooled, 1).transpose(1, 2).float())
        before = torch.cat([torch.zeros_like(turns[:, :1]), turns], 1)
        context = before.repeat_interleave(BLOCK, 1)[:, 1 : seen.shape[1] + 1]
        return functional.gelu(self.trunk(torch.cat([heard.transpose(1, 2), context], -1)))

    def by_minute(self, trunk: Tensor) -> tuple[Said, Said]:
        """(now, settled); the second is of `DELAY` minutes before."""
        features = functional.gelu(self.minute(trunk))
        return _said(*self._heads(features, 0)), _said(*self._heads(features, 1))

    def by_tick(self, trunk: Tensor, quick: Tensor, seen: Tensor) -> Said:
        """The present ticks, (homes, ticks, …): what was said of the minute before each, moved."""
        together = functional.gelu(self.together(torch.cat([quick, self.beside(trunk), seen], -1)))
        logit, part = self._heads(functional.gelu(self.tick(together)), 2)
        before, part_before = self._heads(functional.gelu(self.minute(trunk)), 0)
        return _said(logit + before, part + part_before)

    def _heads(self, features: Tensor, output: int) -> tuple[Tensor, Tensor]:
        """(homes, n, kinds): logits of being on, and of the share of the mains."""
        gate, share = self.weights(self.vectors).chunk(2 * OUTPUTS, -1)[2 * output : 2 * output + 2]
        offset = self.offsets(self.vectors)[:, 2 * output : 2 * output + 2]
        return features @ gate.T + offset[:, 0], features @ share.T + offset[:, 1]


def _said(logit: Tensor, part: Tensor) -> Said:
    return Said((logit - _SELDOM).transpose(1, 2), torch.sigmoid(part - _PART).transpose(1, 2))


class Block(nn.Module):
    """A narrow reading of the home, three minutes of it together, and a gate."""

    def __init__(self, apart: int) -> None:
        super().__init__()
        self.apart = apart
        self.narrow = nn.Conv1d(WIDTH, NARROW, 1)
        self.over = nn.Conv1d(NARROW, 2 * WIDTH, 3, dilation=apart)
        self.norm = nn.BatchNorm1d(2 * WIDTH)
        self.out = nn.Conv1d(WIDTH, WIDTH, 1)

    def forward(self, heard: Tensor) -> Tensor:
        """(homes, WIDTH, minutes), as many as came in."""
        narrow = functional.pad(self.narrow(heard), (2 * self.apart, 0))
        value, gate = self.norm(self.over(narrow)).chunk(2, 1)
        return heard + self.out(functional.gelu(value) * torch.sigmoid(gate))


def seen_of(mains_w: Tensor, known: Tensor, step_w: Tensor, bases_w: Tensor) -> Tensor:
    """(…, 12): the mains, what they are above what ran anyway, and steps; on even and log scales.

    mains_w, known, step_w: (…,); bases_w: (…, 3).
    """
    above = mains_w[..., None] - bases_w
    seen = [
        mains_w / 2000,
        logarithm(mains_w),
        above[..., 0] / 2000,
        *(logarithm(above[..., i]) for i in range(3)),
        above[..., 1] / 2000,
        logarithm(bases_w[..., 1]),
        logarithm(bases_w[..., 2]),
        known,
        step_w / 1000,
        torch.sign(step_w) * logarithm(step_w.abs()),
    ]
    return torch.stack(seen, -1) * known[..., None]


def heard_of(mains_w: Tensor, known: Tensor) -> list[Tensor]:
    """What the quick part is given of each tick."""
    return [mains_w / 2000, logarithm(mains_w), known]


def stepped(mains_w: Tensor, known: Tensor) -> Tensor:
    """(homes, n) by how much the mains moved since the interval before; 0 where that is not known."""
    both = known[:, 1:] * known[:, :-1]
    return functional.pad((mains_w[:, 1:] - mains_w[:, :-1]) * both, (1, 0))


def late(watts: Tensor) -> Tensor:
    """(…, n - DELAY): what stands beside the settled outputs from minute `DELAY` on."""
    return watts[..., :-DELAY]


def before_each_tick(trunk: Tensor) -> Tensor:
    """(homes, ticks, …): the trunk of the minute before each tick's."""
    shifted = torch.cat([torch.zeros_like(trunk[:, :1]), trunk[:, :-1]], 1)
    return shifted.repeat_interleave(TICKS, 1)


def logarithm(power_w: Tensor) -> Tensor:
    """Of 0 W or less 0, of 20 W about 0.17, of 2 kW about 1.15."""
    return torch.log1p(torch.clamp(power_w, min=0) / 20) / 4
