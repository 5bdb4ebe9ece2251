"""GET /sites/{id}/bill/shares: what each part of the use costs, by one of three rules."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from pydantic import BaseModel

from chowon import i18n
from chowon.api.bill import BillDay
from chowon.api.bill_answer import Number
from chowon.api.parts import SiteId, parts_of
from chowon.domain.clock import local_day, period_of
from chowon.domain.part_runs import RunCosts
from chowon.domain.parts import Source
from chowon.domain.quantities import DAY_MS
from chowon.domain.sites import Site
from chowon.domain.tariff import Text
from chowon.jobs.shares import PartShare, Rule, Shares, shares

router = APIRouter(prefix="/sites", tags=["bill"])

NEWEST_RUNS = 20
"""So many are listed of each part"""


class SharedPeriod(BaseModel):
    """The billing period, up to now while it is open."""

    start: date
    end: date
    closed: bool
    until_ms: int
    days: float
    """That are over"""


class RestAnswer(BaseModel):
    """What no part explains; `amount` null where the rule has no share for it."""

    label: Text
    kwh: float
    amount: Number | None
    error: Number | None


class RunAnswer(BaseModel):
    """One run, with its part of the amount."""

    start_ms: int
    end_ms: int
    kwh: float
    amount: Number


class RunsAnswer(BaseModel):
    """How often a part ran. `amount` of all runs and `between` add up to the part's; `each` is the mean."""

    count: int
    amount: Number
    each: Number | None
    between: Number
    newest: list[RunAnswer]


class PartAnswer(RestAnswer):
    """A part of the use. `runs`: null where nobody knows when it ran, or the rule has no share for it."""

    part: str
    source: Source
    coverage: float
    f1: float | None
    """How well such an appliance is told in homes that the model never saw; null of a metered one"""
    runs: RunsAnswer | None


class NamedKind(BaseModel):
    """A kind of appliance."""

    kind: str
    label: Text


class SharesAnswer(BaseModel):
    """A bill by its parts. The amounts and `difference` add up to the total."""

    site: int
    currency: str
    rule: Rule
    method: Literal["exact", "estimated"]
    period: SharedPeriod
    kwh: float
    export_kwh: float
    coverage: float
    total: Number
    without_any: Number
    difference: Number
    over_kwh: float
    parts: list[PartAnswer]
    rest: RestAnswer
    untold: Literal["off", "slow", "silent"] | None
    """Why no appliance could be told from the main meter"""
    without: list[NamedKind]
    """Kinds that the site has not, as its people said"""


@router.get("/{site_id}/bill/shares")
async def of_parts(
    request: Request, site_id: SiteId, date: BillDay | None = None, rule: Rule = "average"
) -> SharesAnswer:
    """What the site's parts cost in the period that holds this local day, or the present one."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    now_ms = parts.now_ms()
    period = period_of(date or local_day(now_ms, ZoneInfo(site.timezone)), site.reading_day)

    def shared() -> Shares:
        prepared = parts.billing.prepared(site, period, now_ms)
        return shares(parts.history, site, prepared, rule, now_ms, parts.telling)

    return answer(site, await asyncio.to_thread(shared))


def answer(site: Site, found: Shares) -> SharesAnswer:
    """Shares as the API writes them."""
    use, shared = found.use, found.shared
    return SharesAnswer(
        site=site.id,
        currency=found.currency,
        rule=shared.rule,
        method=shared.method,
        period=SharedPeriod(
            start=use.period.start,
            end=use.period.end,
            closed=use.closed,
            until_ms=use.until_ms,
            days=round((use.until_ms - use.profile.grid.start_ms) / DAY_MS, 3),
        ),
        kwh=_kwh(use.kwh),
        export_kwh=_kwh(use.export_kwh),
        coverage=use.coverage,
        total=shared.total,
        without_any=shared.without_any,
        difference=shared.difference,
        over_kwh=_kwh(found.over_kwh),
        parts=[_part(part) for part in found.parts],
        rest=RestAnswer(
            label=found.rest.label,
            kwh=_kwh(found.rest.kwh),
            amount=found.rest.amount,
            error=found.rest.error,
        ),
        untold=found.untold,
        without=[NamedKind(kind=kind, label=i18n.appliance(kind)) for kind in sorted(site.without)],
    )


def _part(part: PartShare) -> PartAnswer:
    return PartAnswer(
        part=part.name,
        label=part.label,
        source=part.source,
        kwh=_kwh(part.kwh),
        amount=part.amount,
        error=part.error,
        coverage=part.coverage,
        f1=part.f1,
        runs=None if part.runs is None else _runs(part.runs),
    )


def _runs(found: RunCosts) -> RunsAnswer:
    newest = found.runs[: -NEWEST_RUNS - 1 : -1]
    return RunsAnswer(
        count=found.of_runs.runs,
        amount=found.of_runs.amount,
        each=found.of_runs.per_run,
        between=found.between,
        newest=[
            RunAnswer(start_ms=run.start_ms, end_ms=run.end_ms, kwh=_kwh(run.kwh), amount=run.amount)
            for run in newest
        ],
    )


def _kwh(kwh: Decimal) -> float:
    return round(float(kwh), 6)
