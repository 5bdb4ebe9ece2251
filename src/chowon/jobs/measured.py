"""What was measured of a site's period, in the shape that its tariff bills."""

from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.bill import Prepared, Profile, Usage
from chowon.domain.clock import day_starts_ms
from chowon.domain.quantities import I64
from chowon.domain.site_usage import site_usage
from chowon.domain.sites import Site
from chowon.jobs.profile import DWMS_PER_KWH, SiteProfile, profile_of, site_profile
from chowon.ports import History


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was measured of a period, by day of it and, where it is needed, by quarter of an hour."""

    quarters: SiteProfile | None
    starts_ms: I64
    """(days + 1,)"""
    import_dwms: I64
    """(days,)"""
    export_dwms: I64
    known_ms: I64

    @property
    def from_ms(self) -> int:
        """The period's start."""
        return int(self.starts_ms[0])

    @property
    def to_ms(self) -> int:
        """The period's end."""
        return int(self.starts_ms[-1])


def measured(history: History, site: Site, prepared: Prepared) -> Measured:
    """Of the period that `prepared` was made for. Errors: StoreUnavailable."""
    period = prepared.period
    starts_ms = day_starts_ms(period.start, period.end, ZoneInfo(site.timezone))
    read = _by_quarter if prepared.by_interval else _by_day
    return read(history, site, starts_ms)


def usage(of: Measured, days: int) -> Usage:
    """What was measured on the first days of the period."""
    imported, exported = (int(e[:days].sum()) for e in (of.import_dwms, of.export_dwms))
    profile = None
    if of.quarters is not None:
        end = int(of.quarters.profile.places(of.starts_ms[days : days + 1], "a day begins")[0])
        import_dwms, export_dwms = of.quarters.flows
        profile = profile_of(of.from_ms, import_dwms[:end], export_dwms[:end])
    return used(imported, exported, profile)


def used(import_dwms: int, export_dwms: int, profile: Profile | None) -> Usage:
    """Energy as a use; intervals may be missing from its profile."""
    kwh, export_kwh = (Decimal(e) / DWMS_PER_KWH for e in (import_dwms, export_dwms))
    return Usage(kwh, profile, export_kwh=export_kwh, partial=True)


def _by_day(history: History, site: Site, starts_ms: I64) -> Measured:
    """The quick way, for tariffs that ask only how much was used in all."""
    channels = [c.id for c in site.main_channels]
    rows = history.rollup(channels, int(starts_ms[0]), int(starts_ms[-1]), "1day", site.timezone)
    days = site_usage(rows, channels)
    place = np.searchsorted(starts_ms, days.start_ms)
    found = []
    for column in (days.import_dwms, days.export_dwms, days.known_ms):
        by_day = np.zeros(len(starts_ms) - 1, np.int64)
        by_day[place] = column
        found.append(by_day)
    return Measured(None, starts_ms, *found)


def _by_quarter(history: History, site: Site, starts_ms: I64) -> Measured:
    read = site_profile(history, site, int(starts_ms[0]), int(starts_ms[-1]))
    edges = read.profile.places(starts_ms, "a day begins")
    columns = (*read.flows, read.known_ms)
    sums = (np.concatenate([np.zeros(1, np.int64), np.cumsum(column)]) for column in columns)
    return Measured(read, starts_ms, *(np.diff(sum_[edges]) for sum_ in sums))
