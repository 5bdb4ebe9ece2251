"""From names to catalog ids, with a cache; new names are registered when that is allowed.

A device that knows no site of ours gets its place by a person (ports.DeviceBook); until then its readings
are shown as talk (ingest/talking.py) and not kept.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.quantities import DEFAULT_HOLD_MS, I64, Bools
from chowon.domain.readings import Readings, turned
from chowon.domain.sites import ChannelKey
from chowon.errors import Problem
from chowon.ingest.talking import Talking
from chowon.meters.decoded import MAX_PROBLEMS, Decoded
from chowon.ports import DeviceBook, SiteBook

_UNKNOWN: Final = -1
_WITHOUT_PLACE: Final = -2
"""A device channel that nobody has decided about: talk, no error."""
_UNWANTED: Final = -3
"""A device channel whose readings are to be passed over."""
_REFUSED: Final = -4
"""A name that nobody knows and that may not be registered by itself."""
REFUSED_MS: Final = 5_000
"""For so long the books are not asked again for a refused name: one that invents names with every message
would keep all others' first messages waiting."""
MOST_UNPLACED: Final = 20_000
"""So many names without readings of ours are remembered: a device that invents them must not fill memory."""

MOST_REMEMBERED: Final = 256
"""So many payloads' keys are remembered with their ids."""


