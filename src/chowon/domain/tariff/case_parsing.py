"""Reading [[case]] tables: worked bills."""

from datetime import date, timedelta
from decimal import Decimal

from chowon.domain.tariff.calendar_parsing import hours_of
from chowon.domain.tariff.context import Context
from chowon.domain.tariff.definition import Case, CaseUse, HoursOf
from chowon.domain.tariff.fields import Table, as_decimal, close_match
from chowon.domain.tariff.kinds import PriceSeries
from chowon.domain.tariff.terms import ZERO


def case_of(table: Table, context: Context) -> Case:
    """One [[case]]."""
    start, end = table.day("start"), table.day("end")
    if start < context.since or end <= start:
        table.note("start", f"a date of {context.since} or later, before the case's end")
    whole = None
    if table.has("whole_start") or table.has("whole_end"):
        whole = table.day("whole_start", start), table.day("whole_end", end)
        if not whole[0] <= start < end <= whole[1]:
            table.note("whole_start", "a full period that holds the case's own")
    case = Case(
        table.text("note"),
        _use(table, context),
        start,
        end,
        whole,
        _options(table, context),
        _series(table, context),
        _expected(table, context),
    )
    table.finish()
    return case


def _use(table: Table, context: Context) -> CaseUse:
    told = [key for key in ("kwh", "bands", "use") if table.has(key)]
    if len(told) != 1:
        table.note("kwh", "one of kwh = 350, bands = { light = 100, peak = 50 } or use = [...]")
    entries = table.tables("use")
    return CaseUse(
        kwh=table.number("kwh", ZERO) if told == ["kwh"] else None,
        bands=_bands(table, context),
        import_hours=tuple(_hours(t, "kwh") for t in entries if "export_kwh" not in t.content),
        export_hours=tuple(_hours(t, "export_kwh") for t in entries if "export_kwh" in t.content),
        export_kwh=table.number("export_kwh", ZERO, ZERO),
        demand_kw=table.number("demand_kw", ZERO) if table.has("demand_kw") else None,
        past_demand_kw=_past_demand(table),
        carried=table.number("carried", ZERO, ZERO),
    )


def _bands(table: Table, context: Context) -> dict[str, Decimal]:
    bands = table.table("bands")
    if bands is None:
        return {}
    known = [band for calendar in context.calendars.values() for band in calendar.bands]
    for name in bands.content:
        if name not in known:
            bands.note(name, close_match(name, known))
    return {name: bands.number(name, ZERO) for name in bands.content}


def _past_demand(table: Table) -> dict[str, Decimal]:
    past = table.table("past_demand_kw")
    if past is None:
        return {}
    for name in past.content:
        try:
            date.fromisoformat(f"{name}-01")
        except ValueError:
            past.note(name, "a month like 2026-01")
    return {name: past.number(name, ZERO) for name in past.content}


def _hours(table: Table, key: str) -> HoursOf:
    """Some hours of a day, or of each day of a range, with one number for all of them."""
    if table.has("day"):
        since = table.day("day")
        until = since if since == date.min else since + timedelta(days=1)
    else:
        since, until = table.day("from"), table.day("until")
    found = HoursOf(since, until, hours_of(table, "hours", table.text("hours")), table.number(key))
    if since != date.min and until <= since:
        table.note("until", f"the day after the last one, later than {since}")
    table.finish()
    return found


def _series(table: Table, context: Context) -> dict[str, tuple[HoursOf, ...]]:
    prices = table.table("prices")
    if prices is None:
        return {}
    known = [line.series for line in context.lines if isinstance(line, PriceSeries)]
    for name in prices.content:
        if name not in known:
            prices.note(name, close_match(name, known))
    return {name: tuple(_hours(t, "price") for t in prices.tables(name)) for name in prices.content}


def _options(table: Table, context: Context) -> dict[str, str]:
    options: dict[str, str] = {}
    chosen = table.table("options")
    for name in chosen.content if chosen is not None else ():
        assert chosen is not None
        option = context.options.get(name)
        if option is None:
            chosen.note(name, close_match(name, list(context.options)))
        elif option.number is not None:
            value = as_decimal(chosen.content[name])
            options[name] = chosen.text(name) if value is None else str(value)
            chosen.has(name)
        else:
            options[name] = chosen.one_of(name, tuple(option.values) or ("",))
    return options


def _expected(table: Table, context: Context) -> dict[str, Decimal]:
    expect: dict[str, Decimal] = {}
    wanted = table.table("expect")
    if wanted is None or not wanted.content:
        table.note("expect", "the amounts of lines, and total: { base = 1600, total = 65160 }")
    known = [*(line.id for line in context.lines), "total", "carried"]
    for name in wanted.content if wanted is not None else ():
        assert wanted is not None
        expect[name] = wanted.number(name)
        if name not in known:
            wanted.note(name, close_match(name, known))
    return expect
