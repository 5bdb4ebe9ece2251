"""A second, plain reckoning of KEPCO's residential bill, in fractions and straight from the collected facts.

It shares nothing with the engine or the tariff files: agreement tests the rules, and every dated price too.
"""

import json
import os
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Usage, bill
from chowon.domain.clock import Period
from chowon.registry import TariffBook

FILE = Path(__file__).parents[3] / "shared" / "tariff" / "kepco_facts.json"
BOOK = TariffBook()
LAST_FUEL_NOTICE = "2026-12"
"""The facts end here; the tariff takes the last price to stay."""
SUPER_MONTHS = {7, 8, 12, 1, 2}


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


def _segments(voltage: str, kwh: int, period: Period) -> Iterator[tuple[date, int, bool]]:
    days = [period.start + timedelta(days=n) for n in range(period.days)]

    def over(day: date) -> bool:
        return kwh > 1000 and day.month in SUPER_MONTHS and day.year >= 2017

    def key(day: date) -> tuple[object, ...]:
        return _price(voltage, day)["effective_from"], _bounds(day), _climate(day), over(day)

    for _, same in groupby(days, key):
        run = list(same)
        yield run[0], len(run), over(run[0])


def _charges(voltage: str, kwh: int, period: Period) -> list[int]:
    base = energy = climate = Fraction(0)
    left, segments = kwh, list(_segments(voltage, kwh, period))
    for n, (day, days, over) in enumerate(segments):
        share = Fraction(days, period.days)
        mine = left if n == len(segments) - 1 else min(left, _whole(kwh * share))
        left -= mine
        climate += mine * _climate(day)
        price, bounds = _price(voltage, day), _bounds(day)
        base += price["base_per_tier"][bisect_left(bounds, kwh)] * share
        prices = [*price["energy"], *([price["super_user_energy"]] if over else [])]
        bounds = (*bounds, 1000) if over else bounds
        last = bisect_left(bounds, kwh)
        for (a, b), each in zip(list(pairwise((0, *bounds)))[:last], prices, strict=False):
            block = min(mine, _whole((b - a) * share))
            energy += block * each
            mine -= block
        energy += mine * prices[last]
    fuel = _fuel(f"{period.end:%Y-%m}") * kwh
    return [int(base), int(energy), int(climate), fuel]


def _deduction(voltage: str, kwh: int, period: Period, gross: int) -> int:
    month = f"{period.end:%Y-%m}"
    rows = FACTS["essential_use_deduction"]["rows"]
    limit = [row for row in rows if row["effective_from"][:7] <= month][-1]["limit"]
    return 0 if limit is None or kwh > 200 else min(limit[voltage], max(0, gross - 1000))


def reckoned(voltage: str, kwh: int, period: Period) -> dict[str, int]:
    """Every amount of the bill, by the rules and facts alone."""
    charges = _charges(voltage, kwh, period)
    deduction = _deduction(voltage, kwh, period, sum(charges))
    subtotal = max(
        sum(charges) - deduction, FACTS["adjustments"]["min_charge"][f"residential_{voltage}"] or 0
    )
    days = [period.start + timedelta(days=n) for n in range(period.days)]
    rate = sum(Fraction(_newest(FACTS["adjustments"]["fund"], day)["rate"]) for day in days) / len(days)
    vat, fund = (subtotal + 5) // 10, int(subtotal * rate / 10) * 10
    names = ("base", "energy", "climate", "fuel", "essential_deduction", "subtotal", "vat", "fund", "total")
    total = (subtotal + vat + fund) // 10 * 10
    return dict(zip(names, (*charges, -deduction, subtotal, vat, fund, total), strict=True))


@st.composite
def months(draw: st.DrawFn) -> Period:
    start = draw(st.dates(date(2016, 12, 1), date(2026, 12, 31)))
    return Period(start, start + timedelta(days=draw(st.integers(27, 33) | st.integers(1, 62))))


@pytest.mark.skipif(not FACTS, reason="the shared tariff facts are not here")
@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["low", "high"]), st.integers(0, 1500), months())
def test_the_engine_agrees_with_a_reckoning_from_the_facts(voltage: str, kwh: int, period: Period) -> None:
    found = bill(BOOK.load(f"kr.kepco.residential.{voltage}"), period, Usage(Decimal(kwh)))
    expected = reckoned(voltage, kwh, period)
    assert {name: int(found.amount(name)) for name in expected if name != "total"} | {
        "total": int(found.total)
    } == expected
