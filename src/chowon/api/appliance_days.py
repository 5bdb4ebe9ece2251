"""/sites/{id}/appliances/days and /power: what was told of past days, and what was said of them before."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from chowon import i18n
from chowon.api.bill import BillDay
from chowon.api.parts import Parts, SiteId, parts_of
from chowon.domain.clock import local_day, midnight_ms
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import NOTHING_TAKEN, ToldDay, Value, newest
from chowon.domain.quantities import MINUTE_MS
from chowon.domain.sites import Site
from chowon.domain.tariff import Text
from chowon.errors import BadInput, NotFound
from chowon.jobs.nights import is_final
from chowon.models.nilm.network.kinds import lessons
from chowon.ports import ToldDays

router = APIRouter(prefix="/sites", tags=["appliances"])

DAYS = 31
"""So many are answered where nobody asks for others"""
MOST_DAYS = 400
From: TypeAlias = Annotated[date | None, Query(alias="from", ge=date(1970, 2, 1), lt=date(2100, 1, 1))]
To: TypeAlias = Annotated[date | None, Query(ge=date(1970, 2, 1), lt=date(2100, 1, 1))]


class Kwh(BaseModel):
    """The three values; null where one was not told."""

    provisional: float | None
    settled: float | None
    nightly: float | None


class Revised(BaseModel):
    """A nightly figure that was told before, and when."""

    kwh: float
    told_ms: int


class KindOfDay(BaseModel):
    """What a kind took on a day. `runs` is null of what runs day and night."""

    kind: str
    label: Text
    kwh: Kwh
    runs: int | None
    on_minutes: int | None
    told_ms: int | None
    revised: list[Revised]


class DayTold(BaseModel):
    """A local day. `told_ms`: when it was told last, null while it was not; not `final`: it is told again."""

    date: date
    told_ms: int | None
    final: bool
    told_by: str | None
    known_minutes: int
    appliances: list[KindOfDay]


class DaysAnswer(BaseModel):
    """Days in [from, to), those of which nothing was told included."""

    site: int
    days: list[DayTold]


class KindByMinute(BaseModel):
    """W in each minute of the day; null where nothing could be told."""

    kind: str
    label: Text
    power_w: list[float | None]


class PowerAnswer(BaseModel):
    """The nightly value of one day; minute n begins at `start_ms` + n · `step_ms`."""

    site: int
    date: date
    start_ms: int
    step_ms: int
    told_ms: int | None
    appliances: list[KindByMinute]


@router.get("/{site_id}/appliances/days")
async def days(request: Request, site_id: SiteId, first: From = None, to: To = None) -> DaysAnswer:
    """What each kind of appliance took on each day, by three values, and what was said before."""
    site, told = await _asked(request, site_id)
    end = to or local_day(parts_of(request).now_ms(), ZoneInfo(site.timezone))
    begin = first or end - timedelta(days=DAYS)
    if not begin < end <= begin + timedelta(days=MOST_DAYS):
        raise BadInput(f"from {begin} to {end}: expected 1 to {MOST_DAYS} days")
    found = await asyncio.to_thread(told.days, site_id, begin, end)
    wanted = [begin + timedelta(days=n) for n in range((end - begin).days)]
    by_day: dict[date, list[ToldDay]] = {day: [] for day in wanted}
    for one in found:
        by_day[one.day].append(one)
    answers = [_day(day, theirs, site) for day, theirs in by_day.items()]
    return DaysAnswer(site=site_id, days=answers)


@router.get("/{site_id}/appliances/power")
async def power(request: Request, site_id: SiteId, date: BillDay) -> PowerAnswer:
    """The power of each kind in each minute of a day, as the night told it."""
    site, told = await _asked(request, site_id)
    zone, after = ZoneInfo(site.timezone), date + timedelta(days=1)
    start_ms, end_ms = midnight_ms(date, zone), midnight_ms(after, zone)
    night = newest(await asyncio.to_thread(told.days, site_id, date, after)).get(date)
    minutes = {} if night is None else await asyncio.to_thread(told.minutes, site_id, start_ms, end_ms)
    return PowerAnswer(
        site=site_id,
        date=date,
        start_ms=start_ms,
        step_ms=MINUTE_MS,
        told_ms=None if night is None else night.told_ms,
        appliances=[
            KindByMinute(kind=kind, label=i18n.appliance(kind), power_w=_watts(minutes[kind]))
            for kind in ([] if night is None else _by_use(night, site))
            if kind in minutes
        ],
    )


async def _asked(request: Request, site_id: int) -> tuple[Site, ToldDays]:
    parts: Parts = parts_of(request)
    parts.access.check(request.headers, "read")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    if parts.told is None:
        raise NotFound("no night tells appliances: set [appliances] tell = true and start chowon again")
    return site, parts.told


def _day(day: date, told: Sequence[ToldDay], site: Site) -> DayTold:
    """told: all that was ever told of this day, in its order."""
    values = {one.value: one for one in told}
    night = values.get("nightly")
    nights = [one for one in told if one.value == "nightly"]
    end_ms = midnight_ms(day + timedelta(days=1), ZoneInfo(site.timezone))
    kinds = {
        kind
        for one in told
        for kind, took in one.took.items()
        if took != NOTHING_TAKEN and kind not in site.without
    }
    found = [_kind(kind, values, nights) for kind in kinds]
    return DayTold(
        date=day,
        told_ms=None if night is None else night.told_ms,
        final=night is not None and is_final(end_ms, night.told_ms),
        told_by=None if night is None else night.told_by,
        known_minutes=0 if night is None else night.known_min,
        appliances=sorted(found, key=lambda one: (-(one.kwh.nightly or 0), one.kind)),
    )


def _kind(kind: str, values: Mapping[Value, ToldDay], nights: Sequence[ToldDay]) -> KindOfDay:
    night = values.get("nightly")
    took = None if night is None else night.took.get(kind)
    lesson = lessons().get(kind)
    standing = lesson is not None and lesson.standing
    return KindOfDay(
        kind=kind,
        label=i18n.appliance(kind),
        kwh=Kwh(
            provisional=_kwh(values.get("provisional"), kind),
            settled=_kwh(values.get("settled"), kind),
            nightly=_kwh(night, kind),
        ),
        runs=None if took is None or standing else took.runs,
        on_minutes=None if took is None else took.on_min,
        told_ms=None if night is None or took is None else night.told_ms,
        revised=_revised(kind, nights),
    )


def _revised(kind: str, nights: Sequence[ToldDay]) -> list[Revised]:
    """Former figures, the oldest first: each once for as long as nights told the same."""
    figures: list[tuple[float | None, int]] = []
    for night in nights:
        kwh = _kwh(night, kind)
        if not figures or figures[-1][0] != kwh:
            figures.append((kwh, night.told_ms))
    return [Revised(kwh=kwh, told_ms=told_ms) for kwh, told_ms in figures[:-1] if kwh is not None]


def _kwh(told: ToldDay | None, kind: str) -> float | None:
    if told is None or kind not in told.took:
        return None
    return round(told.took[kind].milliwh / 1e6, 6)


def _by_use(night: ToldDay, site: Site) -> list[str]:
    """Those that took anything, who took most comes first."""
    took = {kind: it for kind, it in night.took.items() if it != NOTHING_TAKEN and kind not in site.without}
    return sorted(took, key=lambda kind: (-took[kind].milliwh, kind))


def _watts(power: Power) -> list[float | None]:
    return [
        watts if known else None
        for watts, known in zip(np.round(power.power_w, 1).tolist(), power.known.tolist(), strict=True)
    ]
