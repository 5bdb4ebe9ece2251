"""Devices that talk and have no place yet: what they send, how often, and the last they said.

Kept in memory only, bounded, the ones unheard for longest go first. Their readings are not stored.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from chowon.domain.quantities import Bools
from chowon.domain.readings import QUANTITIES, absent_of
from chowon.domain.sites import UNPLACED, ChannelKey
from chowon.meters.decoded import Decoded

MOST_DEVICES: Final = 500
MOST_CHANNELS: Final = 64
"""Of one device; further ones are not shown."""


@dataclass(slots=True)
class HeardChannel:
    """One channel of a device, as far as it was heard."""

    first_ms: int
    """When its first reading was received, ms UTC"""
    last_ms: int
    readings: int = 0
    values: dict[str, int] = field(default_factory=dict)
    """The last value of each quantity that it sends, scaled, by its name in readings.QUANTITIES"""
    lowest_dw: int | None = None
    """The lowest power heard, 0.1 W: below 0 for one that gives, or that is clamped the wrong way round"""

    @property
    def interval_ms(self) -> int | None:
        """Mean time from one reading to the next; None before the second one."""
        return (self.last_ms - self.first_ms) // (self.readings - 1) if self.readings > 1 else None


@dataclass(slots=True)
class HeardDevice:
    """A device without a place."""

    family: str
    device: str
    channels: dict[str, HeardChannel] = field(default_factory=dict)

    @property
    def last_ms(self) -> int:
        """When it was heard last, ms UTC."""
        return max((channel.last_ms for channel in self.channels.values()), default=0)


class Talking:
    """What is heard of devices without a place. Belongs to the event loop."""

    def __init__(self) -> None:
        self._devices: OrderedDict[tuple[str, str], HeardDevice] = OrderedDict()
        self.forgotten = 0
        """Devices that had to go because others talked"""

    def heard(self, decoded: Decoded, which: Bools, received_ms: int) -> None:
        """Notes the readings of some keys of a payload. which: (len(decoded.keys),)."""
        for position in np.flatnonzero(which).tolist():
            rows = np.flatnonzero(decoded.key_index == position)
            if len(rows):
                self._note(decoded, decoded.keys[position], rows.tolist(), received_ms)

    def devices(self) -> list[HeardDevice]:
        """All of them, the one heard last first."""
        return list(reversed(self._devices.values()))

    def forget(self, family: str, device: str) -> None:
        """It has a place now, or nobody wants to hear of it."""
        self._devices.pop((family, device), None)

    def _note(self, decoded: Decoded, key: ChannelKey, rows: list[int], received_ms: int) -> None:
        channel = self._channel(key, received_ms)
        if channel is None:
            return
        channel.last_ms = received_ms
        channel.readings += len(rows)
        for name in QUANTITIES:
            column = decoded.columns.get(name)
            if column is None:
                continue
            told = column[rows][column[rows] != absent_of(name)]
            if not len(told):
                continue
            channel.values[name] = int(told[-1])
            if name == "power_dw":
                lowest = int(told.min())
                channel.lowest_dw = lowest if channel.lowest_dw is None else min(lowest, channel.lowest_dw)

    def _channel(self, key: ChannelKey, received_ms: int) -> HeardChannel | None:
        name = (key.site.removeprefix(UNPLACED), key.meter)
        device = self._devices.get(name)
        if device is None:
            if len(self._devices) >= MOST_DEVICES:
                self._devices.popitem(last=False)
                self.forgotten += 1
            device = self._devices[name] = HeardDevice(*name)
        self._devices.move_to_end(name)
        channel = device.channels.get(key.channel)
        if channel is None and len(device.channels) < MOST_CHANNELS:
            channel = device.channels[key.channel] = HeardChannel(received_ms, received_ms)
        return channel
