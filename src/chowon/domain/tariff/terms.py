"""What tariffs are written in: words, dated prices, seasons, tiers, options. Only data.

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
    """Upper bounds of all tiers but the last, kWh; of one season, or of the rest of the year."""

    since: date
    season: str | None
    upto_kwh: tuple[Decimal, ...]
    source: str
    per_day: bool = False
    """Whether the bounds are of a day, for as many days as a period has; else of a month."""


@dataclass(frozen=True, slots=True)
class Price:
    """One dated number: money per kWh, percent, a limit or an amount, as the line's kind says."""

    since: date
    source: str
    value: Decimal
    components: tuple[tuple[Text, Decimal], ...] = ()
    """Parts of `value` by name, where they are published apart."""
    season: str | None = None
    """In force on days of this season only; before one without a season."""


@dataclass(frozen=True, slots=True)
class BandPrice:
    """One dated price a band, money per kWh."""

    since: date
    source: str
    per_band: tuple[tuple[str, Decimal], ...]
    season: str | None = None
    """As `Price.season`."""


@dataclass(frozen=True, slots=True)
class BandTierPrice:
    """One dated price a band and tier, money per kWh."""

    since: date
    source: str
    per_band: tuple[tuple[str, tuple[Decimal, ...]], ...]
    season: str | None = None
    """As `Price.season`."""


class Seasonal(Dated, Protocol):
    """Anything dated that may be in force in one season only."""

    @property
    def season(self) -> str | None:
        """The season's id; None: the whole year."""


_S = TypeVar("_S", bound=Seasonal)


def seasonal_in_force(versions: Sequence[_S], day: date, seasons: "Mapping[str, Season]") -> _S | None:
    """The version in force on this day: the newest of its season, else the newest without a season."""
    found = None
    for version in versions:
        if version.since > day:
            break
        if version.season is None:
            found = version if found is None or found.season is None else found
        elif seasons[version.season].holds(day):
            found = version
    return found


@dataclass(frozen=True, slots=True)
class TierPrice:
    """One dated number a tier: money per kWh, or per month for a fixed charge."""

    since: date
    source: str
    per_tier: tuple[Decimal, ...]
    over: Decimal | None = None
    """Price of what lies above `Over.upto_kwh`."""
    season: str | None = None
    """As `Price.season`."""


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
class LeastCharge:
    """One dated least amount a month: of money, or what so many kWh would cost."""

    since: date
    source: str
    amount: Decimal | None
    kwh: Decimal | None
    """One of both is there."""


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
class NumberOption:
    """What an option that is a number is measured in, and its bounds."""

    unit: str
    least: Decimal | None
    most: Decimal | None

    @property
    def expected(self) -> str:
        """What may be stated, for a message."""
        bounds = [f"at least {self.least}"] if self.least is not None else []
        bounds += [f"at most {self.most}"] if self.most is not None else []
        return ", ".join([f"a number of {self.unit}", *bounds])


@dataclass(frozen=True, slots=True)
class Option:
    """A named point that no source settles, or that the customer chooses or has."""

    id: str
    label: Text
    default: str | None
    """None: the customer must state it where a line needs it."""
    values: dict[str, Text]
    """Empty where it is a number."""
    number: NumberOption | None = None

    def words(self, value: str) -> Text:
        """One of its values as people read it."""
        if self.number is None:
            return self.values[value]
        unit = self.number.unit
        return Text(f"{value} {unit}", f"{value} {unit}")
