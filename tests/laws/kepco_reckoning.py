"""A second, plain reckoning of KEPCO's residential bill, in fractions and straight from the collected facts.

It shares nothing with the engine or the tariff files: agreement tests the rules, and every dated price too.
"""

import json
import os
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from chowon.domain.clock import Period

FILE = Path(__file__).parents[3] / "shared" / "tariff" / "kepco_facts.json"
LAST_FUEL_NOTICE = "2026-12"
"""The facts end here; the tariff takes the last price to stay."""
SUPER_MONTHS = {7, 8, 12, 1, 2}
FAMILY_CODES = {"large_family": "A1", "life_support": "A2"}
WELFARE_CODES = {
    "disabled_or_veteran": "B1",
    "basic_livelihood_or_medical": "B3",
    "basic_housing_or_education": "B4",
    "near_poor": "B5",
    "welfare_facility": "B2",
}
NO_FREEZE = {"none", "life_support", "welfare_facility"}


def _facts() -> dict[str, Any]:
    if not FILE.exists() and os.environ.get("CI") != "true":
        return {}
    facts: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"), parse_float=Fraction)["residential"]
    return facts


FACTS = _facts()


def _newest(rows: list[dict[str, Any]], day: date) -> dict[str, Any]:
    begun = [
        row for row in rows if row["effective_from"].startswith("(") or row["effective_from"] <= str(day)
    ]
    return begun[-1] if begun else {}


def _whole(number: Fraction) -> int:
    return int(number + Fraction(1, 2))


def _price(voltage: str, day: date) -> dict[str, Any]:
    rows = [r for r in FACTS["energy_and_base"] if r["tariff_class"] == f"residential_{voltage}"]
    return _newest(rows, day)


def _bounds(day: date) -> tuple[int, ...]:
    if day.month in {7, 8} and day.year >= 2018:
        return (300, 500) if day.year == 2018 else (300, 450)
    return (200, 400)


def _climate(day: date) -> Fraction:
    return Fraction(_newest(FACTS["adjustments"]["climate"], day).get("rate", 0))


def _fuel(reading_month: str) -> int:
    for row in FACTS["adjustments"]["fuel"]:
        first, last = row["billing_months"].split("..")
        if first <= reading_month and (reading_month <= last or last == LAST_FUEL_NOTICE):
            return int(row["rate"])
    return 0


def _days(period: Period) -> list[date]:
    return [period.start + timedelta(days=n) for n in range(period.days)]


def _segments(voltage: str, kwh: int, period: Period) -> Iterator[tuple[date, int, bool]]:
    def over(day: date) -> bool:
        return kwh > 1000 and day.month in SUPER_MONTHS and day.year >= 2017

    def key(day: date) -> tuple[object, ...]:
        return _price(voltage, day)["effective_from"], _bounds(day), _climate(day), over(day)

    for _, same in groupby(_days(period), key):
        run = list(same)
        yield run[0], len(run), over(run[0])


@dataclass(frozen=True)
class Piece:
    """The unrounded charges of one segment."""

    share: Fraction
    base: Fraction
    energy: Fraction
    climate: Fraction
    fuel: Fraction

    @property
    def sum(self) -> Fraction:
        return self.base + self.energy + self.climate + self.fuel


def _pieces(voltage: str, kwh: int, period: Period) -> list[Piece]:
    found = []
    left, segments = kwh, list(_segments(voltage, kwh, period))
    for n, (day, days, over) in enumerate(segments):
        share = Fraction(days, period.days)
        mine = left if n == len(segments) - 1 else min(left, _whole(kwh * share))
        left -= mine
        fuel = Fraction(mine * _fuel(f"{period.end:%Y-%m}"))
        climate = mine * _climate(day)
        price, bounds = _price(voltage, day), _bounds(day)
        base = price["base_per_tier"][bisect_left(bounds, kwh)] * share
        prices = [*price["energy"], *([price["super_user_energy"]] if over else [])]
        bounds = (*bounds, 1000) if over else bounds
        last = bisect_left(bounds, kwh)
        energy = Fraction(0)
        for (a, b), each in zip(list(pairwise((0, *bounds)))[:last], prices, strict=False):
            block = min(mine, _whole((b - a) * share))
            energy += block * each
            mine -= block
        energy += mine * prices[last]
        found.append(Piece(share, base, energy, climate, fuel))
    return found


