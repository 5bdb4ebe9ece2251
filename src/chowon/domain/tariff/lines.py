"""Reading [[line]] tables: one function a kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

from chowon.domain.tariff.conditions import conditions_of, one_customer_has_both
from chowon.domain.tariff.fields import NO_DAY, Table, as_decimal, close_match
from chowon.domain.tariff.kinds import (
    Choice,
    Deduction,
    Discount,
    Line,
    Minimum,
    Per,
    Percentage,
    PerKwh,
    PerKwhCredit,
    PriceDay,
    RoundTotal,
    Subtotal,
    TieredEnergy,
    TieredFixed,
    Weight,
)
from chowon.domain.tariff.terms import (
    ZERO,
    Dated,
    DiscountPrice,
    Option,
    Over,
    Price,
    Season,
    Text,
    TierPrice,
    TierSet,
)
from chowon.errors import Problem

_D = TypeVar("_D", bound=Dated)
_PRICE_DAYS: Final[tuple[PriceDay, ...]] = ("usage_day", "reading_month")
_WEIGHTS: Final[tuple[Weight, ...]] = ("days", "reading_month")
_PER: Final[tuple[Per, ...]] = ("period", "segment")
_FIXED: Final = frozenset({"id", "kind", "label", "choice", "when", "from", "until"})
"""What a choice can't change."""


@dataclass(slots=True)
class Context:
    """What a line may refer to; `lines` grows as they are read."""

    since: date
    seasons: Mapping[str, Season]
    tiers: Mapping[str, Sequence[TierSet]]
    options: Mapping[str, Option]
    lines: list[Line] = field(default_factory=list)


def line_of(table: Table, context: Context) -> None:
    """Read one [[line]] and append it to the context's lines."""
    id_ = table.text("id")
    table.where = f"{table.where.rsplit(' ', 1)[0]} line {id_!r}"
    kind = table.content.get("kind")
    read = KINDS.get(kind) if isinstance(kind, str) else None
    if read is None:
        table.note("kind", close_match(str(kind), list(KINDS)))
        return
    before = len(table.problems)
    line = _whole(table, read, context)
    if len(table.problems) == before:
        line = _with_choices(table, read, context, line)
    if id_ == "total" or any(
        other.id == id_ and one_customer_has_both(other.when, line.when, context.options)
        for other in context.lines
    ):
        table.note("id", "a name that no other line has for the same customer ('total' is taken)")
    context.lines.append(line)


def _whole(table: Table, read: "Callable[[Table, Context, dict[str, Any]], Line]", context: Context) -> Line:
    table.text("kind")
    since = table.day("from", context.since)
    until = table.day("until") if table.has("until") else None
    if since < context.since:
        table.note("from", f"{context.since} or later: the tariff begins on that day")
    if until is not None and until <= since:
        table.note("until", f"the first day without this line, later than {since}")
    common = {
        "id": table.text("id"),
        "label": table.label("label"),
        "round": table.rounding("round"),
        "since": since,
        "until": until,
        "when": conditions_of(table, context.options),
    }
    line = read(table, context, common)
    table.has("choice")
    table.finish()
    return line


def _with_choices(
    table: Table, read: "Callable[[Table, Context, dict[str, Any]], Line]", context: Context, line: Line
) -> Line:
    """The line with what options change: each choice is the line read again with the keys in `set`."""
    choices: list[Choice] = []
    for entry in table.tables("choice"):
        option, value = entry.text("option"), entry.text("value")
        known = context.options.get(option)
        if known is None:
            entry.note("option", close_match(option, list(context.options)))
        elif value not in known.values:
            entry.note("value", close_match(value, list(known.values)))
        changes = entry.table("set")
        entry.finish()
        if changes is None:
            entry.note("set", "the line's keys that change: { round_components = true }")
            continue
        problems: list[Problem] = []
        changed = _whole(Table({**table.content, **changes.content}, table.where, problems), read, context)
        table.problems.extend(problems)
        fixed = sorted(_FIXED & set(changes.content))
        for key in fixed:
            changes.note(key, "a setting that an option may change (not a name, a kind, dates or customers)")
        if not problems and not fixed:
            names = tuple("prices" if key == "price" else key for key in changes.content)
            choices.append(Choice(option, value, names, changed))
    arguments = {name: getattr(line, name) for name in line.__dataclass_fields__}
    return type(line)(**{**arguments, "choices": tuple(choices)})


def _tiered_fixed(table: Table, context: Context, common: dict[str, Any]) -> Line:
    tiers, prices = _tiers_and_prices(table, context, common["since"], None)
    return TieredFixed(**common, tiers=tiers, prices=prices)


def _tiered_energy(table: Table, context: Context, common: dict[str, Any]) -> Line:
    over = None
    over_table = table.table("over")
    if over_table is not None:
        above = over_table.number("above_kwh", ZERO)
        over = Over(above, over_table.text("season"), over_table.label("label"))
        if over.season not in context.seasons:
            over_table.note("season", close_match(over.season, list(context.seasons)))
        over_table.finish()
    tiers, prices = _tiers_and_prices(table, context, common["since"], over)
    sets = context.tiers.get(tiers, ())
    if over is not None and any(s.upto_kwh and s.upto_kwh[-1] >= over.above_kwh for s in sets):
        table.note("over", "above_kwh beyond the last bound of every set of tiers")
    return TieredEnergy(**common, tiers=tiers, prices=prices, over=over)


