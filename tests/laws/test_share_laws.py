"""What holds for the shares of every bill, whatever the tariff, the parts and what prices them."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import combinations, permutations
from math import factorial, floor
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import (
    Costs,
    Prepared,
    Usage,
    average_shares,
    costs_by_energy,
    costs_of_sets,
    marginal_shares,
    shapley_shares,
)
from tests.laws.test_bill_laws import Asked, asked

LAW = settings(deadline=None, max_examples=60)
NAMES = ("fridge", "aircon", "rice cooker", "washer", "rest", "밥솥")
KWH = st.integers(0, 400_000).map(lambda wh: Decimal(wh) / 1000) | st.integers(0, 300).map(Decimal)


def _parts(most: int) -> st.SearchStrategy[dict[str, Decimal]]:
    return st.dictionaries(st.sampled_from(NAMES), KWH, min_size=1, max_size=most)


def _bill(ready: Prepared, kwh: dict[str, Decimal]) -> Decimal:
    return ready.total(Usage(sum(kwh.values(), Decimal(0))))


@st.composite
def games(draw: st.DrawFn, most: int = 4) -> tuple[Costs, dict[tuple[str, ...], Decimal]]:
    """Any bill for any set of parts, also below nothing: as if by time of use, with export."""
    kwh = draw(_parts(most))
    sets = [there for n in range(len(kwh) + 1) for there in combinations(kwh, n)]
    mills = draw(st.lists(st.integers(-200_000, 500_000), min_size=len(sets), max_size=len(sets)))
    bills = {there: Decimal(amount) / 1000 for there, amount in zip(sets, mills, strict=True)}
    return costs_of_sets(kwh, bills.__getitem__, Decimal("0.01")), bills


@LAW
@given(asked(), _parts(6))
def test_average_and_shapley_shares_add_up_to_the_bill(ask: Asked, kwh: dict[str, Decimal]) -> None:
    ready = ask.ready()
    costs = costs_by_energy(ready, kwh)
    for found in (average_shares(costs), shapley_shares(costs), shapley_shares(costs, exact_upto=0, pairs=3)):
        assert sum(found.shares.values()) == found.total == ready.bill(Usage(sum(kwh.values()))).total
        assert found.difference == 0
        assert all(share == share.to_integral_value() for share in found.shares.values())
        assert found.without_any == ready.total(Usage(Decimal(0)))


@LAW
@given(asked(), _parts(6))
def test_a_marginal_share_is_the_bill_less_the_bill_without_the_part(
    ask: Asked, kwh: dict[str, Decimal]
) -> None:
    ready = ask.ready()
    found = marginal_shares(costs_by_energy(ready, kwh))
    for part in kwh:
        others = {other: used for other, used in kwh.items() if other != part}
        assert found.shares[part] == _bill(ready, kwh) - _bill(ready, others)
    assert sum(found.shares.values()) + found.difference == found.total == _bill(ready, kwh)


@LAW
@given(asked(), _parts(4))
def test_shapley_shares_are_the_mean_over_all_orders_of_arrival(ask: Asked, kwh: dict[str, Decimal]) -> None:
    ready = ask.ready()
    found = shapley_shares(costs_by_energy(ready, kwh))
    exact = dict.fromkeys(kwh, Fraction(0))
    for order in permutations(kwh):
        there: dict[str, Decimal] = {}
        for part in order:
            before = _bill(ready, there)
            there[part] = kwh[part]
            exact[part] += Fraction(_bill(ready, there) - before) / factorial(len(kwh))
    used = sum(kwh.values())
    for part, share in found.shares.items():
        weight = Fraction(kwh[part]) / Fraction(used) if used else Fraction(1, len(kwh))
        expected = floor(exact[part] + Fraction(found.without_any) * weight)
        assert share in {expected, expected + 1}


@LAW
@given(asked(), _parts(5), st.sampled_from(NAMES))
def test_a_part_that_used_nothing_costs_nothing(ask: Asked, kwh: dict[str, Decimal], idle: str) -> None:
    kwh = kwh | {"used": Decimal("0.001"), idle: Decimal(0)}
    costs = costs_by_energy(ask.ready(), kwh)
    for found in (average_shares(costs), marginal_shares(costs), shapley_shares(costs)):
        assert found.shares[idle] == 0


@LAW
@given(asked(), _parts(5), KWH)
def test_parts_alike_cost_the_same_but_for_one_unit(
    ask: Asked, kwh: dict[str, Decimal], used: Decimal
) -> None:
    costs = costs_by_energy(ask.ready(), kwh | {"one": used, "other": used})
    marginal = marginal_shares(costs).shares
    assert marginal["one"] == marginal["other"]
    for found in (average_shares(costs), shapley_shares(costs)):
        assert found.shares["one"] - found.shares["other"] in {0, 1}  # the name that sorts first


@LAW
@given(asked(), _parts(6), st.randoms(use_true_random=False))
def test_the_order_of_the_parts_does_not_matter(ask: Asked, kwh: dict[str, Decimal], random: Any) -> None:
    ready = ask.ready()
    names = list(kwh)
    random.shuffle(names)
    one, other = costs_by_energy(ready, kwh), costs_by_energy(ready, {name: kwh[name] for name in names})
    assert average_shares(one) == average_shares(other)
    assert marginal_shares(one) == marginal_shares(other)
    assert shapley_shares(one) == shapley_shares(other)
    assert shapley_shares(one, exact_upto=0, pairs=3) == shapley_shares(other, exact_upto=0, pairs=3)


@LAW
@given(games())
def test_shares_of_any_bill_add_up_even_below_nothing(game: tuple[Costs, dict[Any, Decimal]]) -> None:
    costs, bills = game
    shapley, average, marginal = shapley_shares(costs), average_shares(costs), marginal_shares(costs)
    paid = bills[tuple(costs.kwh)].quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert sum(shapley.shares.values()) == sum(average.shares.values()) == paid
    assert sum(marginal.shares.values()) + marginal.difference == marginal.total == paid
    assert shapley.without_any == bills[()].quantize(Decimal("0.01"), ROUND_HALF_UP)


@LAW
@given(games(most=2))
def test_an_order_of_two_parts_and_its_reverse_leave_no_error(
    game: tuple[Costs, dict[Any, Decimal]],
) -> None:
    costs, _ = game
    estimate = shapley_shares(costs, exact_upto=0, pairs=2)
    assert estimate.shares == shapley_shares(costs).shares
    assert set(estimate.errors.values()) == {0}
