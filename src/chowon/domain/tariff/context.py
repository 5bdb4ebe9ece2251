"""What a line of the file may refer to, and reading its prices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeVar

from chowon.domain.tariff.calendars import Calendar
from chowon.domain.tariff.fields import NO_DAY, Table, as_decimal, close_match
from chowon.domain.tariff.kinds import Line, Subtotal
from chowon.domain.tariff.terms import (
    BandPrice,
    BandTierPrice,
    Dated,
    Option,
    Price,
    Season,
    Seasonal,
    Text,
    TierSet,
    seasonal_in_force,
)

_D = TypeVar("_D", bound=Dated)
_S = TypeVar("_S", bound=Seasonal)


@dataclass(slots=True)
class Context:
    """What a line may refer to; `lines` grows as they are read."""

    since: date
    seasons: Mapping[str, Season]
    tiers: Mapping[str, Sequence[TierSet]]
    calendars: Mapping[str, Calendar]
    options: Mapping[str, Option]
    lines: list[Line] = field(default_factory=list)


def of_lines(table: Table, context: Context) -> tuple[str, ...]:
    """Ids of lines above; all of them, subtotals apart, where the key is absent."""
    above = [line.id for line in context.lines]
    if not table.has("of"):
        return tuple(dict.fromkeys(line.id for line in context.lines if not isinstance(line, Subtotal)))
    names = table.texts("of")
    for name in names:
        if name not in above:
            table.note("of", f"lines that stand above this one; {name!r}: " + close_match(name, above))
    return names


def number_option(table: Table, key: str, context: Context) -> str | None:
    """The name of an option that is a number; None where the key is absent."""
    if not table.has(key):
        return None
    name = table.text(key)
    numeric = [o.id for o in context.options.values() if o.number is not None]
    if name not in numeric:
        table.note(key, "an option with a unit: " + close_match(name, numeric))
    return name


def prices_of(table: Table, value_key: str, since: date, monthly: bool) -> tuple[Price, ...]:
    """Dated numbers; monthly: in force from the first day of a reading month on."""
    prices: list[Price] = []
    for entry in table.tables("price", required=True):
        value = entry.number(value_key)
        price = Price(entry.day("from"), entry.text("source"), value, _components(entry, value))
        if monthly:
            begins_a_month(entry, price.since)
        prices.append(price)
        entry.finish()
        in_order(entry, prices)
    from_the_start(table, prices, since)
    return tuple(prices)


def seasonal_prices_of(table: Table, value_key: str, since: date, context: Context) -> tuple[Price, ...]:
    """Dated numbers, each of one season or of the whole year."""

    def read(entry: Table, season: str | None) -> Price:
        value = entry.number(value_key)
        return Price(entry.day("from"), entry.text("source"), value, _components(entry, value), season)

    return seasonal(table, since, context, read)


def band_prices_of(
    table: Table, calendar: Calendar | None, since: date, context: Context
) -> tuple[BandPrice, ...]:
    """Dated prices a band, each of one season or of the whole year."""

    def read(entry: Table, season: str | None) -> BandPrice:
        bands = _bands_of(entry, calendar, "{ light = 89.4, peak = 163.1 }")
        per_band = () if bands is None else tuple((name, bands.number(name)) for name in bands.content)
        return BandPrice(entry.day("from"), entry.text("source"), per_band, season)

    return seasonal(table, since, context, read)


def band_tier_prices_of(
    table: Table, calendar: Calendar | None, bounds: int, since: date, context: Context
) -> tuple[BandTierPrice, ...]:
    """Dated prices a band and tier, each of one season or of the whole year."""

    def read(entry: Table, season: str | None) -> BandTierPrice:
        bands = _bands_of(entry, calendar, "{ light = [0.1, 0.2], peak = [0.3, 0.4] }")
        per_band = () if bands is None else tuple((name, bands.numbers(name)) for name in bands.content)
        if any(len(prices) != bounds + 1 for _, prices in per_band):
            entry.note("bands", f"{bounds + 1} prices a band, one a tier")
        return BandTierPrice(entry.day("from"), entry.text("source"), per_band, season)

    return seasonal(table, since, context, read)


def _bands_of(entry: Table, calendar: Calendar | None, example: str) -> Table | None:
    """The table of a price's bands."""
    bands = entry.table("bands")
    if bands is None:
        entry.note("bands", f"a price for each band: {example}")
    elif calendar is not None and set(bands.content) != set(calendar.bands):
        entry.note("bands", f"one price for each band of the calendar: {', '.join(calendar.bands)}")
    return bands


