"""A site's use of one period by quarter of an hour, as questions about its bill need it."""

from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from chowon.domain.bill import Bill, Prepared, Profile, Usage
from chowon.domain.clock import Period, day_starts_ms
from chowon.domain.quantities import I64, QUARTER_MS
from chowon.domain.sites import Site
from chowon.jobs.profile import site_profile
from chowon.jobs.statement import coverage
from chowon.ports import History


@dataclass(frozen=True, slots=True)
class PeriodUse:
    """What a site used in a period, up to now."""

    period: Period
    day_starts_ms: I64
    """(days + 1,)"""
    until_ms: int
    """Now, or the period's end"""
    profile: Profile
    """From the period's start to `until_ms`; 0 where nothing was measured"""
    known_ms: I64
    """(n,) ms of each quarter whose energy is known, also by a counter alone"""

    @property
    def closed(self) -> bool:
        """Whether the period is over."""
        return self.until_ms >= int(self.day_starts_ms[-1])

    @property
    def kwh(self) -> Decimal:
        """Taken from the grid."""
        return energy_kwh(self.profile)[0]

    @property
    def export_kwh(self) -> Decimal:
        """Given to the grid."""
        return energy_kwh(self.profile)[1]

    @property
    def coverage(self) -> float:
        """The share of the time gone by whose energy is known, by power or by a counter, 0-1."""
        start, end = int(self.day_starts_ms[0]), int(self.day_starts_ms[-1])
        return coverage(int(self.known_ms.sum()), start, end, self.until_ms)

    @property
    def days_gone(self) -> int:
        """Whole days of the period that are over."""
        return int((self.day_starts_ms[1:] <= self.until_ms).sum())

    def usage(self, profile: Profile | None = None) -> Usage:
        """What was measured, or another use in its place."""
        use = self.profile if profile is None else profile
        kwh, export_kwh = energy_kwh(use)
        return Usage(kwh, use, export_kwh=export_kwh, partial=True)

    def bill(self, prepared: Prepared, profile: Profile | None = None) -> Bill:
        """The bill of what was measured, or of another use: as a meter is read where the period is over."""
        usage = self.usage(profile)
        return prepared.bill(prepared.as_read(usage) if self.closed else usage)


def period_use(history: History, site: Site, period: Period, now_ms: int) -> PeriodUse:
    """The site's use of a period. Errors: StoreUnavailable."""
    starts = day_starts_ms(period.start, period.end, ZoneInfo(site.timezone))
    from_ms, to_ms = int(starts[0]), int(starts[-1])
    until_ms = max(from_ms, min(now_ms, to_ms))
    end_ms = -(-until_ms // QUARTER_MS) * QUARTER_MS
    found = site_profile(history, site, from_ms, end_ms)
    return PeriodUse(period, starts, until_ms, found.profile, found.known_ms)


def energy_kwh(profile: Profile) -> tuple[Decimal, Decimal]:
    """(import, export) of a whole profile."""
    return profile.kwh(profile.start_ms, profile.end_ms)
