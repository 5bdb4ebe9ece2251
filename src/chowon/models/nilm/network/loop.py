"""Batches in, weights out: how any of the networks is taught. Needs the extra `train` (torch).

The same batches, seed and settings give the same weights, whenever the training is interrupted and taken up
again.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from chowon.errors import BadInput

_FEW: Final = 20
"""Added to how long a kind is on in a usual batch, so that a kind that hardly is does not rule"""
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


def taught(
    network: nn.Module,
    batches: Dataset,
    loss_of: Callable[[nn.Module, Any], Tensor],
    settings: Settings,
    signature: Mapping[str, Any],
    kept: Path | None = None,
    tell: Callable[[int, float], None] = lambda _step, _loss: None,
) -> nn.Module:
    """The network after all steps, its weights averaged over the later ones.

    batches: of each step. signature: what makes it this training. kept: a file that it goes on from if it is
    there, and writes as it goes. Errors: BadInput where that file is of another training.
    """
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_slowly, use_buffers=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    done = _taken_up(kept, signature, network, average, optimizer)
    for step, batch in enumerate(_made(batches, settings, done), done):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * _pace(step, settings)
        loss = loss_of(network, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(network)
        tell(step + 1, float(loss.detach()))
        if kept is not None and (step + 1) % settings.keep_every == 0:
            _keep(kept, signature, step + 1, network, average, optimizer)
    trained: nn.Module = average.module
    trained.eval()
    return trained


def wrong(
    logit: Tensor,
    told_w: Tensor,
    truth: tuple[Tensor, Tensor, Tensor],
    usual_w: Tensor,
    usual_on: Tensor,
    settings: Settings,
) -> Tensor:
    """How wrong it is: about being on, power while on, power in all, and the energy of a window.

    logit, told_w: (homes, kinds, n). truth: power in W, being on, and where these are sure, alike. usual_w:
    (kinds,). usual_on: (kinds,) intervals that a kind is on in a usual batch: errors are divided by it, for
    divided by those of this batch, one in which it is never on would weigh most, and likelihoods sink. They
    are taught by being on alone, not by power and energy, for which saying nothing is a small error.
    """
    power_w, on, sure = truth
    on = on * sure
    logit, told_w = logit.float(), told_w.float()
    scale = usual_w[None, :, None]
    on_time = _FEW + usual_on
    crossed = functional.binary_cross_entropy_with_logits(logit, on, reduction="none") * sure
    on_loss = crossed.sum((0, 2)) / on_time
    apart = functional.smooth_l1_loss(told_w / scale, power_w / scale, reduction="none", beta=0.2)
    power_loss = (apart * on).sum((0, 2)) / on_time
    blurred = (torch.sigmoid(logit.detach()) * told_w - power_w) * sure / scale
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


def _made(batches: Dataset, settings: Settings, done: int) -> Iterator[Any]:
    """Made by one process beside this one, so that the network does not wait."""
    steps: Any = range(done, settings.steps)
    return iter(DataLoader(batches, sampler=steps, batch_size=None, num_workers=1, prefetch_factor=_AHEAD))


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
