"""A series of prices by interval, as a market publishes them, and the same as whole numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np

from chowon.domain.quantities import I64, Bools
from chowon.domain.tariff.terms import ZERO
from chowon.errors import UsageInvalid, shortened

_MOST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, eq=False)
class ScaledPrices:
    """Prices as whole numbers: 10^`digits` of them are a unit of money."""

    numbers: I64
    """0 where there is no price"""
    lacking: Bools
    """Where there is none"""
    digits: int
    most: int
    """The bound of `numbers`, either way"""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Prices by interval, e.g. of a day-ahead market; None where none is known. They don't change."""

    start_ms: int
    step_ms: int
    values: Sequence[Decimal | None]
    """(n,) the tariff's currency per kWh"""
    _scaled: list[ScaledPrices] = field(default_factory=list, init=False, repr=False)
    """One, once somebody has asked for it"""

    def at(self, time_ms: int) -> Decimal | None:
        """The price at an instant."""
        place = (time_ms - self.start_ms) // self.step_ms
        return self.values[place] if 0 <= place < len(self.values) else None

    def mean(self, from_ms: int, to_ms: int) -> Decimal:
        """Of the known prices of intervals that begin between two instants; 0 without any."""
        first, end = ((ms - self.start_ms) // self.step_ms for ms in (from_ms, to_ms))
        known = [price for price in self.values[max(first, 0) : max(end, 0)] if price is not None]
        return sum(known, ZERO) / len(known) if known else ZERO

    def scaled(self) -> ScaledPrices:
        """The prices as whole numbers, made once.

        Errors: OverflowError where 64 bits don't hold them, UsageInvalid for a price that is no number.
        """
        if not self._scaled:
            self._scaled.append(_scaled(self.values))
        return self._scaled[0]

    def of_intervals(self, starts_ms: I64) -> tuple[I64, Bools]:
        """(the whole number of each interval, 0 where there is none; where there is none).

        Errors: as `scaled`.
        """
        scaled, n = self.scaled(), len(self.values)
        places = (starts_ms - self.start_ms) // self.step_ms
        outside = (places < 0) | (places >= n)
        if not n or outside.all():
            return np.zeros(len(places), np.int64), outside
        places = np.clip(places, 0, n - 1)
        lacking: Bools = outside | scaled.lacking[places]
        return np.where(lacking, 0, scaled.numbers[places]), lacking


def _scaled(values: Sequence[Decimal | None]) -> ScaledPrices:
    digits = 0
    for value in values:
        exponent = 0 if value is None else value.as_tuple().exponent
        if not isinstance(exponent, int):
            raise UsageInvalid(f"prices: found {shortened(value)}; expected a number, or none")
        digits = max(digits, -exponent)
    unit = 10**digits
    numbers = [0 if value is None else int(value * unit) for value in values]
    most = max(map(abs, numbers), default=0)
    if most > _MOST:
        raise OverflowError(f"prices of {digits} digits after the point: more than 64 bits hold")
    lacking = np.array([value is None for value in values], np.bool_)
    return ScaledPrices(np.array(numbers, np.int64), lacking, digits, most)
