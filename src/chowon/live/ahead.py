"""Readings whose stamps lie ahead of now, of meters whose clocks are fast: they count when their time comes.

Bounded: of each channel the nearest ones are kept. The store has all of them, so of a channel with more it is
told when to be set from there.
"""

from typing import Final

import numpy as np

from chowon.domain.quantities import U32
from chowon.domain.readings import Readings, concat, latest

MOST_OF_CHANNEL: Final = 1000
"""A clock that is a quarter of an hour fast, at a reading a second"""
MOST: Final = 100_000
"""Only with more readings than that is it looked at how many each channel has."""
AGAIN_MS: Final = 60_000
"""How often a channel with more is set from the store"""
_NEVER: Final = 2**62


class Ahead:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._parts: list[Readings] = []
        self._count = 0
        self._look_at = MOST
        self._from_ms = _NEVER
        self._owed: dict[int, tuple[int, int]] = {}
        """channel → (when it is next to be set from the store, the newest of what was not kept)"""

    def __len__(self) -> int:
        return self._count

    def add(self, readings: Readings) -> None:
        """Keep these until their time comes; there is at least one."""
        self._parts.append(readings)
        self._count += len(readings)
        self._from_ms = min(self._from_ms, int(readings.time_ms.min()))
        if self._count > self._look_at:
            self._forget_the_farthest()

    def channels(self) -> set[int]:
        """Those that have readings stored and not applied."""
        return set(self._owed).union(*(part.channel.tolist() for part in self._parts))

    def due(self, until_ms: int) -> tuple[Readings | None, list[int]]:
        """(the readings up to then, the channels that are to be set from the store)."""
        owed = [c for c, (next_ms, _) in self._owed.items() if next_ms <= until_ms]
        for channel in owed:
            last_ms = self._owed[channel][1]
            if until_ms >= last_ms:
                del self._owed[channel]
            else:
                self._owed[channel] = min(until_ms + AGAIN_MS, last_ms), last_ms
        if self._from_ms > until_ms:
            return None, owed
        every = concat(self._parts)
        due = every.time_ms <= until_ms
        self._keep(every.where(~due))
        return every.where(due), owed

    def _keep(self, readings: Readings) -> None:
        self._parts = [readings] if len(readings) else []
        self._count = len(readings)
        self._from_ms = int(readings.time_ms.min(initial=_NEVER))

    def _forget_the_farthest(self) -> None:
        every = latest(concat(self._parts))
        nth = _nth_of_channel(every.channel)
        lost = every.where(nth >= MOST_OF_CHANNEL)
        for channel in np.unique(lost.channel).tolist():
            time_ms = lost.time_ms[lost.channel == channel]
            next_ms, last_ms = self._owed.get(channel, (_NEVER, 0))
            first_ms, newest_ms = int(time_ms[0]), int(time_ms[-1])
            self._owed[channel] = min(next_ms, first_ms), max(last_ms, newest_ms)
        self._keep(every.where(nth < MOST_OF_CHANNEL))
        self._look_at = max(MOST, 2 * self._count)


def _nth_of_channel(channel: U32) -> np.ndarray:
    """(n,) the place of each row among those of its channel; sorted by channel."""
    first = np.flatnonzero(np.append(True, channel[1:] != channel[:-1]))
    return np.arange(len(channel)) - np.repeat(first, np.diff(np.append(first, len(channel))))
