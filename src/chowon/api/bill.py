"""GET /sites/{id}/bill: what a period costs, every line explained, and how it grew day by day."""

import asyncio
from datetime import date
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request

from chowon.api.bill_answer import BillAnswer, answer
from chowon.api.parts import SiteId, parts_of
from chowon.domain.clock import local_day, period_of
from chowon.jobs.statement import statement

router = APIRouter(prefix="/sites", tags=["bill"])
BillDay: TypeAlias = Annotated[date, Query(ge=date(1970, 2, 1), lt=date(2100, 1, 1))]


@router.get("/{site_id}/bill")
async def bill(request: Request, site_id: SiteId, date: BillDay | None = None) -> BillAnswer:
    """The bill of the period that holds this local day; of the present one without a day."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    now_ms = parts.now_ms()
    day = date or local_day(now_ms, ZoneInfo(site.timezone))
    period = period_of(day, site.reading_day)
    prepared = await asyncio.to_thread(parts.billing.prepared, site, period, now_ms)
    return answer(site.id, await asyncio.to_thread(statement, parts.history, site, prepared, now_ms))
