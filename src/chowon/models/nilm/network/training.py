"""Teaching the network: lessons in, weights out. Needs the extra `train` (torch).

The same homes, seed and settings give the same lessons, in the same order, whenever it is interrupted and
taken up again. What it says is wrong is, for each kind: being on (cross entropy), power while on, power in
all, and the energy of a window.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from chowon.errors import BadInput
from chowon.models.nilm.network.kinds import lessons
from chowon.models.nilm.network.library import Library
from chowon.models.nilm.network.recombine import Lessons
from chowon.models.nilm.network.shape import Network

_FEW: Final = 20
"""Added to how long a kind is on in a batch, so that a kind that hardly is does not rule"""
_AHEAD: Final = 6
"""Batches made in advance"""


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is taught."""

    steps: int
    batch: int = 24
    rate: float = 3e-3
    warm_up: int = 100
    decay: float = 1e-3
    power_weight: float = 1.0
    blurred_weight: float = 0.5
    energy_weight: float = 0.2
    keep_every: int = 250


def train(
    library: Library,
    seed: int,
    settings: Settings,
    kept: Path | None = None,
    tell: Callable[[int, float], None] = lambda _step, _loss: None,
) -> Network:
    """The network after all steps, its weights averaged over the later ones.

    kept: a file that it goes on from if it is there, and writes as it goes. Errors: BadInput where that
    file is of other kinds or settings.
    """
    torch.manual_seed(seed)
    network = Network(len(library.kinds))
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_slowly, use_buffers=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    signature = {"kinds": library.kinds, "seed": seed, "settings": asdict(settings)}
    done = _taken_up(kept, signature, network, average, optimizer)
    usual_w = torch.tensor([lessons()[kind].usual_w for kind in library.kinds])
    for step, batch in enumerate(_batches(library, seed, settings, done), done):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * _pace(step, settings)
        loss = _loss(network, batch, usual_w, settings)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(network)
        tell(step + 1, float(loss.detach()))
        if kept is not None and (step + 1) % settings.keep_every == 0:
            _keep(kept, signature, step + 1, network, average, optimizer)
    trained = average.module
    trained.eval()
    return trained


def _loss(network: Network, batch: tuple[Tensor, ...], usual_w: Tensor, settings: Settings) -> Tensor:
    mains_w, known, power_w, on, sure = batch
    on = on * sure
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logit, told_w = network(mains_w, known)
    logit, told_w = logit.float(), told_w.float()
    scale = usual_w[None, :, None]
    on_time = on.sum((0, 2)) + _FEW
    crossed = functional.binary_cross_entropy_with_logits(logit, on, reduction="none") * sure
    on_loss = crossed.sum((0, 2)) / on_time
    apart = functional.smooth_l1_loss(told_w / scale, power_w / scale, reduction="none", beta=0.2)
    power_loss = (apart * on).sum((0, 2)) / on_time
    blurred = (torch.sigmoid(logit) * told_w - power_w) * sure / scale
    blurred_loss = blurred.abs().sum((0, 2)) / on_time
    energy_loss = blurred.sum(2).abs().sum(0) / on_time
    parts = (
        on_loss
        + settings.power_weight * power_loss
        + settings.blurred_weight * blurred_loss
        + settings.energy_weight * energy_loss
    )
    return parts.mean()


def _pace(step: int, settings: Settings) -> float:
    """Warms up, then a half cosine to a hundredth."""
    falling = 0.5 * (1 + math.cos(math.pi * step / settings.steps))
    return min(1.0, (step + 1) / settings.warm_up) * (0.99 * falling + 0.01)


def _slowly(average: Tensor, now: Tensor, seen: Tensor | int) -> Tensor:
    keep = min(0.999, (1 + int(seen)) / (10 + int(seen)))
    return average * keep + now * (1 - keep)


class _Batches(Dataset):
    def __init__(self, library: Library, seed: int, batch: int) -> None:
        self._library, self._seed, self._batch = library, seed, batch

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        source = Lessons(self._library, (self._seed, step))
        made = [source.next() for _ in range(self._batch)]
        columns = ("mains_w", "known", "power_w", "on", "sure")
        return tuple(
            torch.from_numpy(np.stack([getattr(lesson, name) for lesson in made]).astype(np.float32))
            for name in columns
        )


def _batches(library: Library, seed: int, settings: Settings, done: int) -> Iterator[tuple[Tensor, ...]]:
    """Made by one process beside this one, so that the network does not wait."""
    steps: Any = range(done, settings.steps)
    return iter(
        DataLoader(
            _Batches(library, seed, settings.batch),
            sampler=steps,
            batch_size=None,
            num_workers=1,
            prefetch_factor=_AHEAD,
        )
    )


def _keep(kept: Path, signature: Any, step: int, *parts: Any) -> None:
    part_way = kept.with_suffix(".part")
    torch.save({"signature": signature, "step": step, "parts": [p.state_dict() for p in parts]}, part_way)
    part_way.replace(kept)


def _taken_up(kept: Path | None, signature: Any, *parts: Any) -> int:
    if kept is None or not kept.exists():
        return 0
    found = torch.load(kept, weights_only=True)
    if found["signature"] != signature:
        raise BadInput(f"{kept}: begun with other kinds, seed or settings; remove it to begin anew")
    for part, state in zip(parts, found["parts"], strict=True):
        part.load_state_dict(state)
    return int(found["step"])
