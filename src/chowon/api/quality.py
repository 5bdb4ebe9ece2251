"""GET /sites/{id}/quality: how well each channel is measured."""

import asyncio

from fastapi import APIRouter, Request
from pydantic import BaseModel

from chowon.api.parts import SiteId, parts_of
from chowon.domain.quality import ChannelQuality, Remark, remarks
from chowon.domain.sites import Channel, Role
from chowon.domain.tariff import Text

router = APIRouter(prefix="/sites", tags=["sites"])


class QualityNumbers(BaseModel):
    """What was seen of a channel since the server started; as domain.quality.ChannelQuality."""

    readings: int
    last_received_ms: int
    newest_ms: int
    late: int
    repeated: int
    interval_ms: float | None
    jitter_ms: float | None
    gaps: int
    gap_ms: int
    clock_offset_ms: int | None
    unchanged_ms: int
    peak_w: float
    at_peak: int
    near_peak: int
    peak_levels: int
    resolution_w: float | None
    below_zero: int


class RemarkAnswer(BaseModel):
    """Something that a person should know."""

    id: str
    text: Text


class ChannelAnswer(BaseModel):
    """A channel; `quality` is null when it was not heard since the server started."""

    channel: int
    meter: str
    key: str
    role: Role
    quality: QualityNumbers | None
    remarks: list[RemarkAnswer]


class QualityAnswer(BaseModel):
    """All channels of a site."""

    site: int
    channels: list[ChannelAnswer]


@router.get("/{site_id}/quality")
async def quality(request: Request, site_id: SiteId) -> QualityAnswer:
    """Rate, jitter, gaps, order, clock, and whatever else stands out, of each channel."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    may_export = any(channel.role == "solar" for channel in site.channels)
    answers = []
    for channel in site.channels:
        seen = parts.door.ledger.quality.of(channel.id)
        said = () if seen is None else _said(seen, channel, may_export)
        answers.append(
            ChannelAnswer(
                channel=channel.id,
                meter=channel.key.meter,
                key=channel.key.channel,
                role=channel.role,
                quality=None if seen is None else _numbers(seen),
                remarks=[RemarkAnswer(id=r.id, text=r.text) for r in said],
            )
        )
    return QualityAnswer(site=site_id, channels=answers)


def _said(seen: ChannelQuality, channel: Channel, may_export: bool) -> tuple[Remark, ...]:
    return remarks(seen, channel.role, may_export=may_export, hold_ms=channel.hold_ms)


def _numbers(seen: ChannelQuality) -> QualityNumbers:
    return QualityNumbers(
        readings=seen.readings,
        last_received_ms=seen.last_received_ms,
        newest_ms=seen.newest_ms,
        late=seen.late,
        repeated=seen.repeated,
        interval_ms=None if seen.interval_ms is None else round(seen.interval_ms, 1),
        jitter_ms=None if seen.jitter_ms is None else round(seen.jitter_ms, 1),
        gaps=seen.gaps,
        gap_ms=seen.gap_ms,
        clock_offset_ms=seen.clock_offset_ms,
        unchanged_ms=seen.unchanged_ms,
        peak_w=seen.peak_dw / 10,
        at_peak=seen.at_peak,
        near_peak=seen.near_peak,
        peak_levels=seen.peak_levels,
        resolution_w=None if seen.resolution_dw is None else seen.resolution_dw / 10,
        below_zero=seen.below_zero,
    )
