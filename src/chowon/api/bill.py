"""GET /sites/{id}/bill: what a period costs, every line explained, and how it grew day by day."""

import asyncio
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import accumulate
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request

from chowon.api.bill_answer import (
    BillAnswer,
    DayAnswer,
    PeriodAnswer,
    TariffAnswer,
    UsageAnswer,
    lines_of,
    subtotals_of,
)
from chowon.api.parts import Parts, parts_of
from chowon.api.usage import coverage
from chowon.domain.bill import Prepared, Usage
from chowon.domain.clock import Period, day_starts_ms, local_day, period_of
from chowon.domain.quantities import DWMS_PER_WH
from chowon.domain.site_usage import SiteUsage, site_usage
from chowon.domain.sites import Site
from chowon.live.view import tier_now

router = APIRouter(prefix="/sites", tags=["bill"])
_DWMS_PER_KWH = Decimal(DWMS_PER_WH * 1000)


@router.get("/{site_id}/bill")
async def bill(request: Request, site_id: int, date: date | None = None) -> BillAnswer:
    """The bill of the period that holds this local day; of the present one without a day."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    day = date or local_day(parts.now_ms(), ZoneInfo(site.timezone))
    return await asyncio.to_thread(_bill, parts, site, period_of(day, site.reading_day))


def _bill(parts: Parts, site: Site, period: Period) -> BillAnswer:
    now_ms = parts.now_ms()
    prepared = parts.prepare(site, period)
    starts = day_starts_ms(period.start, period.end, ZoneInfo(site.timezone))
    from_ms, to_ms = int(starts[0]), int(starts[-1])
    channels = [c.id for c in site.main_channels]
    used = site_usage(parts.history.rollup(channels, from_ms, to_ms, "1day", site.timezone), channels)
    closed = now_ms >= to_ms
    kwh = Decimal(int(used.import_dwms.sum())) / _DWMS_PER_KWH
    usage = Usage(kwh.to_integral_value(ROUND_FLOOR) if closed else kwh)
    outcome, prices, standing = prepared.bill(usage), prepared.next_kwh(usage), prepared.standing(usage)
    until_ms = min(now_ms, to_ms)
    covered_ms = int(used.covered_ms.sum())
    return BillAnswer(
        site=site.id,
        currency=outcome.currency,
        tariff=TariffAnswer(id=outcome.tariff_id, name=outcome.tariff_name),
        period=PeriodAnswer(
            start=period.start, end=period.end, from_ms=from_ms, to_ms=to_ms, days=period.days, closed=closed
        ),
        usage=UsageAnswer(
            kwh=round(float(kwh), 6),
            billed_kwh=usage.kwh,
            coverage=coverage(covered_ms, from_ms, to_ms, now_ms),
            missing_ms=max(0, until_ms - from_ms - covered_ms),
            until_ms=until_ms,
        ),
        options=outcome.options,
        total=outcome.total,
        marginal_price=prices.marginal_price,
        energy_price=prices.energy_price,
        lines=lines_of(outcome),
        subtotals=subtotals_of(outcome),
        tier=tier_now(standing),
        days=_days(prepared, used, starts.tolist(), period.start, now_ms, usage),
    )


def _days(
    prepared: Prepared, used: SiteUsage, starts: list[int], first: date, now_ms: int, billed: Usage
) -> list[DayAnswer]:
    """Each day that has begun, with the bill as it stood at its end; never above what is billed."""
    energy = dict(zip(used.start_ms.tolist(), used.import_dwms.tolist(), strict=True))
    covered = dict(zip(used.start_ms.tolist(), used.covered_ms.tolist(), strict=True))
    begun = [s for s in starts[:-1] if s <= now_ms]
    totals = accumulate(energy.get(s, 0) for s in begun)
    return [
        DayAnswer(
            day=first + timedelta(days=n),
            kwh=_kwh(energy.get(start, 0)),
            total_kwh=_kwh(total),
            total=prepared.total(Usage(min(Decimal(total) / _DWMS_PER_KWH, billed.kwh))),
            coverage=coverage(covered.get(start, 0), start, starts[n + 1], now_ms),
        )
        for n, (start, total) in enumerate(zip(begun, totals, strict=True))
    ]


def _kwh(dwms: int) -> float:
    return round(dwms / DWMS_PER_WH / 1000, 6)
