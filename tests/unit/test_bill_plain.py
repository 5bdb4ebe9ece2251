"""A bill as text."""

from datetime import date
from decimal import Decimal

from chowon.domain.bill import Usage, bill, plain_line, price_text
from chowon.domain.clock import Period
from chowon.registry import TariffBook


def test_a_price_of_six_digits_is_shown_whole() -> None:
    tariff = TariffBook().load("us.pse.schedule.7")
    found = bill(tariff, Period(date(2026, 3, 1), date(2026, 4, 1)), Usage(Decimal(1000)))
    shown = {line.id: [part["price"] for part in plain_line(line)["parts"]] for line in found.lines}
    assert shown["energy"] == ["0.145171", "0.164588"]
    assert shown["exchange_credit"] == ["-0.006648"]


def test_a_price_has_no_exponent_and_no_trailing_zeros() -> None:
    shown = [price_text(Decimal(text)) for text in ("7170", "100.00", "-3", "0.30", "1E-7")]
    assert shown == ["7170", "100", "-3", "0.3", "0"]
