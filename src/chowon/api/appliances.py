"""/sites/{id}/appliances: what is known of a site's appliances, when they ran, what people say of them."""

import asyncio
from dataclasses import replace

from fastapi import APIRouter, Request
from pydantic import BaseModel

from chowon import i18n
from chowon.api.appliance_taps import Said, tap_of
from chowon.api.bill_answer import Number
from chowon.api.parts import Parts, SiteId, parts_of
from chowon.domain.nilm.events.agreeing import Agreeing
from chowon.domain.nilm.events.clusters import Cluster
from chowon.domain.nilm.events.following import Ended
from chowon.domain.nilm.events.known import Known, Name, NameRun
from chowon.domain.nilm.events.running import Guess, worth_naming
from chowon.domain.sites import Site
from chowon.domain.tariff import Text
from chowon.errors import NotFound
from chowon.live.appliances.home import REMEMBERED_MS, Home, PastRun
from chowon.live.appliances.price import Price
from chowon.live.appliances.service import Appliances
from chowon.live.appliances.view import Suggested, suggested_of

router = APIRouter(prefix="/sites", tags=["appliances"])


class ClusterAnswer(BaseModel):
    """Runs that are alike."""

    id: int
    power_w: float
    lasts_s: float
    runs: int
    last_ms: int


class ApplianceAnswer(BaseModel):
    """One appliance: a cluster, or several that people called one. The figures are of the one with most runs;
    runs and kWh of all."""

    id: int
    name: str | None
    label: Text | None
    suggested: Suggested | None
    power_w: float
    lasts_s: float
    every_s: float | None
    runs: int
    kwh: float
    last_ms: int
    not_mine: bool
    worth_naming: bool
    clusters: list[ClusterAnswer]


class NameAnswer(BaseModel):
    """A name to choose from."""

    name: str
    label: Text
    without: bool
    """People said that the site has none"""


class AppliancesAnswer(BaseModel):
    """What was met behind a site's main meter, those that use most first."""

    site: int
    appliances: list[ApplianceAnswer]
    names: list[NameAnswer]


class RunOfDay(BaseModel):
    """Something that was on, or still is. `cost` at what the next kWh costs now."""

    since_ms: int
    end_ms: int | None
    appliance: int | None
    name: str | None
    label: Text | None
    power_w: float
    kwh: float
    cost: Number | None
    ended: Ended | None


class RunsOfDayAnswer(BaseModel):
    """What was on in the last day, by begin."""

    site: int
    from_ms: int
    to_ms: int
    runs: list[RunOfDay]


@router.get("/{site_id}/appliances")
async def appliances(request: Request, site_id: SiteId) -> AppliancesAnswer:
    """What was met behind the site's main meter, with and without a name."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    site, followed = await followed_by(parts, site_id)
    return _answer(site, followed)


@router.get("/{site_id}/appliances/runs")
async def runs(request: Request, site_id: SiteId) -> RunsOfDayAnswer:
    """What was on in the last 26 hours, as steps of the mains tell it."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    _, followed = await followed_by(parts, site_id)
    now = await parts.live.now(site_id)
    price = None if now.marginal_price is None else Price(now.marginal_price, now.currency)
    home = followed.home(site_id)
    past = [_past(home, one, price) for one in home.runs]
    still_on = [_still_on(one, now.time_ms, price) for one in followed.running(site_id)]
    return RunsOfDayAnswer(
        site=site_id,
        from_ms=now.time_ms - REMEMBERED_MS,
        to_ms=now.time_ms,
        runs=sorted((*past, *still_on), key=lambda one: one.since_ms),
    )


@router.post("/{site_id}/appliances/taps")
async def tap(request: Request, site_id: SiteId, said: Said) -> AppliancesAnswer:
    """Say what something is, or what it is not. It is kept, with who said it, and counts at once.

    What has a name is there, whatever was said before: its kind is taken out of what the site has not.
    """
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    site, followed = await followed_by(parts, site_id)
    who = await asyncio.to_thread(parts.access.who, request.headers)
    tap = tap_of(said)
    await followed.tap(site_id, tap, who)
    if isinstance(tap, Name | NameRun) and tap.name in site.without:
        site = await has_kind(parts, site_id, tap.name)
    return _answer(site, followed)


