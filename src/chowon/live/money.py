"""Amounts as live state tells them: no finer than they can be paid, or a tenth of that."""

from decimal import ROUND_HALF_UP, Decimal

from chowon.domain.bill import smallest_unit


def price_of(wh: float, per_kwh: Decimal, currency: str) -> Decimal:
    """What so many Wh cost at this price, to a tenth of what can be paid: 0.1 won, 0.001 dollar."""
    return (Decimal(str(wh)) / 1000 * per_kwh).quantize(smallest_unit(currency) / 10, ROUND_HALF_UP)


def payable(amount: Decimal, currency: str) -> Decimal:
    """To what can be paid: whole won, cents."""
    return amount.quantize(smallest_unit(currency), ROUND_HALF_UP)
