"""/sites/{id}/appliances/kinds: what a model told of kinds of appliances in the last day, by minute."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from chowon.api.appliances import followed_by, label_of
from chowon.api.parts import SiteId, parts_of
from chowon.domain.nilm.power import Power
from chowon.domain.quantities import MINUTE_MS
from chowon.domain.tariff import Text
from chowon.live.appliances.home import REMEMBERED_MS

router = APIRouter(prefix="/sites", tags=["appliances"])


class KindOfDay(BaseModel):
    """One kind; W by minute, null where nothing was told."""

    kind: str
    label: Text
    f1: float
    """How well it is settled in homes that the model never saw"""
    provisional_w: list[int | None]
    """As it was told at once"""
    settled_w: list[int | None]
    """As it was told twenty minutes later"""


class KindsOfDay(BaseModel):
    """Those that took anything; minutes from `from_ms` on."""

    site: int
    from_ms: int
    to_ms: int
    step_ms: int
    kinds: list[KindOfDay]


@router.get("/{site_id}/appliances/kinds")
async def kinds(request: Request, site_id: SiteId) -> KindsOfDay:
    """What a model told of the last 26 hours: at once, and when it was settled."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    followed = await followed_by(parts, site_id)
    to_ms = parts.now_ms() // MINUTE_MS * MINUTE_MS
    from_ms = to_ms - REMEMBERED_MS
    told = followed.told(site_id, from_ms, to_ms)
    found = []
    for kind, f1 in followed.kinds.items() if told else ():
        at_once, settled = told["provisional"].get(kind), told["settled"].get(kind)
        if at_once is None or settled is None or not (at_once.power_w.any() or settled.power_w.any()):
            continue
        found.append(
            KindOfDay(
                kind=kind,
                label=label_of(kind),
                f1=f1,
                provisional_w=_watts(at_once),
                settled_w=_watts(settled),
            )
        )
    return KindsOfDay(site=site_id, from_ms=from_ms, to_ms=to_ms, step_ms=MINUTE_MS, kinds=found)


def _watts(power: Power) -> list[int | None]:
    pairs = zip(power.power_w.tolist(), power.known.tolist(), strict=True)
    return [round(watts) if known else None for watts, known in pairs]
