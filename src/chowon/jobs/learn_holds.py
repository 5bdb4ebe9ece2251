"""Gives channels whose meters speak too seldom for their hold one that suits; domain.rhythm says which."""

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
    """One owner, the sealing loop."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store, self._sealer = store, sealer

    def run(self, silent: Sequence[int], now_ms: int) -> list[Learnt]:
        """silent: channels that seem to be silent more often than not. Errors: as Sealer.change_hold."""
        if not silent:
            return []
        wanted, found = set(silent), []
        for site in self._store.sites.sites():
            for channel in site.channels:
                if channel.id in wanted and channel.hold_by != "person":
                    hold_ms = self._hold_ms(channel)
                    if hold_ms is not None:
                        self._sealer.change_hold(HoldChange(channel.id, hold_ms, "learnt"), now_ms)
                        found.append(Learnt(channel, hold_ms))
        return found

    def _hold_ms(self, channel: Channel) -> int | None:
        history = self._store.history
        last_ms = history.last_times([channel.id]).get(channel.id)
        if last_ms is None:
            return None
        readings = _with_power(history.readings([channel.id], last_ms - LOOKED_AT_MS, last_ms + 1))
        return learnt_hold_ms(readings.time_ms, channel.hold_ms)


def _with_power(readings: Readings) -> Readings:
    power = readings.power_dw
    return readings.where(slice(0)) if power is None else readings.where(power != ABSENT_I32)
