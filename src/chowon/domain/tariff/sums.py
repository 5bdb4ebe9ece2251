"""Reading the lines that follow from those above them: discounts, sums, percentages, the rounded total."""

from decimal import Decimal
from typing import Any, Final

from chowon.domain.tariff.context import (
    Context,
    begins_a_month,
    from_the_start,
    in_order,
    number_option,
    of_lines,
    prices_of,
)
from chowon.domain.tariff.fields import Table, close_match
from chowon.domain.tariff.kinds import (
    CarryOver,
    Deduction,
    Discount,
    Fixed,
    Line,
    Minimum,
    Per,
    Percentage,
    PerKwh,
    PerKwhCredit,
    PerPoint,
    RoundTotal,
    Subtotal,
    TieredEnergy,
    TieredFixed,
    Weight,
)
from chowon.domain.tariff.terms import ZERO, DiscountPrice, LeastCharge

_WEIGHTS: Final[tuple[Weight, ...]] = ("days", "reading_month")
_PER: Final[tuple[Per, ...]] = ("period", "segment")


def deduction(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    return Deduction(
        **common,
        of=of_lines(table, context),
        keep=table.number("keep", ZERO, ZERO),
        prices=prices_of(table, "limit", common["since"], monthly=True),
    )


def discount(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    of, per = of_lines(table, context), table.one_of("per", _PER, "period")
    prices: list[DiscountPrice] = []
    for entry in table.tables("price", required=True):
        percent = entry.number("percent", ZERO, Decimal(100))
        if percent > 100:
            entry.note("percent", "a percentage of at most 100")
        cap = entry.number("cap", ZERO) if entry.has("cap") else None
        since, source = entry.day("from"), entry.text("source")
        prices.append(DiscountPrice(since, source, percent, cap, _caps_in_season(entry, context, cap)))
        entry.finish()
        in_order(entry, prices)
    from_the_start(table, prices, common["since"])
    return Discount(**common, of=of, per=per, prices=tuple(prices))


def _caps_in_season(entry: Table, context: Context, cap: Decimal | None) -> tuple[tuple[str, Decimal], ...]:
    table = entry.table("in_season")
    if table is None:
        return ()
    if cap is None:
        entry.note("in_season", "a cap for the rest of the year beside it: cap = 16000")
    for name in table.content:
        if name not in context.seasons:
            table.note(name, close_match(name, list(context.seasons)))
    return tuple((name, table.number(name, ZERO)) for name in table.content)


def per_kwh_credit(table: Table, _context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    if table.has("first_kwh") and table.has("first_kwh_per_day"):
        table.note("first_kwh", "either first_kwh or first_kwh_per_day")
    per_day = table.has("first_kwh_per_day")
    key = "first_kwh_per_day" if per_day else "first_kwh"
    first_kwh = table.number(key, ZERO) if table.has(key) else None
    prices = prices_of(table, "credit", common["since"], monthly=False)
    return PerKwhCredit(**common, first_kwh=first_kwh, per_day=per_day, prices=prices)


def minimum(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    of, since = of_lines(table, context), common["since"]
    prices: list[LeastCharge] = []
    for entry in table.tables("price", required=True):
        if entry.has("amount") == entry.has("of_kwh"):
            entry.note("amount", "either an amount or of_kwh: what so many kWh cost")
        elif entry.has("of_kwh") and not all(
            _follows_from_kwh(line) for line in context.lines if line.id in of
        ):
            entry.note(
                "of_kwh", "lines `of` that follow from the kWh alone and are rounded: tiers, by kWh, fixed"
            )
        amount = entry.number("amount") if entry.has("amount") else None
        kwh = entry.number("of_kwh", ZERO) if entry.has("of_kwh") else None
        prices.append(LeastCharge(entry.day("from"), entry.text("source"), amount, kwh))
        begins_a_month(entry, prices[-1].since)
        entry.finish()
        in_order(entry, prices)
    from_the_start(table, prices, since)
    return Minimum(**common, of=of, prices=tuple(prices))


def _follows_from_kwh(line: Line) -> bool:
    by_kwh = isinstance(line, TieredFixed | TieredEnergy | Fixed) or (
        isinstance(line, PerKwh) and line.of == "import"
    )
    return by_kwh and line.round is not None


def subtotal(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    return Subtotal(**common, of=of_lines(table, context))


def percentage(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    by = table.one_of("by", _WEIGHTS, "days")
    prices = prices_of(table, "percent", common["since"], monthly=by == "reading_month")
    return Percentage(**common, of=of_lines(table, context), by=by, prices=prices)


def per_point(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    option = number_option(table, "option", context)
    if option is None:
        table.note("option", "the numeric option whose points count")
    least, most = table.number("least"), table.number("most")
    if least > most:
        table.note("least", f"at most `most`, {most}")
    return PerPoint(
        **common,
        of=of_lines(table, context),
        option=option or "",
        standard=table.number("standard"),
        least=least,
        most=most,
        prices=prices_of(table, "percent", common["since"], monthly=True),
    )


def carry_over(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    if any(isinstance(line, CarryOver) for line in context.lines):
        table.note("kind", "one line that carries credit over")
    return CarryOver(**common, of=of_lines(table, context))


def round_total(table: Table, _context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    if common["round"] is None:
        table.note("round", 'what the total is rounded to: { unit = 10, mode = "floor" }')
    return RoundTotal(**common)
