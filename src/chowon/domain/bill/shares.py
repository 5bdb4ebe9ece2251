"""What each part of a use costs, by three rules that answer three questions.

`average_shares`: how is the bill to be split? `marginal_shares`: what would be saved without this part?
`shapley_shares`: how much of the bill is this part's doing? All take `Costs`, whatever makes the bills.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from chowon.domain.bill.costs import Costs
from chowon.domain.bill.shapley import estimated_values, exact_values
from chowon.domain.tariff.terms import ZERO
from chowon.errors import UsageInvalid

MOST_EXACT_PARTS: Final = 16
"""65,536 bills; twice as many for each part more."""


@dataclass(frozen=True, slots=True)
class SharedBill:
    """A bill and what each part of the use costs. The shares and `difference` add up to `total`, exactly."""

    rule: Literal["average", "marginal", "shapley"]
    method: Literal["exact", "estimated"]
    total: Decimal
    """The bill of all parts, to the smallest unit that is paid."""
    shares: dict[str, Decimal]
    """By part, in the order in which they were given; whole units; negative where a part lowers the bill."""
    difference: Decimal
    """What the shares leave of the bill; 0 but for `marginal`."""
    without_any: Decimal
    """The bill if no part had been used. No part causes it; average and Shapley shares contain it."""
    errors: dict[str, Decimal]
    """Of an estimate: the standard error of each share, rounded up. Empty where the shares are exact."""


@dataclass(frozen=True, slots=True)
class PerRun:
    """What one run of an appliance cost on average."""

    amount: Decimal
    runs: int
    per_run: Decimal | None
    """Rounded half up, by the magnitude; None without a run."""


def average_shares(costs: Costs) -> SharedBill:
    """Answers "how is this bill to be split?": in proportion to the kWh, each kWh at the same price.

    Where nothing was used all parts pay alike. Errors: UsageInvalid for a part below 0 kWh.
    """
    below = [part for part, kwh in costs.kwh.items() if kwh < 0]
    if below:
        raise UsageInvalid(
            f"part {below[0]!r}: found {costs.kwh[below[0]]} kWh; expected 0 or more: a part that gives "
            "energy has no share in proportion to it; ask for its marginal cost or its Shapley share"
        )
    without_any, total = _ends(costs)
    exact = {part: total * weight for part, weight in _weights(costs).items()}
    return _answer("average", costs, without_any, total, largest_remainder(exact, total, costs.kwh))


def marginal_shares(costs: Costs) -> SharedBill:
    """Answers "what would be saved without this part?": the bill of all less the bill of all others.

    Under tiers each part is the last one to arrive and pays the dearest kWh, so the shares may add up to more
    than the bill, or to less; `difference` is the bill less their sum.
    """
    n = len(costs.kwh)
    without_any, total, *others = costs.units(np.vstack([np.zeros(n), np.ones(n), 1 - np.eye(n)]) > 0)
    saved = {part: total - other for part, other in zip(costs.kwh, others, strict=True)}
    return _answer("marginal", costs, without_any, total, saved)


def shapley_shares(costs: Costs, *, exact_upto: int = 12, pairs: int = 2000, seed: int = 0) -> SharedBill:
    """Answers "how much of the bill is this part's doing?": what it adds, averaged over all orders of parts.

    A part that changes no bill gets 0, parts that change every bill alike get the same. `without_any` is
    nobody's doing and follows the kWh taken: so a rest that is cut into more parts takes no more of it.
    More than `exact_upto` parts that aren't idle, 16 at most, are estimated from `pairs` random orders and
    their reverses; the answer then says "estimated" and carries the errors.
    Errors: UsageInvalid for more exact parts than 16 and for less than 2 pairs.
    """
    if not 0 <= exact_upto <= MOST_EXACT_PARTS:
        raise UsageInvalid(f"exact_upto: found {exact_upto}; expected 0 to {MOST_EXACT_PARTS} parts")
    if pairs < 2:
        raise UsageInvalid(f"pairs: found {pairs}; expected 2 or more random orders")
    columns = {part: column for column, part in enumerate(costs.kwh)}
    playing = sorted(costs.kwh.keys() - costs.idle)
    players = [columns[part] for part in playing]
    errors: dict[str, int] = {}
    if len(players) <= exact_upto:
        values = exact_values(costs, players)
    else:
        found = estimated_values(costs, players, pairs, seed)
        values, errors = found.values, dict(zip(playing, found.errors, strict=True))
    without_any, total = _ends(costs)
    exact = {part: without_any * weight for part, weight in _weights(costs).items()}
    for part, value in zip(playing, values, strict=True):
        exact[part] += value
    shares = largest_remainder(exact, total, costs.kwh)
    return _answer("shapley", costs, without_any, total, shares, errors)


def per_run(amount: Decimal, runs: int, unit: Decimal = Decimal(1)) -> PerRun:
    """A part's share by its runs: 14,320 won in 21 runs are 682 won a run.

    Errors: UsageInvalid below 0 runs.
    """
    if runs < 0:
        raise UsageInvalid(f"runs: found {runs}; expected 0 or more")
    each = (amount / runs / unit).to_integral_value(ROUND_HALF_UP) * unit if runs else None
    return PerRun(amount, runs, each)


def largest_remainder(
    exact: Mapping[str, Fraction], total: int, larger_first: Mapping[str, Decimal]
) -> dict[str, int]:
    """Whole numbers that add up to `total`, each the floor of its exact one or one more.

    exact: adds up to `total`. What the floors leave goes, one each, to the largest remainders; of equal ones
    to the part with more in `larger_first`, then to the name that sorts first.
    """
    whole = {part: floor(amount) for part, amount in exact.items()}
    order = sorted(exact, key=lambda part: (whole[part] - exact[part], -larger_first[part], part))
    for part in order[: total - sum(whole.values())]:
        whole[part] += 1
    return whole


def _ends(costs: Costs) -> tuple[int, int]:
    """The bill without any part and the one of all, in units."""
    n = len(costs.kwh)
    without_any, total = costs.units(np.vstack([np.zeros(n), np.ones(n)]) > 0)
    return without_any, total


def _weights(costs: Costs) -> dict[str, Fraction]:
    """Each part's share of the kWh taken; the same for all where none was."""
    taken = {part: Fraction(max(kwh, ZERO)) for part, kwh in costs.kwh.items()}
    whole = sum(taken.values())
    return {part: used / whole if whole else Fraction(1, len(taken)) for part, used in taken.items()}


def _answer(
    rule: Literal["average", "marginal", "shapley"],
    costs: Costs,
    without_any: int,
    total: int,
    shares: Mapping[str, int],
    errors: Mapping[str, int] = MappingProxyType({}),
) -> SharedBill:
    """From units to money."""
    unit = costs.unit
    return SharedBill(
        rule,
        "estimated" if errors else "exact",
        total * unit,
        {part: shares[part] * unit for part in costs.kwh},
        (total - sum(shares.values())) * unit,
        without_any * unit,
        {part: error * unit for part, error in errors.items()},
    )
