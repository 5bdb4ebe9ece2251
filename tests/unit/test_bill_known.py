"""A bill beyond the prices that are known says so."""

from datetime import date
from decimal import Decimal

import pytest

from chowon.domain.bill import Usage, plain_bill, prepare
from chowon.domain.clock import Period
from chowon.domain.tariff import Text
from chowon.errors import TariffInvalid
from chowon.registry import TariffBook
from tests.hourly import head, read

BOOK = TariffBook()


def texts(tariff_id: str, start: date, end: date, **options: str) -> list[Text]:
    return [note.text for note in prepare(BOOK.load(tariff_id), Period(start, end), options).notes]


def test_an_adjustment_beyond_its_last_month_is_noted_in_both_languages() -> None:
    assert texts("kr.kepco.residential.low", date(2026, 11, 15), date(2026, 12, 15)) == []
    assert texts("kr.kepco.residential.low", date(2026, 12, 15), date(2027, 1, 15)) == [
        Text(
            "연료비조정요금: 2026년 12월분까지 알려진 단가입니다. 그 뒤에는 마지막 단가를 적용했습니다.",
            "Fuel adjustment charge: known up to the reading month 2026-12; "
            "after that the last known price stands.",
        )
    ]


def test_a_tariff_beyond_its_last_day_is_noted() -> None:
    assert texts("us.pge.e.tou.c", date(2026, 8, 1), date(2026, 9, 1)) == []
    (note,) = texts("us.pge.e.tou.c", date(2026, 8, 2), date(2026, 9, 2))
    assert "2026-08-31" in note.ko
    assert "2026-08-31" in note.en


def test_each_line_ends_by_itself() -> None:
    tepco = BOOK.load("jp.tepco.juryo.b")
    notes = prepare(tepco, Period(date(2027, 4, 10), date(2027, 5, 10))).notes
    assert [note.line for note in notes] == ["fuel", "renewable_levy"]
    notes = prepare(tepco, Period(date(2026, 8, 10), date(2026, 9, 10))).notes
    assert [note.line for note in notes] == ["fuel"]


def test_a_line_that_the_customer_does_not_have_is_not_noted() -> None:
    days = date(2026, 12, 31), date(2027, 1, 31)
    lights = prepare(BOOK.load("kr.kepco.street.light"), Period(*days), {"contract_kw": "3"})
    assert [note.line for note in lights.notes] == ["fuel"]


def test_the_bill_and_its_plain_values_carry_the_notes() -> None:
    period = Period(date(2026, 12, 15), date(2027, 1, 15))
    bill = prepare(BOOK.load("kr.kepco.residential.low"), period).bill(Usage(Decimal(300)))
    assert [note.line for note in bill.notes] == ["fuel"]
    assert plain_bill(bill)["notes"] == [{"ko": bill.notes[0].text.ko, "en": bill.notes[0].text.en}]


PLACES = (
    head("xx.known", top="TOP")
    + """
[[line]]
id = "fuel"
kind = "per_kwh"
by = "reading_month"
label = { ko = "연료비", en = "Fuel" }
LINE
price = [{ from = 2026-01-01, price = 5, source = "s" }]
[[line]]
id = "sum"
kind = "subtotal"
label = { ko = "합계", en = "Sum" }
SUM
"""
)


@pytest.mark.parametrize(
    ("place", "day", "expected"),
    [
        ("LINE", "2026-12-15", "the first day of a reading month"),
        ("LINE", "2026-01-01", "the first day without known prices, later than 2026-01-01"),
        ("SUM", "2026-12-01", "nothing here: a line of this kind has no prices"),
        ("TOP", "2025-12-01", "the first day without known prices, later than 2026-01-01"),
    ],
)
def test_an_end_that_no_bill_can_go_by_is_refused(place: str, day: str, expected: str) -> None:
    text = PLACES.replace(place, f"known_until = {day}")
    for other in {"TOP", "LINE", "SUM"} - {place}:
        text = text.replace(other, "")
    with pytest.raises(TariffInvalid, match=expected):
        read(text)