def _essential(voltage: str, kwh: int, period: Period, gross: int) -> int:
    month = f"{period.end:%Y-%m}"
    rows = FACTS["essential_use_deduction"]["rows"]
    limit = [row for row in rows if row["effective_from"][:7] <= month][-1]["limit"]
    return 0 if limit is None or kwh > 200 else min(limit[voltage], max(0, gross - 1000))


def _freeze(kwh: int, period: Period) -> int:
    def rate(day: date) -> dict[str, Any]:
        return next((r for r in FACTS["welfare"]["freeze"] if r["frm"] <= str(day) <= r["to"]), {})

    amount = 0
    for _, same in groupby(_days(period), lambda day: str(rate(day))):
        run = list(same)
        price = rate(run[0])
        if price:
            frozen = _whole(Fraction(min(kwh, price["upto_kwh"]) * len(run), period.days))
            amount += int(price["total"] * frozen)
    return amount


def _class(code: str) -> dict[str, Any]:
    return next(c for c in FACTS["welfare"]["classes"] if c["code"] == code)


def _welfare(name: str, period: Period, gross: int) -> int:
    if name == "none":
        return 0
    if name == "welfare_facility":
        return gross * 3 // 10
    cap = _class(WELFARE_CODES[name])["cap"]
    caps = [cap["jun_aug"] if day.month in {6, 7, 8} else cap["normal"] for day in _days(period)]
    return int(sum(Fraction(min(c, gross), period.days) for c in caps))


def _family(name: str, pieces: list[Piece], before: int) -> int:
    if name == "none":
        return 0
    thirty = [Fraction(3, 10) * max(Fraction(0), p.sum - before * p.share) for p in pieces]
    cap = _class(FAMILY_CODES[name]).get("cap")
    if cap is not None:
        thirty = [min(amount, cap["normal"] * p.share) for amount, p in zip(thirty, pieces, strict=True)]
    return int(sum(thirty))


def _discounts(
    voltage: str, kwh: int, period: Period, pieces: list[Piece], gross: int, classes: tuple[str, str]
) -> dict[str, int]:
    family, welfare = classes
    under_200 = min(FACTS["welfare"]["under200"][voltage], gross) if kwh <= 200 else 0
    freeze = 0 if {family, welfare} <= NO_FREEZE else _freeze(kwh, period)
    welfare_amount = _welfare(welfare, period, gross)
    both = welfare != "none" and bool(_class(WELFARE_CODES[welfare]).get("stack_with_A"))
    before = freeze + under_200 + (welfare_amount if both else 0)
    family_amount = _family(family, pieces, before)
    if not both and family_amount > welfare_amount:
        welfare_amount = 0
    elif not both:
        family_amount = 0
    return {
        "under_200kwh_deduction": under_200,
        "freeze_discount": freeze,
        "welfare_amount": welfare_amount,
        "family_amount": family_amount,
    }


def reckoned(
    voltage: str, kwh: int, period: Period, family: str = "none", welfare: str = "none"
) -> dict[str, int]:
    """Every amount of the bill, by the rules and facts alone; deductions are positive."""
    pieces = _pieces(voltage, kwh, period)
    found = {
        name: int(sum(getattr(p, name) for p in pieces)) for name in ("base", "energy", "climate", "fuel")
    }
    gross = sum(found.values())
    if family == welfare == "none":
        taken = {"essential_deduction": _essential(voltage, kwh, period, gross)}
        least = FACTS["adjustments"]["min_charge"][f"residential_{voltage}"] or 0
    else:
        taken, least = _discounts(voltage, kwh, period, pieces, gross, (family, welfare)), 0
    subtotal = max(gross - sum(taken.values()), least)
    rates = [Fraction(_newest(FACTS["adjustments"]["fund"], day)["rate"]) for day in _days(period)]
    vat, fund = (subtotal + 5) // 10, int(subtotal * sum(rates) / len(rates) / 10) * 10
    total = (subtotal + vat + fund) // 10 * 10
    return found | taken | {"subtotal": subtotal, "vat": vat, "fund": fund, "total": total}
