"""A site's energy by quarter of an hour, as bills by the hour need it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chowon.domain.bill import Profile
from chowon.domain.quantities import DWMS_PER_WH, I64, QUARTER_MS
from chowon.domain.sites import Channel, Site
from chowon.ports import History

DWMS_PER_KWH = 1000 * DWMS_PER_WH


@dataclass(frozen=True, slots=True, eq=False)
class ChannelQuarters:
    """What one channel measured, by quarter of an hour; 0 where nothing was."""

    import_dwms: I64
    """(n,)"""
    export_dwms: I64
    """(n,)"""
    known_ms: I64
    """(n,) ms of each quarter whose energy is known, also by the meter's counter alone"""


@dataclass(frozen=True, slots=True, eq=False)
class SiteProfile:
    """What a site used between two instants, and how much of it was measured."""

    profile: Profile
    """Quarters of an hour, energy in deciwatt-milliseconds; 0 where nothing was measured"""
    known_ms: I64
    """(n,) ms of each quarter for which the energy of every main channel is known"""
    channels: tuple[ChannelQuarters, ...]
    """The main channels, each by itself"""

    @property
    def flows(self) -> tuple[I64, I64]:
        """(import, export), each (n,), deciwatt-milliseconds."""
        exported = self.profile.export_energy
        assert exported is not None
        return self.profile.import_energy, exported


def site_profile(history: History, site: Site, from_ms: int, to_ms: int) -> SiteProfile:
    """The quarters of [from_ms, to_ms), both whole quarters. Errors: StoreUnavailable."""
    found = channel_quarters(history, site, site.main_channels, from_ms, to_ms)
    n = (to_ms - from_ms) // QUARTER_MS
    none = np.zeros(n, np.int64)
    known = np.min([c.known_ms for c in found], axis=0) if found else none
    return SiteProfile(
        profile_of(
            from_ms, sum((c.import_dwms for c in found), none), sum((c.export_dwms for c in found), none)
        ),
        known,
        found,
    )


def channel_quarters(
    history: History, site: Site, channels: Sequence[Channel], from_ms: int, to_ms: int
) -> tuple[ChannelQuarters, ...]:
    """Each channel's quarters of [from_ms, to_ms), both whole quarters. Errors: StoreUnavailable."""
    if not channels:
        return ()
    ids, n = [channel.id for channel in channels], (to_ms - from_ms) // QUARTER_MS
    rows = history.rollup(ids, from_ms, to_ms, "15min", site.timezone)
    found = []
    for channel in ids:
        mine = rows.channel == channel
        place = (rows.start_ms[mine] - from_ms) // QUARTER_MS
        columns = []
        for column in (rows.import_dwms, rows.export_dwms, rows.known_ms):
            by_quarter = np.zeros(n, np.int64)
            by_quarter[place] = column[mine]
            columns.append(by_quarter)
        found.append(ChannelQuarters(*columns))
    return tuple(found)


def profile_of(from_ms: int, import_dwms: I64, export_dwms: I64) -> Profile:
    """A profile of quarters of an hour from deciwatt-milliseconds."""
    return Profile(from_ms, QUARTER_MS, import_dwms, export_dwms, per_kwh=DWMS_PER_KWH)
