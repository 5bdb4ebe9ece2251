"""Devices that talk and have no place yet: what they send, how often, and the last they said.

Kept in memory only, bounded, the ones unheard for longest go first. Their readings are not stored.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from statistics import median_low
from typing import Final

import numpy as np

from chowon.domain.quantities import Bools
from chowon.domain.readings import QUANTITIES, absent_of
from chowon.domain.sites import UNPLACED, ChannelKey
from chowon.meters.decoded import Decoded

MOST_DEVICES: Final = 500
MOST_CHANNELS: Final = 64
"""Of one device; further ones are not shown."""
RECENT: Final = 16
"""So many last powers, and steps between them, are kept of each channel."""


def _ring() -> deque[int]:
    return deque(maxlen=RECENT)


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
    highest_dw: int | None = None
    powers_dw: deque[int] = field(default_factory=_ring)
    """The last powers, 0.1 W, oldest first"""
    steps_ms: deque[int] = field(default_factory=_ring)
    """The last times from one reading with power to the next"""
    power_ms: int | None = None
    """When the last reading with power was received"""

    @property
    def interval_ms(self) -> int | None:
        """The usual time from one power to the next; None before the second one.

        By the time of receipt; messages that bring only a counter don't count.
        """
        return median_low(self.steps_ms) if self.steps_ms else None

    def powered(self, powers_dw: list[int], received_ms: int) -> None:
        """Notes powers, oldest first, that came in one payload."""
        if self.power_ms is not None and received_ms > self.power_ms:
            self.steps_ms.append((received_ms - self.power_ms) // len(powers_dw))
        self.power_ms = received_ms
        self.powers_dw.extend(powers_dw)
        known = [p for p in (self.lowest_dw, self.highest_dw) if p is not None]
        self.lowest_dw, self.highest_dw = min([*powers_dw, *known]), max([*powers_dw, *known])


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

    def device(self, family: str, device: str) -> HeardDevice | None:
        """This one, None if it isn't heard."""
        return self._devices.get((family, device))

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
                channel.powered(told.tolist(), received_ms)

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
