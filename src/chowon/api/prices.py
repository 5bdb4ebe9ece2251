"""GET /prices, GET and PUT /prices/{series}: prices by interval, of a market or a supplier."""

import asyncio
from decimal import Decimal
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from chowon.api.bill_answer import Number
from chowon.api.parts import Parts, parts_of
from chowon.api.usage import instant_ms
from chowon.domain.quantities import DAY_MS, MINUTE_MS
from chowon.domain.records import MOST_INTERVALS, PriceRow, price_rows
from chowon.errors import BadInput, NotFound

router = APIRouter(prefix="/prices", tags=["prices"])
MOST_SPAN_MS = 400 * DAY_MS
"""What one answer or one replacement spans at most."""
Series: TypeAlias = Annotated[str, InPath(pattern=r"^[a-z0-9_.-]{1,64}$")]
From: TypeAlias = Annotated[
    str | None, Query(alias="from", description="ms since 1970 UTC, or ISO 8601 with offset")
]
To: TypeAlias = Annotated[str | None, Query(alias="to", description="as `from`; not included")]


class SeriesAnswer(BaseModel):
    """A series that is kept."""

    series: str
    from_ms: int
    to_ms: int
    intervals: int
    written_ms: int
    written_by: str


class AllSeriesAnswer(BaseModel):
    """All series."""

    series: list[SeriesAnswer]


class PriceAnswer(BaseModel):
    """The price of one interval."""

    time: int
    step_min: int
    price: Number


class PricesAnswer(BaseModel):
    """Prices in order of time; intervals without one are not listed."""

    series: str
    from_ms: int
    to_ms: int
    prices: list[PriceAnswer]


class PricePut(BaseModel):
    """The price of the interval that begins at `time`: ms, or ISO 8601 with offset."""

    model_config = ConfigDict(extra="forbid")
    time: int | str
    price: Decimal


class PricesPut(BaseModel):
    """Prices of intervals of one length."""

    model_config = ConfigDict(extra="forbid")
    step_min: Annotated[int, Field(ge=1, le=60)]
    prices: Annotated[list[PricePut], Field(max_length=MOST_INTERVALS)]


class PutAnswer(BaseModel):
    """How many intervals were kept."""

    series: str
    accepted: int


@router.get("")
async def all_series(request: Request) -> AllSeriesAnswer:
    """Every series that is kept."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    return AllSeriesAnswer(series=await asyncio.to_thread(_all, parts))


@router.get("/{series}")
async def prices(request: Request, series: Series, start: From = None, end: To = None) -> PricesAnswer:
    """The prices of a series in a span; without bounds the last days of it, at most 400."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    kept = next((s for s in await asyncio.to_thread(_all, parts) if s.series == series), None)
    if kept is None:
        raise NotFound(f"no prices {series!r}; GET /api/v1/prices lists the known ones")
    to_ms = kept.to_ms if end is None else instant_ms("to", end)
    from_ms = max(kept.from_ms, to_ms - MOST_SPAN_MS) if start is None else instant_ms("from", start)
    _check_span(from_ms, to_ms)
    rows = await asyncio.to_thread(parts.prices.rows, series, from_ms, to_ms)
    listed = [PriceAnswer(time=r.start_ms, step_min=r.step_ms // MINUTE_MS, price=r.price) for r in rows]
    return PricesAnswer(series=series, from_ms=from_ms, to_ms=to_ms, prices=listed)


@router.put("/{series}")
async def put_prices(
    request: Request, series: Series, put: PricesPut, start: From = None, end: To = None
) -> PutAnswer:
    """Keep prices; with `from` and `to` they are all that is kept in that span. Bills follow at once."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    instead_of = _instead_of(start, end)
    rows = await asyncio.to_thread(_rows, put)
    if instead_of is None and not rows:
        raise BadInput("prices: found none; expected one or more, or from and to to take prices away")
    if instead_of is not None:
        _check_inside(rows, *instead_of)
    who = await asyncio.to_thread(parts.access.who, request.headers)
    await asyncio.to_thread(parts.prices.put, series, rows, who, instead_of)
    parts.live.look_again()
    return PutAnswer(series=series, accepted=len(rows))


def _all(parts: Parts) -> list[SeriesAnswer]:
    return [
        SeriesAnswer(
            series=kept.name,
            from_ms=kept.from_ms,
            to_ms=kept.to_ms,
            intervals=kept.intervals,
            written_ms=kept.written.at_ms,
            written_by=kept.written.by,
        )
        for kept in parts.prices.series()
    ]


def _rows(put: PricesPut) -> list[PriceRow]:
    told = [
        (p.time if isinstance(p.time, int) else instant_ms(f"prices[{n}].time", p.time), p.price)
        for n, p in enumerate(put.prices)
    ]
    return price_rows(put.step_min * MINUTE_MS, told)


def _instead_of(start: str | None, end: str | None) -> tuple[int, int] | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise BadInput("from and to: found one of them; expected both, or neither")
    span = instant_ms("from", start), instant_ms("to", end)
    _check_span(*span)
    return span


def _check_span(from_ms: int, to_ms: int) -> None:
    if not from_ms < to_ms <= from_ms + MOST_SPAN_MS:
        raise BadInput(f"to ({to_ms}): expected later than from ({from_ms}), by 400 days at most")


def _check_inside(rows: list[PriceRow], from_ms: int, to_ms: int) -> None:
    outside = next((r for r in rows if r.start_ms < from_ms or r.end_ms > to_ms), None)
    if outside is not None:
        raise BadInput(
            f"prices: found an interval at {outside.start_ms}; expected all within from ({from_ms}) and "
            f"to ({to_ms})"
        )
