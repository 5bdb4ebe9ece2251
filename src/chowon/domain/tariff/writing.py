"""From a Tariff back to the document that defines it: `parse` of the document is the same tariff."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from chowon.domain.tariff import kinds
from chowon.domain.tariff.calendars import Calendar, DayRule, HolidayRule
from chowon.domain.tariff.definition import Case, HoursOf, OnlyLargest, Tariff
from chowon.domain.tariff.terms import (
    BandPrice,
    BandTierPrice,
    Condition,
    DiscountPrice,
    LeastCharge,
    Option,
    Over,
    Price,
    Rounding,
    Season,
    Text,
    TierPrice,
    TierSet,
)

Document: TypeAlias = dict[str, Any]
"""As `tomllib` reads it: texts, Decimals, booleans, dates, lists and tables"""

AnyPrice: TypeAlias = Price | TierPrice | BandPrice | BandTierPrice | DiscountPrice | LeastCharge
_NAMES: Final[dict[type[kinds.Line], str]] = {
    kinds.TieredFixed: "tiered_fixed",
    kinds.TieredEnergy: "tiered_energy",
    kinds.PerKwh: "per_kwh",
    kinds.TimeOfUse: "time_of_use",
    kinds.TieredTimeOfUse: "tiered_time_of_use",
    kinds.PriceSeries: "price_series",
    kinds.Demand: "demand",
    kinds.Fixed: "fixed",
    kinds.Deduction: "deduction",
    kinds.Discount: "discount",
    kinds.PerKwhCredit: "per_kwh_credit",
    kinds.Minimum: "minimum",
    kinds.Subtotal: "subtotal",
    kinds.Percentage: "percentage",
    kinds.PerPoint: "per_point",
    kinds.CarryOver: "carry_over",
    kinds.RoundTotal: "round_total",
}
_VALUE_KEYS: Final[dict[type[kinds.Line], str]] = {
    kinds.PerKwh: "price",
    kinds.PriceSeries: "factor",
    kinds.Demand: "per_kw",
    kinds.Fixed: "amount",
    kinds.Deduction: "limit",
    kinds.PerKwhCredit: "credit",
    kinds.Percentage: "percent",
    kinds.PerPoint: "percent",
}
"""What the number of a plain price is called"""


def document_of(tariff: Tariff) -> Document:
    """Everything that the tariff's file says, comments and the order of keys apart."""
    period = {
        "counts_as": "one_month",
        "kwh_round": _rounding(tariff.kwh_round),
        "split": tariff.split,
        "net": "kwh" if tariff.net_kwh else None,
        "source": tariff.period_source,
    }
    return _without_none(
        {
            "id": tariff.id,
            "name": _text(tariff.name),
            "country": tariff.country,
            "currency": tariff.currency,
            "timezone": tariff.timezone,
            "from": tariff.since,
            "until": tariff.until,
            "known_until": tariff.known_until,
            "price_step": tariff.price_step,
            "never_falls": tariff.never_falls,
            "period": _without_none(period),
            "season": {name: _season(season) for name, season in tariff.seasons.items()},
            "band": {name: {"label": _text(words)} for name, words in tariff.bands.items()},
            "holidays": None if tariff.holidays is None else _holidays(tariff.holidays),
            "calendar": {name: _calendar(calendar) for name, calendar in tariff.calendars.items()},
            "tiers": {name: {"set": [_tier_set(s) for s in sets]} for name, sets in tariff.tiers.items()},
            "option": {name: _option(option) for name, option in tariff.options.items()},
            "line": [_line(line) for line in tariff.lines],
            "only_largest": [_only_largest(group) for group in tariff.only_largest],
            "case": [_case(case, tariff) for case in tariff.cases],
        }
    )


def _line(line: kinds.Line) -> Document:
    document = {"id": line.id, "kind": _NAMES[type(line)], **_keys(line, line.__dataclass_fields__)}
    document["from"], document["until"] = line.since, line.until
    document["when"] = _conditions(line.when)
    document["choice"] = [
        {"option": c.option, "value": c.value, "set": _without_none(_keys(c.line, c.fields))}
        for c in line.choices
    ]
    return _without_none(document)


def _keys(line: kinds.Line, fields: Iterable[str]) -> Document:
    """The keys of these fields; those that every line has, but label and rounding, apart."""
    document: Document = {}
    for name in fields:
        if name in _WRITTEN_APART:
            continue
        value = getattr(line, name)
        if name == "prices":
            document["price"] = [_price(price, _VALUE_KEYS.get(type(line), "")) for price in value]
        elif name == "first_kwh" and getattr(line, "per_day", False):
            document["first_kwh_per_day"] = value
        else:
            document[name] = _plain(value)
    return document


_WRITTEN_APART: Final = frozenset({"id", "since", "until", "when", "choices", "per_day"})


def _plain(value: object) -> object:
    for type_, write in _WRITERS.items():
        if isinstance(value, type_):
            return write(value)
    return value


