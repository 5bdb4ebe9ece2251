"""POST /sites/{id}/bill/outlook: the bill at the end of the period, under a forecast that is handed in."""

import asyncio
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from chowon.api.bill_answer import Number, OutlookAnswer, outlook_answer
from chowon.api.parts import SiteId, parts_of
from chowon.domain.bill import Profile
from chowon.domain.clock import local_day, period_of
from chowon.errors import BadInput
from chowon.jobs.forecast import ADay, outlook_under
from chowon.jobs.unmeasured import Outlook

router = APIRouter(prefix="/sites", tags=["bill"])
_MOST_INTERVALS = 31 * 96 + 8
_Energy = Annotated[list[Annotated[float, Field(ge=0, le=1e6)]], Field(max_length=_MOST_INTERVALS)]


class Intervals(BaseModel):
    """Energy by interval, from now or earlier to the period's end or later."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    start_ms: Annotated[int, Field(ge=0, le=2**53)]
    step_min: Literal[15, 30, 60]
    kwh: Annotated[_Energy, Field(min_length=1)]
    export_kwh: _Energy | None = None


class OutlookAsked(BaseModel):
    """One of both."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    kwh_a_day: Annotated[Decimal, Field(ge=0, le=10**6)] | None = None
    intervals: Intervals | None = None


class ForecastAnswer(BaseModel):
    """The end of the period under the forecast."""

    site: int
    currency: str
    outlook: OutlookAnswer
    total: Number


@router.post("/{site_id}/bill/outlook")
async def ask(request: Request, site_id: SiteId, asked: OutlookAsked) -> ForecastAnswer:
    """What was measured so far, and the forecast from now on."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    forecast = _forecast(asked)
    site = await asyncio.to_thread(parts.sites.site, site_id)
    now_ms = parts.now_ms()
    period = period_of(local_day(now_ms, ZoneInfo(site.timezone)), site.reading_day)

    def found() -> tuple[str, Outlook]:
        prepared = parts.billing.prepared(site, period, now_ms)
        told = outlook_under(parts.history, site, prepared, now_ms, forecast)
        return prepared.tariff.currency, told

    currency, told = await asyncio.to_thread(found)
    return ForecastAnswer(site=site.id, currency=currency, outlook=outlook_answer(told), total=told.total)


def _forecast(asked: OutlookAsked) -> ADay | Profile:
    """Errors: BadInput."""
    if (asked.kwh_a_day is None) == (asked.intervals is None):
        raise BadInput("outlook: expected one of kwh_a_day and intervals")
    if asked.kwh_a_day is not None:
        return ADay(asked.kwh_a_day)
    told = asked.intervals
    assert told is not None
    if told.export_kwh is not None and len(told.export_kwh) != len(told.kwh):
        raise BadInput(f"export_kwh: found {len(told.export_kwh)} intervals; expected {len(told.kwh)}")
    imported, exported = (
        None if kwh is None else np.rint(np.array(kwh) * 1000).astype(np.int64)
        for kwh in (told.kwh, told.export_kwh)
    )
    assert imported is not None
    return Profile(told.start_ms, told.step_min * 60_000, imported, exported)
