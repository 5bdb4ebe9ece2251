"""GET /sites/:id/bills: how a site is billed."""

from fastapi import APIRouter, Response

from chowon.api.compat_enertalk.answers import Thing, answer
from chowon.api.compat_enertalk.asked import SiteAsked

router = APIRouter()


class BillThing(Thing, frozen=True):
    """A site's contract."""

    meter_date: int
    """Day of the month on which the meter is read; 31: the month's last"""
    supplier_id: str
    rate_plan_id: str
    bill_settings: dict[str, str]


@router.get("/sites/{site_id}/bills")
async def bills(site: SiteAsked) -> Response:
    """Supplier and plan are the two halves of our tariff's id: kr.kepco and residential.low."""
    country, supplier, plan = [*site.tariff.split(".", 2), "", ""][:3]
    return answer(BillThing(site.reading_day, f"{country}.{supplier}", plan, site.tariff_options))
