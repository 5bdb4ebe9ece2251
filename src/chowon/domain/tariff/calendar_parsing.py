"""Reading [calendar.…], [band.…] and [holidays] tables."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from chowon.domain.tariff.calendars import (
    DAY_TYPES,
    Calendar,
    CalendarVersion,
    DayRule,
    HolidayRule,
    bands_of,
)
from chowon.domain.tariff.fields import NO_DAY, Table, close_match
from chowon.domain.tariff.terms import Season, Text

_DAY_MINUTES: Final = 1440
_SPAN: Final = re.compile(r"(\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?")
_HOURS: Final = 'hours of the day like "22-08" or "08:30-12,13-18"'


def calendar_of(name: str, table: Table, since: date, seasons: Mapping[str, Season]) -> Calendar:
    """One [calendar.NAME]."""
    versions: list[CalendarVersion] = []
    for entry in table.tables("version", required=True):
        rules = tuple(_rule(t, seasons) for t in entry.tables("rule", required=True))
        version = CalendarVersion(entry.day("from"), entry.text("source"), rules)
        if rules and (rules[-1].days or rules[-1].seasons):
            entry.note("rule", "a last rule for every other day: one without days and seasons")
        if versions and version.since <= versions[-1].since:
            entry.note("from", f"a date after the version before it: set from > {versions[-1].since}")
        versions.append(version)
        entry.finish()
    if versions and versions[0].since > since > NO_DAY:
        table.note("version", f"a version in force on {since}, the tariff's first day: set from <= {since}")
    table.finish()
    return Calendar(name, bands_of(versions), tuple(versions))


def band_of(table: Table) -> Text:
    """One [band.NAME]: its words."""
    words = table.label("label")
    table.finish()
    return words


def holidays_of(table: Table) -> HolidayRule:
    """[holidays]"""
    rule = HolidayRule(
        country=table.text("country"),
        subdivision=table.text("subdivision") if table.has("subdivision") else None,
        categories=table.texts("categories") if table.has("categories") else ("public",),
        language=table.text("language") if table.has("language") else None,
        without=table.texts("without") if table.has("without") else (),
        add=frozenset(table.days("add")) if table.has("add") else frozenset(),
        remove=frozenset(table.days("remove")) if table.has("remove") else frozenset(),
        source=table.text("source"),
    )
    table.finish()
    return rule


def hours_of(table: Table, key: str, text: str) -> tuple[tuple[int, int], ...]:
    """(first, end) minutes of each span of hours, those over midnight in two; empty where they're wrong."""
    spans: list[tuple[int, int]] = []
    for part in text.split(","):
        found = _SPAN.fullmatch(part.strip())
        if found is None:
            table.note(key, _HOURS)
            return ()
        first, end = (int(found[n]) * 60 + int(found[n + 1] or 0) for n in (1, 3))
        if max(first, end) > _DAY_MINUTES or first == end:
            table.note(key, _HOURS)
            return ()
        spans.extend([(first, end)] if first < end else [(first, _DAY_MINUTES), (0, end)])
    return tuple((a, b) for a, b in sorted(spans) if a < b)


def _rule(table: Table, seasons: Mapping[str, Season]) -> DayRule:
    days: frozenset[str] = frozenset()
    for name in table.texts("days") if table.has("days") else ():
        if name not in DAY_TYPES:
            table.note("days", close_match(name, list(DAY_TYPES)))
        days |= DAY_TYPES.get(name, frozenset())
    names: Sequence[str] = ()
    if table.has("seasons"):
        names = table.texts("seasons")
    elif table.has("season"):
        names = (table.text("season"),)
    for name in names:
        if name not in seasons:
            table.note("season", close_match(name, list(seasons)))
    rule = DayRule(days, tuple(n for n in names if n in seasons), _starts(table))
    table.finish()
    return rule


def _starts(table: Table) -> tuple[tuple[int, str], ...]:
    bands = table.table("bands")
    if bands is None:
        table.note("bands", 'the hours of each band: { light = "22-08", peak = "08-22" }')
        return ((0, ""),)
    before = len(table.problems)
    spans = sorted(
        (first, end, band) for band in bands.content for first, end in hours_of(bands, band, bands.text(band))
    )
    at = 0
    for first, end, band in spans:
        if first != at and len(table.problems) == before:
            at_text, first_text = _clock(at), _clock(first)
            what = f"{at_text} to {first_text} in no band" if first > at else f"{first_text} in two bands"
            table.note("bands", f"bands that hold each minute of the day once; {band!r} leaves {what}")
        at = end
    if at != _DAY_MINUTES and len(table.problems) == before:
        table.note("bands", f"bands that hold each minute of the day once; {_clock(at)} to 24 is in none")
    starts: list[tuple[int, str]] = []
    for first, _, band in spans:
        if not starts or starts[-1][1] != band:
            starts.append((first, band))
    return tuple(starts) or ((0, ""),)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
