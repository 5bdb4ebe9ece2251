"""/sites/{id}/appliances/witnessed: what people saw run, or not; it teaches the site's own machines."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from chowon import i18n
from chowon.api.appliances import has_kind
from chowon.api.parts import Parts, SiteId, parts_of
from chowon.domain.clock import local_day
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import ToldDay, minutes_of, newest
from chowon.domain.nilm.witnessed import KeptWitness, Witnessed
from chowon.domain.quantities import DAY_MS, MINUTE_MS
from chowon.domain.sites import Site
from chowon.domain.tariff import Text
from chowon.errors import BadInput, NotFound, shortened
from chowon.jobs.appliances import Telling
from chowon.ports import ToldDays, WitnessBook

router = APIRouter(prefix="/sites", tags=["appliances"])

READ_AT_ONCE_MS = 31 * DAY_MS
"""Minutes of runs that lie so close are read together"""
_TOLD_SHARE = 0.5
"""Of a run's minutes"""
_Instant = Annotated[int, Field(ge=0, lt=2**42)]
_RunId = Annotated[int, Path(ge=1, lt=2**53)]


class SeenRun(BaseModel):
    """What a person saw."""

    model_config = ConfigDict(extra="forbid")
    kind: Annotated[str, Field(min_length=1, max_length=64)]
    start_ms: _Instant
    end_ms: _Instant
    ran: bool = True


class RunAnswer(BaseModel):
    """What was seen, and whether nights tell it; null where none has told that day yet."""

    id: int
    kind: str
    label: Text
    start_ms: int
    end_ms: int
    ran: bool
    made_ms: int
    told: bool | None


class KindAnswer(BaseModel):
    """A kind that can be taught."""

    kind: str
    label: Text
    ran: int
    """How many runs were seen"""
    needed: int
    """So many more make it told here; 0 where it is told without them, too"""
    told: bool


class WitnessedAnswer(BaseModel):
    """What was seen of a site, the newest first, and what can be taught."""

    site: int
    runs: list[RunAnswer]
    kinds: list[KindAnswer]


@router.get("/{site_id}/appliances/witnessed")
async def witnessed(request: Request, site_id: SiteId) -> WitnessedAnswer:
    """What people saw run in the site, and which kinds that teaches."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    return await asyncio.to_thread(_answer, parts, site_id)


@router.post("/{site_id}/appliances/witnessed")
async def see(request: Request, site_id: SiteId, seen: SeenRun) -> WitnessedAnswer:
    """Say what ran, or did not. It is kept with who said it, in place of what was said of the same time.

    What ran is there, whatever was said before: its kind is taken out of what the site has not.
    """
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    by = await asyncio.to_thread(parts.access.who, request.headers)
    without = await asyncio.to_thread(_keep, parts, site_id, seen, by)
    if seen.ran and seen.kind in without:
        await has_kind(parts, site_id, seen.kind)
    return await asyncio.to_thread(_answer, parts, site_id)


@router.delete("/{site_id}/appliances/witnessed/{run_id}")
async def take_back(request: Request, site_id: SiteId, run_id: _RunId) -> WitnessedAnswer:
    """Forget what was said; the site is told as if nobody had said it."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    await asyncio.to_thread(_forget, parts, site_id, run_id)
    return await asyncio.to_thread(_answer, parts, site_id)


