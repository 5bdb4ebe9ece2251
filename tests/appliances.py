"""A home whose appliances switch at known seconds, followed by live state."""

from collections.abc import Mapping

import numpy as np

from chowon import i18n
from chowon.domain.nilm.events.kept import KeptHome, Tapped
from chowon.domain.nilm.events.known import Tap
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Role, Site
from chowon.errors import StoreUnavailable
from chowon.live.appliances.service import Appliances
from tests.memory import MemoryHistory

START_MS = 1_790_000_000_000 // 86_400_000 * 86_400_000


def channel(number: int, role: Role = "main", hold_ms: int = 10_000) -> Channel:
    return Channel(number, ChannelKey("home", f"meter{number}", "main"), role, hold_ms)


def site(*channels: Channel, number: int = 1, without: frozenset[str] = frozenset()) -> Site:
    tariff = "kr.kepco.residential.low"
    return Site(number, "home", "Home", "Asia/Seoul", 1, tariff, {}, channels, without=without)


def readings(number: int, seconds, power_w) -> Readings:
    """One channel's; seconds from the start."""
    times = START_MS + (1000 * np.asarray(seconds)).astype(np.int64)
    watts = np.broadcast_to(np.asarray(power_w, np.float64), times.shape)
    return Readings(np.full(len(times), number, np.uint32), times, np.rint(10 * watts).astype(np.int32))


class MemoryBook:
    """Implements ports.ApplianceBook."""

    def __init__(self) -> None:
        self.kept: dict[int, KeptHome] = {}
        self.said: list[tuple[int, Tap, str]] = []
        self.fails = False

    def homes(self) -> dict[int, KeptHome]:
        self._check()
        return dict(self.kept)

    def keep(self, homes: Mapping[int, KeptHome]) -> None:
        self._check()
        self.kept.update(homes)

    def tapped(self, site_id: int, home: KeptHome, tap: Tap, by: str) -> None:
        self.keep({site_id: home})
        self.said.append((site_id, tap, by))

    def taps(self, site_id: int) -> list[Tapped]:
        return [Tapped(tap, by, 0) for number, tap, by in self.said if number == site_id]

    def _check(self) -> None:
        if self.fails:
            raise StoreUnavailable("no disk")


class Watched:
    """A site with one main meter, or more, and what follows it."""

    def __init__(self, *channels: Channel) -> None:
        self.site = site(*(channels or (channel(1),)))
        self.history, self.book, self.second = MemoryHistory(), MemoryBook(), 0
        self.began()

    @property
    def now_ms(self) -> int:
        return START_MS + 1000 * self.second

    def began(self) -> None:
        """As after a start of the server."""
        self.appliances = Appliances(self.history, self.book, i18n.appliance, lambda: self.now_ms)
        self.appliances.follow([self.site])

    def takes(self, power_w, seconds: int = 1, number: int = 1) -> None:
        """So much for so many seconds."""
        self.hears(readings(number, self.second + np.arange(seconds), power_w))
        self.second += seconds

    def hears(self, found: Readings) -> None:
        """This is durable."""
        self.history.append(found)
        self.appliances.take(found)

    def lives(self, hours: int = 3) -> None:
        """A kettle of 2,000 W for two minutes every half hour over 60 W."""
        second = np.arange(hours * 3600)
        self.takes(60 + np.where(second % 1800 // 120 == 5, 2000.0, 0.0), len(second))

    def parts(self):
        return self.appliances.now(1, self.now_ms - 1000, None)