async def has_kind(parts: Parts, site_id: int, kind: str) -> Site:
    """The site has one, whatever was said before."""
    async with parts.changing:
        site = await asyncio.to_thread(parts.sites.site, site_id)
        changed = replace(site, without=site.without - {kind})
        await asyncio.to_thread(parts.sites.configure, changed)
    await parts.live.reload()
    return changed


async def followed_by(parts: Parts, site_id: int) -> tuple[Site, Appliances]:
    """The site, and what follows it. Errors: NotFound."""
    site = await asyncio.to_thread(parts.sites.site, site_id)
    if parts.appliances is None:
        raise NotFound("nobody follows what switches: set [appliances] tell = true and start chowon again")
    return site, parts.appliances


def _answer(site: Site, followed: Appliances) -> AppliancesAnswer:
    known, agreed = followed.home(site.id).known, followed.agreed(site.id)
    asked = {known.appliance_of(one.id) for one in worth_naming(known)}
    whole: dict[int, list[Cluster]] = {}
    for cluster in known.clusters:
        whole.setdefault(known.appliance_of(cluster.id), []).append(cluster)
    found = [
        _appliance(known, number, theirs, number in asked, agreed.get(number))
        for number, theirs in whole.items()
    ]
    return AppliancesAnswer(
        site=site.id,
        appliances=sorted(found, key=lambda one: (-one.kwh, one.id)),
        names=[
            NameAnswer(name=name, label=i18n.appliance(name), without=name in site.without)
            for name in i18n.appliances()
        ],
    )


def _appliance(
    known: Known, number: int, clusters: list[Cluster], asked: bool, agreed: Agreeing | None
) -> ApplianceAnswer:
    first = max(clusters, key=lambda one: (one.runs, -one.id))
    name = known.names.get(number)
    return ApplianceAnswer(
        id=number,
        name=name,
        label=None if name is None else i18n.appliance(name),
        suggested=suggested_of(agreed, i18n.appliance) if name is None else None,
        power_w=round(first.power_w),
        lasts_s=round(first.seconds),
        every_s=None if first.every_s is None else round(first.every_s),
        runs=sum(one.runs for one in clusters),
        kwh=round(sum(one.energy_wh for one in clusters) / 1000, 3),
        last_ms=max(one.last_ms for one in clusters),
        not_mine=any(one.id in known.not_mine for one in clusters),
        worth_naming=asked,
        clusters=[_cluster(one) for one in clusters],
    )


def _cluster(one: Cluster) -> ClusterAnswer:
    return ClusterAnswer(
        id=one.id,
        power_w=round(one.power_w),
        lasts_s=round(one.seconds),
        runs=one.runs,
        last_ms=one.last_ms,
    )


def _past(home: Home, past: PastRun, price: Price | None) -> RunOfDay:
    cluster, run = home.cluster_of(past), past.run
    appliance = None if cluster is None else home.known.appliance_of(cluster)
    name = None if appliance is None else home.known.names.get(appliance)
    return _run(run.at_ms, run.first_w, run.energy_wh, price, appliance, name, run.end_ms, run.ended)


def _still_on(guess: Guess, now_ms: int, price: Price | None) -> RunOfDay:
    run = guess.run
    appliance = None if guess.sure is None else guess.sure.appliance
    return _run(run.at_ms, run.first_w, run.energy_wh(now_ms), price, appliance, guess.name)


def _run(
    since_ms: int,
    power_w: float,
    energy_wh: float,
    price: Price | None,
    appliance: int | None,
    name: str | None,
    end_ms: int | None = None,
    ended: Ended | None = None,
) -> RunOfDay:
    return RunOfDay(
        since_ms=since_ms,
        end_ms=end_ms,
        appliance=appliance,
        name=name,
        label=None if name is None else i18n.appliance(name),
        power_w=round(power_w, 1),
        kwh=round(energy_wh / 1000, 4),
        cost=None if price is None else price.of(energy_wh),
        ended=ended,
    )
