"""Teaching one network one kind. Needs the extra `train` (torch).

The same homes, seed and settings give the same network, whatever else is taught. Chance outside of it is left
alone.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import nn

from chowon.domain.quantities import I64
from chowon.models.nilm.one_each.design import Design, Lesson, Settings
from chowon.models.nilm.one_each.windows import Course, Scale


def train(design: Design, settings: Settings, taught: Course, kind: str, seed: int) -> Any:
    """The network after all steps."""
    chance = np.random.default_rng([seed, crc32(kind.encode())])
    network = _begun(design, settings, int(chance.integers(2**31)))
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.rate)
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
        loss = design.wrong(network, _lesson(taught, chance.choice(taught.starts, settings.batch), settings))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    return network


def keep(network: Any, scale: Scale, path: Path) -> None:
    """Write a network and its scale."""
    part = path.with_suffix(".part")
    torch.save({"network": network.state_dict(), "scale": asdict(scale)}, part)
    part.replace(path)


def kept(design: Design, settings: Settings, path: Path) -> tuple[Any, Scale]:
    """The network that was written there."""
    found = torch.load(path, weights_only=True)
    network = _begun(design, settings, 0)
    network.load_state_dict(found["network"])
    network.eval()
    return network, Scale(**found["scale"])


def convolutions(layers: Iterable[tuple[int, int]]) -> list[nn.Module]:
    """Filters and widths of layers of one dimension, a ReLU after each; nothing is added at the ends."""
    made: list[nn.Module] = []
    before = 1
    for filters, width in layers:
        made += [nn.Conv1d(before, filters, width), nn.ReLU()]
        before = filters
    return made


def _begun(design: Design, settings: Settings, seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return design.build(settings)


def _lesson(taught: Course, starts: I64, settings: Settings) -> Lesson:
    seen = starts[:, None] + np.arange(settings.window)
    told = seen[:, settings.context : settings.context + settings.tells]
    return Lesson(
        torch.from_numpy(taught.mains[seen])[:, None],
        torch.from_numpy(taught.power[told]),
        torch.from_numpy(taught.on[told].astype(np.float32)),
        torch.from_numpy(taught.known[told].astype(np.float32)),
    )
