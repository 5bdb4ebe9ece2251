"""GET …/usages/periodic: energy by quarter or half of an hour, hour, day or month."""

import asyncio
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from chowon.api.compat_enertalk.answers import Thing, answer
from chowon.api.compat_enertalk.asked import USAGES, Part, PartAsked, id_of
from chowon.api.parts import parts_of
from chowon.domain.clock import local_day, midnight_ms
from chowon.domain.quantities import DAY_MS, HOUR_MS, QUARTER_MS
from chowon.domain.site_usage import site_usage
from chowon.errors import BadInput
from chowon.ports import History, Resolution

router = APIRouter()
Period = Literal["15min", "30min", "hour", "day", "month"]
Kind = Literal["positiveEnergy", "negativeEnergy"]
Instant = Annotated[float, Query(ge=0, le=4_102_444_800_000, allow_inf_nan=False)]
"""ms since 1970; old clients send a fraction. Up to the year 2100."""
MOST_ITEMS: Final = 40_000
DWMS_PER_MILLIWH: Final = 36_000
_FROM: Final[dict[Period, tuple[Resolution, int]]] = {
    "15min": ("15min", QUARTER_MS),
    "30min": ("15min", 2 * QUARTER_MS),
    "hour": ("1h", HOUR_MS),
    "day": ("1day", DAY_MS),
    "month": ("1day", DAY_MS),
}


class Item(Thing, frozen=True):
    """The energy of one bucket."""

    timestamp: int
    usage: int
    """mWh"""


class Periodic(Thing, frozen=True):
    """Energy over time; buckets without a reading are not listed."""

    start: int
    end: int
    period: Period
    usage: int
    """mWh, the sum of the items"""
    items: list[Item]
    channel: str | None = None


def _mount(path: str) -> None:
    @router.get(f"{path}/periodic")
    async def periodic(
        request: Request,
        asked: PartAsked,
        period: Period = "hour",
        start: Instant | None = None,
        end: Instant | None = None,
        kind: Annotated[Kind, Query(alias="usageType")] = "positiveEnergy",
        time_type: Annotated[Literal["past"], Query(alias="timeType")] = "past",  # noqa: ARG001 - the only one
    ) -> Response:
        """From the site's midnight up to now, unless said otherwise."""
        parts, zone = parts_of(request), ZoneInfo(asked.parts[0].site.timezone)
        end_ms = int(end) if end is not None else parts.now_ms()
        start_ms = int(start) if start is not None else midnight_ms(local_day(end_ms, zone), zone)
        _check(start_ms, end_ms, period)
        told = [
            await asyncio.to_thread(
                _energy, parts.history, part, start_ms, end_ms, period, kind, asked.listed
            )
            for part in asked.parts
        ]
        return answer([*told] if asked.listed else told[0])


for _path in USAGES:
    _mount(_path)


def milliwh(dwms: int) -> int:
    """Deciwatt-milliseconds in mWh, to the nearest."""
    return (2 * dwms + DWMS_PER_MILLIWH) // (2 * DWMS_PER_MILLIWH)


def _check(start_ms: int, end_ms: int, period: Period) -> None:
    if end_ms <= start_ms:
        raise BadInput(f"end ({end_ms}) must be later than start ({start_ms})")
    if (end_ms - start_ms) // _FROM[period][1] > MOST_ITEMS:
        raise BadInput(f"more than {MOST_ITEMS:,} items; ask for a shorter time or a longer period")


def _energy(
    history: History, part: Part, start_ms: int, end_ms: int, period: Period, kind: Kind, named: bool
) -> Periodic:
    ids = [channel.id for channel in part.channels]
    resolution, length_ms = _FROM[period]
    zone = ZoneInfo(part.site.timezone)
    rows = site_usage(history.rollup(ids, start_ms, end_ms, resolution, part.site.timezone), ids)
    dwms = rows.import_dwms if kind == "positiveEnergy" else rows.export_dwms
    starts_ms = rows.start_ms
    if period == "30min":
        starts_ms = starts_ms // length_ms * length_ms
    if period == "month":
        starts_ms = np.array([_month_ms(t, zone) for t in starts_ms.tolist()], np.int64)
    pairs = zip(starts_ms.tolist(), dwms.tolist(), strict=True)
    items = [Item(at, milliwh(sum(e for _, e in of))) for at, of in groupby(pairs, key=lambda pair: pair[0])]
    usage = sum(item.usage for item in items)
    return Periodic(start_ms, end_ms, period, usage, items, id_of(ids[0]) if named else None)


def _month_ms(time_ms: int, zone: ZoneInfo) -> int:
    day: date = local_day(time_ms, zone)
    return midnight_ms(day - timedelta(days=day.day - 1), zone)
