"""kWh that are split by days without rounding lose nothing on the way."""

from datetime import date
from decimal import Decimal

import pytest

from chowon.domain.bill import Usage, prepare
from chowon.domain.clock import Period
from chowon.registry import TariffBook

TARIFF = TariffBook().load("kr.kepco.residential.low")


@pytest.mark.parametrize("days_before", range(1, 17))
def test_a_sum_that_is_a_whole_won_is_not_floored_to_the_won_below(days_before):
    """7.3 won before and 9.0 won from 2023-01-01, 17 days: a kWh costs (90 − days before) / 10 won."""
    start = date.fromordinal(date(2023, 1, 1).toordinal() - days_before)
    period = Period(start, date.fromordinal(start.toordinal() + 17))
    prepared = prepare(TARIFF, period, {"climate_kwh": "exact"})
    for kwh in range(1, 800):
        climate = prepared.bill(Usage(Decimal(kwh))).amount("climate")
        assert climate == kwh * (90 - days_before) // 10, kwh
