"""What a site's tariff asks for that no meter tells, and how much of it is there."""

from dataclasses import dataclass

from chowon.domain.bill import CreditUnit
from chowon.domain.clock import Period
from chowon.domain.records import Records, period_of_month
from chowon.domain.sites import Site
from chowon.jobs.billing import Billing
from chowon.ports import PriceBook


@dataclass(frozen=True, slots=True)
class SeriesAsked:
    """A price series that the tariff prices by."""

    name: str
    """As the tariff calls it"""
    kept_as: str
    """The name under which its prices are looked for"""
    missing_ms: int
    """How much of the period's time gone by has no price"""
    known_until_ms: int | None
    """Where the last known price of the period ends"""


@dataclass(frozen=True, slots=True)
class Asks:
    """What the bill of a period asks for besides the use."""

    period: Period
    months: tuple[tuple[str, Period], ...]
    """Earlier reading months whose demand counts, with the days that each stands for; the newest first"""
    credit: CreditUnit | None
    series: tuple[SeriesAsked, ...]


def asks(
    billing: Billing, prices: PriceBook, records: Records, site: Site, period: Period, now_ms: int
) -> Asks:
    """Of one period of the site. Errors: StoreUnavailable; NotFound, TariffInvalid, UsageInvalid."""
    bare = billing.bare(site, period)
    from_ms, to_ms = bare.plans[0].meter.instants()
    until_ms = max(from_ms, min(now_ms, to_ms))
    series = []
    for name in bare.series:
        kept_as = records.series.get(name, name)
        rows = prices.rows(kept_as, from_ms, to_ms)
        spans = ((max(row.start_ms, from_ms), min(row.end_ms, until_ms)) for row in rows)
        known_ms = sum(max(0, end - start) for start, end in spans)
        known_until_ms = min(rows[-1].end_ms, to_ms) if rows else None
        series.append(SeriesAsked(name, kept_as, until_ms - from_ms - known_ms, known_until_ms))
    months = [(month, period_of_month(month, site.reading_day)) for month in bare.months_of_demand]
    return Asks(period, tuple(months[::-1]), bare.credit_unit, tuple(series))
