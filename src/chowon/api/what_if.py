"""POST /sites/{id}/bill/what-if: the bill without an appliance, with solar, a battery, a car."""

import asyncio
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from chowon.api.bill import BillDay
from chowon.api.bill_answer import Number
from chowon.api.parts import SiteId, parts_of
from chowon.domain.clock import Period, local_day, period_of
from chowon.domain.sites import Site
from chowon.domain.sun import ORDINARY_SUNSHINE, SUNSHINE, Place, Roof
from chowon.domain.tariff import Tariff, Text
from chowon.domain.what_if import Battery, Charging
from chowon.errors import BadInput
from chowon.jobs.billing import Billing
from chowon.jobs.compare import TariffOf, options_for
from chowon.jobs.places import place_of
from chowon.jobs.what_if import Changes, WhatIf, what_if

router = APIRouter(prefix="/sites", tags=["bill"])
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]

Amount = Annotated[Decimal, Field(max_digits=20)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Solar(_Part):
    """A roof; where it is, if not at the principal city of the site's time zone."""

    kwp: Annotated[float, Field(ge=0)]
    azimuth: float = 180.0
    tilt: float = 30.0
    latitude: float | None = None
    longitude: float | None = None


class BatteryPart(_Part):
    """A battery behind the meter."""

    kwh: Amount
    kw: Amount
    efficiency: Amount = Decimal("0.9")
    plan: Literal["self_use", "by_price"] = "self_use"


class Car(_Part):
    """A car that charges once a day between two times of the clock."""

    kwh_a_day: Amount
    since: Annotated[Clock, Field(alias="from")]
    until: Clock
    kw: Amount = Decimal(7)


class WhatIfAsked(_Part):
    """What would be different; at least one part."""

    without_kwh: Amount | None = None
    solar: Solar | None = None
    battery: BatteryPart | None = None
    ev: Car | None = None
    tariff: str | None = None
    options: dict[str, str] | None = None


class NowAnswer(BaseModel):
    """The bill as it is."""

    kwh: float
    total: Number


class ThenAnswer(BaseModel):
    """The bill as it would be."""

    kwh: float
    export_kwh: float
    total: Number


class ChangedLine(BaseModel):
    """A line of both bills; 0 in one that doesn't have it."""

    id: str
    label: Text
    now: Number
    then: Number


class WhatIfAnswer(BaseModel):
    """Both bills, line by line, and every assumption in words."""

    now: NowAnswer
    then: ThenAnswer
    difference: Number
    lines: list[ChangedLine]
    assumes: list[Text]


@router.post("/{site_id}/bill/what-if")
async def ask(
    request: Request, site_id: SiteId, asked: WhatIfAsked, date: BillDay | None = None
) -> WhatIfAnswer:
    """The bill of the period that holds this day, as it would have been."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    now_ms = parts.now_ms()
    period = period_of(date or local_day(now_ms, ZoneInfo(site.timezone)), site.reading_day)
    found = await asyncio.to_thread(found_for, parts.billing, parts.tariff, site, period, now_ms, asked)
    return answer(found)


def found_for(
    billing: Billing, load: TariffOf, site: Site, period: Period, now_ms: int, asked: WhatIfAsked
) -> WhatIf:
    """The answer to a question as it was asked. Errors: BadInput, NotFound, StoreUnavailable."""
    if not asked.model_fields_set:
        raise BadInput(
            "what-if: found nothing that changes; expected at least one of "
            + ", ".join(WhatIfAsked.model_fields)
        )
    then = load(asked.tariff or site.tariff)
    bills = (
        billing.prepared(site, period, now_ms),
        billing.prepared(site, period, now_ms, then.id, _options(then, site, asked)),
    )
    use = billing.use(site, period, now_ms)
    citys = asked.solar is not None and asked.solar.latitude is None
    return what_if(use, site.timezone, *bills, _changes(asked, site), citys)


def answer(found: WhatIf) -> WhatIfAnswer:
    """Both bills as the API writes them."""
    now, then = found.now, found.then
    labels = {line.id: line.label for line in (*now.lines, *then.lines)}
    return WhatIfAnswer(
        now=NowAnswer(kwh=_kwh(found.now_kwh), total=now.total),
        then=ThenAnswer(kwh=_kwh(found.then_kwh), export_kwh=_kwh(found.then_export_kwh), total=then.total),
        difference=then.total - now.total,
        lines=[
            ChangedLine(id=id_, label=label, now=now.amount(id_), then=then.amount(id_))
            for id_, label in labels.items()
        ],
        assumes=list(found.assumes),
    )


def _options(then: Tariff, site: Site, asked: WhatIfAsked) -> dict[str, str]:
    """The site's options as far as the tariff has them, then those that were asked for."""
    return options_for(then, site) | (asked.options or {})


def _changes(asked: WhatIfAsked, site: Site) -> Changes:
    battery, car = asked.battery, asked.ev
    return Changes(
        without_kwh=asked.without_kwh,
        charging=None
        if car is None
        else Charging(car.kwh_a_day, _minute(car.since), _minute(car.until), car.kw),
        solar=None if asked.solar is None else (_place(asked.solar, site), _roof(asked.solar)),
        battery=None
        if battery is None
        else (Battery(battery.kwh, battery.kw, battery.efficiency), battery.plan),
    )


def _roof(solar: Solar) -> Roof:
    return Roof(solar.kwp, solar.azimuth, solar.tilt)


def _place(solar: Solar, site: Site) -> Place:
    latitude, longitude = solar.latitude, solar.longitude
    if latitude is not None and longitude is not None:
        return Place(latitude, longitude, SUNSHINE.get(site.timezone, ORDINARY_SUNSHINE))
    city = place_of(site.timezone)
    if latitude is not None or longitude is not None or city is None:
        raise BadInput(
            f"solar: found latitude {latitude} and longitude {longitude}; expected both in degrees, or "
            "neither where the time zone has a principal city"
        )
    return city


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _kwh(kwh: Decimal) -> float:
    return round(float(kwh), 6)
