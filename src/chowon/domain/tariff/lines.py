"""Reading [[line]] tables: what all kinds have in common, and what options change."""

from collections.abc import Callable
from typing import Any, Final

from chowon.domain.tariff import charges, sums
from chowon.domain.tariff.conditions import conditions_of, one_customer_has_both
from chowon.domain.tariff.context import Context
from chowon.domain.tariff.fields import Table, close_match
from chowon.domain.tariff.kinds import NOT_FOR_SOME_USES, Choice, Line
from chowon.domain.tariff.terms import ZERO
from chowon.errors import Problem

_FIXED: Final = frozenset({"id", "kind", "label", "choice", "when", "from", "until", "known_until"})
"""What a choice can't change."""
_USES: Final = ("above_kwh", "upto_kwh")
_FIELDS: Final = {
    "price": ("prices",),
    "first_kwh_per_day": ("first_kwh", "per_day"),
}
"""What a key of the file is called in the line, where it is not the same."""


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
        "known_until": table.day("known_until") if table.has("known_until") else None,
        **{key: table.number(key, ZERO) if table.has(key) else None for key in _USES},
    }
    line = read(table, context, common)
    _check_uses(table, line)
    _check_known(table, line)
    table.has("choice")
    table.finish()
    return line


def _check_uses(table: Table, line: Line) -> None:
    """Note bounds of the use that hold for none, or stand where they can't."""
    above, upto = line.above_kwh, line.upto_kwh
    if above is not None and upto is not None and upto <= above:
        table.note("upto_kwh", f"more than above_kwh, {above}")
    if isinstance(line, NOT_FOR_SOME_USES):
        for key in _USES:
            if table.has(key):
                table.note(key, "nothing here: a line of this kind is on bills of every use")


def _check_known(table: Table, line: Line) -> None:
    """Note a `known_until` that no bill can go by."""
    known_until = line.known_until
    if known_until is None:
        return
    if not hasattr(line, "prices"):
        table.note("known_until", "nothing here: a line of this kind has no prices")
    elif known_until <= line.since:
        table.note("known_until", f"the first day without known prices, later than {line.since}")
    elif line.by_reading_month and known_until.day != 1:
        table.note("known_until", "the first day of a reading month, e.g. 2027-01-01")


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
            names = tuple(name for key in changes.content for name in _FIELDS.get(key, (key,)))
            choices.append(Choice(option, value, names, changed))
    if not choices:
        return line
    arguments = {name: getattr(line, name) for name in line.__dataclass_fields__}
    return type(line)(**{**arguments, "choices": tuple(choices)})


KINDS: Final[dict[str, Callable[[Table, Context, dict[str, Any]], Line]]] = {
    "tiered_fixed": charges.tiered_fixed,
    "tiered_energy": charges.tiered_energy,
    "per_kwh": charges.per_kwh,
    "time_of_use": charges.time_of_use,
    "tiered_time_of_use": charges.tiered_time_of_use,
    "price_series": charges.price_series,
    "demand": charges.demand,
    "fixed": charges.fixed,
    "deduction": sums.deduction,
    "discount": sums.discount,
    "per_kwh_credit": sums.per_kwh_credit,
    "minimum": sums.minimum,
    "subtotal": sums.subtotal,
    "percentage": sums.percentage,
    "per_point": sums.per_point,
    "carry_over": sums.carry_over,
    "round_total": sums.round_total,
}
"""Every kind of line that the language knows."""
