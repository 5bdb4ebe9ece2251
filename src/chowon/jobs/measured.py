"""A site's use of one period by quarter of an hour, as questions about its bill need it."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from chowon.domain.bill import Profile, Usage
from chowon.domain.clock import Period, day_starts_ms
from chowon.domain.quantities import I64, QUARTER_MS
from chowon.domain.sites import Site
from chowon.jobs.profile import site_profile
from chowon.jobs.statement import coverage
from chowon.ports import History


@dataclass(frozen=True, slots=True)
class Measured:
    """What a site used in a period, up to now."""

    period: Period
    day_starts_ms: I64
    """(days + 1,)"""
    until_ms: int
    """Now, or the period's end"""
    profile: Profile
    """From the period's start to `until_ms`; 0 where nothing was measured"""
    covered_ms: I64
    """(n,) ms of each quarter that were measured"""

    @property
    def closed(self) -> bool:
        """Whether the period is over."""
        return self.until_ms >= int(self.day_starts_ms[-1])

    @property
    def kwh(self) -> Decimal:
        """Taken from the grid."""
        return energy_kwh(self.profile)[0]

    @property
    def coverage(self) -> float:
        """The measured share of the time gone by, 0-1."""
        start, end = int(self.day_starts_ms[0]), int(self.day_starts_ms[-1])
        return coverage(int(self.covered_ms.sum()), start, end, self.until_ms)

    @property
    def days_gone(self) -> int:
        """Whole days of the period that are over."""
        return int((self.day_starts_ms[1:] <= self.until_ms).sum())

    def usage(self, profile: Profile | None = None) -> Usage:
        """The use for a bill, or another one in its place: with decimals while the period is open, then whole
        kWh, as a meter is read. What is billed by the hour is billed as measured.
        """
        use = self.profile if profile is None else profile
        kwh, export_kwh = energy_kwh(use)
        if self.closed:
            kwh, export_kwh = (n.to_integral_value(ROUND_FLOOR) for n in (kwh, export_kwh))
        return Usage(kwh, use, export_kwh=export_kwh, partial=True)


def measured(history: History, site: Site, period: Period, now_ms: int) -> Measured:
    """The site's use of a period. Errors: StoreUnavailable."""
    starts = day_starts_ms(period.start, period.end, ZoneInfo(site.timezone))
    from_ms, to_ms = int(starts[0]), int(starts[-1])
    until_ms = max(from_ms, min(now_ms, to_ms))
    end_ms = -(-until_ms // QUARTER_MS) * QUARTER_MS
    found = site_profile(history, site, from_ms, end_ms)
    return Measured(period, starts, until_ms, found.profile, found.covered_ms)


def energy_kwh(profile: Profile) -> tuple[Decimal, Decimal]:
    """(import, export) of a whole profile."""
    return profile.kwh(profile.start_ms, profile.end_ms)
