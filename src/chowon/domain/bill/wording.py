"""The few words that follow from numbers: names of tiers and of roundings. All others stand in the tariff."""

from datetime import date, timedelta
from typing import Final

from chowon.domain.tariff.terms import Rounding, Text

_UNITS: Final = {"KRW": Text("원", "won")}


def tier_label(index: int) -> Text:
    """Name of the tier; 1 for the first."""
    return Text(f"{index}단계", f"Tier {index}")


def known_until_text(what: Text | None, known_until: date, by_month: bool) -> Text:
    """That prices beyond a day, or a reading month, are the last ones known. what: None for all prices."""
    last = known_until - timedelta(days=1)
    ko = f"{last.year}년 {last.month}월분" if by_month else f"{last:%Y-%m-%d}"
    en = f"the reading month {last:%Y-%m}" if by_month else f"{last:%Y-%m-%d}"
    subject = Text("이 요금표", "prices of this tariff") if what is None else what
    return Text(
        f"{subject.ko}: {ko}까지 알려진 단가입니다. 그 뒤에는 마지막 단가를 적용했습니다.",
        f"{subject.en}: known up to {en}; after that the last known price stands.",
    )


def band_tier_label(band: Text, index: int) -> Text:
    """Name of a tier inside a band; 1 for the first."""
    tier = tier_label(index)
    return Text(f"{band.ko} {tier.ko}", f"{band.en}, {tier.en.lower()}")


def rounding_label(rounding: Rounding, currency: str) -> Text:
    """How an amount was rounded."""
    unit = _UNITS.get(currency, Text(f" {currency}", currency))
    ko_unit = unit.ko.strip() if rounding.unit == 1 and currency == "KRW" else f"{rounding.unit}{unit.ko}"
    if rounding.mode == "floor":
        return Text(f"{ko_unit} 미만 버림", f"rounded down to {rounding.unit} {unit.en}")
    return Text(f"{ko_unit} 미만 반올림", f"rounded half up to {rounding.unit} {unit.en}")
