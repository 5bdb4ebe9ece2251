"""Bills a second, one core: the scalar engine, prepared for a period and from scratch, and the fleet's."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from chowon.domain.bill import Fleet, Usage, bill, prepare, prepare_fleet
from chowon.domain.clock import Period
from chowon.registry import TariffBook

TARIFF: Final = "kr.kepco.residential.low"
OCTOBER: Final = Period(date(2025, 10, 1), date(2025, 11, 1))
INTO_SUMMER: Final = Period(date(2026, 6, 15), date(2026, 7, 15))
QUESTIONS: Final[dict[str, tuple[Period, dict[str, str]]]] = {
    "one season": (OCTOBER, {}),
    "across a season": (INTO_SUMMER, {}),
    "across a season, large family": (INTO_SUMMER, {"family": "large_family"}),
}
HOMES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class BillFigures:
    """What one core does in a second, for one kind of period and customer."""

    question: str
    explained_bills_per_s: float
    """bills with every line explained, the period prepared"""
    totals_per_s: float
    live_views_per_s: float
    """total, accrued amount, next kWh and tier standing together"""
    from_scratch_per_s: float
    """the period prepared anew for each bill"""
    fleet_totals_per_s: float
    """totals of a million homes in one array"""
    fleet_to_scalar: float
    """how many times `totals_per_s`"""


def measure(at_least_s: float = 0.5) -> tuple[float, list[BillFigures]]:
    """(ms to load all tariffs, the figures)."""
    begun = time.perf_counter()
    book = TariffBook()
    for tariff_id in book.ids():
        book.load(tariff_id)
    load_ms = (time.perf_counter() - begun) * 1000
    return load_ms, [_figures(book, name, at_least_s) for name in QUESTIONS]


def _figures(book: TariffBook, name: str, at_least_s: float) -> BillFigures:
    tariff, (period, options) = book.load(TARIFF), QUESTIONS[name]
    prepared = prepare(tariff, period, options)
    uses = [Usage(Decimal(kwh)) for kwh in range(0, 1000, 7)]

    def view(usage: Usage) -> None:
        prepared.total(usage)
        prepared.accrued(usage)
        prepared.next_kwh(usage)
        prepared.standing(usage)

    totals_per_s = _per_s(prepared.total, uses, at_least_s)
    fleet_per_s = _fleet_per_s(prepare_fleet(prepared), at_least_s)
    return BillFigures(
        name,
        _per_s(prepared.bill, uses, at_least_s),
        totals_per_s,
        _per_s(view, uses, at_least_s),
        _per_s(lambda usage: bill(tariff, period, usage, options), uses, at_least_s),
        fleet_per_s,
        round(fleet_per_s / totals_per_s, 1),
    )


def _per_s(work: Callable[[Usage], object], uses: list[Usage], at_least_s: float) -> float:
    done, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < at_least_s:
        for usage in uses:
            work(usage)
        done += len(uses)
    return round(done / took)


def _fleet_per_s(fleet: Fleet, at_least_s: float) -> float:
    energy_wh = np.random.default_rng(1).integers(0, HOMES, HOMES)  # up to 1,000 kWh, to the Wh
    done, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < at_least_s:
        fleet.totals(energy_wh)
        done += HOMES
    return round(done / took)
