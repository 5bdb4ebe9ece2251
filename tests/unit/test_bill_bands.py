"""Tiers inside a band, and netting by band."""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from chowon.domain.bill import Prepared, Profile, Usage, prepare
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import HOUR_MS
from chowon.errors import TariffInvalid, UsageInvalid
from tests.hourly import head, hours, read, season

HEAD = (
    head("xx.bands", period='split = "measured"')
    + season("warm", [6, 7, 8])
    + hours('bands = { night = "00-08", day = "08-24" }')
)
IN_TIERS = """
[tiers]
small = { set = [
  { from = 2026-01-01, upto = [31, 62], source = "s" },
  { from = 2026-01-01, season = "warm", upto = [60, 90], source = "s" },
] }
[[line]]
id = "energy"
kind = "tiered_time_of_use"
calendar = "hours"
tiers = "small"
label = { ko = "전력량", en = "Energy" }
price = [
  { from = 2026-01-01, bands = { night = [1, 2, 3], day = [10, 20, 30] }, source = "s" },
  { from = 2026-01-01, season = "warm", bands = { night = [4, 5, 6], day = [40, 50, 60] }, source = "s" },
]
"""
NET = """
[[line]]
id = "lacking"
kind = "time_of_use"
calendar = "hours"
of = "net_import"
label = { ko = "부족", en = "Lacking" }
price = [{ from = 2026-01-01, bands = { night = 10, day = 100 }, source = "s" }]
[[line]]
id = "surplus"
kind = "time_of_use"
calendar = "hours"
of = "net_export"
label = { ko = "잉여", en = "Surplus" }
price = [{ from = 2026-01-01, bands = { night = 7, day = 40 }, source = "s" }]
"""
SEOUL = ZoneInfo("Asia/Seoul")


def ready(lines: str, start: date, end: date) -> Prepared:
    return prepare(read(HEAD + lines), Period(start, end))


def registers(night: str, day: str) -> Usage:
    bands = {"night": Decimal(night), "day": Decimal(day)}
    return Usage(sum(bands.values(), Decimal(0)), bands=bands)


def measured(start: date, days: int, imported: dict[int, int], exported: dict[int, int]) -> Usage:
    """Wh by hour since the start."""
    flows = [np.zeros(24 * days, np.int64), np.zeros(24 * days, np.int64)]
    for flow, wh_by_hour in zip(flows, (imported, exported), strict=True):
        for hour, wh in wh_by_hour.items():
            flow[hour] = wh
    kwh, export_kwh = (Decimal(int(flow.sum())) / 1000 for flow in flows)
    return Usage(kwh, Profile(midnight_ms(start, SEOUL), HOUR_MS, *flows), export_kwh=export_kwh)


def test_each_band_fills_its_own_tiers() -> None:
    bill = ready(IN_TIERS, date(2026, 5, 1), date(2026, 6, 1)).bill(registers("70", "40"))
    # night 31 × 1 + 31 × 2 + 8 × 3 = 117; day 31 × 10 + 9 × 20 = 490
    assert bill.total == 607
    parts = [(part.label.en, part.quantity) for part in bill.lines[0].parts]
    assert parts == [
        ("Night, tier 1", 31),
        ("Night, tier 2", 31),
        ("Night, tier 3", 8),
        ("Day, tier 1", 31),
        ("Day, tier 2", 9),
    ]


def test_a_segment_has_its_days_part_of_the_tiers() -> None:
    start = date(2026, 5, 22)  # 10 days of May, 5 of June: blocks of 31 × 10/15 and 60 × 5/15
    prepared = ready(IN_TIERS, start, date(2026, 6, 6))
    bill = prepared.bill(measured(start, 15, {12: 30_000, 12 + 240: 30_000}, {}))
    may = Decimal(310) / 15 * 10 + (30 - Decimal(310) / 15) * 20
    assert abs(bill.total - (may + 20 * 40 + 10 * 50)) < Decimal("1e-20")


def test_the_next_kwh_has_the_price_of_the_tier_that_its_band_is_in() -> None:
    prepared = ready(IN_TIERS, date(2026, 5, 1), date(2026, 6, 1))
    start_ms = midnight_ms(date(2026, 5, 1), SEOUL)
    for night, price in (("30.9", 1), ("31", 2), ("61.9", 2), ("62", 3)):
        usage = registers(night, "40")
        assert prepared.next_kwh(usage, start_ms).marginal_price == price
        assert prepared.next_kwh(usage, start_ms + 9 * HOUR_MS).marginal_price == 20
    assert prepared.next_kwh(registers("0", "0")).marginal_price == 7  # 1 × 8/24 + 10 × 16/24


def test_without_hours_tiers_inside_bands_are_not_guessed() -> None:
    with pytest.raises(UsageInvalid, match="by the hour; expected it by interval"):
        ready(IN_TIERS, date(2026, 5, 1), date(2026, 6, 1)).bill(Usage(Decimal(100)))


@pytest.mark.parametrize(
    ("given_wh", "lacking", "surplus", "next_day_price"),
    [(0, 5010, 0, 100), (49_000, 110, 0, 100), (50_000, 10, 0, 100), (53_000, 10, -120, 40)],
)
def test_a_band_that_gives_more_than_it_takes_has_a_surplus(
    given_wh, lacking, surplus, next_day_price
) -> None:
    start = date(2026, 5, 1)
    prepared = ready(NET, start, date(2026, 6, 1))
    usage = measured(start, 31, {3: 1000, 20: 50_000}, {13: given_wh})
    bill = prepared.bill(usage)
    assert (bill.amount("lacking"), bill.amount("surplus")) == (lacking, surplus)
    noon_ms = midnight_ms(start, SEOUL) + 12 * HOUR_MS
    assert prepared.next_kwh(usage, noon_ms).marginal_price == next_day_price
    assert prepared.next_kwh(usage, noon_ms - 9 * HOUR_MS).marginal_price == 10
    more = measured(start, 31, {3: 1000, 20: 50_000, 12: 1000}, {13: given_wh})
    assert prepared.accrued(more) - prepared.accrued(usage) == next_day_price


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (IN_TIERS.replace("[1, 2, 3]", "[1, 2]"), "3 prices a band, one a tier"),
        (IN_TIERS.replace("night = [1, 2, 3], ", ""), "one price for each band of the calendar"),
        (IN_TIERS.replace('tiers = "small"', 'tiers = "smal"'), "did you mean 'small'"),
        (IN_TIERS.replace('calendar = "hours"', 'calendar = "hours"\nof = "export"'), "of: found 'export'"),
    ],
)
def test_prices_that_fit_no_band_or_tier_are_refused(wrong: str, expected: str) -> None:
    with pytest.raises(TariffInvalid, match=expected):
        ready(wrong, date(2026, 5, 1), date(2026, 6, 1))
