"""GET /devices; GET, PUT, DELETE and check of /devices/{family}/{device}; POST /devices/look."""

import asyncio
from dataclasses import replace
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from chowon.api.devices_answers import DeviceAnswer, DevicesAnswer, FoundAnswer, ReasonAnswer
from chowon.api.devices_seen import found_answer, listed, one, reasons, talking_powers
from chowon.api.parts import Parts, parts_of
from chowon.domain.placing import LinePlan, Reason, counted_dw, reviewed
from chowon.domain.quantities import DAY_MS
from chowon.domain.sites import UNPLACED, Channel, ChannelKey, Placement, Role, Site
from chowon.errors import BadInput, ChowonError, NotFound

router = APIRouter(prefix="/devices", tags=["devices"])

_KEY = r"^[a-z0-9_.-]{1,64}$"
Key: TypeAlias = Annotated[str, Field(pattern=_KEY)]
InKey: TypeAlias = Annotated[str, InPath(pattern=_KEY)]


class LineWish(BaseModel):
    """What is to become of one channel of a device."""

    model_config = ConfigDict(extra="forbid")
    name: Key
    keep: bool
    meter: Key | None = None
    """the device's own id if left out"""
    channel: Key | None = None
    """as the device calls it if left out"""
    role: Role = "circuit"
    hold_ms: Annotated[int, Field(ge=1000, le=DAY_MS)] = 10_000
    turned: bool = False


class PlaceWish(BaseModel):
    """Where a device is to belong."""

    model_config = ConfigDict(extra="forbid")
    site: Key
    site_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """the name of a site that is new"""
    lines: Annotated[list[LineWish], Field(min_length=1, max_length=64)]


class CheckAnswer(BaseModel):
    """What placing a device so would mean; nothing is changed."""

    site_is_new: bool
    notes: list[ReasonAnswer]
    power_w: float | None
    """what these lines count as the site's power now, import positive; null while unknown, or for none"""
    site_power_w: float | None
    """the site's power with it"""


class PlacedAnswer(BaseModel):
    """A device that has its place now."""

    site: int | None
    """null if there is no such site, since all of the lines are passed over"""
    notes: list[ReasonAnswer]


@router.get("")
async def devices(request: Request) -> DevicesAnswer:
    """The devices that talk and have no place yet, those that have one, and how to bring further ones."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    return await listed(parts)


@router.post("/look")
async def look(request: Request) -> FoundAnswer:
    """Look around in the local network for devices that announce themselves; takes a few seconds."""
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    if parts.look is None:
        raise BadInput(
            "looking around in the network is off; set mdns = true under [discovery] in chowon.toml and "
            "start chowon again"
        )
    return await found_answer(parts, await parts.look())


@router.get("/{family}/{device}")
async def device(request: Request, family: InKey, device: InKey) -> DeviceAnswer:
    """One device with what it told last: ask again to see it live."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    return await one(parts, family, device)


