"""GET /sites/{id}/usage: power and energy over time, gaps included."""

import asyncio
import re
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from chowon.api.parts import Parts, SiteId, parts_of
from chowon.domain.clock import local_day, midnight_ms
from chowon.domain.quantities import ABSENT_I32, DAY_MS, HOUR_MS, I64, MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings, concat
from chowon.domain.site_usage import SiteUsage, merged, site_usage
from chowon.domain.sites import Site
from chowon.errors import BadInput
from chowon.jobs.statement import coverage
from chowon.live.series import summed_power
from chowon.ports import History, Resolution

router = APIRouter(prefix="/sites", tags=["usage"])
RAW_ROWS = 100_000
RAW_STEP_MS = 6 * HOUR_MS
RAW_STEPS = 400
ROWS = 200_000
"""Most buckets that one answer lists."""
_BUCKET_MS: dict[Resolution, int] = {"1min": MINUTE_MS, "15min": QUARTER_MS, "1h": HOUR_MS, "1day": DAY_MS}


class UsageAnswer(BaseModel):
    """Columns of equal length; buckets of which nothing is known are not listed."""

    site: int
    resolution: Resolution
    from_ms: int
    to_ms: int
    start_ms: list[int]
    import_kwh: list[float]
    export_kwh: list[float]
    mean_w: list[float | None]
    min_w: list[float | None] | None
    max_w: list[float | None] | None
    coverage: list[float]
    measured: list[float]
    gaps: list[tuple[int, int]]


class RawAnswer(BaseModel):
    """The site's power at each instant at which it was heard."""

    site: int
    resolution: Literal["raw"]
    from_ms: int
    to_ms: int
    time_ms: list[int]
    power_w: list[float]
    gaps: list[tuple[int, int]]


@router.get("/{site_id}/usage")
async def usage(
    request: Request,
    site_id: SiteId,
    start: Annotated[str, Query(alias="from", description="ms since 1970 UTC, or ISO 8601 with offset")],
    end: Annotated[str, Query(alias="to", description="as `from`; not included")],
    resolution: Resolution | Literal["raw"] = "1h",
) -> UsageAnswer | RawAnswer:
    """Energy and power by bucket, or raw power."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    from_ms, to_ms = instant_ms("from", start), instant_ms("to", end)
    if to_ms <= from_ms:
        raise BadInput(f"to ({to_ms}) must be later than from ({from_ms})")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    if resolution == "raw":
        return await asyncio.to_thread(_raw, parts, site, from_ms, to_ms)
    if (to_ms - from_ms) // _BUCKET_MS[resolution] > ROWS:
        raise BadInput(f"more than {ROWS:,} buckets; ask for a shorter time or a coarser resolution")
    return await asyncio.to_thread(_bucketed, parts, site, from_ms, to_ms, resolution)


def instant_ms(name: str, text: str) -> int:
    """An instant of a query. Errors: BadInput that shows what is understood."""
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        return int(text)
    try:
        when = datetime.fromisoformat(text.replace(" ", "+"))  # a '+' in a URL arrives as a space
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise BadInput(f"{name}: {text[:40]!r} is neither ms since 1970 nor like 2026-11-01T00:00:00+09:00")
    return round(when.timestamp() * 1000)


def gaps_of(parts: Parts, site: Site, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
    """The spans in [from, to) in which at least one main channel was silent for longer than its hold."""
    _, starts, ends = parts.history.gaps([c.id for c in site.main_channels], from_ms, to_ms)
    return merged(list(zip(starts.tolist(), ends.tolist(), strict=True)))


def _raw(parts: Parts, site: Site, from_ms: int, to_ms: int) -> RawAnswer:
    channels = site.main_channels
    readings = _at_most(parts.history, [c.id for c in channels], from_ms, to_ms)
    time_ms, power_dw = summed_power(readings, {c.id: c.hold_ms for c in channels})
    return RawAnswer(
        site=site.id,
        resolution="raw",
        from_ms=from_ms,
        to_ms=to_ms,
        time_ms=time_ms.tolist(),
        power_w=(power_dw / 10).tolist(),
        gaps=gaps_of(parts, site, from_ms, to_ms),
    )


def _at_most(history: History, channels: list[int], from_ms: int, to_ms: int) -> Readings:
    """The readings of [from, to), read a few hours at a time, so that too many are noticed early."""
    spans = history.last_times(channels).values()
    read: list[Readings] = []
    rows = 0
    for start in range(from_ms, min(to_ms, max(spans, default=from_ms) + 1), RAW_STEP_MS):
        read.append(history.readings(channels, start, min(start + RAW_STEP_MS, to_ms)))
        rows += len(read[-1])
        if rows > RAW_ROWS:
            raise BadInput(f"more than {RAW_ROWS:,} readings; ask for a shorter time, or for 1min")
        if len(read) > RAW_STEPS:
            raise BadInput(
                f"more than {RAW_STEPS * RAW_STEP_MS // DAY_MS} days of raw readings; ask for less"
            )
    return concat(read)


def _bucketed(parts: Parts, site: Site, from_ms: int, to_ms: int, resolution: Resolution) -> UsageAnswer:
    channels = [c.id for c in site.main_channels]
    rows = parts.history.rollup(channels, from_ms, to_ms, resolution, site.timezone)
    used = site_usage(rows, channels)
    lengths = _lengths_ms(used, site, resolution)
    now_ms = parts.now_ms()
    return UsageAnswer(
        site=site.id,
        resolution=resolution,
        from_ms=from_ms,
        to_ms=to_ms,
        start_ms=used.start_ms.tolist(),
        import_kwh=used.import_kwh,
        export_kwh=used.export_kwh,
        mean_w=_means_w(used),
        min_w=_watts(used.min_dw),
        max_w=_watts(used.max_dw),
        coverage=_shares(used.known_ms, used, lengths, now_ms),
        measured=_shares(used.covered_ms, used, lengths, now_ms),
        gaps=gaps_of(parts, site, from_ms, to_ms),
    )


def _means_w(used: SiteUsage) -> list[float | None]:
    net = (used.import_dwms - used.export_dwms).tolist()
    return [
        None if known == 0 else round(energy / known / 10, 2)
        for energy, known in zip(net, used.known_ms.tolist(), strict=True)
    ]


def _watts(power_dw: I64 | None) -> list[float | None] | None:
    return None if power_dw is None else [None if p == ABSENT_I32 else p / 10 for p in power_dw.tolist()]


def _shares(known_ms: I64, used: SiteUsage, lengths: list[int], now_ms: int) -> list[float]:
    """The share of each bucket, so far, that these times make up."""
    return [
        coverage(known, start, start + length, now_ms)
        for known, start, length in zip(known_ms.tolist(), used.start_ms.tolist(), lengths, strict=True)
    ]


def _lengths_ms(used: SiteUsage, site: Site, resolution: Resolution) -> list[int]:
    if resolution != "1day":
        return [_BUCKET_MS[resolution]] * len(used)
    zone = ZoneInfo(site.timezone)
    days: list[date] = [local_day(t, zone) for t in used.start_ms.tolist()]
    return [midnight_ms(d + timedelta(days=1), zone) - midnight_ms(d, zone) for d in days]
