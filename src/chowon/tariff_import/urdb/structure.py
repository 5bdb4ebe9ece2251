"""URDB's rate structures: periods of tiers, and the schedules that say which hour is in which period."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from chowon.errors import Problem
from chowon.tariff_import.urdb.fields import Fields, as_found, as_number

Matrix = tuple[tuple[int, ...], ...]
"""12 months of 24 hours: the period, from 0, of each hour"""
_UNBOUNDED: Final = Decimal(10) ** 9
"""URDB's stand-ins for "no bound" (1e38, 9999999999) lie above this, bounds below."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One block of a period."""

    upto: Decimal | None
    """Upper bound in `unit`; None: no bound"""
    unit: str
    """"" where it isn't said"""
    price: Decimal
    """rate + adj, money per kWh or kW"""
    sell: Decimal


Tiers = tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """Tiers by period, and when each period is; only periods of the schedule matter."""

    where: str
    periods: tuple[Tiers, ...]
    weekday: Matrix
    weekend: Matrix

    def months(self) -> list[frozenset[int]]:
        """For each month, January first, the periods that some hour of it belongs to."""
        return [frozenset((*day, *end)) for day, end in zip(self.weekday, self.weekend, strict=True)]

    def used(self) -> list[int]:
        """The periods that some hour belongs to, in order."""
        return sorted(frozenset().union(*self.months()))


def structure_of(item: Fields, name: str, schedule: str, unit: str) -> Structure | None:
    """energyratestructure or demandratestructure with its two schedules; None where there is none.

    schedule: their names with a blank for the kind of day, e.g. "energy{}schedule".
    """
    weekday, weekend = (schedule.format(day) for day in ("weekday", "weekend"))
    if not item.has(name):
        for key in (weekday, weekend):
            if item.has(key):
                item.note(name, f"the periods that {key} names")
        return None
    before = len(item.problems)
    periods = _periods(item, name, unit)
    matrices = [_matrix(item, key, len(periods)) for key in (weekday, weekend)]
    if len(item.problems) > before or matrices[0] is None or matrices[1] is None:
        return None
    return Structure(name, periods, matrices[0], matrices[1])


def flat_demand_of(item: Fields) -> Structure | None:
    """flatdemandstructure with flatdemandmonths; None where there is none."""
    name, key = "flatdemandstructure", "flatdemandmonths"
    if not item.has(name):
        if item.has(key):
            item.note(name, f"the periods that {key} names")
        return None
    before = len(item.problems)
    periods = _periods(item, name, "kW")
    expected = f"12 periods of {name}, January first, each 0 to {len(periods) - 1}"
    months = item.indices_by_month(key, expected)
    if (months is not None and not all(0 <= period < len(periods) for period in months)) or (
        not item.has(key) and len(periods) > 1
    ):
        item.note(key, expected)
    elif not item.has(key):
        months = (0,) * 12
    if len(item.problems) > before or months is None:
        return None
    matrix = tuple((period,) * 24 for period in months)
    return Structure(name, periods, matrix, matrix)


def _periods(item: Fields, name: str, unit: str) -> tuple[Tiers, ...]:
    content = item.content[name]
    if not isinstance(content, list) or not all(isinstance(period, list) and period for period in content):
        item.note(name, "a list of periods, each a list of tiers: [[{rate: 0.1}], [{rate: 0.2}]]")
        return ()
    return tuple(_tiers(period, f"{name}[{n}]", unit, item.problems) for n, period in enumerate(content))


def _tiers(content: list[object], where: str, unit: str, problems: list[Problem]) -> Tiers:
    tiers: list[Tier] = []
    for number, entry in enumerate(content):
        place = f"{where}[{number}]"
        if not isinstance(entry, Mapping):
            problems.append(Problem(place, as_found(entry), "a tier: {rate: 0.1}"))
            continue
        table = Fields(entry, place, problems)
        tiers.append(_tier(table, unit))
        below = tiers[-2].upto if len(tiers) > 1 else Decimal(0)
        bound = tiers[-1].upto
        if number < len(content) - 1 and bound is None:
            table.note("max", f"a bound: only the last of the {len(content)} tiers has none")
        elif bound is not None and below is not None and bound <= below:
            table.note("max", f"a bound above {below}")
        elif number == len(content) - 1 and bound is not None:
            table.note("max", "no bound in the last tier: what is used above it has no price")
    return tuple(tiers)


def _tier(table: Fields, unit: str) -> Tier:
    for key in table.content:
        if key not in ("rate", "adj", "sell", "max", "unit") and table.has(key):
            table.note(key, "a field that chowon knows: whether this one changes the bill isn't known")
    price = f"a price, $ a {unit}"
    rate, adj, sell = (table.number(key, price) for key in ("rate", "adj", "sell"))
    if not table.has("rate") and not table.has("adj"):
        table.note("rate", price)
    upto = as_number(table.content["max"]) if table.has("max") else None
    if table.has("max") and upto is None:
        table.note("max", "the tier's upper bound, a number")
    if upto is not None and upto >= _UNBOUNDED:
        upto = None
    if upto is not None:
        upto = table.number("max")
    return Tier(
        upto, table.text("unit") or "", (rate or Decimal(0)) + (adj or Decimal(0)), sell or Decimal(0)
    )


def _matrix(item: Fields, key: str, periods: int) -> Matrix | None:
    expected = "12 months of 24 hours"
    if not item.has(key):
        if periods == 1:
            return ((0,) * 24,) * 12
        item.note(key, f"{expected}, each with its period")
        return None
    content = item.content[key]
    if not isinstance(content, list) or len(content) != 12:
        item.note(key, expected)
        return None
    rows: list[tuple[int, ...]] = []
    for month, row in enumerate(content):
        where = f"{item.at(key)}[{month}]"
        if not isinstance(row, list) or len(row) != 24:
            found = f"{len(row)} hours" if isinstance(row, list) else as_found(row)
            item.problems.append(Problem(where, found, "24 hours, each with its period"))
            continue
        wrong = [hour for hour, period in enumerate(row) if not _is_period(period, periods)]
        if wrong:
            found = as_found(row[wrong[0]]) + (f" and {len(wrong) - 1} more" if len(wrong) > 1 else "")
            allowed = f"a period, 0 to {periods - 1}" if periods else "a period"
            item.problems.append(Problem(f"{where}[{wrong[0]}]", found, allowed))
        rows.append(tuple(row))
    return tuple(rows)


def _is_period(value: object, periods: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < periods