@router.post("/{family}/{device}/check")
async def check(request: Request, family: InKey, device: InKey, wish: PlaceWish) -> CheckAnswer:
    """What placing it so would mean, with the values of this moment; nothing is changed."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    lines = _plans(device, wish)
    site, notes = await asyncio.to_thread(_reviewed, parts, family, device, wish.site, lines)
    counted = counted_dw(lines, talking_powers(parts, family, device))
    power_w = None if counted is None else counted / 10
    return CheckAnswer(
        site_is_new=site is None,
        notes=reasons(notes),
        power_w=power_w,
        site_power_w=await _with(parts, site, device, lines, power_w),
    )


@router.put("/{family}/{device}")
async def place(request: Request, family: InKey, device: InKey, wish: PlaceWish) -> PlacedAnswer:
    """Give a device its place: from now on its readings are kept. Unnamed lines stay as they are."""
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    lines = _plans(device, wish)
    async with parts.changing:
        _, notes = await asyncio.to_thread(_reviewed, parts, family, device, wish.site, lines)
        await asyncio.to_thread(_write, parts, family, device, wish, lines)
        placed = await asyncio.to_thread(_site_named, parts, wish.site)
    await take_effect(parts, family, device)
    return PlacedAnswer(site=None if placed is None else placed.id, notes=reasons(notes))


@router.delete("/{family}/{device}", status_code=204)
async def remove(
    request: Request, family: InKey, device: InKey, counts: Annotated[bool, Query()] = True
) -> None:
    """Take its place from a device; what it measured stays.

    counts: false for channels that shall no longer count as part of the site's total, past bills included.
    """
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    async with parts.changing:
        await asyncio.to_thread(forget_place, parts, family, device, counts)
    await take_effect(parts, family, device)


def _plans(device: str, wish: PlaceWish) -> list[LinePlan]:
    names = [line.name for line in wish.lines]
    if len(set(names)) < len(names):
        raise BadInput("lines: a name stands there twice; say once what becomes of each")
    return [
        LinePlan(
            line.name,
            line.keep,
            meter=line.meter or device,
            channel=line.channel or line.name,
            role=line.role,
            hold_ms=line.hold_ms,
            turned=line.turned,
        )
        for line in wish.lines
    ]


def _reviewed(
    parts: Parts, family: str, device: str, key: str, lines: list[LinePlan]
) -> tuple[Site | None, tuple[Reason, ...]]:
    """The site of this key, None if it is new, and what is to be known of these lines there.

    Errors: NotFound for a family that nothing here can read; BadInput for a channel that another line or
    device feeds, and for what would count twice.
    """
    registry = parts.door.registry
    heard = parts.door.naming.talking.device(family, device) or parts.cables.find(family, device)
    if registry.family(family) is None and heard is None:
        known = ", ".join(f.name for f in registry.families()) or "none"
        raise NotFound(f"no family {family!r} of devices can be read here; known: {known}")
    mine = {ChannelKey(UNPLACED + family, device, line.name) for line in lines}
    placed = parts.devices.placements()
    fed = {p.channel.id: p.key for p in placed if p.channel is not None and p.key not in mine}
    before = [p.channel for p in placed if p.channel is not None and p.key in mine]
    site = _site_named(parts, key)
    if site is not None:
        _refuse_taken(site, lines, fed)
    return site, reviewed(site, device, lines, frozenset(fed), before)


def _site_named(parts: Parts, key: str) -> Site | None:
    return next((s for s in parts.sites.sites() if s.key == key), None)


def _refuse_taken(site: Site, lines: list[LinePlan], fed: dict[int, ChannelKey]) -> None:
    wanted = {(line.meter, line.channel) for line in lines if line.keep}
    for channel in site.channels:
        by = fed.get(channel.id)
        if by is not None and _target(channel) in wanted:
            raise BadInput(
                f"{channel.key} is fed by the device {by.site.removeprefix(UNPLACED)}/{by.meter}; remove "
                "that one first, or choose another channel"
            )


def _write(parts: Parts, family: str, device: str, wish: PlaceWish, lines: list[LinePlan]) -> None:
    """Registers the channels, says what they are, and writes the decisions, in this order: until the last
    step nothing is fed, and each step may be made again."""
    before = _site_named(parts, wish.site)
    channels = {
        line.name: parts.sites.register_all([ChannelKey(wish.site, line.meter, line.channel)], line.hold_ms)[
            0
        ]
        for line in lines
        if line.keep
    }
    site = _site_named(parts, wish.site)
    if site is not None and channels:
        roles = {channels[line.name].id: line.role for line in lines if line.keep}
        name = wish.site_name if before is None and wish.site_name else site.name
        changed = tuple(replace(c, role=roles.get(c.id, c.role)) for c in site.channels)
        parts.sites.configure(replace(site, name=name, channels=changed))
    parts.devices.place(
        [
            Placement(ChannelKey(UNPLACED + family, device, line.name), channels.get(line.name), line.turned)
            for line in lines
        ]
    )


def forget_place(parts: Parts, family: str, device: str, counts: bool) -> None:
    """Take its place from a device; counts: as `remove`. Errors: NotFound."""
    mine = (UNPLACED + family, device)
    placed = [p for p in parts.devices.placements() if (p.key.site, p.key.meter) == mine]
    parts.devices.remove(family, device)
    ids = {p.channel.id for p in placed if p.channel is not None}
    for site in parts.sites.sites() if ids and not counts else ():
        if any(c.id in ids for c in site.main_channels):
            roles = tuple(
                replace(c, role="circuit") if c.id in ids and c.role in ("main", "phase") else c
                for c in site.channels
            )
            parts.sites.configure(replace(site, channels=roles))


async def take_effect(parts: Parts, family: str, device: str) -> None:
    """Names, talk and live figures follow what was decided about a device."""
    await parts.door.naming.forget()
    parts.door.naming.talking.forget(family, device)
    await parts.live.reload()


async def _with(
    parts: Parts, site: Site | None, device: str, lines: list[LinePlan], power_w: float | None
) -> float | None:
    """The site's power with these lines added to what counts there already."""
    targets = {(line.meter, line.channel) for line in lines if line.keep}
    others = () if site is None else [c for c in site.main_channels if _target(c) not in targets]
    if power_w is None or not others:
        return power_w
    assert site is not None
    if any(c.key.meter == device for c in others) or len(others) < len(site.main_channels):
        return None  # a part of the present total is about to change its source
    try:
        now_w = (await parts.live.now(site.id)).power_w
    except ChowonError:
        return None  # its tariff cannot be used: the site's own page says so
    return None if now_w is None else now_w + power_w


def _target(channel: Channel) -> tuple[str, str]:
    return channel.key.meter, channel.key.channel
