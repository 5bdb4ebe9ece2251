"""The few words that follow from numbers: names of tiers and of roundings. All others stand in the tariff."""

from typing import Final

from chowon.domain.tariff.terms import Rounding, Text

_UNITS: Final = {"KRW": Text("원", "won")}


def tier_label(index: int) -> Text:
    """Name of the tier; 1 for the first."""
    return Text(f"{index}단계", f"Tier {index}")


def rounding_label(rounding: Rounding, currency: str) -> Text:
    """How an amount was rounded."""
    unit = _UNITS.get(currency, Text(f" {currency}", currency))
    ko_unit = unit.ko.strip() if rounding.unit == 1 and currency == "KRW" else f"{rounding.unit}{unit.ko}"
    if rounding.mode == "floor":
        return Text(f"{ko_unit} 미만 버림", f"rounded down to {rounding.unit} {unit.en}")
    return Text(f"{ko_unit} 미만 반올림", f"rounded half up to {rounding.unit} {unit.en}")
