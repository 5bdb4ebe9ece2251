"""GET and PATCH /sites/{id}/records: what no meter tells, written down by a person."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from chowon.api.bill import BillDay
from chowon.api.bill_answer import Number, SpanAnswer
from chowon.api.parts import Parts, SiteId, parts_of
from chowon.domain.clock import local_day, period_of
from chowon.domain.records import Records, RecordsChange
from chowon.domain.sites import Site
from chowon.errors import NotFound, TariffInvalid, UsageInvalid
from chowon.jobs.asks import Asks, asks

router = APIRouter(prefix="/sites", tags=["bill"])
MOST_CHANGES = 120


class DemandAnswer(BaseModel):
    """The greatest demand of a reading month."""

    month: str
    kw: Number
    written_ms: int
    written_by: str


class CreditAnswer(BaseModel):
    """Credit that the period which starts on this day began with."""

    start: date
    amount: Number
    written_ms: int
    written_by: str


class SeriesKept(BaseModel):
    """Under which name prices are looked for that the tariff calls `series`."""

    series: str
    kept_as: str


class MonthAsked(BaseModel):
    """An earlier reading month whose demand counts, with its days."""

    month: str
    start: date
    end: date


class SeriesAsked(BaseModel):
    """A price series that the tariff needs, and how much of the time gone by it lacks."""

    series: str
    kept_as: str
    missing_ms: int
    known_until_ms: int | None


class AsksAnswer(BaseModel):
    """What the bill of a period asks for besides the use."""

    period: SpanAnswer
    past_demand: list[MonthAsked]
    carried: str | None
    series: list[SeriesAsked]


class RecordsAnswer(BaseModel):
    """A site's records, and what its tariff asks for; `asks` is null where the tariff can't say."""

    site: int
    past_demand: list[DemandAnswer]
    carried: list[CreditAnswer]
    series: list[SeriesKept]
    asks: AsksAnswer | None


class RecordsPatch(BaseModel):
    """What changes: null takes a record away, what is not named stays."""

    model_config = ConfigDict(extra="forbid")
    past_demand: Annotated[dict[str, Decimal | None], Field(max_length=MOST_CHANGES)] = {}
    carried: Annotated[dict[date, Decimal | None], Field(max_length=MOST_CHANGES)] = {}
    series: Annotated[dict[str, str | None], Field(max_length=MOST_CHANGES)] = {}


@router.get("/{site_id}/records")
async def records(request: Request, site_id: SiteId, date: BillDay | None = None) -> RecordsAnswer:
    """What is written down of the site, and what the bill of the period with this day asks for."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    return await asyncio.to_thread(_answer, parts, site_id, date)


@router.patch("/{site_id}/records")
async def change_records(
    request: Request, site_id: SiteId, change: RecordsPatch, date: BillDay | None = None
) -> RecordsAnswer:
    """Write down demands, credits, names of series, or take them away. Bills follow at once."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    who = await asyncio.to_thread(parts.access.who, request.headers)
    wanted = RecordsChange(change.past_demand, change.carried, change.series)
    await asyncio.to_thread(parts.records.change, site_id, wanted, who)
    parts.live.look_again()
    return await asyncio.to_thread(_answer, parts, site_id, date)


def _answer(parts: Parts, site_id: int, day: date | None) -> RecordsAnswer:
    site = parts.sites.site(site_id)
    found = parts.records.records(site_id)
    return RecordsAnswer(
        site=site_id,
        past_demand=[
            DemandAnswer(month=month, kw=r.value, written_ms=r.written.at_ms, written_by=r.written.by)
            for month, r in found.past_demand_kw.items()
        ],
        carried=[
            CreditAnswer(start=start, amount=r.value, written_ms=r.written.at_ms, written_by=r.written.by)
            for start, r in found.carried.items()
        ],
        series=[SeriesKept(series=name, kept_as=kept) for name, kept in found.series.items()],
        asks=_asks(parts, site, found, day),
    )


def _asks(parts: Parts, site: Site, found: Records, day: date | None) -> AsksAnswer | None:
    now_ms = parts.now_ms()
    period = period_of(day or local_day(now_ms, ZoneInfo(site.timezone)), site.reading_day)
    try:
        asked = asks(parts.billing, parts.prices, found, site, period, now_ms)
        currency = parts.tariff(site.tariff).currency
    except (NotFound, TariffInvalid, UsageInvalid):  # a tariff that is gone, or too young: its bill says so
        return None
    return _plain(asked, currency)


def _plain(asked: Asks, currency: str) -> AsksAnswer:
    return AsksAnswer(
        period=SpanAnswer(start=asked.period.start, end=asked.period.end),
        past_demand=[MonthAsked(month=m, start=p.start, end=p.end) for m, p in asked.months],
        carried=currency if asked.credit == "money" else asked.credit,
        series=[
            SeriesAsked(
                series=s.name,
                kept_as=s.kept_as,
                missing_ms=s.missing_ms,
                known_until_ms=s.known_until_ms,
            )
            for s in asked.series
        ],
    )
