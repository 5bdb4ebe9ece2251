"""Reading the lines that price what was used: tiers, by kWh, by time of use, by demand, fixed."""

from datetime import date
from decimal import Decimal
from typing import Any, Final

from chowon.domain.tariff.context import (
    Context,
    band_prices_of,
    band_tier_prices_of,
    number_option,
    prices_of,
    seasonal,
    seasonal_prices_of,
)
from chowon.domain.tariff.fields import Table, close_match
from chowon.domain.tariff.kinds import (
    Demand,
    FeePer,
    Fixed,
    Flow,
    Line,
    PerKwh,
    PriceDay,
    PriceSeries,
    TieredEnergy,
    TieredFixed,
    TieredTimeOfUse,
    TimeOfUse,
)
from chowon.domain.tariff.terms import ZERO, Over, TierPrice

_PRICE_DAYS: Final[tuple[PriceDay, ...]] = ("usage_day", "reading_month")
_FLOWS: Final[tuple[Flow, ...]] = ("import", "export", "net", "net_import", "net_export")
_FLOWS_BY_INTERVAL: Final[tuple[Flow, ...]] = _FLOWS[:3]
_FLOWS_IN_TIERS: Final[tuple[Flow, ...]] = ("import", "net_import")
_FEE_PER: Final[tuple[FeePer, ...]] = ("month", "day", "bill")
_MONTHS: Final = frozenset(range(1, 13))
_HOUR_MIN: Final = 60


def tiered_fixed(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    tiers, prices = _tiers_and_prices(table, context, common["since"], None)
    return TieredFixed(**common, tiers=tiers, prices=prices, times=number_option(table, "times", context))


def tiered_energy(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
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
    times = number_option(table, "times", context)
    return TieredEnergy(**common, tiers=tiers, prices=prices, over=over, times=times)


def per_kwh(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    by, of = table.one_of("by", _PRICE_DAYS), table.one_of("of", _FLOWS, "import")
    if by == "reading_month":
        prices = prices_of(table, "price", common["since"], monthly=True)
    else:
        prices = seasonal_prices_of(table, "price", common["since"], context)
    round_components = table.flag("round_components", False)
    if round_components and any(not p.components for p in prices):
        table.note("round_components", "components in every price when they are rounded apart")
    if round_components and of != "import":
        table.note("round_components", "false where the line is of export or net")
    return PerKwh(
        **common,
        by=by,
        kwh=table.one_of("kwh", ("split", "exact"), "split"),
        round_components=round_components,
        prices=prices,
        of=of,
    )


def time_of_use(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    name = _calendar(table, context)
    prices = band_prices_of(table, context.calendars.get(name), common["since"], context)
    return TimeOfUse(**common, calendar=name, of=table.one_of("of", _FLOWS, "import"), prices=prices)


def tiered_time_of_use(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    name, tiers = _calendar(table, context), table.text("tiers")
    if tiers not in context.tiers:
        table.note("tiers", close_match(tiers, list(context.tiers)))
    sets = context.tiers.get(tiers, ())
    bounds = len(sets[0].upto_kwh) if sets else 0
    calendar = context.calendars.get(name)
    prices = band_tier_prices_of(table, calendar, bounds, common["since"], context)
    of = table.one_of("of", _FLOWS_IN_TIERS, "import")
    return TieredTimeOfUse(**common, calendar=name, of=of, tiers=tiers, prices=prices)


def price_series(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    return PriceSeries(
        **common,
        series=table.text("series"),
        of=table.one_of("of", _FLOWS_BY_INTERVAL, "import"),
        prices=seasonal_prices_of(table, "factor", common["since"], context),
    )


def demand(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    measured, kw_option = table.flag("measured", True), number_option(table, "kw_option", context)
    floor_percent = table.number("floor_percent", ZERO, ZERO)
    if kw_option is None and (floor_percent or not measured):
        table.note("kw_option", "the numeric option that holds the contract's kW")
    name: str | None = None
    bands: tuple[str, ...] = ()
    if table.has("calendar") or table.has("bands"):
        name, bands = _calendar(table, context), table.texts("bands")
        known = context.calendars[name].bands if name in context.calendars else bands
        for band in bands:
            if band not in known:
                table.note("bands", close_match(band, known))
    months = table.numbers("ratchet_months") if table.has("ratchet_months") else ()
    if not {int(m) for m in months} <= _MONTHS:
        table.note("ratchet_months", "months of the year, 1 to 12")
    minutes = table.number("interval_min", default=Decimal(15))
    if minutes < 1 or _HOUR_MIN % minutes:
        table.note("interval_min", "whole minutes that an hour is a multiple of: 15, 30 or 60")
    return Demand(
        **common,
        calendar=name,
        bands=bands,
        interval_min=int(minutes),
        measured=measured,
        ratchet_months=frozenset(int(m) for m in months),
        kw_option=kw_option,
        floor_percent=floor_percent,
        kw_round=table.rounding("kw_round"),
        prices=seasonal_prices_of(table, "per_kw", common["since"], context),
    )


def fixed(table: Table, context: Context, common: dict[str, Any]) -> Line:
    """A [[line]] of this kind."""
    return Fixed(
        **common,
        per=table.one_of("per", _FEE_PER, "month"),
        times=number_option(table, "times", context),
        prices=seasonal_prices_of(table, "amount", common["since"], context),
    )


def _calendar(table: Table, context: Context) -> str:
    name = table.text("calendar")
    if name not in context.calendars:
        table.note("calendar", close_match(name, list(context.calendars)))
    return name


def _tiers_and_prices(
    table: Table, context: Context, since: date, over: Over | None
) -> tuple[str, tuple[TierPrice, ...]]:
    name = table.text("tiers")
    sets = context.tiers.get(name)
    if sets is None:
        table.note("tiers", close_match(name, list(context.tiers)))

    def read(entry: Table, season: str | None) -> TierPrice:
        per_tier = entry.numbers("per_tier")
        if sets and len(per_tier) != len(sets[0].upto_kwh) + 1:
            entry.note("per_tier", f"{len(sets[0].upto_kwh) + 1} prices, one a tier")
        over_price = entry.number("over") if over is not None else None
        return TierPrice(entry.day("from"), entry.text("source"), per_tier, over_price, season)

    return name, seasonal(table, since, context, read)
