"""Time of use: which band each hour of a day belongs to. Only data and its lookup by day.

A day is a local calendar day; minutes are wall-clock minutes since its midnight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from chowon.domain.tariff.terms import Season, in_force

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_TYPES: Final[dict[str, frozenset[str]]] = {
    **{name: frozenset({name}) for name in (*WEEKDAYS, "holiday")},
    "weekday": frozenset(WEEKDAYS[:5]),
    "weekend": frozenset(WEEKDAYS[5:]),
}
"""What a rule may name, and the plain days that it means."""


@dataclass(frozen=True, slots=True)
class HolidayRule:
    """Which holidays a tariff knows, in terms of the `holidays` library, and what it changes of them."""

    country: str
    subdivision: str | None
    categories: tuple[str, ...]
    language: str | None
    without: tuple[str, ...]
    """Holidays whose name contains one of these are days like any other."""
    add: frozenset[date]
    remove: frozenset[date]
    source: str


class HolidaySource(Protocol):
    """Where the dates of holidays come from."""

    def __call__(self, rule: HolidayRule, year: int) -> frozenset[date]:
        """The rule's holidays of a year."""


@dataclass(frozen=True, slots=True)
class DayRule:
    """The hours of the days that it matches."""

    days: frozenset[str]
    """Names of weekdays, and "holiday"; empty: any day"""
    seasons: tuple[str, ...]
    """Ids of seasons; empty: any time of the year"""
    starts: tuple[tuple[int, str], ...]
    """(first minute, band), in order from minute 0; a band lasts until the next one starts"""

    def matches(self, day: date, holiday: bool, seasons: Mapping[str, Season]) -> bool:
        """Whether the rule says this day's hours."""
        known = not self.days or WEEKDAYS[day.weekday()] in self.days or (holiday and "holiday" in self.days)
        return known and (not self.seasons or any(seasons[name].holds(day) for name in self.seasons))

    def band_at(self, minute: int) -> str:
        """The band of a wall-clock minute, 0–1439."""
        found = self.starts[0][1]
        for start, band in self.starts:
            if start > minute:
                break
            found = band
        return found


@dataclass(frozen=True, slots=True)
class CalendarVersion:
    """Rules in force from a day on; the first that matches a day says its hours."""

    since: date
    source: str
    rules: tuple[DayRule, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The bands of a tariff's hours, with all dated versions."""

    name: str
    bands: tuple[str, ...]
    """Every band that some rule names, in the order of the file"""
    versions: tuple[CalendarVersion, ...]

    def rule_on(self, day: date, holiday: bool, seasons: Mapping[str, Season]) -> DayRule:
        """The rule that says a day's hours; the day is not before the tariff's first."""
        version = in_force(self.versions, day)
        assert version is not None  # the parser wants a version from the tariff's first day on,
        return next(r for r in version.rules if r.matches(day, holiday, seasons))  # and a last rule for all


def bands_of(versions: Sequence[CalendarVersion]) -> tuple[str, ...]:
    """Every band that a rule names, each once, in the order of the file."""
    return tuple(dict.fromkeys(band for v in versions for rule in v.rules for _, band in rule.starts))