def _price(price: AnyPrice, value_key: str) -> Document:
    document: Document = {"from": price.since, "source": price.source}
    if isinstance(price, LeastCharge):
        return _without_none(document | {"amount": price.amount, "of_kwh": price.kwh})
    if isinstance(price, DiscountPrice):
        document |= {"percent": price.percent, "cap": price.cap, "in_season": dict(price.in_season) or None}
        return _without_none(document)
    document["season"] = price.season
    if isinstance(price, TierPrice):
        document |= {"per_tier": list(price.per_tier), "over": price.over}
    elif isinstance(price, BandPrice):
        document["bands"] = dict(price.per_band)
    elif isinstance(price, BandTierPrice):
        document["bands"] = {band: list(prices) for band, prices in price.per_band}
    else:
        document[value_key] = price.value
        document["component"] = [{"label": _text(t), "price": part} for t, part in price.components] or None
    return _without_none(document)


def _season(season: Season) -> Document:
    days = None if season.days is None else [f"{month:02d}-{day:02d}" for month, day in season.days]
    months = sorted(season.months) if season.days is None else None
    dates = {"from": season.since, "until": season.until}
    return _without_none(
        {"label": _text(season.label), "months": months, "days": days, **dates, "source": season.source}
    )


def _calendar(calendar: Calendar) -> Document:
    return {
        "version": [
            {"from": version.since, "source": version.source, "rule": [_rule(rule) for rule in version.rules]}
            for version in calendar.versions
        ]
    }


def _rule(rule: DayRule) -> Document:
    bands: dict[str, list[tuple[int, int]]] = {}
    ends = [*(start for start, _ in rule.starts[1:]), 1440]
    for (start, band), end in zip(rule.starts, ends, strict=True):
        bands.setdefault(band, []).append((start, end))
    hours = {band: _hours(spans) for band, spans in bands.items()}
    return _without_none(
        {"days": sorted(rule.days) or None, "seasons": list(rule.seasons) or None, "bands": hours}
    )


def _hours(spans: Sequence[tuple[int, int]]) -> str:
    """Minutes of the day as the language writes them."""
    return ",".join("-".join(f"{m // 60:02d}:{m % 60:02d}" for m in span) for span in spans)


def _holidays(rule: HolidayRule) -> Document:
    return _without_none(
        {
            "country": rule.country,
            "subdivision": rule.subdivision,
            "categories": list(rule.categories),
            "language": rule.language,
            "without": list(rule.without) or None,
            "add": sorted(rule.add) or None,
            "remove": sorted(rule.remove) or None,
            "source": rule.source,
        }
    )


def _tier_set(tiers: TierSet) -> Document:
    return _without_none(
        {
            "from": tiers.since,
            "season": tiers.season,
            "per": "day" if tiers.per_day else None,
            "upto": list(tiers.upto_kwh),
            "source": tiers.source,
        }
    )


def _option(option: Option) -> Document:
    if option.number is not None:
        number, default = option.number, _number(option.default)
        bounds = {"unit": number.unit, "least": number.least, "most": number.most}
        return _without_none({"label": _text(option.label), **bounds, "default": default})
    values = {value: _text(words) for value, words in option.values.items()}
    return {"label": _text(option.label), "default": option.default, "values": values}


def _only_largest(group: OnlyLargest) -> Document:
    return _without_none(
        {"lines": list(group.lines), "when": _conditions(group.when), "source": group.source}
    )


def _conditions(conditions: Sequence[Condition]) -> list[Document] | None:
    return [{name: list(values) for name, values in c.one_of} for c in conditions] or None


def _case(case: Case, tariff: Tariff) -> Document:
    use = case.use
    hours = [_hours_of(h, "kwh") for h in use.import_hours]
    hours += [_hours_of(h, "export_kwh") for h in use.export_hours]
    numeric = {name for name, option in tariff.options.items() if option.number is not None}
    options = {name: _number(v) if name in numeric else v for name, v in case.options.items()}
    prices = {name: [_hours_of(h, "price") for h in entries] for name, entries in case.series.items()}
    return _without_none(
        {
            "note": case.note,
            "kwh": use.kwh,
            "bands": dict(use.bands) or None,
            "use": hours or None,
            "export_kwh": use.export_kwh,
            "demand_kw": use.demand_kw,
            "past_demand_kw": dict(use.past_demand_kw) or None,
            "carried": use.carried,
            "prices": prices or None,
            "start": case.start,
            "end": case.end,
            "whole_start": None if case.whole is None else case.whole[0],
            "whole_end": None if case.whole is None else case.whole[1],
            "options": options or None,
            "expect": dict(case.expect),
        }
    )


def _hours_of(hours: HoursOf, key: str) -> Document:
    return {"from": hours.since, "until": hours.until, "hours": _hours(hours.spans), key: hours.number}


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _text(text: Text) -> Document:
    return {"ko": text.ko, "en": text.en}


def _rounding(rounding: Rounding | None) -> Document | None:
    return None if rounding is None else {"unit": rounding.unit, "mode": rounding.mode}


def _without_none(document: Mapping[str, Any]) -> Document:
    return {key: value for key, value in document.items() if value is not None}


def _over(over: Over) -> Document:
    return {"above_kwh": over.above_kwh, "season": over.season, "label": _text(over.label)}


def _several(values: Iterable[Any]) -> list[Any] | None:
    return list(values) or None


_WRITERS: Final[dict[type, Callable[[Any], object]]] = {
    Text: _text,
    Rounding: _rounding,
    Over: _over,
    frozenset: lambda values: _several(sorted(values)),
    tuple: _several,
}
