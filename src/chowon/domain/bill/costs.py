"""What any set of a use's parts would cost: the seam between the rules that share a bill and its makers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chowon.domain.bill.fleet import prepare_fleet
from chowon.domain.bill.prepared import Prepared
from chowon.domain.bill.usage import Profile, Usage
from chowon.domain.quantities import Bools
from chowon.errors import UsageInvalid, shortened

Whole: TypeAlias = NDArray[Any]
"""Whole numbers: int64 where they fit, else Python's own (dtype object)."""

_WH_DIGITS: Final = 3
"""A Wh is the third digit of a kWh; the vectorised evaluator takes whole ones."""
_WORTH_A_FLEET: Final = 20
"""Below so many different uses the scalar evaluator is quicker (docs/decisions/0006)."""
_FLEET_WH: Final = 10**15
_NO_DIGITS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS: Final = "BHD IQD JOD KWD LYD OMR TND"


@dataclass(frozen=True, slots=True)
class Costs:
    """The parts of one use, and what the bill would be with any set of them."""

    kwh: dict[str, Decimal]
    """By part; together the whole use. Its order is that of the columns of `totals`' argument."""
    totals: Callable[[Bools], Sequence[Decimal]]
    """(sets, parts), whether the part is there → the bill of each set."""
    unit: Decimal
    """The smallest amount that is paid; every bill is rounded to it, half up."""
    idle: frozenset[str] = frozenset()
    """Parts that used nothing at any time, so that no bill depends on them."""

    def __post_init__(self) -> None:
        if not self.kwh:
            raise UsageInvalid(
                "parts of a use: found none; expected one or more, the unknown rest among them"
            )
        for part, kwh in self.kwh.items():
            _check(part, kwh)

    def units(self, present: Bools) -> list[int]:
        """The bill of each set, in units."""
        return [self.in_units(total) for total in self.totals(present)]

    def in_units(self, amount: Decimal) -> int:
        """The amount as whole units."""
        return int((amount / self.unit).to_integral_value(ROUND_HALF_UP))


def smallest_unit(currency: str) -> Decimal:
    """The smallest amount of a currency that is paid: 1 won, 0.01 dollar (ISO 4217, minor units)."""
    if currency in _NO_DIGITS.split():
        return Decimal(1)
    return Decimal("0.001") if currency in _THREE_DIGITS.split() else Decimal("0.01")


def costs_by_energy(prepared: Prepared, kwh: Mapping[str, Decimal], *, whole_kwh: bool = False) -> Costs:
    """The costs under a tariff that looks at the period's kWh alone.

    whole_kwh: a set's kWh are floored to whole ones, as a closed period is billed.
    Errors: UsageInvalid for a part below 0 kWh: what is given to the grid needs `Costs` that price it.
    """
    for part, used in kwh.items():
        _check(part, used)
        if used < 0:
            raise UsageInvalid(
                f"part {part!r}: found {shortened(used)}; expected kWh of 0 or more; for a part that gives "
                "energy hand in `Costs` that know what it is worth"
            )
    numbers, digits = scaled(kwh.values())
    parts = whole_numbers(numbers)

    def totals(present: Bools) -> list[Decimal]:
        return totals_of(prepared, present @ parts, digits, whole_kwh=whole_kwh)

    idle = frozenset(part for part, used in kwh.items() if not used)
    return Costs(dict(kwh), totals, smallest_unit(prepared.tariff.currency), idle)


def costs_of_sets(
    kwh: Mapping[str, Decimal],
    total_of: Callable[[tuple[str, ...]], Decimal],
    unit: Decimal,
    idle: Iterable[str] = (),
) -> Costs:
    """The costs by any function from the names of the parts that are there to a bill; asked once a set."""
    names = tuple(kwh)
    known: dict[tuple[str, ...], Decimal] = {}

    def total(row: Bools) -> Decimal:
        there = tuple(name for name, holds in zip(names, row.tolist(), strict=True) if holds)
        if there not in known:
            known[there] = total_of(there)
        return known[there]

    return Costs(dict(kwh), lambda present: [total(row) for row in present], unit, frozenset(idle))


