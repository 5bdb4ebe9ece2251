"""Changes how long readings stand: for a rhythm too slow for its hold (domain.rhythm), or for a person."""

from collections.abc import Sequence
from dataclasses import dataclass

from chowon.domain.quantities import ABSENT_I32, HOUR_MS
from chowon.domain.readings import Readings
from chowon.domain.rhythm import learnt_hold_ms
from chowon.domain.sites import Channel
from chowon.jobs.seal import Sealer
from chowon.store.catalog.files import HoldChange
from chowon.store.opening import Store

LOOKED_AT_MS = 6 * HOUR_MS
"""The rhythm is that of so long before the newest reading."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """A channel and its hold from now on."""

    channel: Channel
    hold_ms: int


class HoldLearner:
    """default_ms: of a rhythm that asks for nothing else. Thread-safe. Errors: as Sealer.change_hold."""

    def __init__(self, store: Store, sealer: Sealer, default_ms: int) -> None:
        self._store, self._sealer, self._default_ms = store, sealer, default_ms

    @property
    def recounting(self) -> int | None:
        """The channel whose past is being counted anew."""
        return self._sealer.recounting

    def decide(self, channel: int, hold_ms: int, now_ms: int) -> None:
        """A person's hold, over which nothing is learnt."""
        self._sealer.change_hold(HoldChange(channel, hold_ms, "person"), now_ms)

    def give_back(self, channel: int, now_ms: int) -> None:
        """What its rhythm asks for, as if no person had decided; learnt on from there."""
        hold_ms = self._learnt_ms(channel, self._default_ms)
        change = HoldChange(channel, self._default_ms, "default")
        if hold_ms is not None:
            change = HoldChange(channel, hold_ms, "learnt")
        self._sealer.change_hold(change, now_ms)

    def run(self, silent: Sequence[int], now_ms: int) -> list[Learnt]:
        """Learn of channels that seem to be silent more often than not."""
        if not silent:
            return []
        wanted, found = set(silent), []
        for site in self._store.sites.sites():
            for channel in site.channels:
                if channel.id in wanted and channel.hold_by != "person":
                    hold_ms = self._learnt_ms(channel.id, channel.hold_ms)
                    if hold_ms is not None:
                        self._sealer.change_hold(HoldChange(channel.id, hold_ms, "learnt"), now_ms)
                        found.append(Learnt(channel, hold_ms))
        return found

    def _learnt_ms(self, channel: int, hold_ms: int) -> int | None:
        history = self._store.history
        last_ms = history.last_times([channel]).get(channel)
        if last_ms is None:
            return None
        readings = _with_power(history.readings([channel], last_ms - LOOKED_AT_MS, last_ms + 1))
        return learnt_hold_ms(readings.time_ms, hold_ms)


def _with_power(readings: Readings) -> Readings:
    power = readings.power_dw
    return readings.where(slice(0)) if power is None else readings.where(power != ABSENT_I32)