def seasonal(
    table: Table, since: date, context: Context, read: Callable[[Table, str | None], _S]
) -> tuple[_S, ...]:
    """What `read` makes of each [[price]], in order of their dates, with one for every day of the year."""
    prices: list[_S] = []
    for entry in table.tables("price", required=True):
        season = season_of(entry, context)
        price = read(entry, season)
        if prices and price.since < prices[-1].since:
            entry.note("from", f"prices in order of their dates: set from >= {prices[-1].since}")
        elif any(p.since == price.since and p.season == season for p in prices):
            entry.note("from", "another date or season: there is a price for these already")
        prices.append(price)
        entry.finish()
    if any(p.season is not None and p.season not in context.seasons for p in prices) or since == NO_DAY:
        return tuple(prices)
    if all(p.season is None for p in prices):
        from_the_start(table, prices, since)
        return tuple(prices)
    for day in _days_to_try(since, context.seasons):
        if prices and seasonal_in_force(prices, day, context.seasons) is None:
            table.note("price", f"a price for every day from {since} on; {day} has none")
            break
    return tuple(prices)


def season_of(entry: Table, context: Context) -> str | None:
    """The season that a price or a set of tiers is for."""
    season = entry.text("season") if entry.has("season") else None
    if season is not None and season not in context.seasons:
        entry.note("season", close_match(season, list(context.seasons)))
    return season


def begins_a_month(entry: Table, since: date) -> None:
    """Note a price by reading month that begins on another day than a month's first."""
    if since.day != 1:
        entry.note("from", "the first day of a reading month, e.g. 2022-07-01")


def in_order(entry: Table, prices: Sequence[_D]) -> None:
    """Note a price that doesn't begin after the one before it."""
    if len(prices) > 1 and prices[-1].since <= prices[-2].since:
        entry.note("from", f"a date after the price before it: set from > {prices[-2].since}")


def from_the_start(table: Table, prices: Sequence[_D], since: date) -> None:
    """Note that the line's first day has no price."""
    if prices and prices[0].since > since > NO_DAY:
        table.note("price", f"a price in force on {since}, the line's first day: set from <= {since}")


def _days_to_try(since: date, seasons: Mapping[str, Season]) -> list[date]:
    """A year from the first day on: where months begin, and the edges of seasons given by days."""
    days = {since} | {_next(since, month, 1) for month in range(1, 13)}
    for season in seasons.values():
        if season.days is not None:
            (month, day), (last_month, last_day) = season.days
            days |= {_next(since, month, day), _next(since, last_month, last_day)}
            days.add(date.fromordinal(_next(since, last_month, last_day).toordinal() + 1))
    return sorted(days)


def _next(since: date, month: int, day: int) -> date:
    """The first such day that is not before `since`; 29 February counts as the 28th."""
    found = date(since.year, month, min(day, 28) if month == 2 else day)
    return found if found >= since else found.replace(year=since.year + 1)


def _components(entry: Table, value: Decimal) -> tuple[tuple[Text, Decimal], ...]:
    parts = [(part.label("label"), part.number("price")) for part in entry.tables("component")]
    if parts and sum(p for _, p in parts) != value:
        entry.note("component", f"components that add up to {as_decimal(value)}")
    return tuple(parts)
