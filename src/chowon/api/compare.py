"""GET /sites/{id}/bill/compare: which tariff would have been the cheapest."""

import asyncio
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from chowon.api.bill import BillDay
from chowon.api.bill_answer import Number, TariffAnswer
from chowon.api.parts import SiteId, parts_of
from chowon.domain.clock import local_day, period_of
from chowon.domain.tariff import Tariff, Text
from chowon.jobs.compare import Comparison, closed_periods, comparison

router = APIRouter(prefix="/sites", tags=["bill"])
MOST_NAMED = 100


class SpanAnswer(BaseModel):
    """The time that is compared: from the first period's start to the last one's end."""

    start: date
    end: date
    days: int


class OptionAnswer(BaseModel):
    """An option and what is chosen, in the tariff's own words."""

    label: Text
    value: Text


class RowAnswer(BaseModel):
    """What a tariff would have cost; `difference` to the one in force, null where that has no answer."""

    tariff: TariffAnswer
    options: dict[str, str]
    option_words: dict[str, OptionAnswer]
    in_force: bool
    total: Number
    difference: Number | None


class LeftOutAnswer(BaseModel):
    """A tariff without an answer, and why."""

    tariff: TariffAnswer
    why: Text


class CompareAnswer(BaseModel):
    """All candidates: those with an answer, the cheapest first, and those without."""

    site: int
    period: SpanAnswer
    periods: int
    kwh: float
    coverage: float
    currency: str
    rows: list[RowAnswer]
    left_out: list[LeftOutAnswer]


@router.get("/{site_id}/bill/compare")
async def compare(
    request: Request,
    site_id: SiteId,
    date: BillDay | None = None,
    months: Annotated[int | None, Query(ge=1, le=36)] = None,
    tariff: Annotated[list[str] | None, Query(max_length=MOST_NAMED)] = None,
) -> CompareAnswer:
    """The period that holds this day, or the last `months` that were over on it, under other tariffs."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    now_ms = parts.now_ms()
    day = date or local_day(now_ms, ZoneInfo(site.timezone))
    reading_day = site.reading_day
    periods = [period_of(day, reading_day)] if months is None else closed_periods(day, reading_day, months)
    tariffs = parts.tariff, parts.tariff_ids()
    found = await asyncio.to_thread(comparison, parts.billing, site, tariffs, periods, now_ms, tariff or ())
    return answer(site.id, found)


def answer(site_id: int, found: Comparison) -> CompareAnswer:
    """A comparison as the API writes it."""
    start, end = found.periods[0].start, found.periods[-1].end
    compared = found.compared
    return CompareAnswer(
        site=site_id,
        period=SpanAnswer(start=start, end=end, days=sum(p.days for p in found.periods)),
        periods=len(found.periods),
        kwh=round(float(found.kwh), 6),
        coverage=found.coverage,
        currency=found.currency,
        rows=[
            RowAnswer(
                tariff=TariffAnswer(id=row.tariff.id, name=row.tariff.name),
                options=row.options,
                option_words={name: _words(row.tariff, name, value) for name, value in row.options.items()},
                in_force=row.in_force,
                total=row.total,
                difference=compared.difference(row),
            )
            for row in compared.rows
        ],
        left_out=[
            LeftOutAnswer(tariff=TariffAnswer(id=out.id, name=out.name), why=out.why)
            for out in compared.left_out
        ],
    )


def _words(tariff: Tariff, name: str, value: str) -> OptionAnswer:
    option = tariff.options[name]
    return OptionAnswer(label=option.label, value=option.words(value))
