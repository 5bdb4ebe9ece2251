"""How a bill is written in JSON: money and quantities as decimal text, labels in both languages."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field, PlainSerializer

from chowon.domain.bill import Bill, number_text, plain_line
from chowon.domain.tariff import Text
from chowon.live.view import TierNow

Number = Annotated[Decimal, PlainSerializer(number_text, return_type=str)]
"""An exact decimal as text, without exponent or trailing zeros."""


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


class PeriodAnswer(BaseModel):
    """The billing period."""

    start: date
    end: date
    from_ms: int
    to_ms: int
    days: int
    closed: bool


class UsageAnswer(BaseModel):
    """What was used, and how much of the time was measured."""

    kwh: float
    billed_kwh: Number
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
    tier: TierNow | None
    days: list[DayAnswer]


def lines_of(bill: Bill) -> list[LineAnswer]:
    """The bill's lines with their parts."""
    return [LineAnswer.model_validate(plain_line(line)) for line in bill.lines]


def subtotals_of(bill: Bill) -> list[SubtotalAnswer]:
    """The bill's named sums."""
    return [SubtotalAnswer(id=s.id, label=s.label, amount=s.amount, after=s.after) for s in bill.subtotals]