@dataclass(frozen=True, slots=True)
class NamingPolicy:
    """What happens to a channel that is not known yet."""

    auto_register: bool = True
    """A first reading makes its channel known; off: a person registers channels."""
    max_channels: int = 100_000
    """No more are registered by themselves."""
    max_channels_per_meter: int = 500
    """Of one meter: one that invents names must not take the room of the others."""
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
    """Resolves names through the books; each known name costs them one question, once."""

    def __init__(
        self,
        book: SiteBook,
        policy: NamingPolicy | None = None,
        devices: DeviceBook | None = None,
    ) -> None:
        """devices: None when no device of a family is expected; their readings are then talk for ever."""
        self._book = book
        self._devices = devices
        self._policy = policy or NamingPolicy()
        self._ids: dict[ChannelKey, int] = {}
        self._turned: set[ChannelKey] = set()
        self._known_as: dict[int, tuple[Sequence[ChannelKey], I64]] = {}
        self._unplaced = 0
        self._known_channels = Counter[tuple[str, str]]()
        """How many there are of each (site, meter), once somebody had to know"""
        self._ask_again_ms: int | None = None
        """When what was refused is asked for again"""
        self._learning = asyncio.Lock()
        self.talking = Talking()

    @property
    def registers(self) -> bool:
        """Whether new channels may be made known without a person's doing so in the catalog."""
        return self._policy.auto_register

    async def resolve(self, decoded: Decoded, received_ms: int, hold_ms: int | None = None) -> Resolved:
        """The same readings by id. Names that are not in the cache are asked for in a worker thread.

        hold_ms: of channels that become known by it; None: as the policy says.
        """
        if self._ask_again_ms is not None and not 0 < self._ask_again_ms - received_ms <= REFUSED_MS:
            async with self._learning:
                self._ask_again_ms = None
                self._ids = {known: channel for known, channel in self._ids.items() if channel != _REFUSED}
        ids = self._known(decoded.keys)
        if (ids == _UNKNOWN).any():
            missing = [key for key, found in zip(decoded.keys, ids, strict=True) if found == _UNKNOWN]
            async with self._learning:
                await asyncio.to_thread(self._learn, missing, received_ms, hold_ms or self._policy.hold_ms)
            ids = self._known(decoded.keys)
        if (ids >= 0).all():
            return Resolved(self._turned_round(decoded, decoded.readings(ids.astype(np.uint32))), (), 0)
        if (ids == _WITHOUT_PLACE).any():
            self.talking.heard(decoded, ids == _WITHOUT_PLACE, received_ms)
        unknown = (ids == _REFUSED) | (ids == _UNKNOWN)  # the latter: forgotten again meanwhile
        unknown &= np.array([key.placed for key in decoded.keys], np.bool_)
        nameless = [key for key, lost in zip(decoded.keys, unknown, strict=True) if lost]
        kept = decoded.where((ids >= 0)[decoded.key_index])
        good = self._turned_round(kept, kept.readings(np.maximum(ids, 0).astype(np.uint32)))
        problems = tuple(self._problem(key) for key in nameless[:MAX_PROBLEMS])
        return Resolved(good, problems, int(np.count_nonzero(unknown[decoded.key_index])))

    async def forget(self) -> None:
        """Ask for all names again, after somebody changed a book."""
        async with self._learning:  # what is being learned now may be from before the change
            self._ids.clear()
            self._known_as.clear()
            self._turned.clear()
            self._unplaced = 0
            self._known_channels.clear()

    def _turned_round(self, decoded: Decoded, readings: Readings) -> Readings:
        if not self._turned or self._turned.isdisjoint(decoded.keys):
            return readings
        which: Bools = np.array([key in self._turned for key in decoded.keys], np.bool_)
        return turned(readings, which[decoded.key_index])

    def _known(self, keys: Sequence[ChannelKey]) -> I64:
        """(n,) the ids, or why there is none. A decoder that remembers gives the same object for the same."""
        same, ids = self._known_as.get(id(keys), ((), np.zeros(0, np.int64)))
        if same is keys:
            return ids
        ids = np.array([self._ids.get(key, _UNKNOWN) for key in keys], np.int64)
        if (ids >= 0).all():
            if len(self._known_as) >= MOST_REMEMBERED:
                self._known_as.clear()
            self._known_as[id(keys)] = keys, ids
        return ids

    def _learn(self, keys: Sequence[ChannelKey], received_ms: int, hold_ms: int) -> None:
        of_devices = [key for key in keys if not key.placed]
        if of_devices:
            self._learn_placements(of_devices)
        named = [key for key in keys if key.placed]
        if named:
            self._learn_names(named, received_ms, hold_ms)

    def _learn_names(self, keys: Sequence[ChannelKey], received_ms: int, hold_ms: int) -> None:
        for key, channel in zip(keys, self._book.resolve(keys), strict=True):
            if channel is not None:
                self._ids[key] = channel.id
        missing = [key for key in dict.fromkeys(keys) if self._ids.get(key, _UNKNOWN) < 0]
        fresh = self._admitted(missing) if self._policy.auto_register and missing else []
        if fresh:
            registered = self._book.register_all(fresh, hold_ms)
            self._ids |= {key: channel.id for key, channel in zip(fresh, registered, strict=True)}
            self._known_channels.update((key.site, key.meter) for key in fresh)
        for key in set(missing).difference(fresh):
            self._pass_over(key, _REFUSED)
            if self._ask_again_ms is None:
                self._ask_again_ms = received_ms + REFUSED_MS

    def _admitted(self, keys: Sequence[ChannelKey]) -> list[ChannelKey]:
        """Those of these unknown names for which there is room, in all and of their meter."""
        if not self._known_channels:
            every = (channel.key for site in self._book.sites() for channel in site.channels)
            self._known_channels = Counter((key.site, key.meter) for key in every)
        room = self._policy.max_channels - self._known_channels.total()
        of_meter = Counter[tuple[str, str]]()
        admitted: list[ChannelKey] = []
        for key in keys:
            meter = key.site, key.meter
            known = self._known_channels[meter] + of_meter[meter]
            if len(admitted) < room and known < self._policy.max_channels_per_meter:
                of_meter[meter] += 1
                admitted.append(key)
        return admitted

    def _learn_placements(self, keys: Sequence[ChannelKey]) -> None:
        found = [None] * len(keys) if self._devices is None else self._devices.find(keys)
        for key, placement in zip(keys, found, strict=True):
            if placement is None or placement.channel is None:
                self._pass_over(key, _WITHOUT_PLACE if placement is None else _UNWANTED)
                continue
            self._ids[key] = placement.channel.id
            if placement.turned:
                self._turned.add(key)

    def _pass_over(self, key: ChannelKey, why: int) -> None:
        """Remembered, so that the book isn't asked for each message; too many of them are asked for again."""
        if self._unplaced >= MOST_UNPLACED:
            self._ids = {known: channel for known, channel in self._ids.items() if channel >= 0}
            self._unplaced = 0
        self._ids[key] = why
        self._unplaced += 1

    def _problem(self, key: ChannelKey) -> Problem:
        if not self._policy.auto_register:
            expected = "a registered channel: register it, or let new channels register by themselves"
        else:
            expected = (
                f"no more than {self._policy.max_channels_per_meter} channels of a meter and "
                f"{self._policy.max_channels} in all: check the names, or raise [ingest] "
                "max_channels_per_meter or max_channels"
            )
        return Problem(str(key), "an unknown channel", expected)
