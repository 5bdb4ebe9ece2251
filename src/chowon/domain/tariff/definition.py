"""A tariff as it was defined: its lines in order, what they refer to, and its own cases. Only data."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

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