def _tiers_and_prices(
    table: Table, context: Context, since: date, over: Over | None
) -> tuple[str, tuple[TierPrice, ...]]:
    name = table.text("tiers")
    sets = context.tiers.get(name)
    if sets is None:
        table.note("tiers", close_match(name, list(context.tiers)))
    prices: list[TierPrice] = []
    for entry in table.tables("price", required=True):
        per_tier = entry.numbers("per_tier")
        if sets and len(per_tier) != len(sets[0].upto_kwh) + 1:
            entry.note("per_tier", f"{len(sets[0].upto_kwh) + 1} prices, one a tier")
        over_price = entry.number("over") if over is not None else None
        prices.append(TierPrice(entry.day("from"), entry.text("source"), per_tier, over_price))
        entry.finish()
        _in_order(entry, prices)
    _from_the_start(table, prices, since)
    return name, tuple(prices)


def _per_kwh(table: Table, _context: Context, common: dict[str, Any]) -> Line:
    by = table.one_of("by", _PRICE_DAYS)
    prices = _prices(table, "price", common["since"], monthly=by == "reading_month")
    round_components = table.flag("round_components", False)
    if round_components and any(not p.components for p in prices):
        table.note("round_components", "components in every price when they are rounded apart")
    return PerKwh(
        **common,
        by=by,
        kwh=table.one_of("kwh", ("split", "exact"), "split"),
        round_components=round_components,
        prices=prices,
    )


def _deduction(table: Table, context: Context, common: dict[str, Any]) -> Line:
    return Deduction(
        **common,
        of=_of(table, context),
        upto_kwh=table.number("upto_kwh", ZERO) if table.has("upto_kwh") else None,
        keep=table.number("keep", ZERO, ZERO),
        prices=_prices(table, "limit", common["since"], monthly=True),
    )


def _discount(table: Table, context: Context, common: dict[str, Any]) -> Line:
    of, per = _of(table, context), table.one_of("per", _PER, "period")
    prices: list[DiscountPrice] = []
    for entry in table.tables("price", required=True):
        percent = entry.number("percent", ZERO, Decimal(100))
        if percent > 100:
            entry.note("percent", "a percentage of at most 100")
        cap = entry.number("cap", ZERO) if entry.has("cap") else None
        since, source = entry.day("from"), entry.text("source")
        prices.append(DiscountPrice(since, source, percent, cap, _caps_in_season(entry, context, cap)))
        entry.finish()
        _in_order(entry, prices)
    _from_the_start(table, prices, common["since"])
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


def _per_kwh_credit(table: Table, _context: Context, common: dict[str, Any]) -> Line:
    upto_kwh = table.number("upto_kwh", ZERO) if table.has("upto_kwh") else None
    prices = _prices(table, "credit", common["since"], monthly=False)
    return PerKwhCredit(**common, upto_kwh=upto_kwh, prices=prices)


def _minimum(table: Table, context: Context, common: dict[str, Any]) -> Line:
    return Minimum(
        **common, of=_of(table, context), prices=_prices(table, "amount", common["since"], monthly=True)
    )


def _subtotal(table: Table, context: Context, common: dict[str, Any]) -> Line:
    return Subtotal(**common, of=_of(table, context))


def _percentage(table: Table, context: Context, common: dict[str, Any]) -> Line:
    by = table.one_of("by", _WEIGHTS, "days")
    prices = _prices(table, "percent", common["since"], monthly=by == "reading_month")
    return Percentage(**common, of=_of(table, context), by=by, prices=prices)


def _round_total(table: Table, _context: Context, common: dict[str, Any]) -> Line:
    if common["round"] is None:
        table.note("round", 'what the total is rounded to: { unit = 10, mode = "floor" }')
    return RoundTotal(**common)


KINDS: Final[dict[str, Callable[[Table, Context, dict[str, Any]], Line]]] = {
    "tiered_fixed": _tiered_fixed,
    "tiered_energy": _tiered_energy,
    "per_kwh": _per_kwh,
    "deduction": _deduction,
    "discount": _discount,
    "per_kwh_credit": _per_kwh_credit,
    "minimum": _minimum,
    "subtotal": _subtotal,
    "percentage": _percentage,
    "round_total": _round_total,
}
"""Every kind of line that the language knows."""


def _of(table: Table, context: Context) -> tuple[str, ...]:
    """Ids of lines above; all of them, subtotals apart, where the key is absent."""
    above = [line.id for line in context.lines]
    if not table.has("of"):
        return tuple(dict.fromkeys(line.id for line in context.lines if not isinstance(line, Subtotal)))
    names = table.texts("of")
    for name in names:
        if name not in above:
            table.note("of", f"lines that stand above this one; {name!r}: " + close_match(name, above))
    return names


def _prices(table: Table, value_key: str, since: date, monthly: bool) -> tuple[Price, ...]:
    prices: list[Price] = []
    for entry in table.tables("price", required=True):
        value = entry.number(value_key)
        price = Price(entry.day("from"), entry.text("source"), value, _components(entry, value))
        if monthly and price.since.day != 1:
            entry.note("from", "the first day of a reading month, e.g. 2022-07-01")
        prices.append(price)
        entry.finish()
        _in_order(entry, prices)
    _from_the_start(table, prices, since)
    return tuple(prices)


def _components(entry: Table, value: Decimal) -> tuple[tuple[Text, Decimal], ...]:
    parts = [(part.label("label"), part.number("price")) for part in entry.tables("component")]
    if parts and sum(p for _, p in parts) != value:
        entry.note("component", f"components that add up to {as_decimal(value)}")
    return tuple(parts)


def _in_order(entry: Table, prices: Sequence[_D]) -> None:
    if len(prices) > 1 and prices[-1].since <= prices[-2].since:
        entry.note("from", f"a date after the price before it: set from > {prices[-2].since}")


def _from_the_start(table: Table, prices: Sequence[_D], since: date) -> None:
    if prices and prices[0].since > since > NO_DAY:
        table.note("price", f"a price in force on {since}, the line's first day: set from <= {since}")
