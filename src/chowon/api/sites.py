"""GET /sites, GET and PATCH /sites/{id}."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from chowon import i18n
from chowon.api.parts import Parts, SiteId, parts_of
from chowon.domain.clock import local_day, period_of
from chowon.domain.quantities import DAY_MS
from chowon.domain.sites import HoldBy, Role, Site
from chowon.domain.tariff import Text
from chowon.errors import BadInput, NotFound, TariffInvalid

NO_CURRENCY = "XXX"
"""ISO 4217: no currency."""
_KINDS_AT = "GET /api/v1/sites/{id}/appliances lists the names"
router = APIRouter(prefix="/sites", tags=["sites"])


class TariffName(BaseModel):
    """A tariff by id and name."""

    id: str
    name: Text


class ChannelAnswer(BaseModel):
    """A measured line."""

    id: int
    meter: str
    key: str
    role: Role
    hold_ms: int
    hold_by: HoldBy
    recounting: bool
    """another hold was asked for: all that was counted of it is being counted anew"""


class SiteAnswer(BaseModel):
    """A home, flat or building with one bill."""

    id: int
    key: str
    name: str
    timezone: str
    currency: str
    tariff: TariffName
    tariff_options: dict[str, str]
    reading_day: int
    without: list[str]
    """Kinds of appliances that it has not: none is told of it"""
    channels: list[ChannelAnswer]


class SitesAnswer(BaseModel):
    """All sites."""

    sites: list[SiteAnswer]


class SiteChange(BaseModel):
    """What may be changed; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    timezone: str | None = None
    reading_day: Annotated[int, Field(ge=1, le=31)] | None = None
    tariff: str | None = None
    tariff_options: dict[str, str | Decimal] | None = None
    without: Annotated[frozenset[str], Field(max_length=50)] | None = None


class ChannelChange(BaseModel):
    """What may be changed of a channel."""

    model_config = ConfigDict(extra="forbid")
    role: Role | None = None
    hold_ms: Annotated[int, Field(ge=1000, le=DAY_MS)] | None = None
    """null: to be learnt from its rhythm again"""


@router.get("")
async def sites(request: Request) -> SitesAnswer:
    """All sites with their channels."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    found = await asyncio.to_thread(parts.sites.sites)
    return SitesAnswer(sites=[answer(parts, s) for s in found])


@router.get("/{site_id}")
async def site(request: Request, site_id: SiteId) -> SiteAnswer:
    """One site."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    return answer(parts, await asyncio.to_thread(parts.sites.site, site_id))


@router.patch("/{site_id}")
async def change_site(request: Request, site_id: SiteId, change: SiteChange) -> SiteAnswer:
    """Change a site's name, time zone, reading day or tariff; live figures follow at once.

    Which appliances it has not is for those to say who may name the ones that it has.
    """
    parts = parts_of(request)
    parts.access.check(request.headers, "write" if change.model_fields_set == {"without"} else "admin")
    wanted = change.model_dump(exclude_none=True)
    if "timezone" in wanted and wanted["timezone"] not in available_timezones():
        raise BadInput(f"timezone: {wanted['timezone']!r} is not an IANA name such as Asia/Seoul")
    if "tariff_options" in wanted:
        options = wanted["tariff_options"].items()
        wanted["tariff_options"] = {n: v if isinstance(v, str) else f"{v:f}" for n, v in options}
    odd = wanted.get("without", frozenset()) - set(i18n.appliances())
    if odd:
        raise BadInput(f"without: no appliance is called {', '.join(sorted(odd))}; {_KINDS_AT}")
    async with parts.changing:
        changed = replace(await asyncio.to_thread(parts.sites.site, site_id), **wanted)
        today = local_day(parts.now_ms(), ZoneInfo(changed.timezone))
        parts.billing.bare(
            changed, period_of(today, changed.reading_day)
        )  # a wrong tariff or option ends here
        await asyncio.to_thread(parts.sites.configure, changed)
    await parts.live.reload()
    return answer(parts, changed)


@router.patch("/{site_id}/channels/{channel_id}")
async def change_channel(
    request: Request, site_id: SiteId, channel_id: int, change: ChannelChange
) -> SiteAnswer:
    """Say what a channel is, and how long a reading of it stands; what was counted follows for all its past.

    main and phase add up to what the site uses, the others are parts of it.
    """
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    async with parts.changing:
        site = await asyncio.to_thread(parts.sites.site, site_id)
        if all(c.id != channel_id for c in site.channels):
            raise NotFound(
                f"site {site.key} has no channel {channel_id}; GET /api/v1/sites/{site_id} lists them"
            )
        if change.role is not None:
            roles = {channel_id: change.role}
            channels = tuple(replace(c, role=roles.get(c.id, c.role)) for c in site.channels)
            await asyncio.to_thread(parts.sites.configure, replace(site, channels=channels))
        if "hold_ms" in change.model_fields_set and parts.holds is not None:
            now_ms = parts.now_ms()
            if change.hold_ms is None:
                await asyncio.to_thread(parts.holds.give_back, channel_id, now_ms)
            else:
                await asyncio.to_thread(parts.holds.decide, channel_id, change.hold_ms, now_ms)
            parts.door.ledger.quality.forget_gaps([channel_id])
        changed = await asyncio.to_thread(parts.sites.site, site_id)
    await parts.live.reload()
    return answer(parts, changed)


def answer(parts: Parts, site: Site) -> SiteAnswer:
    """A site as the API writes it."""
    currency, name = _tariff(parts, site)
    recounting = None if parts.holds is None else parts.holds.recounting
    return SiteAnswer(
        id=site.id,
        key=site.key,
        name=site.name,
        timezone=site.timezone,
        currency=currency,
        tariff=TariffName(id=site.tariff, name=name),
        tariff_options=site.tariff_options,
        reading_day=site.reading_day,
        without=sorted(site.without),
        channels=[
            ChannelAnswer(
                id=c.id,
                meter=c.key.meter,
                key=c.key.channel,
                role=c.role,
                hold_ms=c.hold_ms,
                hold_by=c.hold_by,
                recounting=c.id == recounting,
            )
            for c in site.channels
        ],
    )


def _tariff(parts: Parts, site: Site) -> tuple[str, Text]:
    """Currency and name; one that is gone must not hide the site on which to mend it."""
    try:
        tariff = parts.tariff(site.tariff)
    except (NotFound, TariffInvalid):
        return NO_CURRENCY, Text(site.tariff, site.tariff)
    return tariff.currency, tariff.name
