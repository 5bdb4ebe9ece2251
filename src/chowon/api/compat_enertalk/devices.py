"""GET /sites/:id/devices, /devices/:id."""

from fastapi import APIRouter, Response

from chowon.api.compat_enertalk.answers import Thing, answer
from chowon.api.compat_enertalk.asked import Device, DeviceAsked, SiteAsked, devices_of, id_of
from chowon.domain.sites import Role

router = APIRouter()


class ChannelThing(Thing, frozen=True):
    """A line that the device measures."""

    id: str
    name: str
    tag: Role


class DeviceThing(Thing, frozen=True):
    """A meter."""

    id: str
    site_id: str
    name: str
    timezone: str
    channels: list[ChannelThing]


@router.get("/sites/{site_id}/devices")
async def devices(site: SiteAsked) -> Response:
    """The meters of a site."""
    return answer([_thing(device) for device in devices_of(site)])


@router.get("/devices/{device_id}")
async def device(device: DeviceAsked) -> Response:
    """One meter."""
    return answer(_thing(device))


def _thing(device: Device) -> DeviceThing:
    site = device.site
    channels = [ChannelThing(id_of(c.id), c.key.channel, c.role) for c in device.channels]
    return DeviceThing(device.id, id_of(site.id), device.name, site.timezone, channels)
