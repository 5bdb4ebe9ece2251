"""Lines for some uses only, and a minimum of so many kWh."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from chowon.domain.bill import Prepared, Usage, prepare, prepare_fleet
from chowon.domain.clock import Period
from chowon.errors import TariffInvalid
from tests.hourly import head, line, read, season

HEAD = (
    head("xx.some", period='kwh_round = { unit = 1, mode = "half_up" }')
    + season("warm", [6, 7, 8])
    + line(
        "energy",
        "per_kwh",
        "price = 100",
        'season = "warm"\nprice = 200',
        keys='by = "usage_day"\nround = { unit = 1, mode = "floor" }',
    )
)
GREEN = """
[[line]]
id = "green"
kind = "per_kwh"
by = "usage_day"
label = { ko = "부담금", en = "Levy" }
above_kwh = 50
upto_kwh = 300
price = [{ from = 2026-01-01, price = 10, source = "s" }]
"""
TENTH = """
[[line]]
id = "tenth"
kind = "discount"
per = "segment"
of = ["energy", "green"]
label = { ko = "할인", en = "A tenth" }
price = [{ from = 2026-01-01, percent = 10, source = "s" }]
"""
LEAST = """
[[line]]
id = "least"
kind = "minimum"
label = { ko = "최저요금", en = "Minimum" }
price = [{ from = 2026-01-01, of_kwh = 20, source = "s" }]
"""


def ready(lines: str, start: date, end: date, whole: Period | None = None) -> Prepared:
    return prepare(read(HEAD + lines), Period(start, end, whole))


MAY = date(2026, 5, 1), date(2026, 6, 1)


@pytest.mark.parametrize(("kwh", "levy"), [("50", 0), ("50.001", "500.01"), ("300", 3000), ("300.001", 0)])
def test_a_line_is_on_bills_of_uses_above_the_one_bound_and_up_to_the_other(kwh: str, levy: str) -> None:
    bill = ready(GREEN, *MAY).bill(Usage(Decimal(kwh)))
    assert bill.amount("green") == Decimal(levy)
    assert ("green" in {line.id for line in bill.lines}) == bool(Decimal(levy))


def test_the_next_kwh_has_the_line_where_it_stays() -> None:
    prepared = ready(GREEN, *MAY)
    prices = [prepared.next_kwh(Usage(Decimal(kwh))).marginal_price for kwh in (49, 50, 299, 300)]
    assert prices == [100, 110, 110, 100]


def test_a_part_of_a_period_has_the_line_at_its_pace() -> None:
    ten_days = ready(GREEN, date(2026, 5, 1), date(2026, 5, 11), Period(*MAY))
    assert ten_days.bill(Usage(Decimal(16))).amount("green") == 0  # 49.6 kWh in 31 days
    assert ten_days.bill(Usage(Decimal(17))).amount("green") == 170  # 52.7


def test_a_discount_by_segments_leaves_out_what_the_use_does_not_have() -> None:
    prepared = ready(GREEN + TENTH, date(2026, 5, 16), date(2026, 6, 15))
    # 16 of 30 days in May: of 40 kWh 21 at 100 and 19 at 200; of 60 kWh 32 and 28, with 10 for each
    assert prepared.bill(Usage(Decimal(40))).amount("tenth") == -590
    assert prepared.bill(Usage(Decimal(60))).amount("tenth") == -940


def test_a_minimum_of_kwh_is_what_they_would_cost_in_the_same_period() -> None:
    assert ready(LEAST, *MAY).bill(Usage(Decimal(0))).amount("least") == 2000
    assert ready(LEAST, *MAY).bill(Usage(Decimal(7))).amount("least") == 1300
    assert ready(LEAST, *MAY).bill(Usage(Decimal(20))).amount("least") == 0
    across = ready(LEAST, date(2026, 5, 16), date(2026, 6, 15))
    assert across.bill(Usage(Decimal(0))).total == 11 * 100 + 9 * 200  # 20 × 16/30 = 10.67
    ten_days = ready(LEAST, date(2026, 5, 1), date(2026, 5, 11), Period(*MAY))
    assert ten_days.bill(Usage(Decimal(0))).total == 600  # 20 × 10/31 = 6.45


def test_many_homes_have_the_lines_of_their_use() -> None:
    least = LEAST.replace("label", 'of = ["energy"]\nlabel', 1)
    prepared = ready(GREEN + TENTH + least, date(2026, 5, 16), date(2026, 6, 15))
    energy = np.array([0, 19_999, 50_000, 50_001, 300_000, 300_001], np.int64)
    fleet = prepare_fleet(prepared)
    expected = [prepared.total(Usage(Decimal(int(wh)) / 1000)) for wh in energy]
    assert [Decimal(int(total)) / fleet.per_unit for total in fleet.totals(energy)] == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (GREEN.replace("above_kwh = 50", "above_kwh = 300"), "upto_kwh: found .* more than above_kwh, 300"),
        (
            '[[line]]\nid = "sum"\nkind = "subtotal"\nlabel = { ko = "a", en = "a" }\nupto_kwh = 3\n',
            "upto_kwh: .* nothing here: a line of this kind is on bills of every use",
        ),
        (LEAST.replace("of_kwh = 20", "of_kwh = 20, amount = 3"), "either an amount or of_kwh"),
        (GREEN + LEAST, "lines `of` that follow from the kWh alone and are rounded"),
    ],
)
def test_bounds_that_mean_nothing_are_refused(lines: str, expected: str) -> None:
    with pytest.raises(TariffInvalid, match=expected):
        ready(lines, *MAY)
