"""Bills of many homes at once: the steps of `prepare`, over arrays of whole numbers, equal to it to the won.

Two kinds of home are handed to the scalar evaluator, each different use once: those whose sums 64 bits
don't hold (KEPCO: beyond 10^8 kWh), and those with an amount exactly on an edge of its rounding that the
scalar evaluator knows as a quotient of 28 digits only (`HomesRun.unsure`). So no answer is ever refused or
approximate; such homes only take longer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Final

import numpy as np

from chowon.domain.bill.prepared import Plan, Prepared
from chowon.domain.bill.split import HomesRun, bound_wh
from chowon.domain.bill.usage import Usage
from chowon.domain.quantities import I64
from chowon.domain.tariff.kinds import RoundTotal, Subtotal
from chowon.errors import UsageInvalid

_AT_ONCE: Final = 16_384
"""Homes evaluated together: their arrays stay in the processor's cache."""
_MOST_DIGITS: Final = 15
"""A `Usage` is below 10^15 Wh."""
_EXPECTED: Final = "expected an array of Wh, one int64 a home, 0 or more, below 10^15"
_TOTAL: Final = ""
"""The total's place among the amounts; no line has this id."""


def prepare_fleet(prepared: Prepared) -> "Fleet":
    """The same tariff, period and options, to answer for arrays of homes.

    Errors: UsageInvalid for a tariff whose own numbers don't fit 64 bits.
    """
    if prepared.tariff.net_kwh or any(plan.meter.measures for plan in prepared.plans):
        raise UsageInvalid(
            f"{prepared.tariff.id} prices more than the kWh of a period; use `prepare` home by home"
        )
    for digits in range(_MOST_DIGITS, -1, -1):
        try:
            ids, per_unit = _amounts_of(prepared, 10**digits)
        except OverflowError:
            continue
        return Fleet(prepared, per_unit, 10**digits, ids)
    raise UsageInvalid(f"{prepared.tariff.id}: its numbers don't fit 64 bits; use `prepare` home by home")


def _amounts_of(prepared: Prepared, most_wh: int) -> tuple[tuple[str, ...], int]:
    """(ids of all amounts, their common denominator), from bounds alone. Errors: OverflowError."""
    nobody = np.zeros(0, np.int64)
    found = [_evaluated(plan, nobody, most_wh).amounts for plan in prepared.plans]
    per_unit = lcm(*(amount.denominator for amounts in found for amount in amounts.values()))
    for amounts in found:
        for amount in amounts.values():
            amount.over(per_unit)
    return tuple(dict.fromkeys(id_ for amounts in found for id_ in amounts)), per_unit


@dataclass(frozen=True, slots=True)
class Fleet:
    """A tariff made ready for one period and many homes. Every answer equals the scalar evaluator's.

    Uses are int64 Wh (thousandths of a kWh), one a home, 0 or more and below 10^15. Amounts are int64 in
    parts of the tariff's currency, `per_unit` of them make one: 1 where every line is rounded to whole won.
    """

    prepared: Prepared
    per_unit: int
    exact_wh: int
    """Up to here a home's sums fit 64 bits; larger uses take the scalar evaluator's time."""
    _ids: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Fleet of {self.prepared!r}>"

    def totals(self, energy_wh: I64) -> I64:
        """(homes,) the total of each home's bill. Errors: UsageInvalid."""
        return self._found(energy_wh, (_TOTAL,))[_TOTAL]

    def amounts(self, energy_wh: I64) -> dict[str, I64]:
        """(homes,) of each line and subtotal by id, 0 where a bill has none. Errors: UsageInvalid."""
        return self._found(energy_wh, tuple(id_ for id_ in self._ids if id_ != _TOTAL))

    def _found(self, energy_wh: I64, ids: tuple[str, ...]) -> dict[str, I64]:
        _check(energy_wh)
        found = {id_: np.zeros(len(energy_wh), np.int64) for id_ in ids}
        unsure = energy_wh > self.exact_wh
        for plan, homes in self._groups(energy_wh):
            run = _evaluated(plan, np.minimum(energy_wh[homes], self.exact_wh), self.exact_wh)
            unsure[homes] |= run.unsure
            for id_ in ids:
                if id_ in run.amounts:
                    found[id_][homes] = run.amounts[id_].over(self.per_unit).numerators
        if unsure.any():
            self._settle(energy_wh, np.flatnonzero(unsure), found)
        return found

    def _groups(self, energy_wh: I64) -> Iterator[tuple[Plan, slice | I64]]:
        """Homes that exceed the same bounds of dearer blocks."""
        part = self.prepared.plans[0].split.part
        bounds = [bound_wh(bound, Fraction(1, part.denominator)) for bound in self.prepared.over_bounds]
        for start in range(0, len(energy_wh), _AT_ONCE):
            here = slice(start, min(start + _AT_ONCE, len(energy_wh)))
            exceeded = np.searchsorted(bounds, energy_wh[here], "left")
            if exceeded.min() == exceeded.max():
                yield self.prepared.plans[exceeded[0]], here
                continue
            for n, plan in enumerate(self.prepared.plans):
                homes = np.flatnonzero(exceeded == n)
                if len(homes):
                    yield plan, homes + start

    def _settle(self, energy_wh: I64, homes: I64, found: dict[str, I64]) -> None:
        """The scalar evaluator's answers for these homes, each different use once."""
        uses, use_of_home = np.unique(energy_wh[homes], return_inverse=True)
        bills = [self.prepared.bill(Usage(Decimal(int(wh)).scaleb(-3))) for wh in uses]
        for id_, amounts in found.items():
            exact = (b.total if id_ == _TOTAL else b.amount(id_) for b in bills)
            parts = [int((amount * self.per_unit).to_integral_value()) for amount in exact]
            try:
                amounts[homes] = np.array(parts, np.int64)[use_of_home]
            except OverflowError as error:
                raise UsageInvalid(
                    f"a use of {uses[-1]} Wh: an amount of {id_ or 'its total'} exceeds 64 bits; "
                    "use `prepare` for it"
                ) from error


def _evaluated(plan: Plan, energy_wh: I64, most_wh: int) -> HomesRun:
    """As `Prepared.total`; the total stands among the amounts."""
    run = HomesRun.of(energy_wh, most_wh, plan.split)
    for step in plan.steps:
        line, amount = step.line, step.charges(run)
        if line.round is None:
            amount = run.quotient(amount)
        elif not isinstance(line, RoundTotal):  # that one rounds by itself
            amount = run.rounded(amount, line.round)
        run.amounts[line.id] = amount
        if not isinstance(line, Subtotal):
            run.total += amount
    run.amounts[_TOTAL] = run.total
    return run


def _check(energy_wh: I64) -> None:
    given: object = energy_wh  # a caller without type checking may hand in anything
    if not isinstance(given, np.ndarray):
        raise UsageInvalid(f"uses of homes: found {type(given).__name__}; {_EXPECTED}")
    if given.dtype != np.int64 or given.ndim != 1:
        raise UsageInvalid(f"uses of homes: found {given.dtype} of {given.ndim} dimensions; {_EXPECTED}")
    if len(given) and not 0 <= given.min() <= given.max() < 10**_MOST_DIGITS:
        raise UsageInvalid(f"uses of homes: found {given.min()} to {given.max()} Wh; {_EXPECTED}")
