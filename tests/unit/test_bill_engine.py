"""What the engine answers beside the amounts that the goldens hold."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from chowon.domain.bill import Prepared, Usage, plain_bill, plain_standing, prepare
from chowon.domain.clock import Period
from chowon.domain.tariff.kinds import TieredEnergy
from chowon.errors import UsageInvalid
from chowon.registry import TariffBook

LOW = TariffBook().load("kr.kepco.residential.low")


def _ready(start: str, end: str, **options: str) -> Prepared:
    return prepare(LOW, Period(date.fromisoformat(start), date.fromisoformat(end)), options)


def _used(kwh: str) -> Usage:
    return Usage(Decimal(kwh))


def _source(line_id: str, since: str) -> str:
    line = next(line for line in LOW.lines if line.id == line_id)
    assert isinstance(line, TieredEnergy)
    return next(price.source for price in line.prices if price.since.isoformat() == since)


def test_a_period_before_the_first_version_is_refused_with_the_known_dates() -> None:
    with pytest.raises(UsageInvalid, match=r"known from 2016-12-01 on"):
        _ready("2016-11-30", "2016-12-30")


@pytest.mark.parametrize("end", ["2025-01-01", "2024-12-31"])
def test_a_period_without_days_is_refused(end: str) -> None:
    with pytest.raises(UsageInvalid, match="an end after its start"):
        _ready("2025-01-01", end)


@pytest.mark.parametrize(
    "kwh", [Decimal(-1), Decimal("NaN"), Decimal("Infinity"), Decimal("1e12"), 287.104, 12, None]
)
def test_use_that_is_no_decimal_of_0_or_more_is_refused(kwh: Decimal) -> None:
    with pytest.raises(UsageInvalid, match="expected kWh as a Decimal, 0 or more"):
        Usage(kwh)


def test_an_unknown_option_or_value_is_refused_with_a_close_match() -> None:
    with pytest.raises(UsageInvalid, match="did you mean 'fund_split'"):
        _ready("2025-01-01", "2025-02-01", fund_spilt="days")
    with pytest.raises(UsageInvalid, match="did you mean 'reading_month'"):
        _ready("2025-01-01", "2025-02-01", fund_split="reading_mont")


def test_an_open_period_is_billed_with_its_decimals() -> None:
    bill = _ready("2026-11-01", "2026-12-01").bill(_used("287.104"))
    # 200 × 120 + 87.104 × 214.6 = 42,692.5; 287.104 × 9 = 2,583.9; × 5 = 1,435.5; base 1,600
    assert [bill.amount(i) for i in ("base", "energy", "climate", "fuel")] == [1600, 42692, 2583, 1435]
    assert bill.total == 54440


def test_every_part_says_since_when_by_which_source_and_for_which_days() -> None:
    bill = _ready("2021-06-21", "2021-07-21").bill(_used("500"))
    energy = next(line for line in bill.lines if line.id == "energy")
    assert [(p.quantity, p.price, p.segment.days) for p in energy.parts] == [
        (67, Decimal("88.3"), 10),
        (67, Decimal("182.9"), 10),
        (33, Decimal("275.6"), 10),
        (200, Decimal("88.3"), 20),
        (100, Decimal("182.9"), 20),
        (33, Decimal("275.6"), 20),
    ]
    assert all(p.since == date(2021, 1, 1) and "donga.com" in p.source for p in energy.parts)
    assert energy.rounding is not None
    assert (energy.rounding.ko, energy.rounding.en) == ("원 미만 버림", "rounded down to 1 won")


def test_a_block_never_takes_more_than_its_segment_has() -> None:
    # 1 of 3 days before the price change, and 100.2 kWh: 33 kWh of tier 1, whose block would be 67.
    bill = _ready("2022-03-31", "2022-04-03").bill(_used("100.2"))
    energy = next(line for line in bill.lines if line.id == "energy")
    assert [p.quantity for p in energy.parts] == [33, Decimal("67.2")]


def test_lines_that_are_not_of_the_time_are_not_on_the_bill() -> None:
    in_2017 = {line.id for line in _ready("2017-05-01", "2017-06-01").bill(_used("350")).lines}
    assert in_2017 == {"base", "energy", "vat", "fund"}
    after_the_deduction = _ready("2022-06-01", "2022-07-01").bill(_used("100"))
    assert after_the_deduction.amount("essential_deduction") == 0


def test_a_charge_that_begins_within_the_period_counts_its_days_only() -> None:
    bill = _ready("2020-12-16", "2021-01-16").bill(_used("310"))
    climate = next(line for line in bill.lines if line.id == "climate")
    assert [(p.quantity, p.segment.start, p.segment.days) for p in climate.parts] == [
        (150, date(2021, 1, 1), 15)
    ]
    assert climate.amount == 795
    assert bill.amount("fuel") == -930  # by reading month, for all kWh


def test_below_1000_kwh_a_super_user_month_splits_nothing() -> None:
    ready = _ready("2025-11-15", "2025-12-15")
    assert {p.segment.days for p in ready.bill(_used("1000")).lines[1].parts} == {30}
    assert {p.segment.days for p in ready.bill(_used("1001")).lines[1].parts} == {16, 14}


def test_the_next_kwh_costs_its_tier_with_adjustments_and_taxes() -> None:
    ready = _ready("2025-10-01", "2025-11-01")
    assert ready.next_kwh(_used("287.104")).marginal_price == Decimal("257.6")  # 228.6 × 1.127
    assert ready.next_kwh(_used("0")).marginal_price == Decimal("151.0")
    assert ready.next_kwh(_used("200")).energy_price == Decimal("214.6")  # at the bound: the next tier's
    assert ready.next_kwh(_used("199.9")).energy_price == Decimal("120.0")


def test_the_next_kwh_of_a_straddling_period_is_weighted_by_days() -> None:
    ready = _ready("2026-06-15", "2026-07-15")  # 16 days in June (tier 2 from 200), 14 in July (from 300)
    assert ready.next_kwh(_used("250")).energy_price == Decimal("170.5")  # (16 × 214.6 + 14 × 120) ÷ 30


def test_the_next_kwh_above_1000_in_a_super_user_month_costs_its_own_price() -> None:
    ready = _ready("2026-01-01", "2026-02-01")
    assert ready.next_kwh(_used("999")).energy_price == Decimal("307.3")
    assert ready.next_kwh(_used("1000")).energy_price == Decimal("736.2")
    over = ready.standing(_used("900")).over  # type: ignore[union-attr]
    assert over is not None
    assert (over.above_kwh, over.distance_kwh, over.energy_price) == (1000, 100, Decimal("736.2"))
    assert _ready("2026-03-01", "2026-04-01").standing(_used("900")).over is None  # type: ignore[union-attr]


def test_the_standing_says_what_the_next_tier_adds_at_once() -> None:
    standing = _ready("2025-10-01", "2025-11-01").standing(_used("350"))
    assert standing is not None
    assert (standing.index, standing.count, standing.from_kwh, standing.to_kwh) == (2, 3, 200, 400)
    assert (standing.distance_kwh, standing.base_jump) == (50, 5700)
    assert plain_standing(standing)["tiers"] == [
        {"upto_kwh": 200.0, "energy_price": "120"},
        {"upto_kwh": 400.0, "energy_price": "214.6"},
        {"upto_kwh": None, "energy_price": "307.3"},
    ]


def test_a_use_on_the_bound_is_still_in_the_tier_below() -> None:
    standing = _ready("2025-10-01", "2025-11-01").standing(_used("200"))
    assert standing is not None
    assert (standing.index, standing.distance_kwh, standing.base_jump) == (1, 0, 690)


def test_bounds_of_a_straddling_period_are_weighted_by_days() -> None:
    standing = _ready("2026-06-16", "2026-07-16").standing(_used("100"))  # 15 and 15 days
    assert standing is not None
    assert [tier.upto_kwh for tier in standing.tiers] == [250, 425, None]


def test_accrued_cost_grows_by_the_price_of_each_kwh() -> None:
    ready = _ready("2025-10-01", "2025-11-01")
    added = ready.accrued(_used("151")) - ready.accrued(_used("150"))
    assert added == Decimal(134) * Decimal("1.127")


def test_thirds_of_a_base_charge_add_up_to_the_whole() -> None:
    for days in range(1, 63):  # 7,300 × days ÷ n must never floor to 7,299
        end = date(2025, 7, 1) + timedelta(days=days)
        for kwh in (900, 1200):
            bill = prepare(LOW, Period(date(2025, 6, 18), end)).bill(Usage(Decimal(kwh)))
            assert bill.amount("base") == 7300


def test_a_bill_as_json_holds_money_as_text() -> None:
    plain = plain_bill(_ready("2025-10-01", "2025-11-01").bill(_used("350")))
    assert plain["total"] == "70640"
    lines = plain["lines"]
    assert isinstance(lines, list)
    assert [line["id"] for line in lines] == ["base", "energy", "climate", "fuel", "vat", "fund", "rounding"]
    assert lines[1]["parts"][1] == {
        "label": {"ko": "2단계", "en": "Tier 2"},
        "quantity": "150",
        "unit": "kWh",
        "price": "214.6",
        "amount": "32190",
        "from": "2023-05-16",
        "source": _source("energy", "2023-05-16"),
        "segment": {"start": "2025-10-01", "end": "2025-11-01", "days": 31},
    }
    subtotal = {
        "id": "subtotal",
        "label": {"ko": "전기요금계", "en": "Electricity charges"},
        "amount": "62690",
    }
    assert plain["subtotals"] == [subtotal | {"after": 4}]
