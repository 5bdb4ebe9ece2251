"""Who is metered where: a site has meters, a meter has channels."""

from dataclasses import dataclass, field
from typing import Final, Literal

from chowon.domain.quantities import DEFAULT_HOLD_MS

Role = Literal["main", "phase", "circuit", "plug", "solar", "aside"]
"""main and phase channels add up to what the site takes from the grid; circuit, plug and solar are parts of
it; aside is measured and shown, and counts for nothing, as the phases of a meter that tells their sum too."""


HoldBy = Literal["default", "learnt", "person"]
"""Who decided a channel's hold: whoever made it known, its own rhythm, or a person, which is final."""
UNPLACED: Final = "~"
"""Begins the "site" of a device that nobody has given a place yet: "~shelly"."""


@dataclass(frozen=True, slots=True, order=True)
class ChannelKey:
    """The names by which a meter calls a channel; each 1–64 characters of [a-z0-9_.-].

    A device that speaks its vendor's format knows no site of ours: its key is ("~" + family, device, channel)
    until a person gives it a place.
    """

    site: str
    meter: str
    channel: str

    @property
    def placed(self) -> bool:
        """Whether it names a site, rather than the family of a device without one."""
        return not self.site.startswith(UNPLACED)

    def __str__(self) -> str:
        return f"{self.site}/{self.meter}/{self.channel}"


@dataclass(frozen=True, slots=True)
class Channel:
    """One measured line."""

    id: int
    """uint32, the id by which readings know it"""
    key: ChannelKey
    role: Role = "main"
    hold_ms: int = DEFAULT_HOLD_MS
    """The longest silence, ms, that one sample bridges."""
    hold_by: HoldBy = "default"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the readings of one channel of a device belong."""

    key: ChannelKey
    """As the device calls it: ("~" + family, device, channel)"""
    channel: Channel | None
    """None: somebody decided that they are passed over"""
    turned: bool = False
    """Wired the other way round: what it calls import is export"""


@dataclass(frozen=True, slots=True)
class Site:
    """A home, flat or building with one bill."""

    id: int
    key: str
    name: str
    timezone: str
    """IANA name, e.g. "Asia/Seoul"."""
    reading_day: int
    """Day of the month (1–28, or 31 for the month's last day) on which the utility reads the meter."""
    tariff: str
    """Id of the tariff in force, e.g. "kr.kepco.residential.low"."""
    tariff_options: dict[str, str] = field(default_factory=dict)
    channels: tuple[Channel, ...] = ()
    without: frozenset[str] = frozenset()
    """Kinds of appliances that it has not, as its people said: none is told of it"""

    @property
    def main_channels(self) -> tuple[Channel, ...]:
        """The channels that add up to what the site takes from the grid."""
        return tuple(c for c in self.channels if c.role in ("main", "phase"))

    @property
    def part_channels(self) -> tuple[Channel, ...]:
        """The channels that measure a part of the site's use by itself."""
        return tuple(c for c in self.channels if c.role in ("circuit", "plug", "solar"))