def costs_by_interval(prepared: Prepared, parts: Mapping[str, Profile]) -> Costs:
    """The costs under a tariff by the hour: each part's own intervals, all of the same times and unit.

    Errors: UsageInvalid for parts whose intervals differ.
    """
    first = next(iter(parts.values()), None)
    for part, profile in parts.items():
        assert first is not None
        if (profile.start_ms, profile.step_ms, len(profile), profile.per_kwh) != (
            first.start_ms,
            first.step_ms,
            len(first),
            first.per_kwh,
        ):
            raise UsageInvalid(f"part {part!r}: expected the same intervals and unit as the other parts have")
    start_ms, end_ms = prepared.plans[0].meter.instants()
    kwh = {part: profile.kwh(start_ms, end_ms)[0] for part, profile in parts.items()}

    def total_of(there: tuple[str, ...]) -> Decimal:
        assert first is not None
        energy = np.zeros(len(first), np.int64)
        for part in there:
            energy = energy + parts[part].import_energy
        profile = Profile(first.start_ms, first.step_ms, energy, None, first.per_kwh)
        return prepared.total(Usage(profile.kwh(start_ms, end_ms)[0], profile, partial=True))

    idle = [part for part, profile in parts.items() if not profile.import_energy.any()]
    return costs_of_sets(kwh, total_of, smallest_unit(prepared.tariff.currency), idle)


def totals_of(prepared: Prepared, uses: Whole, digits: int, *, whole_kwh: bool = False) -> list[Decimal]:
    """The bill of each use, each different one evaluated once. uses: (n,), in 10^-digits kWh, 0 or more.

    whole_kwh: floored to whole kWh first. Errors: UsageInvalid as `Usage`.
    """
    if whole_kwh:
        uses, digits = uses // 10**digits, 0
    different, places = np.unique(uses, return_inverse=True)
    totals = _fleet_totals(prepared, different, digits)
    if totals is None:
        totals = [prepared.total(Usage(Decimal(int(use)).scaleb(-digits))) for use in different]
    return [totals[place] for place in places.tolist()]


def scaled(numbers: Iterable[Decimal]) -> tuple[list[int], int]:
    """Decimals as whole numbers of 10^-digits, and the digits that they need together."""
    plain = [number.normalize() for number in numbers]
    digits = max((-int(number.as_tuple().exponent) for number in plain), default=0)
    digits = max(0, digits)
    return [int(number.scaleb(digits)) for number in plain], digits


def whole_numbers(numbers: Sequence[int], room: int = 1000) -> Whole:
    """As int64 if `room` times the sum of all magnitudes fits too, else as Python's numbers."""
    fits = sum(abs(number) for number in numbers) * room < 2**63
    return np.array(numbers, np.int64 if fits else object)


def _fleet_totals(prepared: Prepared, different: Whole, digits: int) -> list[Decimal] | None:
    """By the vectorised evaluator, where it applies and is worth it."""
    if len(different) < _WORTH_A_FLEET or digits > _WH_DIGITS or prepared.known.changes_bills:
        return None
    wh = 10 ** (_WH_DIGITS - digits)
    if different.dtype != np.int64 or different[-1] >= _FLEET_WH // wh:
        return None
    try:
        fleet = prepare_fleet(prepared)
    except UsageInvalid:  # not a tariff for it; the scalar evaluator answers, or says what is wrong
        return None
    return [Decimal(total) / fleet.per_unit for total in fleet.totals(different * wh).tolist()]


def _check(part: str, kwh: object) -> None:
    if not isinstance(kwh, Decimal) or not kwh.is_finite():
        raise UsageInvalid(f"part {part!r}: found {shortened(kwh)}; expected kWh as a Decimal")
