"""Teaching the live network: minutes, and homes at 10 s. Needs the extra `train` (torch).

A batch is windows of minutes, as meters that are slower than 10 s have them, and shorter windows at 10 s,
where the minutes are told too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from chowon.domain.nilm.live import TICK_MS
from chowon.domain.nilm.power import LEAST_KNOWN, Home
from chowon.domain.nilm.runs import OnRule
from chowon.domain.quantities import MINUTE_MS
from chowon.models.nilm.live_network.finer import finer
from chowon.models.nilm.live_network.front import DELAY, TICKS, bases
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
QUICK_WEIGHT: Final = 0.5
"""Settled minutes of homes at 10 s: they are taught by the minute too"""
NOT_TAUGHT: Final = frozenset({"television", "lighting"})
"""Steps of a hundred watts among others: no network here has found them. They are loads of no kind here"""
_LOOKED_AT: Final = 100
"""Batches by which it is known how long each kind is on in one"""
_MOST_FINE: Final = 1_500_000
"""Intervals at 10 s of a home that is made finer"""


@dataclass(frozen=True, slots=True, eq=False)
class Shelves:
    """What is taught from: the same homes and plugs by the minute and at 10 s."""

    minutes: Library
    ticks: Library


def shelves(homes: Sequence[Home], rules: Mapping[str, OnRule]) -> Shelves:
    """Homes at a minute and plugs at a minute or finer, taken apart twice."""
    homes = [_without(home) for home in homes]
    minutes = library(homes, rules, MINUTE_MS, MINUTES)
    fine = [finer(home, TICK_MS, _MOST_FINE) for home in homes]
    ticks = library(fine, rules, TICK_MS, QUICK_MINUTES * TICKS)
    return Shelves(minutes, replace(ticks, kinds=minutes.kinds))


def _without(home: Home) -> Home:
    """The home with the kinds that are not taught as loads of no kind."""
    taught = {kind: power for kind, power in home.appliances.items() if kind not in NOT_TAUGHT}
    others = {kind: power for kind, power in home.appliances.items() if kind in NOT_TAUGHT}
    return replace(home, appliances=taught, others={**home.others, **others})


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
    batches = Batches(of, seed, settings.batch)
    by = _scale(of, batches, settings)

    def loss_of(network: Network, batch: tuple[list[Tensor], list[Tensor]]) -> Tensor:
        slow, quick = batch
        return _loss(network, slow, quick, by)

    return taught(Network(len(of.minutes.kinds)), batches, loss_of, settings, signature, kept, tell)


def heard_minutes(network: Network, batch: Sequence[Tensor]) -> tuple[Tensor, Said, Said]:
    """(trunk, now, settled) of a batch's minutes."""
    mains_w, known, bases_w = batch[:3]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        trunk = network.follow(seen_of(mains_w, known, stepped(mains_w, known), bases_w))
        now, settled = network.by_minute(trunk)
    return trunk, now, settled


def heard_ticks(network: Network, batch: Sequence[Tensor]) -> tuple[Said, Said]:
    """(settled, ticks) of a batch at 10 s."""
    mains_w, known, *_ = batch
    minutes = batch[5:]
    trunk, _, settled = heard_minutes(network, minutes)
    bases_w = minutes[2]
    first = torch.full_like(bases_w[:, :1], -1.0)
    before_w = torch.cat([first, bases_w[:, :-1]], 1).repeat_interleave(TICKS, 1)
    seen = seen_of(mains_w, known, stepped(mains_w, known), before_w)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        quick = network.hear(mains_w, known)
        return settled, network.by_tick(before_each_tick(trunk), quick, seen)


@dataclass(frozen=True, slots=True)
class _Scale:
    """What errors are measured by."""

    usual_w: Tensor
    """(kinds,)"""
    slow_on: Tensor
    """(kinds,) intervals on in a usual batch; of minutes, of ticks, and of these by the minute"""
    tick_on: Tensor
    quick_on: Tensor
    settings: Settings

    def wrong(self, said: Said, mains_w: Tensor, truth: Sequence[Tensor], usual_on: Tensor) -> Tensor:
        """As network.loop.wrong."""
        power_w, on, sure = truth
        told_w = said.share * mains_w[:, None]
        return wrong(said.logit, told_w, (power_w, on, sure), self.usual_w, usual_on, self.settings)

    def settled_wrong(self, said: Said, batch: Sequence[Tensor], usual_on: Tensor) -> Tensor:
        """The same of what is told `DELAY` minutes late."""
        mains_w, *truth = (late(one) for one in (batch[0], *batch[3:]))
        from_then = Said(said.logit[..., DELAY:], said.share[..., DELAY:])
        return self.wrong(from_then, mains_w, truth, usual_on)


def _scale(of: Shelves, batches: "Batches", settings: Settings) -> _Scale:
    """By batches that don't teach."""
    counts = [[], [], []]  # type: list[list[Tensor]]
    for i in range(_LOOKED_AT):
        slow, quick = batches[settings.steps + 1 + i]
        for at, (on, sure) in enumerate(((slow[4], slow[5]), (quick[3], quick[4]), (quick[9], quick[10]))):
            counts[at].append((on * sure).sum((0, 2)))
    slow_on, tick_on, quick_on = (torch.stack(one).mean(0) for one in counts)
    return _Scale(usual(of.minutes), slow_on, tick_on, quick_on, settings)


def _loss(network: Network, slow: Sequence[Tensor], quick: Sequence[Tensor], by: _Scale) -> Tensor:
    _, now, settled = heard_minutes(network, slow)
    of_slow = by.settled_wrong(settled, slow, by.slow_on)
    of_slow = of_slow + NOW_WEIGHT * by.wrong(now, slow[0], slow[3:], by.slow_on)
    settled, ticks = heard_ticks(network, quick)
    of_quick = QUICK_WEIGHT * by.settled_wrong(settled, quick[5:], by.quick_on)
    return of_slow + of_quick + by.wrong(ticks, quick[0], quick[2:5], by.tick_on)


class Batches(Dataset):
    """By number, (minutes, homes at 10 s): each number has its own seed."""

    def __init__(self, of: Shelves, seed: int, batch: int) -> None:
        self._of, self._seed = of, seed
        self._quick = max(1, round(QUICK_PART * batch))
        self._slow = max(1, batch - self._quick)

    def __getitem__(self, step: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        source = Lessons(self._of.minutes, (self._seed, step, 0), machines=False)
        slow = [source.next() for _ in range(self._slow)]
        fine = Lessons(self._of.ticks, (self._seed, step, 1), machines=False)
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
