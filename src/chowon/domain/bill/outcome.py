"""What the engine answers: a bill as a list of explained lines, and where the use stands among the tiers.

Money is Decimal in the tariff's currency.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chowon.domain.bill.usage import Usage
from chowon.domain.clock import Period
from chowon.domain.tariff.terms import ZERO, Text


@dataclass(frozen=True, slots=True)
class Segment:
    """Days of a period on which the same seasons and prices hold."""

    start: date
    end: date
    """Not part of the segment."""
    days: int


@dataclass(frozen=True, slots=True)
class Part:
    """One product inside a line: quantity × price = amount; with unit "%" the price is a percentage."""

    label: Text
    quantity: Decimal
    unit: str
    """"kWh", "kW", "month", "day", "%", "point", "once\""""
    price: Decimal
    amount: Decimal
    """Before the line's rounding; a fraction of days may leave 28 digits."""
    since: date
    """The price is in force from this day (or reading month) on."""
    source: str
    segment: Segment


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill, rounded by its own rule."""

    id: str
    label: Text
    amount: Decimal
    rounding: Text | None
    """How it was rounded, in words; None if it was not."""
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Subtotal:
    """A named sum on the way; it is not added again."""

    id: str
    label: Text
    amount: Decimal
    after: int
    """How many of the bill's lines stand above it."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader of the bill must know of it."""

    line: str | None
    """The id of the line that it is about; None: the whole tariff"""
    known_until: date
    """First day, or reading month, for which prices aren't known"""
    text: Text


@dataclass(frozen=True, slots=True)
class Bill:
    """What a period costs. The amounts of `lines` add up to `total`, exactly."""

    tariff_id: str
    tariff_name: Text
    currency: str
    period: Period
    usage: Usage
    options: dict[str, str]
    lines: tuple[Line, ...]
    """In the tariff's order. Deductions, a minimum and the total's rounding are left out where they are 0."""
    subtotals: tuple[Subtotal, ...]
    total: Decimal
    carried: Decimal = ZERO
    """Credit left for the next period: kWh or money, as the tariff carries it"""
    notes: tuple[Note, ...] = ()
    """What isn't known of the prices of this period"""

    def amount(self, line_or_subtotal: str) -> Decimal:
        """The amount of a line or subtotal; 0 for one that this bill doesn't have."""
        for line in self.lines:
            if line.id == line_or_subtotal:
                return line.amount
        return next((s.amount for s in self.subtotals if s.id == line_or_subtotal), ZERO)


@dataclass(frozen=True, slots=True)
class BandUse:
    """What was taken from the grid in one band of a tariff by time of use."""

    band: str
    label: Text
    kwh: Decimal
    now: bool
    """Whether it holds at the instant that was asked for"""


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier, as it stands for the whole period."""

    upto_kwh: Decimal | None
    """None: no upper bound."""
    energy_price: Decimal
    """Per kWh, without adjustments and taxes."""


@dataclass(frozen=True, slots=True)
class OverBlock:
    """A dearer block above all tiers (KEPCO's super users), where the period has days of its season."""

    above_kwh: Decimal
    energy_price: Decimal
    """Of the next kWh above the bound."""
    distance_kwh: Decimal
    """0 once it is reached."""


@dataclass(frozen=True, slots=True)
class TierStanding:
    """Where the period's kWh stand among the tiers.

    In a period that straddles seasons or price changes, bounds, prices and base charges are those of its
    segments, weighted by days.
    """

    index: int
    """1 for the first tier; kWh equal to a bound still belong to the tier below it."""
    count: int
    from_kwh: Decimal
    to_kwh: Decimal | None
    distance_kwh: Decimal | None
    """kWh left in this tier; None in the last."""
    tiers: tuple[Tier, ...]
    base_jump: Decimal | None
    """What entering the next tier adds to the fixed charge at once, before taxes; None in the last."""
    over: OverBlock | None


@dataclass(frozen=True, slots=True)
class NextKwh:
    """Prices of the next kWh, without jumps of fixed charges."""

    energy_price: Decimal
    """Of the tier alone."""
    marginal_price: Decimal
    """All in: with adjustments by kWh and percentages (VAT, fund)."""
