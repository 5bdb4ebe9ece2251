"""GET /sites, /sites/:id."""

import asyncio

from fastapi import APIRouter, Request, Response

from chowon.api.compat_enertalk.answers import Thing, answer
from chowon.api.compat_enertalk.asked import SiteAsked, id_of
from chowon.api.parts import parts_of
from chowon.domain.sites import Site

router = APIRouter()


class SiteThing(Thing, frozen=True):
    """A site."""

    id: str
    name: str
    country: str
    """Of its tariff, ISO 3166"""
    timezone: str
    description: str | None = None


@router.get("/sites")
async def sites(request: Request) -> Response:
    """All sites."""
    found = await asyncio.to_thread(parts_of(request).sites.sites)
    return answer([_thing(site) for site in found])


@router.get("/sites/{site_id}")
async def site(site: SiteAsked) -> Response:
    """One site."""
    return answer(_thing(site))


def _thing(site: Site) -> SiteThing:
    return SiteThing(id_of(site.id), site.name, site.tariff.partition(".")[0].upper(), site.timezone)
