"""GET …/usages/billing: use and charge of a billing period or of days, and of the period to its end."""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response

from chowon.api.compat_enertalk.answers import Thing, answer
from chowon.api.compat_enertalk.asked import USAGES, Part, PartAsked, id_of
from chowon.api.compat_enertalk.periodic import Instant
from chowon.api.parts import Parts, parts_of
from chowon.domain.clock import local_day, midnight_ms, period_of
from chowon.domain.site_usage import site_usage
from chowon.errors import BadInput
from chowon.jobs.statement import Statement, statement

router = APIRouter()
MOST_DAYS: Final = 366
_MILLIWH_PER_KWH: Final = 1_000_000
TimeType = Literal["past", "pastToFuture"]


class Usage(Thing, frozen=True):
    """The charge once more, where some clients look for it."""

    charge: Decimal | None


class Bill(Thing, frozen=True):
    """What it costs, in the site's currency."""

    charge: Decimal | None
    usage: Usage


class Billing(Thing, frozen=True):
    """Use and charge of a span of time; null where nothing can be said."""

    period: Literal["month", "day"]
    start: int
    end: int
    usage: int | None
    """mWh"""
    bill: Bill
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class _Costs:
    """What a whole site used and what that costs."""

    start_ms: int
    end_ms: int
    measured_to_ms: int
    """Up to here other channels' part in it is looked for"""
    kwh: Decimal | None
    charge: Decimal | None


def _mount(path: str) -> None:
    @router.get(f"{path}/billing")
    async def billing(
        request: Request,
        asked: PartAsked,
        period: Literal["month", "day"] = "month",
        start: Instant | None = None,
        end: Instant | None = None,
        time_type: Annotated[TimeType, Query(alias="timeType")] = "past",
    ) -> Response:
        """Of the present billing period, or the one that holds `start`; of the days from `start` to `end`."""
        parts = parts_of(request)
        now_ms = parts.now_ms()
        start_ms = now_ms if start is None else int(start)
        if start_ms > now_ms:
            raise BadInput(f"start ({start_ms}) lies ahead; expected at most {now_ms}, which is now")
        if period == "day":
            costs = await asyncio.to_thread(
                _of_days, parts, asked.parts[0], start_ms, None if end is None else int(end), now_ms
            )
        else:
            costs = await asyncio.to_thread(_of_period, parts, asked.parts[0], start_ms, now_ms, time_type)
        told = [
            await asyncio.to_thread(_billing, parts, part, period, costs, asked.listed)
            for part in asked.parts
        ]
        return answer([*told] if asked.listed else told[0])


for _path in USAGES:
    _mount(_path)


def _of_period(parts: Parts, part: Part, at_ms: int, now_ms: int, time_type: TimeType) -> _Costs:
    told = _statement(parts, part, local_day(at_ms, ZoneInfo(part.site.timezone)), now_ms)
    if time_type == "past" or told.closed:
        return _Costs(told.from_ms, told.until_ms, told.until_ms, told.kwh, told.bill.total)
    ahead = told.outlook
    if ahead is None:
        return _Costs(told.from_ms, told.to_ms, told.until_ms, None, None)
    return _Costs(told.from_ms, told.to_ms, told.until_ms, ahead.kwh, ahead.total)


def _of_days(parts: Parts, part: Part, start_ms: int, end_ms: int | None, now_ms: int) -> _Costs:
    """What these days added to their bills."""
    zone = ZoneInfo(part.site.timezone)
    first = local_day(start_ms, zone)
    after = first + timedelta(days=1) if end_ms is None else local_day(end_ms - 1, zone) + timedelta(days=1)
    if not 0 < (after - first).days <= MOST_DAYS:
        raise BadInput(f"from {first} to {after}: expected 1 … {MOST_DAYS} days")
    kwh = charge = Decimal(0)
    day = first
    while day < after:
        told = _statement(parts, part, day, now_ms)
        before = Decimal(0)
        for of in told.days:
            if day <= of.day < after:
                kwh, charge = kwh + of.kwh, charge + of.total - before
            before = of.total
        day = told.period.end
    ends_ms = midnight_ms(after, zone)
    return _Costs(midnight_ms(first, zone), ends_ms, min(ends_ms, now_ms), kwh, charge)


def _statement(parts: Parts, part: Part, day: date, now_ms: int) -> Statement:
    site = part.site
    prepared = parts.billing.prepared(site, period_of(day, site.reading_day), now_ms)
    return statement(parts.history, site, prepared, now_ms)


def _billing(
    parts: Parts, part: Part, period: Literal["month", "day"], costs: _Costs, named: bool
) -> Billing:
    kwh, charge = costs.kwh, costs.charge
    if not part.whole and kwh is not None and charge is not None:
        kwh, charge = _share(parts, part, costs, kwh, charge)
    return Billing(
        period=period,
        start=costs.start_ms,
        end=costs.end_ms,
        usage=None if kwh is None else round(kwh * _MILLIWH_PER_KWH),
        bill=Bill(charge, Usage(charge)),
        channel=id_of(part.channels[0].id) if named else None,
    )


def _share(
    parts: Parts, part: Part, costs: _Costs, kwh: Decimal, charge: Decimal
) -> tuple[Decimal, Decimal | None]:
    """The average share: in proportion to the energy measured; no charge where the site used nothing."""
    if costs.measured_to_ms <= costs.start_ms:
        return Decimal(0), None
    whole, of_part = (
        int(
            site_usage(
                parts.history.rollup(ids, costs.start_ms, costs.measured_to_ms, "1day", part.site.timezone),
                ids,
            ).import_dwms.sum()
        )
        for ids in ([c.id for c in part.site.main_channels], [c.id for c in part.channels])
    )
    if whole == 0:
        return Decimal(0), None
    share = Decimal(of_part) / whole
    return kwh * share, (charge * share).quantize(Decimal(1), ROUND_HALF_UP)
