"""From a parsed TOML document to a Tariff. The language stands in docs/reference/tariff-language.md."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from chowon.domain.tariff.conditions import only_largest_of
from chowon.domain.tariff.definition import Case, Tariff
from chowon.domain.tariff.fields import NO_DAY, Table, close_match
from chowon.domain.tariff.lines import Context, line_of
from chowon.domain.tariff.terms import Option, Rounding, Season, TierSet
from chowon.errors import Problem, TariffInvalid


def parse(document: Mapping[str, object], where: str) -> Tariff:
    """The tariff that the document defines.

    document: from `tomllib.loads(text, parse_float=Decimal)`; where: the file's name, for messages.
    Errors: TariffInvalid with every problem found.
    """
    problems: list[Problem] = []
    top = Table(document, f"{where}: ", problems)
    since = top.day("from")
    if since.day != 1:
        top.note("from", "the first day of a month, so that reading months begin with it")
    seasons = {name: _season(name, table, since) for name, table in top.named("season")}
    tiers = {name: _tier_sets(table, since, seasons) for name, table in top.named("tiers")}
    options = {name: _option(name, table) for name, table in top.named("option")}
    context = Context(since, seasons, tiers, options)
    for table in top.tables("line", required=True):
        line_of(table, context)
    period = top.table("period")
    kwh_round, period_source = _period(period) if period is not None else (None, "")
    if period is None:
        top.note("period", 'a table [period] with counts_as = "one_month" and a source')
    tariff = Tariff(
        id=top.text("id"),
        name=top.label("name"),
        country=top.text("country"),
        currency=top.text("currency"),
        timezone=top.text("timezone"),
        since=since,
        kwh_round=kwh_round,
        period_source=period_source,
        price_step=top.number("price_step", default=Decimal("0.1")),
        seasons=seasons,
        tiers=tiers,
        options=options,
        lines=tuple(context.lines),
        only_largest=tuple(only_largest_of(t, options, context.lines) for t in top.tables("only_largest")),
        cases=tuple(_case(t, context) for t in top.tables("case")),
    )
    top.finish()
    if not problems:
        _every_option_is_used(top, tariff)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise TariffInvalid(f"{where} cannot be used: {count}", problems)
    return tariff


def _period(table: Table) -> tuple[Rounding | None, str]:
    table.one_of("counts_as", ("one_month",))
    found = table.rounding("kwh_round"), table.text("source")
    table.finish()
    return found


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
        upto = entry.numbers("upto")
        if any(a >= b for a, b in zip((Decimal(0), *upto), upto, strict=False)):
            entry.note("upto", "bounds in kWh, each above the one before it, e.g. [200, 400]")
        if sets and len(upto) != len(sets[0].upto_kwh):
            entry.note("upto", f"{len(sets[0].upto_kwh)} bounds, as in the first set")
        found = TierSet(entry.day("from"), season, upto, entry.text("source"))
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


def _case(table: Table, context: Context) -> Case:
    start, end = table.day("start"), table.day("end")
    if start < context.since or end <= start:
        table.note("start", f"a date of {context.since} or later, before the case's end")
    options: dict[str, str] = {}
    chosen = table.table("options")
    for name in chosen.content if chosen is not None else ():
        assert chosen is not None
        if name not in context.options:
            chosen.note(name, close_match(name, list(context.options)))
            continue
        options[name] = chosen.one_of(name, tuple(context.options[name].values) or ("",))
    expect: dict[str, Decimal] = {}
    wanted = table.table("expect")
    if wanted is None or not wanted.content:
        table.note("expect", "the amounts of lines, and total: { base = 1600, total = 65160 }")
    for name in wanted.content if wanted is not None else ():
        assert wanted is not None
        expect[name] = wanted.number(name)
        known = [*(line.id for line in context.lines), "total"]
        if name not in known:
            wanted.note(name, close_match(name, known))
    case = Case(table.text("note"), table.number("kwh", Decimal(0)), start, end, options, expect)
    table.finish()
    return case


def _every_option_is_used(top: Table, tariff: Tariff) -> None:
    used = {choice.option for line in tariff.lines for choice in line.choices}
    for when in (*(line.when for line in tariff.lines), *(group.when for group in tariff.only_largest)):
        used |= {name for condition in when for name, _ in condition.one_of}
    for name in tariff.options:
        if name not in used:
            top.note(
                "option", f"a line with a choice or a `when` that uses option {name!r}, or no such option"
            )
