"""From a parsed TOML document to a Tariff. The language stands in docs/reference/tariff-language.md."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from chowon.domain.tariff.calendar_parsing import band_of, calendar_of, holidays_of
from chowon.domain.tariff.calendars import Calendar, HolidayRule, HolidaySource
from chowon.domain.tariff.case_parsing import case_of
from chowon.domain.tariff.conditions import only_largest_of
from chowon.domain.tariff.context import Context
from chowon.domain.tariff.definition import SplitBy, Tariff
from chowon.domain.tariff.fields import NO_DAY, Table, close_match
from chowon.domain.tariff.kinds import PerKwh, PriceSeries
from chowon.domain.tariff.lines import line_of
from chowon.domain.tariff.terms import NumberOption, Option, Rounding, Season, Text, TierSet
from chowon.errors import Problem, TariffInvalid

_SPLIT_BY: Final[tuple[SplitBy, ...]] = ("days", "measured")


def parse(document: Mapping[str, object], where: str, holiday_source: HolidaySource | None = None) -> Tariff:
    """The tariff that the document defines.

    document: from `tomllib.loads(text, parse_float=Decimal)`; where: the file's name, for messages;
    holiday_source: needed where the document names holidays.
    Errors: TariffInvalid with every problem found.
    """
    problems: list[Problem] = []
    top = Table(document, f"{where}: ", problems)
    since = top.day("from")
    if since.day != 1:
        top.note("from", "the first day of a month, so that reading months begin with it")
    until = top.day("until") if top.has("until") else None
    if until is not None and until <= since:
        top.note("until", f"the first day that the file no longer knows, later than {since}")
    seasons = {name: _season(name, table, since) for name, table in top.named("season")}
    tiers = {name: _tier_sets(table, since, seasons) for name, table in top.named("tiers")}
    options = {name: _option(name, table) for name, table in top.named("option")}
    calendars = {name: calendar_of(name, t, since, seasons) for name, t in top.named("calendar")}
    bands = {name: band_of(table) for name, table in top.named("band")}
    _every_band_has_words(top, calendars, bands)
    context = Context(since, seasons, tiers, calendars, options)
    for table in top.tables("line", required=True):
        line_of(table, context)
    period = top.table("period")
    counts = _period(period) if period is not None else _Period(None, "", "days", False)
    if period is None:
        top.note("period", 'a table [period] with counts_as = "one_month" and a source')
    flows = {line.of for line in context.lines if isinstance(line, PerKwh | PriceSeries)}
    if counts.net_kwh and (calendars or flows - {"import"}):
        top.note("period", 'net = "kwh" without calendars and without lines of export or net')
    tariff = Tariff(
        id=top.text("id"),
        name=top.label("name"),
        country=top.text("country"),
        currency=top.text("currency"),
        timezone=top.text("timezone"),
        since=since,
        until=until,
        known_until=_known_until(top, since, until),
        kwh_round=counts.kwh_round,
        period_source=counts.source,
        split=counts.split,
        net_kwh=counts.net_kwh,
        price_step=top.number("price_step", default=Decimal("0.1")),
        never_falls=top.flag("never_falls", False),
        seasons=seasons,
        calendars=calendars,
        bands=bands,
        holidays=_holidays(top, calendars, holiday_source),
        holiday_source=holiday_source,
        tiers=tiers,
        options=options,
        lines=tuple(context.lines),
        only_largest=tuple(only_largest_of(t, options, context.lines) for t in top.tables("only_largest")),
        cases=tuple(case_of(t, context) for t in top.tables("case")),
    )
    top.finish()
    if not problems:
        _every_option_is_used(top, tariff)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise TariffInvalid(f"{where} cannot be used: {count}", problems)
    return tariff


def _known_until(top: Table, since: date, until: date | None) -> date | None:
    if not top.has("known_until"):
        return None
    known_until = top.day("known_until")
    if not since < known_until or (until is not None and known_until > until):
        top.note("known_until", f"the first day without known prices, later than {since}, not after `until`")
    return known_until


class _Period(NamedTuple):
    kwh_round: Rounding | None
    source: str
    split: SplitBy
    net_kwh: bool


def _period(table: Table) -> _Period:
    table.one_of("counts_as", ("one_month",))
    split: SplitBy = table.one_of("split", _SPLIT_BY, "days")
    net = table.has("net") and table.one_of("net", ("kwh",)) == "kwh"
    found = _Period(table.rounding("kwh_round"), table.text("source"), split, net)
    table.finish()
    return found


def _holidays(
    top: Table, calendars: Mapping[str, Calendar], source: HolidaySource | None
) -> HolidayRule | None:
    table = top.table("holidays")
    rules = [rule for c in calendars.values() for version in c.versions for rule in version.rules]
    if table is None:
        if any("holiday" in rule.days for rule in rules):
            top.note("holidays", 'a table [holidays]: { country = "KR", source = "…" }')
        return None
    assert source is not None  # whoever reads files hands one in
    return holidays_of(table)


def _every_band_has_words(top: Table, calendars: Mapping[str, Calendar], bands: Mapping[str, Text]) -> None:
    known = {band for calendar in calendars.values() for band in calendar.bands}
    for band in sorted(known - set(bands) - {""}):
        top.note("band", f'words for band {band!r}: [band.{band}] label = {{ ko = "…", en = "…" }}')
    for band in sorted(set(bands) - known):
        top.note("band", f"a calendar with band {band!r}, or no such band")


def _season(name: str, table: Table, tariff_since: date) -> Season:
    months: frozenset[int] = frozenset()
    days = None
    if table.has("months") == table.has("days"):
        table.note("months", 'either months = [7, 8] or days = ["06-15", "09-14"]')
    elif table.has("months"):
        numbers = table.numbers("months")
        months = frozenset(int(n) for n in numbers)
        if not set(numbers) <= set(range(1, 13)):
            table.note("months", "months of the year, 1 to 12")
    else:
        first_last = [_month_day(t) for t in table.texts("days")]
        if len(first_last) == 2 and first_last[0] and first_last[1]:
            days = (first_last[0], first_last[1])
        else:
            table.note("days", 'the first and the last day, both included: ["06-15", "09-14"]')
    since = table.day("from", tariff_since)
    until = table.day("until") if table.has("until") else None
    if until is not None and until <= since:
        table.note("until", f"the first day after it, later than {since}")
    season = Season(name, table.label("label"), months, days, since, until, table.text("source"))
    table.finish()
    return season


def _month_day(text: str) -> tuple[int, int] | None:
    try:
        day = date.fromisoformat(f"2024-{text}")
    except ValueError:
        return None
    return day.month, day.day


def _tier_sets(table: Table, since: date, seasons: Mapping[str, Season]) -> tuple[TierSet, ...]:
    sets: list[TierSet] = []
    for entry in table.tables("set", required=True):
        season = entry.text("season") if entry.has("season") else None
        if season is not None and season not in seasons:
            entry.note("season", close_match(season, list(seasons)))
        per = entry.one_of("per", ("month", "day"), "month")
        upto = entry.numbers("upto")
        if any(a >= b for a, b in zip((Decimal(0), *upto), upto, strict=False)):
            entry.note("upto", "bounds in kWh, each above the one before it, e.g. [200, 400]")
        if sets and len(upto) != len(sets[0].upto_kwh):
            entry.note("upto", f"{len(sets[0].upto_kwh)} bounds, as in the first set")
        found = TierSet(entry.day("from"), season, upto, entry.text("source"), per == "day")
        if sets and found.since < sets[-1].since:
            entry.note("from", f"sets in order of their dates: set from >= {sets[-1].since}")
        if any(s.since == found.since and s.season == found.season for s in sets):
            entry.note("from", "another date: there is a set for this season and date already")
        sets.append(found)
        entry.finish()
    if sets and since > NO_DAY and not any(s.season is None and s.since <= since for s in sets):
        table.note("set", f"a set without a season whose from is {since} or earlier")
    table.finish()
    return tuple(sets)


def _option(name: str, table: Table) -> Option:
    if table.has("unit"):
        return _number_option(name, table)
    values_table = table.table("values")
    values = {v: values_table.label(v) for v in values_table.content} if values_table is not None else {}
    if len(values) < 2:
        table.note("values", "at least two values, each with words in both languages")
    default = table.text("default")
    if values and default not in values:
        table.note("default", close_match(default, list(values)))
    option = Option(name, table.label("label"), default, values)
    table.finish()
    return option


def _number_option(name: str, table: Table) -> Option:
    least, most = (table.number(key) if table.has(key) else None for key in ("least", "most"))
    default = table.number("default") if table.has("default") else None
    for bound, wrong in (
        (least, default is not None and least is not None and default < least),
        (most, default is not None and most is not None and default > most),
    ):
        if wrong:
            table.note("default", f"a number within its bounds; {bound} is one of them")
    option = Option(
        name,
        table.label("label"),
        None if default is None else str(default),
        {},
        NumberOption(table.text("unit"), least, most),
    )
    table.finish()
    return option


def _every_option_is_used(top: Table, tariff: Tariff) -> None:
    used = {choice.option for line in tariff.lines for choice in line.choices}
    for line in tariff.lines:
        used |= {str(getattr(line, key, None)) for key in ("times", "kw_option", "option")}
    for when in (*(line.when for line in tariff.lines), *(group.when for group in tariff.only_largest)):
        used |= {name for condition in when for name, _ in condition.one_of}
    for name in tariff.options:
        if name not in used:
            top.note(
                "option", f"a line with a choice or a `when` that uses option {name!r}, or no such option"
            )
