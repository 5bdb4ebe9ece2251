"""From names to catalog ids, with a cache; new names are registered when that is allowed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chowon.domain.quantities import DEFAULT_HOLD_MS, I64
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.errors import Problem
from chowon.meters.decoded import MAX_PROBLEMS, Decoded
from chowon.ports import SiteBook

_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class NamingPolicy:
    """What happens to a channel that is not known yet."""

    auto_register: bool = True
    """A first reading makes its channel known; off: a person registers channels."""
    max_channels: int = 100_000
    """No more are registered by themselves: a meter that invents names must not fill the catalog."""
    hold_ms: int = DEFAULT_HOLD_MS
    """For channels registered by themselves."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Readings with ids, and what had no name that we know."""

    readings: Readings
    problems: tuple[Problem, ...]
    rejected: int
    """Readings whose channel is not known."""


class Naming:
    """Resolves names through the site book; each known name costs it one question, once."""

    def __init__(self, book: SiteBook, policy: NamingPolicy | None = None) -> None:
        self._book = book
        self._policy = policy or NamingPolicy()
        self._ids: dict[ChannelKey, int] = {}
        self._known_channels: int | None = None
        self._learning = asyncio.Lock()

    async def resolve(self, decoded: Decoded) -> Resolved:
        """The same readings by id. Names that are not in the cache are asked for in a worker thread."""
        ids = self._known(decoded.keys)
        if (ids == _UNKNOWN).any():
            missing = [key for key, found in zip(decoded.keys, ids, strict=True) if found == _UNKNOWN]
            async with self._learning:
                await asyncio.to_thread(self._learn, missing)
            ids = self._known(decoded.keys)
        unknown = ids == _UNKNOWN
        if not unknown.any():
            return Resolved(decoded.readings(ids.astype(np.uint32)), (), 0)
        bad = unknown[decoded.key_index]
        nameless = [key for key, lost in zip(decoded.keys, unknown, strict=True) if lost]
        problems = tuple(self._problem(key) for key in nameless[:MAX_PROBLEMS])
        good = decoded.where(~bad).readings(ids.astype(np.uint32))
        return Resolved(good, problems, int(np.count_nonzero(bad)))

    def forget(self) -> None:
        """Ask for all names again, after somebody changed the site book."""
        self._ids.clear()
        self._known_channels = None

    def _known(self, keys: Sequence[ChannelKey]) -> I64:
        return np.array([self._ids.get(key, _UNKNOWN) for key in keys], np.int64)

    def _learn(self, keys: Sequence[ChannelKey]) -> None:
        for key, channel in zip(keys, self._book.resolve(keys), strict=True):
            if channel is not None:
                self._ids[key] = channel.id
        if not self._policy.auto_register:
            return
        if self._known_channels is None:
            self._known_channels = sum(len(site.channels) for site in self._book.sites())
        for key in keys:
            if key not in self._ids and self._known_channels < self._policy.max_channels:
                self._ids[key] = self._book.register(key, self._policy.hold_ms).id
                self._known_channels += 1

    def _problem(self, key: ChannelKey) -> Problem:
        if not self._policy.auto_register:
            expected = "a registered channel: register it, or let new channels register by themselves"
        else:
            expected = (
                f"no more than {self._policy.max_channels} channels: raise the limit, or check the names"
            )
        return Problem(str(key), "an unknown channel", expected)
