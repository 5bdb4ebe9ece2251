"""Laws of price series: an array of whole numbers gives what adding interval by interval gives."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.bill import Prices, Profile, Usage, prepare
from chowon.domain.clock import Period
from chowon.domain.quantities import HOUR_MS, QUARTER_MS
from chowon.domain.tariff import parse
from chowon.errors import UsageInvalid

LABEL = {"ko": "시장", "en": "Market"}
START_MS = 1_767_225_600_000  # 2026-01-01, UTC
QUARTERS = 96
TARIFF = parse(
    {
        "id": "xx.market",
        "name": LABEL,
        "country": "XX",
        "currency": "EUR",
        "timezone": "UTC",
        "from": date(2026, 1, 1),
        "period": {"counts_as": "one_month", "source": "s"},
        "line": [
            {
                "id": "market",
                "kind": "price_series",
                "label": LABEL,
                "series": "spot",
                "price": [{"from": date(2026, 1, 1), "factor": 1, "source": "s"}],
            }
        ],
    },
    "market",
)
PRICES = st.decimals(-900, 900, places=5) | st.integers(-9, 9).map(Decimal) | st.just(Decimal("1e2"))
HUGE = st.decimals(Decimal("1e15"), Decimal("1e16"), places=3) | st.decimals(
    Decimal("1e13"), Decimal("1e14"), places=0
)


def _total(prices: Prices, energy: list[int]) -> Decimal:
    profile = Profile(START_MS, QUARTER_MS, np.array(energy, np.int64))
    usage = Usage(Decimal(sum(energy)) / 1000, profile)
    return prepare(TARIFF, Period(date(2026, 1, 1), date(2026, 1, 2)), {}, {"spot": prices}).total(usage)


@given(
    st.lists(st.none() | PRICES, min_size=1, max_size=40),
    st.lists(st.integers(0, 5000), min_size=QUARTERS, max_size=QUARTERS),
    st.integers(-3, 3),
)
def test_every_interval_has_its_own_price_and_one_without_is_named(values, energy, late) -> None:
    prices = Prices(START_MS + late * HOUR_MS, HOUR_MS, values)
    whole, lacking = Fraction(0), []
    for n, wh in enumerate(energy):
        when_ms = START_MS + n * QUARTER_MS
        price = prices.at(when_ms)
        if wh and price is None:
            lacking.append(when_ms)
        whole += wh * Fraction(price or 0) / 1000
    if lacking:
        with pytest.raises(UsageInvalid, match=f"found none at {lacking[0]} ms UTC"):
            _total(prices, energy)
    else:
        assert Fraction(_total(prices, energy)) == whole


@given(st.lists(HUGE, min_size=24, max_size=24), st.integers(0, 10**6))
def test_numbers_that_64_bits_do_not_hold_are_added_one_by_one(values, wh) -> None:
    total = _total(Prices(START_MS, HOUR_MS, values), [wh] * QUARTERS)
    assert Fraction(total) == sum(4 * wh * Fraction(value) for value in values) / 1000


def test_a_price_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageInvalid, match="expected a number"):
        _total(Prices(START_MS, HOUR_MS, [Decimal("NaN")] * 24), [1] * QUARTERS)
