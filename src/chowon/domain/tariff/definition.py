"""A tariff as it was defined: seasons, tiers, lines, prices with their dates and sources. Only data.

Money is Decimal in the tariff's currency, energy kWh. Ranges of dates are half open: [since, until).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Final, Literal, Protocol, TypeVar

ZERO: Final = Decimal(0)
RoundingMode = Literal["floor", "half_up"]
Language = Literal["ko", "en"]
_MODES: Final = {"floor": ROUND_DOWN, "half_up": ROUND_HALF_UP}


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in Korean and English; both are originals."""

    ko: str
    en: str

    def to(self, language: Language) -> str:
        """The words in this language."""
        return self.ko if language == "ko" else self.en


@dataclass(frozen=True, slots=True)
class Rounding:
    """To a multiple of `unit`, by the magnitude: a floor of -1,050.5 is -1,050, half up of -0.5 is -1."""

    unit: Decimal
    mode: RoundingMode

    def apply(self, amount: Decimal) -> Decimal:
        """The amount as a multiple of the unit."""
        if self.unit == 1:
            return amount.to_integral_value(_MODES[self.mode]) or ZERO
        return (amount / self.unit).to_integral_value(_MODES[self.mode]) * self.unit or ZERO


class Dated(Protocol):
    """Anything in force from a day on, until the next of its kind."""

    @property
    def since(self) -> date:
        """First day on which it is in force."""


_D = TypeVar("_D", bound=Dated)


def in_force(versions: Sequence[_D], day: date) -> _D | None:
    """The version in force on this day; `versions` are in order of their dates."""
    found = None
    for version in versions:
        if version.since > day:
            break
        found = version
    return found


@dataclass(frozen=True, slots=True)
class Season:
    """Part of the year: whole months, or from one month and day to another, both included."""

    id: str
    label: Text
    months: frozenset[int]
    days: tuple[tuple[int, int], tuple[int, int]] | None
    """((month, day), (month, day)), first and last day; None where `months` says it"""
    since: date
    until: date | None
    source: str

    def holds(self, day: date) -> bool:
        """Whether the day lies in this season."""
        if day < self.since or (self.until is not None and day >= self.until):
            return False
        if self.days is None:
            return day.month in self.months
        (first, last), today = self.days, (day.month, day.day)
        return first <= today <= last if first <= last else today >= first or today <= last


@dataclass(frozen=True, slots=True)
class TierSet:
    """Upper bounds of all tiers but the last, kWh a month; of one season, or of the rest of the year."""

    since: date
    season: str | None
    upto_kwh: tuple[Decimal, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Price:
    """One dated number: money per kWh, percent, a limit or an amount, as the line's kind says."""

    since: date
    source: str
    value: Decimal
    components: tuple[tuple[Text, Decimal], ...] = ()
    """Parts of `value` by name, where they are published apart."""


@dataclass(frozen=True, slots=True)
class TierPrice:
    """One dated number a tier: money per kWh, or per month for a fixed charge."""

    since: date
    source: str
    per_tier: tuple[Decimal, ...]
    over: Decimal | None = None
    """Price of what lies above `Over.upto_kwh`."""


@dataclass(frozen=True, slots=True)
class Over:
    """A block above all tiers that exists in one season only and splits a period only when it is reached."""

    above_kwh: Decimal
    season: str
    label: Text


@dataclass(frozen=True, slots=True)
class DiscountPrice:
    """One dated discount: a percentage of what it is taken from, and what a month's discount is at most."""

    since: date
    source: str
    percent: Decimal
    cap: Decimal | None
    """None: without a bound."""
    in_season: tuple[tuple[str, Decimal], ...]
    """The cap of days in a season, by the season's id, where it differs."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds for a customer who has, for each of these options, one of its values."""

    one_of: tuple[tuple[str, tuple[str, ...]], ...]

    def holds(self, chosen: Mapping[str, str]) -> bool:
        """Whether every option has one of its values."""
        return all(chosen[option] in values for option, values in self.one_of)


def any_holds(conditions: Sequence[Condition], chosen: Mapping[str, str]) -> bool:
    """Whether one of the conditions holds; without any, all customers are meant."""
    return not conditions or any(condition.holds(chosen) for condition in conditions)


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

    def exists_on(self, day: date) -> bool:
        """Whether the line is on bills for this day."""
        return self.since <= day and (self.until is None or day < self.until)


PriceDay = Literal["usage_day", "reading_month"]
KwhOf = Literal["split", "exact"]
Per = Literal["period", "segment"]
Weight = Literal["days", "reading_month"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredFixed(Line):
    """A charge a month, chosen by the tier that the whole period's kWh reach: a jump, not a sum."""

    tiers: str
    prices: tuple[TierPrice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredEnergy(Line):
    """kWh priced block by block."""

    tiers: str
    prices: tuple[TierPrice, ...]
    over: Over | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PerKwh(Line):
    """One price for each kWh; may be negative."""

    by: PriceDay
    kwh: KwhOf
    round_components: bool
    prices: tuple[Price, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction(Line):
    """Takes off up to the reading month's limit from the sum of the lines `of`, which keeps `keep`."""

    of: tuple[str, ...]
    upto_kwh: Decimal | None
    keep: Decimal
    prices: tuple[Price, ...]


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

    upto_kwh: Decimal | None
    prices: tuple[Price, ...]


TAKES_OFF: Final = (Deduction, Discount, PerKwhCredit)
"""The kinds of line whose amount is 0 or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum(Line):
    """Adds what the sum of the lines `of` lacks to the reading month's least amount."""

    of: tuple[str, ...]
    prices: tuple[Price, ...]


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


@dataclass(frozen=True, slots=True)
class Option:
    """A named point that no source settles, or that the customer chooses."""

    id: str
    label: Text
    default: str
    values: dict[str, Text]


@dataclass(frozen=True, slots=True)
class OnlyLargest:
    """Discounts of which a customer gets only the largest; the first of equal ones.

    Each is computed as though the others weren't there.
    """

    lines: tuple[str, ...]
    when: tuple[Condition, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Case:
    """A worked bill that stands in the tariff's file and is recomputed by the tests."""

    note: str
    kwh: Decimal
    start: date
    end: date
    options: dict[str, str]
    expect: dict[str, Decimal]
    """Amount by the id of a line or subtotal, and "total"."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """One tariff with all its dated versions."""

    id: str
    name: Text
    country: str
    currency: str
    timezone: str
    since: date
    """First day that the file knows."""
    kwh_round: Rounding | None
    """How kWh are rounded when a period is split by days; None keeps their decimals."""
    period_source: str
    price_step: Decimal
    """To what a price of the next kWh is rounded, e.g. 0.1 won."""
    seasons: dict[str, Season]
    tiers: dict[str, tuple[TierSet, ...]]
    options: dict[str, Option]
    lines: tuple[Line, ...]
    only_largest: tuple[OnlyLargest, ...]
    cases: tuple[Case, ...]

    def __repr__(self) -> str:
        return f"<Tariff {self.id}>"

    def tiers_on(self, name: str, day: date) -> TierSet:
        """The bounds in force: a set of the season that holds the day comes before one of the whole year."""
        found = None
        for tier_set in self.tiers[name]:
            if tier_set.since > day:
                break
            if tier_set.season is None:
                found = tier_set if found is None or found.season is None else found
            elif self.seasons[tier_set.season].holds(day):
                found = tier_set
        assert found is not None  # the parser wants a set without a season from the tariff's first day on
        return found
