"""A site's bill for a period, from what was measured: so far while it runs, as read when it is over."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from chowon.domain.bill import (
    BandUse,
    Bill,
    CreditUnit,
    Known,
    NextKwh,
    Prepared,
    TierStanding,
    Usage,
)
from chowon.domain.clock import Period
from chowon.domain.sites import Site
from chowon.jobs.measured import Measured, measured, usage
from chowon.jobs.profile import DWMS_PER_KWH
from chowon.jobs.unmeasured import Estimate, Outlook, estimate, outlook
from chowon.ports import History


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the period that has begun."""

    day: date
    kwh: Decimal
    total_kwh: Decimal
    """used in the period up to the end of this day"""
    total: Decimal
    """the bill as it stood then"""
    coverage: float


@dataclass(frozen=True, slots=True)
class Statement:
    """What a site's period has cost, and how much of it was measured."""

    period: Period
    from_ms: int
    to_ms: int
    until_ms: int
    """what counts lies before this instant: now, or the period's end"""
    closed: bool
    kwh: Decimal
    """measured, to the last digit"""
    export_kwh: Decimal
    coverage: float
    """share of the time gone by whose energy is known, by power or by a counter, 0–1"""
    missing_ms: int
    """time gone by whose energy neither power nor a counter tells; nothing is billed for it"""
    bill: Bill
    """of what was measured; of whole kWh once the period is closed, where the tariff asks for no more than
    how much in all, as a meter is read"""
    known: Known
    """what the bill rests on besides the use"""
    credit_unit: CreditUnit | None
    """of what is carried from one period into the next; None for nothing"""
    next_kwh: NextKwh
    standing: TierStanding | None
    days: tuple[Day, ...]
    bands: tuple[BandUse, ...] | None
    """under a tariff by time of use"""
    estimate: Estimate | None
    """None where nothing is missing, or too little was measured to say"""
    outlook: Outlook | None
    """None for a closed period, or where too little was measured to say"""


def statement(history: History, site: Site, prepared: Prepared, now_ms: int) -> Statement:
    """The statement of the period that `prepared` was made for.

    Errors: StoreUnavailable; UsageInvalid where the tariff needs what nobody has told, such as prices.
    """
    found, period = measured(history, site, prepared), prepared.period
    from_ms, to_ms = found.from_ms, found.to_ms
    closed, until_ms = now_ms >= to_ms, min(now_ms, to_ms)
    used = usage(found, period.days)
    billed = prepared.as_read(used) if closed else used
    known_ms = int(found.known_ms.sum())
    missing_ms = max(0, until_ms - from_ms - known_ms)
    here = prepared.by_interval and from_ms <= now_ms < to_ms
    return Statement(
        period=period,
        from_ms=from_ms,
        to_ms=to_ms,
        until_ms=until_ms,
        closed=closed,
        kwh=Decimal(int(found.import_dwms.sum())) / DWMS_PER_KWH,
        export_kwh=Decimal(int(found.export_dwms.sum())) / DWMS_PER_KWH,
        coverage=coverage(known_ms, from_ms, to_ms, now_ms),
        missing_ms=missing_ms,
        bill=prepared.bill(billed),
        known=prepared.known,
        credit_unit=prepared.credit_unit,
        next_kwh=prepared.next_kwh(billed, now_ms if here else None),
        standing=prepared.standing(billed),
        days=_days(prepared, found, now_ms, billed),
        bands=prepared.use_by_band(billed, now_ms),
        estimate=estimate(history, site, prepared, found, until_ms) if missing_ms else None,
        outlook=None if closed else outlook(site, prepared, found, now_ms),
    )


def coverage(known_ms: int, start_ms: int, end_ms: int, now_ms: int) -> float:
    """The share, 0–1, that these times make up of the part of [start, end) that has gone by."""
    gone = min(end_ms, max(now_ms, start_ms)) - start_ms
    return round(min(known_ms / gone, 1.0), 4) if gone > 0 else 0.0


def _days(prepared: Prepared, found: Measured, now_ms: int, billed: Usage) -> tuple[Day, ...]:
    """Each day that has begun, with the bill as it stood at its end; never above what is billed."""
    days, starts = [], found.starts_ms.tolist()
    totals = np.cumsum(found.import_dwms).tolist()
    for n in range(sum(start <= now_ms for start in starts[:-1])):
        by_then = usage(found, n + 1)
        if not prepared.by_interval:
            by_then = Usage(
                min(by_then.kwh, billed.kwh), export_kwh=min(by_then.export_kwh, billed.export_kwh)
            )
        days.append(
            Day(
                day=prepared.period.start + timedelta(days=n),
                kwh=Decimal(int(found.import_dwms[n])) / DWMS_PER_KWH,
                total_kwh=Decimal(totals[n]) / DWMS_PER_KWH,
                total=prepared.total(by_then),
                coverage=coverage(int(found.known_ms[n]), starts[n], starts[n + 1], now_ms),
            )
        )
    return tuple(days)
