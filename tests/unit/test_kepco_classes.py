"""What KEPCO's classes share, and the days that they take for holidays."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from chowon.domain.tariff import Tariff
from chowon.domain.tariff.kinds import Line, TimeOfUse
from chowon.registry import TariffBook

BOOK = TariffBook()
BY_HOUR = [
    f"kr.kepco.{name}"
    for name in (
        "general.a2",
        "general.b",
        "industrial.a2",
        "industrial.b",
        "educational.b",
        "ev",
        "residential.tou",
    )
]
CLASSES = [
    i
    for i in BOOK.ids()
    if i.startswith("kr.kepco.") and i not in {"kr.kepco.residential.low", "kr.kepco.residential.high"}
]
# Read off the regulation, month by month; Sundays are in the rules by themselves.
HOLIDAYS = {
    2023: "01-01 01-21 01-22 01-23 01-24 03-01 05-05 05-27 05-29 06-06 08-15 09-28 09-29 09-30 10-03 "
    "10-09 12-25",
    2024: "01-01 02-09 02-10 02-11 02-12 03-01 04-10 05-05 05-06 05-15 06-06 08-15 09-16 09-17 09-18 "
    "10-03 10-09 12-25",
    2025: "01-01 01-28 01-29 01-30 03-01 03-03 05-05 05-06 06-06 08-15 10-03 10-05 10-06 10-07 10-08 "
    "10-09 12-25",
    2026: "01-01 02-16 02-17 02-18 03-01 03-02 05-01 05-05 05-24 05-25 06-03 06-06 07-17 08-15 08-17 09-24 "
    "09-25 09-26 10-03 10-05 10-09 12-25",
}


@pytest.mark.parametrize("tariff_id", BY_HOUR)
@pytest.mark.parametrize("year", HOLIDAYS)
def test_holidays_are_those_of_the_regulation_without_temporary_ones(tariff_id: str, year: int) -> None:
    tariff = BOOK.load(tariff_id)
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    assert {f"{day:%m-%d}" for day in days if tariff.is_holiday(day)} == set(HOLIDAYS[year].split())


def _line(tariff: Tariff, line_id: str) -> Line:
    return next(line for line in tariff.lines if line.id == line_id)


@pytest.mark.parametrize("line_id", ["subtotal", "rounding"])
def test_the_classes_close_their_bills_alike(line_id: str) -> None:
    assert len({repr(_line(BOOK.load(i), line_id).round) for i in CLASSES}) == 1


@pytest.mark.parametrize("line_id", ["climate", "fuel", "vat", "fund"])
def test_the_classes_have_the_same_surcharges_since_june_2023(line_id: str) -> None:
    since = date(2023, 6, 1)

    def prices(tariff: Tariff) -> list[tuple[date, Decimal]]:
        found = [(max(p.since, since), p.value) for p in _line(tariff, line_id).prices]  # type: ignore[attr-defined]
        return sorted(dict(found).items())

    metered = [BOOK.load(i) for i in CLASSES if i != "kr.kepco.street.light" or line_id in {"vat", "fund"}]
    assert len({tuple(prices(t)) for t in metered}) == 1


def _energy(tariff: Tariff, voltage: str, plan: str, day: date) -> dict[tuple[str | None, str], Decimal]:
    lines = [line for line in tariff.lines if isinstance(line, TimeOfUse) and line.id == "energy"]
    line = next(x for x in lines if any(("voltage", (voltage,)) in c.one_of for c in x.when))
    chosen = next((c.line for c in line.choices if (c.option, c.value) == ("plan", plan)), line)
    assert isinstance(chosen, TimeOfUse)
    newest = max(p.since for p in chosen.prices if p.since <= day)
    in_force = [p for p in chosen.prices if p.since == newest]
    return {
        (p.season, band): value
        for p in in_force
        for band, value in p.per_band
        if band in {"light", "mid", "peak"}
    }


@pytest.mark.parametrize("plan", ["1", "2", "3"])
@pytest.mark.parametrize("voltage", ["high_a", "high_b"])
@pytest.mark.parametrize("day", [date(2023, 1, 1), date(2023, 11, 8)])
def test_industry_paid_as_general_service_did_until_november_2023(voltage: str, plan: str, day: date) -> None:
    industrial, general = (BOOK.load(f"kr.kepco.{name}.b") for name in ("industrial", "general"))
    assert _energy(industrial, voltage, plan, day) == _energy(general, voltage, plan, day)