def _keep(parts: Parts, site_id: int, seen: SeenRun, by: str) -> frozenset[str]:
    """Gives what the site has not. Errors: NotFound; BadInput."""
    site, telling, book, _ = _books(parts, site_id)
    kinds = telling.teachable_kinds()
    if seen.kind not in kinds:
        known = f"expected one of {', '.join(kinds)}" if kinds else "no kind can be taught by these weights"
        raise BadInput(f"kind: {shortened(seen.kind)}; {known}")
    if seen.start_ms >= seen.end_ms:
        raise BadInput(f"end_ms: {seen.end_ms}; expected later than start_ms, {seen.start_ms}")
    if seen.end_ms > (now_ms := parts.now_ms()):
        raise BadInput(f"end_ms: {seen.end_ms}; expected what is over, at {now_ms} at the latest")
    span = parts.history.span([channel.id for channel in site.main_channels])
    if span is None:
        raise BadInput(
            "start_ms: the main meter of this site was never heard; there is nothing to learn from"
        )
    if seen.start_ms < span[0] // MINUTE_MS * MINUTE_MS:
        raise BadInput(
            f"start_ms: {seen.start_ms}; expected the first reading or later, which is at {span[0]}"
        )
    start_ms, end_ms = seen.start_ms // MINUTE_MS * MINUTE_MS, -(-seen.end_ms // MINUTE_MS) * MINUTE_MS
    book.add(site_id, Witnessed(seen.kind, start_ms, end_ms, seen.ran), by)
    return site.without


def _forget(parts: Parts, site_id: int, run_id: int) -> None:
    _books(parts, site_id)[2].remove(site_id, run_id)


def _books(parts: Parts, site_id: int) -> tuple[Site, Telling, WitnessBook, ToldDays]:
    """Errors: NotFound."""
    site = parts.sites.site(site_id)
    if parts.telling is None or parts.witnessed is None or parts.told is None:
        raise NotFound("nobody tells appliances: set [appliances] tell = true and start chowon again")
    return site, parts.telling, parts.witnessed, parts.told


def _answer(parts: Parts, site_id: int) -> WitnessedAnswer:
    site, telling, book, nights = _books(parts, site_id)
    kept = book.of(site_id)
    ran = [one.witnessed.kind for one in kept if one.witnessed.ran]
    told = _told(site, kept, nights)
    return WitnessedAnswer(
        site=site_id,
        runs=[_run(one, told[one.id]) for one in sorted(kept, key=lambda one: -one.witnessed.start_ms)],
        kinds=[
            KindAnswer(
                kind=one.kind,
                label=i18n.appliance(one.kind),
                ran=ran.count(one.kind),
                needed=one.needed,
                told=one.told,
            )
            for one in telling.teachable(parts.history, site)
        ],
    )


def _run(kept: KeptWitness, told: bool | None) -> RunAnswer:
    seen = kept.witnessed
    return RunAnswer(
        id=kept.id,
        kind=seen.kind,
        label=i18n.appliance(seen.kind),
        start_ms=seen.start_ms,
        end_ms=seen.end_ms,
        ran=seen.ran,
        made_ms=kept.made_ms,
        told=told,
    )


def _told(site: Site, kept: Sequence[KeptWitness], nights: ToldDays) -> dict[int, bool | None]:
    """By id: whether nights tell the kind in half of the run's minutes, where they have told its days."""
    found: dict[int, bool | None] = {}
    for _, some in groupby(kept, key=lambda one: one.witnessed.start_ms // READ_AT_ONCE_MS):
        close = list(some)
        from_ms = min(one.witnessed.start_ms for one in close)
        to_ms = max(one.witnessed.end_ms for one in close)
        zone = ZoneInfo(site.timezone)
        first, last = local_day(from_ms, zone), local_day(to_ms, zone)
        days = newest(nights.days(site.id, first, last + timedelta(days=1)))
        minutes = nights.minutes(site.id, from_ms, to_ms) if days else {}
        found |= {one.id: _told_of(one.witnessed, zone, days, minutes) for one in close}
    return found


def _told_of(
    seen: Witnessed, zone: ZoneInfo, days: Mapping[date, ToldDay], minutes: Mapping[str, Power]
) -> bool | None:
    of_run = [days.get(local_day(at_ms, zone)) for at_ms in (seen.start_ms, seen.end_ms - 1)]
    if any(day is None or not day.known_min for day in of_run):
        return None
    power = minutes.get(seen.kind)
    if power is None:
        return False
    on = minutes_of(power, seen.start_ms, seen.end_ms).power_w > 0
    return bool(on.mean() >= _TOLD_SHARE)
