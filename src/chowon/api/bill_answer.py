"""How a bill is written in JSON: money and quantities as decimal text, labels in both languages."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, PlainSerializer

from chowon.domain.bill import number_text, plain_line
from chowon.domain.tariff import Text
from chowon.jobs.statement import Statement
from chowon.jobs.unmeasured import Outlook
from chowon.live.view import TierNow, tier_now

Number = Annotated[Decimal, PlainSerializer(number_text, return_type=str)]
"""An exact decimal as text, without exponent or trailing zeros."""
Day: TypeAlias = date


class SegmentAnswer(BaseModel):
    """Days on which one set of prices holds."""

    start: date
    end: date
    days: int


class PartAnswer(BaseModel):
    """One product inside a line: quantity × price = amount, with the price's date and source."""

    label: Text
    quantity: Number
    unit: str
    price: Number
    amount: Number
    since: Annotated[date, Field(alias="from")]
    source: str
    segment: SegmentAnswer


class LineAnswer(BaseModel):
    """One line of the bill."""

    id: str
    label: Text
    amount: Number
    rounding: Text | None
    parts: list[PartAnswer]


class SubtotalAnswer(BaseModel):
    """A named sum on the way; stands after so many lines."""

    id: str
    label: Text
    amount: Number
    after: int


class TariffAnswer(BaseModel):
    """The tariff that the bill follows."""

    id: str
    name: Text


class SpanAnswer(BaseModel):
    """Days, the last one not included."""

    start: date
    end: date


class PeriodAnswer(BaseModel):
    """The billing period; `part_of`: the full one, for somebody who moved in or out."""

    start: date
    end: date
    from_ms: int
    to_ms: int
    days: int
    closed: bool
    part_of: SpanAnswer | None


class UsageAnswer(BaseModel):
    """What was used, and how much of the time was measured."""

    kwh: float
    billed_kwh: Number
    export_kwh: float
    coverage: float
    missing_ms: int
    until_ms: int


class DayAnswer(BaseModel):
    """One day of the period; totals are as they stood at its end."""

    day: date
    kwh: float
    total_kwh: float
    total: Number
    coverage: float


class BandAnswer(BaseModel):
    """Use in one band of a tariff by time of use; `now`: it holds at this moment."""

    band: str
    label: Text
    kwh: float
    now: bool


class EstimateAnswer(BaseModel):
    """What the gaps would have used by the rule of docs/reference/api.md, and the bill with it."""

    missing_kwh: float
    total: Number


class NextTierAnswer(BaseModel):
    """The tier that comes within the period."""

    tier: int
    at_kwh: Number
    date: Day
    at_ms: int
    jump: Number
    energy_price: Number


class OutlookAnswer(BaseModel):
    """The end of the period, if the use goes on like this."""

    kwh: float
    total: Number
    next_tier: NextTierAnswer | None
    kwh_a_day: Number | None


class PastDemandAnswer(BaseModel):
    """The demand of an earlier reading month that the bill looks back on."""

    month: str
    kw: Number
    source: Annotated[Literal["recorded", "measured"], Field(alias="from")]


class CarriedAnswer(BaseModel):
    """Credit that the period began with, and what is left of it for the next."""

    amount: Number
    unit: str
    source: Annotated[Literal["recorded", "reckoned"], Field(alias="from")]
    since: date
    left: Number


class BillAnswer(BaseModel):
    """A bill, explained. The lines add up to the total."""

    site: int
    currency: str
    tariff: TariffAnswer
    period: PeriodAnswer
    usage: UsageAnswer
    options: dict[str, str]
    total: Number
    marginal_price: Number
    energy_price: Number
    lines: list[LineAnswer]
    subtotals: list[SubtotalAnswer]
    notes: list[Text]
    tier: TierNow | None
    days: list[DayAnswer]
    hours: list[BandAnswer] | None
    estimate: EstimateAnswer | None
    outlook: OutlookAnswer | None
    past_demand: list[PastDemandAnswer]
    past_demand_unknown: list[str]
    carried: CarriedAnswer | None


def answer(site_id: int, told: Statement) -> BillAnswer:
    """A statement as the API writes it."""
    bill, period = told.bill, told.period
    return BillAnswer(
        site=site_id,
        currency=bill.currency,
        tariff=TariffAnswer(id=bill.tariff_id, name=bill.tariff_name),
        period=PeriodAnswer(
            start=period.start,
            end=period.end,
            from_ms=told.from_ms,
            to_ms=told.to_ms,
            days=period.days,
            closed=told.closed,
            part_of=None
            if period.whole is None
            else SpanAnswer(start=period.whole.start, end=period.whole.end),
        ),
        usage=UsageAnswer(
            kwh=_kwh(told.kwh),
            billed_kwh=bill.usage.kwh,
            export_kwh=_kwh(told.export_kwh),
            coverage=told.coverage,
            missing_ms=told.missing_ms,
            until_ms=told.until_ms,
        ),
        options=bill.options,
        total=bill.total,
        marginal_price=told.next_kwh.marginal_price,
        energy_price=told.next_kwh.energy_price,
        lines=[LineAnswer.model_validate(plain_line(line)) for line in bill.lines],
        subtotals=[
            SubtotalAnswer(id=s.id, label=s.label, amount=s.amount, after=s.after) for s in bill.subtotals
        ],
        notes=[note.text for note in bill.notes],
        tier=tier_now(told.standing),
        days=[
            DayAnswer(
                day=d.day,
                kwh=_kwh(d.kwh),
                total_kwh=_kwh(d.total_kwh),
                total=d.total,
                coverage=d.coverage,
            )
            for d in told.days
        ],
        hours=None
        if told.bands is None
        else [BandAnswer(band=b.band, label=b.label, kwh=_kwh(b.kwh), now=b.now) for b in told.bands],
        outlook=None if told.outlook is None else outlook_answer(told.outlook),
        estimate=None
        if told.estimate is None
        else EstimateAnswer(missing_kwh=_kwh(told.estimate.missing_kwh), total=told.estimate.total),
        past_demand=[
            PastDemandAnswer.model_validate({"month": p.month, "kw": p.kw, "from": p.source})
            for p in told.known.past_demand
        ],
        past_demand_unknown=list(told.known.unknown_months),
        carried=_carried(told),
    )


def _carried(told: Statement) -> CarriedAnswer | None:
    carried = told.known.carried
    if carried is None:
        return None
    return CarriedAnswer.model_validate(
        {
            "amount": carried.amount,
            "unit": told.bill.currency if told.credit_unit == "money" else "kWh",
            "from": carried.source,
            "since": carried.since,
            "left": told.bill.carried,
        }
    )


def outlook_answer(told: Outlook) -> OutlookAnswer:
    """An outlook as the API writes it."""
    tier = told.next_tier
    return OutlookAnswer(
        kwh=_kwh(told.kwh),
        total=told.total,
        next_tier=None
        if tier is None
        else NextTierAnswer(
            tier=tier.tier,
            at_kwh=tier.at_kwh,
            date=tier.day,
            at_ms=tier.at_ms,
            jump=tier.jump,
            energy_price=tier.energy_price,
        ),
        kwh_a_day=told.kwh_a_day,
    )


def _kwh(kwh: Decimal) -> float:
    return round(float(kwh), 6)
