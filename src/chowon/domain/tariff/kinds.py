"""The kinds of line that a bill may have. Only data; how each is reckoned stands in `domain/bill`."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from chowon.domain.tariff.terms import (
    BandPrice,
    BandTierPrice,
    Condition,
    DiscountPrice,
    LeastCharge,
    Over,
    Price,
    Rounding,
    Text,
    TierPrice,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What an option changes on a line: `fields` are taken from `line` when `option` has `value`."""

    option: str
    value: str
    fields: tuple[str, ...]
    line: "Line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What every line has. It is on bills of [since, until), by usage day or reading month as it says.

    Lines of one tariff share an id only where no customer has two of them.
    """

    id: str
    label: Text
    round: Rounding | None
    since: date
    until: date | None
    choices: tuple[Choice, ...] = ()
    when: tuple[Condition, ...] = ()
    """The customers who have the line: those for whom one of these holds; all, where there is none."""
    above_kwh: Decimal | None = None
    """Only on bills of a use above this,"""
    upto_kwh: Decimal | None = None
    """and of at most this, at the pace of a full period."""
    known_until: date | None = None
    """First day, or reading month, for which its prices aren't known; they go on, and bills say so."""

    @property
    def by_reading_month(self) -> bool:
        """Whether its prices are those of the month in which the meter is read, not of days of use."""
        return getattr(self, "by", None) == "reading_month"

    def exists_on(self, day: date) -> bool:
        """Whether the line is on bills for this day."""
        return self.since <= day and (self.until is None or day < self.until)


PriceDay = Literal["usage_day", "reading_month"]
KwhOf = Literal["split", "exact"]
Per = Literal["period", "segment"]
Weight = Literal["days", "reading_month"]
Flow = Literal["import", "export", "net", "net_import", "net_export"]
"""What is taken from the grid, given to it, or the one less the other; of that what is above 0, or below."""
GIVEN: Final[tuple[Flow, ...]] = ("export", "net_export")
"""The flows of lines whose amount is taken off."""
FeePer = Literal["month", "day", "bill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredFixed(Line):
    """A charge a month, chosen by the tier that the whole period's kWh reach: a jump, not a sum."""

    tiers: str
    prices: tuple[TierPrice, ...]
    times: str | None = None
    """The numeric option that bounds and charges are multiplied by, e.g. the number of households."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredEnergy(Line):
    """kWh priced block by block."""

    tiers: str
    prices: tuple[TierPrice, ...]
    over: Over | None
    times: str | None = None
    """As `TieredFixed.times`, for the bounds and the block of `over`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerKwh(Line):
    """One price for each kWh; may be negative."""

    by: PriceDay
    kwh: KwhOf
    round_components: bool
    prices: tuple[Price, ...]
    of: Flow = "import"
    """Of `GIVEN`, the amount is taken off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOfUse(Line):
    """kWh × the price of the band in which they flow."""

    calendar: str
    of: Flow
    """Of `GIVEN`, the amount is taken off."""
    prices: tuple[BandPrice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredTimeOfUse(Line):
    """The kWh of each band by themselves, block by block."""

    calendar: str
    of: Flow
    """"import" or "net_import\""""
    tiers: str
    prices: tuple[BandTierPrice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSeries(Line):
    """The kWh of each interval × its price in a series that is handed in, × a dated factor."""

    series: str
    of: Flow
    """Of `GIVEN`, the amount is taken off."""
    prices: tuple[Price, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand(Line):
    """A price for each kW of the billing demand."""

    calendar: str | None
    bands: tuple[str, ...]
    """Where demand is measured; empty: at all hours"""
    interval_min: int
    measured: bool
    """Whether demand is measured at all; else it is what the option says."""
    ratchet_months: frozenset[int]
    """Months whose demand counts on, among the 12 that end with the reading month"""
    kw_option: str | None
    floor_percent: Decimal
    """Of the option's kW, the least that is billed"""
    kw_round: Rounding | None
    prices: tuple[Price, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed(Line):
    """An amount a month, a day or a bill."""

    per: FeePer
    times: str | None
    """The numeric option it is multiplied by"""
    prices: tuple[Price, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerPoint(Line):
    """A percentage of the lines `of` for each point by which a numeric option differs from a standard."""

    of: tuple[str, ...]
    option: str
    standard: Decimal
    least: Decimal
    most: Decimal
    """The option counts as this at most, and as `least` at least."""
    prices: tuple[Price, ...]

    @property
    def by_reading_month(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryOver(Line):
    """Takes off the credit carried into the period; lifts a negative sum to 0 and carries it on."""

    of: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction(Line):
    """Takes off up to the reading month's limit from the sum of the lines `of`, which keeps `keep`."""

    of: tuple[str, ...]
    keep: Decimal
    prices: tuple[Price, ...]

    @property
    def by_reading_month(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount(Line):
    """Takes off a percentage of the lines `of`, up to a cap; both count by days."""

    of: tuple[str, ...]
    per: Per
    """"segment": each segment of a split period by itself, from charges that aren't rounded yet."""
    prices: tuple[DiscountPrice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerKwhCredit(Line):
    """Takes off a price for each of the first kWh, by day of use; each price's days are rounded apart."""

    first_kwh: Decimal | None
    """None: all of them"""
    per_day: bool = False
    """Whether `first_kwh` is of a day, for as many days as a period has."""
    prices: tuple[Price, ...]


TAKES_OFF: Final = (Deduction, Discount, PerKwhCredit)
"""The kinds of line whose amount is 0 or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum(Line):
    """Adds what the sum of the lines `of` lacks to the reading month's least amount."""

    of: tuple[str, ...]
    prices: tuple[LeastCharge, ...]

    @property
    def by_reading_month(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtotal(Line):
    """A named sum of the lines `of`; it adds nothing to the bill."""

    of: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentage(Line):
    """A dated percentage of the sum of the lines `of`."""

    of: tuple[str, ...]
    by: Weight
    prices: tuple[Price, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTotal(Line):
    """The difference that rounds the sum of all lines above."""


NOT_FOR_SOME_USES: Final = (TieredFixed, TieredEnergy, CarryOver, Subtotal, RoundTotal)
"""The kinds of line that every use has: tiers tell uses apart by themselves, the others are sums."""
