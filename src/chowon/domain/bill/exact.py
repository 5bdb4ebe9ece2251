"""Exact arithmetic for many homes at once: whole numbers of 64 bits over one denominator, never a float."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import gcd, lcm
from typing import Final, TypeAlias

import numpy as np

from chowon.domain.quantities import I64, Bools
from chowon.domain.tariff.terms import Rounding

_INT64: Final = 2**63
Number: TypeAlias = Decimal | Fraction | int


@dataclass(frozen=True, slots=True)
class Exact:
    """An amount of each home, numerators ÷ denominator. No operation can leave 64 bits unseen.

    Errors: OverflowError as soon as a result, for the largest numerators that are allowed, would not fit;
    it depends on `most` and on constants only, never on the homes at hand.
    """

    numerators: I64
    """(homes,)"""
    denominator: int
    most: int
    """The bound of the numerators, either way."""
    loose: bool = False
    """Whether the scalar evaluator may hold it a hair off: sums and products of quotients of 28 digits."""

    @staticmethod
    def zeros(homes: int) -> "Exact":
        """0 for every home."""
        return Exact(np.zeros(homes, np.int64), 1, 0)

    @staticmethod
    def bounded(numerators: I64, denominator: int, most: int, *, loose: bool) -> "Exact":
        """An amount whose bound may not fit."""
        return Exact(numerators, denominator, _fits(most), loose=loose)

    @staticmethod
    def chosen(values: Sequence[Decimal], places: I64) -> "Exact":
        """values[place] for each home."""
        fractions = [Fraction(value) for value in values]
        denominator = lcm(*(f.denominator for f in fractions))
        numerators = [f.numerator * (denominator // f.denominator) for f in fractions]
        most = _fits(max(abs(n) for n in numerators))
        return Exact(np.array(numerators, np.int64)[places], denominator, most)

    def __add__(self, other: "Exact") -> "Exact":
        mine, others, denominator = _aligned(self, other)
        most = _fits(mine.most + others.most)
        return Exact(mine.numerators + others.numerators, denominator, most, loose=self.loose or other.loose)

    def __neg__(self) -> "Exact":
        return Exact(-self.numerators, self.denominator, self.most, loose=self.loose)

    def __sub__(self, other: "Exact") -> "Exact":
        return self + -other

    def plus(self, number: Number) -> "Exact":
        """With a constant added."""
        return self + self._like(number)

    def less(self, part: "Exact") -> "Exact":
        """What remains of an amount, 0 or more, when a part of it is gone."""
        left = self - part
        most = self.most * (left.denominator // self.denominator)
        return Exact(left.numerators, left.denominator, most, loose=left.loose)

    def times(self, number: Number) -> "Exact":
        """Multiplied by a constant."""
        factor = Fraction(number)
        common = gcd(factor.numerator, self.denominator)
        by, denominator = factor.numerator // common, self.denominator // common * factor.denominator
        most = _fits(self.most * abs(by))
        numerators = self.numerators if by == 1 else self.numerators * by
        return Exact(numerators, denominator, most, loose=self.loose)

    def at_most(self, other: "Exact | Number") -> "Exact":
        """The smaller of both."""
        mine, others, denominator = _aligned(self, self._like(other))
        most, loose = max(mine.most, others.most), mine.loose or others.loose
        return Exact(np.minimum(mine.numerators, others.numerators), denominator, most, loose=loose)

    def at_least(self, other: "Exact | Number") -> "Exact":
        """The larger of both."""
        return -(-self).at_most(-self._like(other))

    def below(self, other: "Exact") -> Bools:
        """Where it is less."""
        mine, others, _ = _aligned(self, other)
        return mine.numerators < others.numerators

    def where(self, holds: Bools, other: "Exact | Number" = 0) -> "Exact":
        """The other amount for homes for which it doesn't hold."""
        mine, others, denominator = _aligned(self, self._like(other))
        most, loose = max(mine.most, others.most), mine.loose or others.loose
        return Exact(np.where(holds, mine.numerators, others.numerators), denominator, most, loose=loose)

    def rounded(self, rounding: Rounding) -> "Exact":
        """As `Rounding.apply`: by the magnitude."""
        up, unit = self._units(rounding)
        half = 1 if rounding.mode == "half_up" else 0
        grain = unit * (1 + half)
        most = _fits(self.most * up * (1 + half) + unit * half) // grain
        found = np.abs(self.numerators)
        found *= up * (1 + half)
        found += unit * half
        found //= grain
        np.negative(found, out=found, where=self.numerators < 0)
        return Exact(found, 1, most).times(rounding.unit)

    def on_an_edge(self, rounding: Rounding) -> Bools:
        """Where a hair more or less could round otherwise: at whole and half units."""
        up, unit = self._units(rounding)
        _fits(self.most * up * 2)
        edges: Bools = self.numerators * (up * 2) % unit == 0
        return edges

    def over(self, denominator: int) -> "Exact":
        """The same over a multiple of its denominator."""
        by = denominator // self.denominator
        if by == 1:
            return self
        most = _fits(self.most * by)
        return Exact(self.numerators * by, denominator, most, loose=self.loose)

    @property
    def ends(self) -> bool:
        """Whether every such fraction has an end as a decimal."""
        return bool(10**64 % self.denominator == 0)

    def _units(self, rounding: Rounding) -> tuple[int, int]:
        """(a, b): numerators × a ÷ b are multiples of the unit."""
        up, unit = Fraction(rounding.unit).denominator, Fraction(rounding.unit).numerator * self.denominator
        return up // gcd(up, unit), unit // gcd(up, unit)

    def _like(self, number: "Exact | Number") -> "Exact":
        if isinstance(number, Exact):
            return number
        fraction = Fraction(number)
        most = _fits(abs(fraction.numerator))
        return Exact(np.full(1, fraction.numerator, np.int64), fraction.denominator, most)


def _aligned(one: Exact, other: Exact) -> tuple[Exact, Exact, int]:
    """Both over one denominator."""
    denominator = lcm(one.denominator, other.denominator)
    return one.over(denominator), other.over(denominator), denominator


def _fits(most: int) -> int:
    if most >= _INT64:
        raise OverflowError("amounts of many homes at once: more than 64 bits hold")
    return most
