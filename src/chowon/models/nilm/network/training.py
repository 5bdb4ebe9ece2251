"""Teaching the network: lessons in, weights out. Needs the extra `train` (torch).

Each batch has its own seed: the same homes, seed and settings give the same lessons in the same order.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from chowon.models.nilm.network.kinds import lessons
from chowon.models.nilm.network.library import Library
from chowon.models.nilm.network.loop import Settings, taught, wrong
from chowon.models.nilm.network.recombine import Lesson, Lessons
from chowon.models.nilm.network.shape import Network

_LOOKED_AT: Final = 40
"""Batches by which it is known how long each kind is on in one"""


def train(
    library: Library,
    seed: int,
    settings: Settings,
    kept: Path | None = None,
    tell: Callable[[int, float], None] = lambda _step, _loss: None,
) -> Network:
    """The network after all steps, as network.loop.taught."""
    torch.manual_seed(seed)
    signature = {"kinds": library.kinds, "seed": seed, "settings": asdict(settings)}
    batches = _Batches(library, seed, settings.batch)
    usual_w, usual_on = usual(library), on_in(batches, settings.steps)

    def loss_of(network: Network, batch: list[Tensor]) -> Tensor:
        mains_w, known, *truth = batch
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logit, told_w = network(mains_w, known)
        return wrong(logit, told_w, (truth[0], truth[1], truth[2]), usual_w, usual_on, settings)

    return taught(Network(len(library.kinds)), batches, loss_of, settings, signature, kept, tell)


def usual(library: Library) -> Tensor:
    """(kinds,) W by which each kind's errors are measured."""
    return torch.tensor([lessons()[kind].usual_w for kind in library.kinds])


def on_in(batches: "_Batches", after: int) -> Tensor:
    """(kinds,) intervals that each is on in a usual batch, by batches after the last that teaches."""
    counts = []
    for i in range(_LOOKED_AT):
        *_, on, sure = batches[after + 1 + i]
        counts.append((on * sure).sum((0, 2)))
    return torch.stack(counts).mean(0)


def columns(made: list[Lesson], *names: str) -> tuple[Tensor, ...]:
    """These fields of the lessons, (lessons, …) float32 each."""
    return tuple(
        torch.from_numpy(np.stack([getattr(lesson, name) for lesson in made]).astype(np.float32))
        for name in names
    )


class _Batches(Dataset):
    def __init__(self, library: Library, seed: int, batch: int) -> None:
        self._library, self._seed, self._batch = library, seed, batch

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        source = Lessons(self._library, (self._seed, step))
        made = [source.next() for _ in range(self._batch)]
        return columns(made, "mains_w", "known", "power_w", "on", "sure")
