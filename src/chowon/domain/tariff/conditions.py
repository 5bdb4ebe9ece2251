"""Reading which customers something is for, and of which discounts they get only the largest."""

from collections.abc import Mapping, Sequence
from itertools import product

from chowon.domain.tariff.definition import OnlyLargest
from chowon.domain.tariff.fields import Table, close_match
from chowon.domain.tariff.kinds import TAKES_OFF, Line
from chowon.domain.tariff.terms import Condition, Option, any_holds


def conditions_of(table: Table, options: Mapping[str, Option]) -> tuple[Condition, ...]:
    """The conditions under `when`: a list of tables, each with options and the values that are meant."""
    found = []
    for entry in table.tables("when"):
        for name in entry.content:
            if name not in options:
                entry.note(name, close_match(name, list(options)))
        if not entry.content:
            table.note("when", 'options with the values that are meant: [{ family = ["large_family"] }]')
        meant = [(name, _values(entry, name, options[name])) for name in entry.content if name in options]
        found.append(Condition(tuple(meant)))
    return tuple(found)


def _values(entry: Table, name: str, option: Option) -> tuple[str, ...]:
    values = entry.texts(name)
    for value in values:
        if value not in option.values:
            entry.note(name, close_match(value, list(option.values)))
    return values


def one_customer_has_both(
    first: Sequence[Condition], second: Sequence[Condition], options: Mapping[str, Option]
) -> bool:
    """Whether some choice of options fulfils both."""
    if not first or not second:
        return True
    names = sorted({name for condition in (*first, *second) for name, _ in condition.one_of})
    for values in product(*(options[name].values for name in names)):
        chosen = dict(zip(names, values, strict=True))
        if any_holds(first, chosen) and any_holds(second, chosen):
            return True
    return False


def only_largest_of(table: Table, options: Mapping[str, Option], lines: Sequence[Line]) -> OnlyLargest:
    """One [[only_largest]]: lines that stand together, so that each may be computed without the others."""
    names = table.texts("lines")
    discounts = {line.id for line in lines if isinstance(line, TAKES_OFF)}
    for name in names:
        if name not in discounts:
            table.note(
                "lines", f"lines that take something off; {name!r}: " + close_match(name, sorted(discounts))
            )
    places = [n for n, line in enumerate(lines) if line.id in names]
    if len(set(names)) < 2 or (places and places[-1] - places[0] >= len(places)):
        table.note("lines", "two or more lines that stand one below the other, with none between them")
    found = OnlyLargest(names, conditions_of(table, options), table.text("source"))
    table.finish()
    return found
