"""Bills a second, one core: the exact engine, prepared for a period and from scratch."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from chowon.domain.bill import Usage, bill, prepare
from chowon.domain.clock import Period
from chowon.registry import TariffBook

TARIFF: Final = "kr.kepco.residential.low"
PERIODS: Final = {
    "one season": Period(date(2025, 10, 1), date(2025, 11, 1)),
    "across a season": Period(date(2026, 6, 15), date(2026, 7, 15)),
}


@dataclass(frozen=True, slots=True)
class BillFigures:
    """What one core does in a second, for one kind of period."""

    period: str
    explained_bills_per_s: float
    """bills with every line explained, the period prepared"""
    totals_per_s: float
    live_views_per_s: float
    """total, accrued amount, next kWh and tier standing together"""
    from_scratch_per_s: float
    """the period prepared anew for each bill"""


def measure(at_least_s: float = 0.5) -> tuple[float, list[BillFigures]]:
    """(ms to load all tariffs, the figures)."""
    begun = time.perf_counter()
    book = TariffBook()
    for tariff_id in book.ids():
        book.load(tariff_id)
    load_ms = (time.perf_counter() - begun) * 1000
    return load_ms, [_figures(book, name, period, at_least_s) for name, period in PERIODS.items()]


def _figures(book: TariffBook, name: str, period: Period, at_least_s: float) -> BillFigures:
    tariff = book.load(TARIFF)
    prepared = prepare(tariff, period)
    uses = [Usage(Decimal(kwh)) for kwh in range(0, 1000, 7)]

    def view(usage: Usage) -> None:
        prepared.total(usage)
        prepared.accrued(usage)
        prepared.next_kwh(usage)
        prepared.standing(usage)

    return BillFigures(
        name,
        _per_s(prepared.bill, uses, at_least_s),
        _per_s(prepared.total, uses, at_least_s),
        _per_s(view, uses, at_least_s),
        _per_s(lambda usage: bill(tariff, period, usage), uses, at_least_s),
    )


def _per_s(work: Callable[[Usage], object], uses: list[Usage], at_least_s: float) -> float:
    done, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < at_least_s:
        for usage in uses:
            work(usage)
        done += len(uses)
    return round(done / took)
