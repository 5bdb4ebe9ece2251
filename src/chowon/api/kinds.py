"""/sites/{id}/appliances/kinds: what a model told of kinds of appliances in the last day, by minute."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from pydantic import BaseModel

from chowon import i18n
from chowon.api.appliances import followed_by
from chowon.api.bill_answer import Number
from chowon.api.parts import SiteId, parts_of
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import LiveValue
from chowon.domain.quantities import DAY_MS, HOUR_MS, MINUTE_MS
from chowon.domain.tariff import Text
from chowon.live.appliances.minutes import best_of
from chowon.live.appliances.price import Price

router = APIRouter(prefix="/sites", tags=["appliances"])


class KindAsTold(BaseModel):
    """One kind; W by minute, null where nothing was told."""

    kind: str
    label: Text
    f1: float
    """How well it is settled in homes that the model never saw"""
    kwh: float
    """Settled where it is, else as it was told at once"""
    cost: Number | None
    """Of these kWh, at what the next one costs now"""
    provisional_w: list[int | None]
    """As it was told at once"""
    settled_w: list[int | None]
    """As it was told twenty minutes later"""


class KindsAsTold(BaseModel):
    """Those that took anything, by energy; minutes from `from_ms` on."""

    site: int
    from_ms: int
    to_ms: int
    step_ms: int
    kinds: list[KindAsTold]


@router.get("/{site_id}/appliances/kinds")
async def kinds(request: Request, site_id: SiteId) -> KindsAsTold:
    """What a model told of the last 24 hours: at once, and when it was settled."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    _, followed = await followed_by(parts, site_id)
    now = await parts.live.now(site_id)
    price = None if now.marginal_price is None else Price(now.marginal_price, now.currency)
    to_ms = now.time_ms // MINUTE_MS * MINUTE_MS
    told = followed.told(site_id, to_ms - DAY_MS, to_ms)
    every = [
        _kind(kind, f1, told, price)
        for kind, f1 in followed.kinds.items()
        if told and kind in told["settled"]
    ]
    found = sorted((one for one in every if one.kwh), key=lambda one: -one.kwh)
    return KindsAsTold(site=site_id, from_ms=to_ms - DAY_MS, to_ms=to_ms, step_ms=MINUTE_MS, kinds=found)


def _kind(
    kind: str, f1: float, told: Mapping[LiveValue, Mapping[str, Power]], price: Price | None
) -> KindAsTold:
    used_wh = float(best_of(told, kind).power_w.sum()) * MINUTE_MS / HOUR_MS
    return KindAsTold(
        kind=kind,
        label=i18n.appliance(kind),
        f1=f1,
        kwh=round(used_wh / 1000, 4),
        cost=None if price is None else price.of(used_wh),
        provisional_w=_watts(told["provisional"][kind]),
        settled_w=_watts(told["settled"][kind]),
    )


def _watts(power: Power) -> list[int | None]:
    pairs = zip(power.power_w.tolist(), power.known.tolist(), strict=True)
    return [round(watts) if known else None for watts, known in pairs]
