"""Shapley values of the parts of a use: each part's mean addition to the bill over all orders of arrival.

phi_i = sum over the sets S without i of |S|! (n - |S| - 1)! / n! x (v(S + i) - v(S))
(L. S. Shapley, "A value for n-person games", 1953). Exact over all sets, or estimated from random orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from math import factorial
from typing import Final

import numpy as np

from chowon.domain.bill.costs import Costs, Whole, whole_numbers
from chowon.domain.quantities import I64, Bools

_AT_ONCE: Final = 256
"""Orders evaluated together: memory stays small however many there are."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Shapley values from random orders."""

    values: tuple[Fraction, ...]
    """In units. They add up to the bill less the bill without any part, as exact ones do."""
    errors: tuple[int, ...]
    """The standard error of each, in units, rounded up."""


def exact_values(costs: Costs, players: Sequence[int]) -> tuple[Fraction, ...]:
    """Each player's value in units, from the bills of all 2^n sets. players: columns of `costs`."""
    n = len(players)
    sets = np.arange(2**n)
    there: Bools = (sets[:, np.newaxis] >> np.arange(n) & 1).astype(np.bool_)
    bills = whole_numbers(_bills(costs, players, there))
    sizes = there.sum(axis=1)
    chances = [Fraction(factorial(s) * factorial(n - s - 1), factorial(n)) for s in range(n)]
    values = []
    for player in range(n):
        without = sets[~there[:, player]]
        added = bills[without | 1 << player] - bills[without]
        by_size = np.zeros(n, bills.dtype)
        np.add.at(by_size, sizes[without], added)
        values.append(sum((c * int(a) for c, a in zip(chances, by_size, strict=True)), Fraction(0)))
    return tuple(values)


def estimated_values(costs: Costs, players: Sequence[int], pairs: int, seed: int) -> Estimate:
    """Each player's value in units, from `pairs` random orders, 2 or more, and their reverses.

    An order and its reverse err in opposite directions: early arrivals are cheap in one, late ones dear in
    the other. The error is that of the mean of independent pairs.
    """
    n = len(players)
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (pairs, 1)), axis=1)
    of_pairs = np.concatenate(
        [_of_pairs(costs, players, orders[at : at + _AT_ONCE]) for at in range(0, pairs, _AT_ONCE)]
    ).astype(object)
    sums, squares = of_pairs.sum(axis=0), (of_pairs * of_pairs).sum(axis=0)
    return Estimate(
        tuple(Fraction(s, 2 * pairs) for s in sums),
        tuple(_error(s, q, pairs) for s, q in zip(sums, squares, strict=True)),
    )


def _of_pairs(costs: Costs, players: Sequence[int], orders: I64) -> Whole:
    """(orders, players) what each player adds to the bill in an order, and in its reverse, together."""
    return _added(costs, players, orders) + _added(costs, players, orders[:, ::-1])


def _added(costs: Costs, players: Sequence[int], orders: I64) -> Whole:
    """(orders, players) what each player adds to the bill when it arrives."""
    count, n = orders.shape
    arrival = np.argsort(orders, axis=1)
    there: Bools = arrival[:, np.newaxis, :] < np.arange(n + 1)[np.newaxis, :, np.newaxis]
    bills = whole_numbers(_bills(costs, players, there.reshape(-1, n)))
    steps = np.diff(bills.reshape(count, n + 1), axis=1)
    return np.take_along_axis(steps, arrival, axis=1)


def _bills(costs: Costs, players: Sequence[int], there: Bools) -> list[int]:
    """The bill in units with these players; all other parts are away."""
    present = np.zeros((len(there), len(costs.kwh)), np.bool_)
    present[:, list(players)] = there
    return costs.units(present)


def _error(sum_: int, squares: int, pairs: int) -> int:
    """Standard error of the mean of sums of two, from their sum and their sum of squares."""
    spread = Decimal(squares * pairs - sum_ * sum_) / (pairs * pairs * (pairs - 1))
    return int((spread.sqrt() / 2).to_integral_value(ROUND_CEILING))
