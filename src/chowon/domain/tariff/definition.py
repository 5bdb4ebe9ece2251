"""A tariff as it was defined: its lines in order, what they refer to, and its own cases. Only data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from chowon.domain.tariff.calendars import Calendar, HolidayRule, HolidaySource
from chowon.domain.tariff.kinds import Line
from chowon.domain.tariff.terms import Condition, Option, Rounding, Season, Text, TierSet


@dataclass(frozen=True, slots=True)
class OnlyLargest:
    """Discounts of which a customer gets only the largest; the first of equal ones.

    Each is computed as though the others weren't there.
    """

    lines: tuple[str, ...]
    when: tuple[Condition, ...]
    source: str


SplitBy = Literal["days", "measured"]


@dataclass(frozen=True, slots=True)
class HoursOf:
    """Hours of the days [since, until), and a number for them all together: kWh or a price."""

    since: date
    until: date
    spans: tuple[tuple[int, int], ...]
    """(first, end) wall-clock minutes of each day"""
    number: Decimal


@dataclass(frozen=True, slots=True)
class CaseUse:
    """What is used in a case: one number, the registers of a meter, or hours with their kWh."""

    kwh: Decimal | None = None
    bands: Mapping[str, Decimal] = field(default_factory=dict)
    import_hours: tuple[HoursOf, ...] = ()
    export_hours: tuple[HoursOf, ...] = ()
    export_kwh: Decimal = Decimal(0)
    demand_kw: Decimal | None = None
    past_demand_kw: Mapping[str, Decimal] = field(default_factory=dict)
    carried: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Case:
    """A worked bill that stands in the tariff's file and is recomputed by the tests."""

    note: str
    use: CaseUse
    start: date
    end: date
    whole: tuple[date, date] | None
    """The full period of which the case is a part."""
    options: dict[str, str]
    series: dict[str, tuple[HoursOf, ...]]
    """Prices by the name of their series"""
    expect: dict[str, Decimal]
    """Amount by the id of a line or subtotal, "total", and "carried"."""


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
    until: date | None
    """First day that it no longer knows; None: it goes on."""
    known_until: date | None
    """First day for which its prices aren't known; they go on, and bills say so."""
    kwh_round: Rounding | None
    """How kWh are rounded when a period is split by days; None keeps their decimals."""
    period_source: str
    split: SplitBy
    """Whether segments get what was measured on their days, where that is known, or shares by days."""
    net_kwh: bool
    """Whether export is taken off import before anything is priced, and carried on in kWh."""
    price_step: Decimal
    """To what a price of the next kWh is rounded, e.g. 0.1 won."""
    never_falls: bool
    """Whether the file declares that a bill of a full month never falls as its kWh grow."""
    seasons: dict[str, Season]
    calendars: dict[str, Calendar]
    bands: dict[str, Text]
    """The words for each band of the calendars"""
    holidays: HolidayRule | None
    holiday_source: HolidaySource | None
    tiers: dict[str, tuple[TierSet, ...]]
    options: dict[str, Option]
    lines: tuple[Line, ...]
    only_largest: tuple[OnlyLargest, ...]
    cases: tuple[Case, ...]

    def __repr__(self) -> str:
        return f"<Tariff {self.id}>"

    def is_holiday(self, day: date) -> bool:
        """Whether the day is one of the tariff's holidays."""
        if self.holidays is None or self.holiday_source is None or day in self.holidays.remove:
            return False
        return day in self.holidays.add or day in self.holiday_source(self.holidays, day.year)

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
