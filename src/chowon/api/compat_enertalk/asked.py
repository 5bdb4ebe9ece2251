"""What a request is about: who may ask, which version, and which channels its path means.

A site's id is ours in eight hexadecimal digits. A device is a meter of a site; its id is that of its first
channel, written likewise. A tag is the role of channels: main, phase, circuit, plug, solar, aside.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from fastapi import Depends, Request

from chowon.api.access import shown
from chowon.api.parts import parts_of
from chowon.domain.sites import Channel, Site
from chowon.errors import BadInput, NotFound

VERSION: Final = "2.0.0"
"""The one that is spoken; clients ask for it with the header accept-version."""
_ID: Final = re.compile(r"[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Device:
    """A meter with the site that it belongs to."""

    site: Site
    channels: tuple[Channel, ...]
    """By id"""

    @property
    def id(self) -> str:
        """As this surface calls it."""
        return id_of(self.channels[0].id)

    @property
    def name(self) -> str:
        """As we call the meter."""
        return self.channels[0].key.meter


@dataclass(frozen=True, slots=True)
class Part:
    """Channels of a site that are looked at as one."""

    site: Site
    channels: tuple[Channel, ...]

    @property
    def whole(self) -> bool:
        """Whether they are what the site's bill counts."""
        return set(self.channels) == set(self.site.main_channels)


@dataclass(frozen=True, slots=True)
class Asked:
    """One part, or each channel of a device by itself."""

    parts: tuple[Part, ...]
    listed: bool


def id_of(number: int) -> str:
    """An id of ours as this surface writes it."""
    return f"{number:08x}"


def allowed(request: Request) -> None:
    """Lets the request pass, or says why not. Errors: NotAllowed, BadInput."""
    parts_of(request).access.check(request.headers, "read")
    version = request.headers.get("accept-version", VERSION)
    if version.partition(".")[0] != VERSION.partition(".")[0]:
        raise BadInput(f"accept-version: {shown(version)!r} is not spoken here; expected {VERSION}")


async def site_asked(request: Request, site_id: str) -> Site:
    """The site of the path. Errors: NotFound."""
    if _ID.fullmatch(site_id) is None or (number := int(site_id, 16)) >= 2**31:
        raise NotFound(f"no site {shown(site_id)!r}; GET /sites lists them")
    return await asyncio.to_thread(parts_of(request).sites.site, number)


async def device_asked(request: Request, device_id: str) -> Device:
    """The device of the path. Errors: NotFound."""
    for site in await asyncio.to_thread(parts_of(request).sites.sites):
        for device in devices_of(site):
            if device.id == device_id:
                return device
    raise NotFound(f"no device {shown(device_id)!r}; GET /sites/…/devices lists them")


async def part_asked(request: Request) -> Asked:
    """What the path of a question about use means. Errors: NotFound."""
    named = request.path_params
    if "device_id" in named:
        device = await device_asked(request, named["device_id"])
        if "/channels/" in request.url.path:
            return Asked(tuple(Part(device.site, (c,)) for c in device.channels), listed=True)
        mains = tuple(c for c in device.channels if c.role in ("main", "phase"))
        return Asked((Part(device.site, mains or device.channels),), listed=False)
    site = await site_asked(request, named["site_id"])
    channels = site.main_channels
    if "tag" in named:
        channels = tuple(c for c in site.channels if c.role == named["tag"])
    if not channels:
        what = shown(named.get("tag", "main"))
        raise NotFound(f"site {site.key} has no channel of the kind {what!r}")
    return Asked((Part(site, channels),), listed=False)


def devices_of(site: Site) -> list[Device]:
    """The meters of a site, by their first channel."""
    by_meter: dict[str, list[Channel]] = {}
    for channel in sorted(site.channels, key=lambda channel: channel.id):
        by_meter.setdefault(channel.key.meter, []).append(channel)
    return [Device(site, tuple(channels)) for channels in by_meter.values()]


SiteAsked: TypeAlias = Annotated[Site, Depends(site_asked)]
DeviceAsked: TypeAlias = Annotated[Device, Depends(device_asked)]
PartAsked: TypeAlias = Annotated[Asked, Depends(part_asked)]

USAGES: Final = (
    "/sites/{site_id}/usages",
    "/sites/{site_id}/tags/{tag}/usages",
    "/devices/{device_id}/usages",
    "/devices/{device_id}/channels/usages",
)
"""What can be asked for its use."""
