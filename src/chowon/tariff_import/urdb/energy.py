"""Energy charges: flat, in tiers, by time of use; fuel adjustments; what export earns."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Final

from chowon.tariff_import.urdb import words
from chowon.tariff_import.urdb.draft import Draft
from chowon.tariff_import.urdb.export import Sells, export_of
from chowon.tariff_import.urdb.fields import as_found
from chowon.tariff_import.urdb.structure import Structure, Tiers
from chowon.tariff_import.urdb.timing import calendar_rules, plain

_CALENDAR: Final = "energy"
_PER: Final = {"kwh": "month", "kwh daily": "day"}
"""Of what the bounds of tiers are, by their unit in lower case."""
Blocks = tuple[tuple[Decimal | None, Decimal], ...]
"""(upper bound, price) of blocks that differ from each other"""


def add_energy(draft: Draft, energy: Structure, without_export: bool) -> None:
    """The lines of energyratestructure."""
    sells = export_of(draft, energy, without_export)
    blocks = {period: _blocks(energy.periods[period]) for period in energy.used()}
    tiered = [period for period in energy.used() if len(blocks[period]) > 1]
    if not tiered:
        prices = {period: blocks[period][0][1] for period in blocks}
        _add_timed(draft, energy, "energy", prices, sells, "import")
    elif all(len({blocks[period] for period in month}) == 1 for month in energy.months()):
        _add_tiers(draft, energy, blocks, tiered)
    else:
        places = ", ".join(f"{energy.where}[{period}]" for period in tiered)
        draft.refuse(
            places,
            "tiers in months with several periods",
            "tiers or periods: which of a tier's kWh fall into which period isn't said",
        )
    if any(sells.values()):
        _add_timed(draft, energy, "export", sells, sells, "export")


def add_fuel(draft: Draft) -> None:
    """The line of fueladjustmentsmonthly."""
    key = "fueladjustmentsmonthly"
    values = draft.item.numbers_by_month(key, "12 prices, $ a kWh, January first")
    if values is not None and any(values):
        prices = draft.prices_by_month("price", list(values))
        draft.line("fuel", "per_kwh", words.FUEL, prices, by="usage_day")


def _blocks(tiers: Tiers) -> Blocks:
    """Neighbours of one price are one block."""
    last = {here.upto: here.price for here, above in pairwise(tiers) if here.price != above.price}
    return (*last.items(), (None, tiers[-1].price))


def _add_timed(
    draft: Draft,
    energy: Structure,
    id_: str,
    prices: Mapping[int, Decimal],
    sells: Sells,
    of: str,
) -> None:
    """One price a kWh at each time; periods that cost and earn the same are one band."""
    label = words.ENERGY if of == "import" else words.EXPORT
    settings = {} if of == "import" else {"of": of}
    by_month = [{prices[period] for period in month} for month in energy.months()]
    if all(len(month) == 1 for month in by_month):
        flat = draft.prices_by_month("price", [next(iter(month)) for month in by_month])
        draft.line(id_, "per_kwh", label, flat, by="usage_day", **settings)
        return
    first: dict[tuple[Decimal, Decimal], int] = {}
    same = {p: first.setdefault((prices[p], sells[p]), p) for p in energy.used()}
    if _CALENDAR not in draft.calendars:
        rules = calendar_rules(energy.weekday, energy.weekend, lambda p: _band(same[p]), draft.seasons)
        version = {"from": draft.since, "source": draft.source, "rule": rules}
        draft.calendars[_CALENDAR] = {"version": [version]}
        draft.bands.update({_band(p): {"label": plain(words.period(p))} for p in first.values()})
    bands = {_band(p): prices[p] for p in first.values()}
    draft.line(id_, "time_of_use", label, [draft.price(bands=bands)], calendar=_CALENDAR, **settings)


def _band(period: int) -> str:
    return f"period_{period + 1}"


def _add_tiers(draft: Draft, energy: Structure, blocks: Mapping[int, Blocks], tiered: list[int]) -> None:
    """Blocks of the month's kWh; months with fewer blocks than others repeat their last price."""
    units = {tier.unit.lower() or "kwh": period for period in tiered for tier in energy.periods[period][:-1]}
    for unit, period in units.items():
        if unit not in _PER:
            draft.refuse(
                f"{energy.where}[{period}] unit",
                as_found(unit),
                "kWh or kWh daily: bounds by kW can't be expressed",
            )
    if len(units) > 1:
        draft.refuse(f"{energy.where} unit", " and ".join(sorted(units)), "one unit of all bounds")
    if len(units) != 1 or not units.keys() <= _PER.keys():
        return
    count = max(len(blocks[period]) for period in tiered)
    by_month = [_padded(blocks[min(month)], count) for month in energy.months()]
    (unit,) = units
    per = {} if _PER[unit] == "month" else {"per": _PER[unit]}
    sets = [
        draft.price(season, upto=list(upto), **per)
        for season, upto in draft.seasons.of_months([upto for upto, _ in by_month])
    ]
    draft.tiers["energy"] = {"set": sets}
    prices = [
        draft.price(season, per_tier=list(per_tier))
        for season, per_tier in draft.seasons.of_months([per_tier for _, per_tier in by_month])
    ]
    draft.line("energy", "tiered_energy", words.ENERGY, prices, tiers="energy")


def _padded(blocks: Blocks, count: int) -> tuple[tuple[Decimal, ...], tuple[Decimal, ...]]:
    """Bounds and prices of `count` blocks: what lies above the last bound is cut on at its own price."""
    bounds = [bound for bound, _ in blocks if bound is not None]
    prices = [price for _, price in blocks]
    step = bounds[-1] if bounds else Decimal(1)
    while len(prices) < count:
        bounds.append((bounds[-1] if bounds else Decimal(0)) + step)
        prices.append(prices[-1])
    return tuple(bounds), tuple(prices)
