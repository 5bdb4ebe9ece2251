"""A site's bill for a period, from what was measured: so far while it runs, as read when it is over."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import accumulate
from zoneinfo import ZoneInfo

from chowon.domain.bill import Bill, NextKwh, Prepared, TierStanding, Usage
from chowon.domain.clock import Period, day_starts_ms
from chowon.domain.quantities import DWMS_PER_WH
from chowon.domain.site_usage import SiteUsage, site_usage
from chowon.domain.sites import Site
from chowon.ports import History

_DWMS_PER_KWH = Decimal(DWMS_PER_WH * 1000)


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
    coverage: float
    """measured share of the time gone by, 0–1"""
    missing_ms: int
    """time gone by for which there is no measurement; nothing is billed for it"""
    bill: Bill
    """of `kwh` while the period is open; of whole kWh once it is closed, as a meter is read"""
    next_kwh: NextKwh
    standing: TierStanding | None
    days: tuple[Day, ...]


def statement(history: History, site: Site, prepared: Prepared, now_ms: int) -> Statement:
    """The statement of the period that `prepared` was made for. Errors: StoreUnavailable."""
    period = prepared.period
    starts = day_starts_ms(period.start, period.end, ZoneInfo(site.timezone)).tolist()
    from_ms, to_ms = starts[0], starts[-1]
    channels = [c.id for c in site.main_channels]
    used = site_usage(history.rollup(channels, from_ms, to_ms, "1day", site.timezone), channels)
    closed = now_ms >= to_ms
    kwh = Decimal(int(used.import_dwms.sum())) / _DWMS_PER_KWH
    billed = Usage(kwh.to_integral_value(ROUND_FLOOR) if closed else kwh)
    until_ms = min(now_ms, to_ms)
    covered_ms = int(used.covered_ms.sum())
    return Statement(
        period=period,
        from_ms=from_ms,
        to_ms=to_ms,
        until_ms=until_ms,
        closed=closed,
        kwh=kwh,
        coverage=coverage(covered_ms, from_ms, to_ms, now_ms),
        missing_ms=max(0, until_ms - from_ms - covered_ms),
        bill=prepared.bill(billed),
        next_kwh=prepared.next_kwh(billed),
        standing=prepared.standing(billed),
        days=_days(prepared, used, starts, now_ms, billed),
    )


def coverage(covered_ms: int, start_ms: int, end_ms: int, now_ms: int) -> float:
    """The measured share, 0–1, of the part of [start, end) that has gone by."""
    gone = min(end_ms, max(now_ms, start_ms)) - start_ms
    return round(min(covered_ms / gone, 1.0), 4) if gone > 0 else 0.0


def _days(
    prepared: Prepared, used: SiteUsage, starts: list[int], now_ms: int, billed: Usage
) -> tuple[Day, ...]:
    """Each day that has begun, with the bill as it stood at its end; never above what is billed."""
    energy = dict(zip(used.start_ms.tolist(), used.import_dwms.tolist(), strict=True))
    covered = dict(zip(used.start_ms.tolist(), used.covered_ms.tolist(), strict=True))
    begun = [s for s in starts[:-1] if s <= now_ms]
    totals = accumulate(energy.get(s, 0) for s in begun)
    return tuple(
        Day(
            day=prepared.period.start + timedelta(days=n),
            kwh=Decimal(energy.get(start, 0)) / _DWMS_PER_KWH,
            total_kwh=Decimal(total) / _DWMS_PER_KWH,
            total=prepared.total(Usage(min(Decimal(total) / _DWMS_PER_KWH, billed.kwh))),
            coverage=coverage(covered.get(start, 0), start, starts[n + 1], now_ms),
        )
        for n, (start, total) in enumerate(zip(begun, totals, strict=True))
    )
