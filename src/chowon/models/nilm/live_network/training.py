"""Teaching the live network: minutes, and homes at 10 s. Needs the extra `train` (torch).

A batch is windows of minutes, as meters that are slower than 10 s have them, and shorter windows at 10 s,
where the minutes are told too.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from chowon.domain.nilm.power import LEAST_KNOWN, Home
from chowon.domain.nilm.runs import OnRule
from chowon.models.nilm.live_network.finer import finer
from chowon.models.nilm.live_network.front import DELAY, MINUTE_MS, TICK_MS, TICKS, bases
from chowon.models.nilm.live_network.shape import (
    Network,
    Said,
    before_each_tick,
    late,
    seen_of,
    stepped,
)
from chowon.models.nilm.network.library import Library, library
from chowon.models.nilm.network.loop import Settings, taught, wrong
from chowon.models.nilm.network.recombine import Lesson, Lessons
from chowon.models.nilm.network.training import columns, usual

MINUTES: Final = 1024
QUICK_MINUTES: Final = 256
QUICK_PART: Final = 0.4
"""Of the lessons of a batch"""
NOW_WEIGHT: Final = 0.5
"""What is wrong now counts less than what is wrong when settled: much cannot be known yet"""
_MOST_FINE: Final = 1_500_000
"""Intervals at 10 s of a home that is made finer"""


@dataclass(frozen=True, slots=True, eq=False)
class Shelves:
    """What is taught from: the same homes and plugs by the minute and at 10 s."""

    minutes: Library
    ticks: Library


def shelves(homes: Sequence[Home], rules: dict[str, OnRule]) -> Shelves:
    """Homes at a minute and plugs at a minute or finer, taken apart twice."""
    minutes = library(homes, rules, MINUTE_MS, MINUTES)
    fine = [finer(home, TICK_MS, _MOST_FINE) for home in homes]
    ticks = library(fine, rules, TICK_MS, QUICK_MINUTES * TICKS)
    return Shelves(minutes, replace(ticks, kinds=minutes.kinds))


def train(
    of: Shelves,
    seed: int,
    settings: Settings,
    kept: Path | None = None,
    tell: Callable[[int, float], None] = lambda _step, _loss: None,
) -> Network:
    """The network after all steps, as network.loop.taught."""
    torch.manual_seed(seed)
    signature = {"kinds": of.minutes.kinds, "seed": seed, "settings": asdict(settings)}
    usual_w = usual(of.minutes)

    def loss_of(network: Network, batch: tuple[list[Tensor], list[Tensor]]) -> Tensor:
        slow, quick = batch
        return _by_minute(network, slow, None, usual_w, settings)[0] + _by_tick(
            network, quick, usual_w, settings
        )

    batches = _Batches(of, seed, settings.batch)
    return taught(Network(len(of.minutes.kinds)), batches, loss_of, settings, signature, kept, tell)


def _by_minute(
    network: Network, batch: list[Tensor], quick: Tensor | None, usual_w: Tensor, settings: Settings
) -> tuple[Tensor, Tensor]:
    """(how wrong the minutes are, the trunk)."""
    mains_w, known, bases_w, power_w, on, sure = batch
    with torch.autocast("cpu", dtype=torch.bfloat16):
        trunk = network.follow(seen_of(mains_w, known, stepped(mains_w, known), bases_w), quick)
        now, settled = network.by_minute(trunk)
    mains = mains_w[:, None]
    truth = power_w, on, sure
    past = late(power_w), late(on), late(sure)
    of_settled = Said(settled.logit[..., DELAY:], settled.share[..., DELAY:])
    found = wrong(of_settled.logit, of_settled.share * late(mains), past, usual_w, settings)
    if quick is None:
        found = found + NOW_WEIGHT * wrong(now.logit, now.share * mains, truth, usual_w, settings)
    return found, trunk


def _by_tick(network: Network, batch: list[Tensor], usual_w: Tensor, settings: Settings) -> Tensor:
    mains_w, known, power_w, on, sure, *minutes = batch
    bases_w = minutes[2]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        quick = network.hear(mains_w, known)
    found, trunk = _by_minute(network, minutes, quick[:, TICKS - 1 :: TICKS], usual_w, settings)
    first = torch.full_like(bases_w[:, :1], -1.0)
    before_w = torch.cat([first, bases_w[:, :-1]], 1).repeat_interleave(TICKS, 1)
    seen = seen_of(mains_w, known, stepped(mains_w, known), before_w)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        said = network.by_tick(before_each_tick(trunk), quick, seen)
    truth = power_w, on, sure
    return NOW_WEIGHT * (
        found + wrong(said.logit, said.share * mains_w[:, None], truth, usual_w, settings)
    )


class _Batches(Dataset):
    def __init__(self, of: Shelves, seed: int, batch: int) -> None:
        self._of, self._seed = of, seed
        self._quick = max(1, round(QUICK_PART * batch))
        self._slow = max(1, batch - self._quick)

    def __getitem__(self, step: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        source = Lessons(self._of.minutes, (self._seed, step, 0))
        slow = [source.next() for _ in range(self._slow)]
        fine = Lessons(self._of.ticks, (self._seed, step, 1))
        quick = [fine.next() for _ in range(self._quick)]
        ticks = columns(quick, "mains_w", "known", "power_w", "on", "sure")
        return _minutes(slow), (*ticks, *_minutes([_by_the_minute(lesson) for lesson in quick]))


def _minutes(made: list[Lesson]) -> tuple[Tensor, ...]:
    mains_w, known, power_w, on, sure = columns(made, "mains_w", "known", "power_w", "on", "sure")
    base_w = torch.from_numpy(bases(mains_w.numpy(), known.numpy() > 0))
    return mains_w, known, base_w, power_w, on, sure


def _by_the_minute(lesson: Lesson) -> Lesson:
    """The same at a minute: means of what is known, on and sure for most of it."""

    def means(values: np.ndarray) -> np.ndarray:
        return values.reshape(*values.shape[:-1], -1, TICKS).mean(axis=-1, dtype=np.float32)

    covered = means(lesson.known)
    known = covered >= LEAST_KNOWN
    over = np.where(known, 1 / np.maximum(covered, 1 / TICKS), 0.0).astype(np.float32)
    return Lesson(
        means(lesson.mains_w) * over,
        known,
        means(lesson.power_w) * over,
        means(lesson.on) >= LEAST_KNOWN,
        (means(lesson.sure) >= LEAST_KNOWN) & known,
    )
