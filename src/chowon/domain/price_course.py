"""How the price of the next kWh changes over the hours of a period."""

from decimal import Decimal

import numpy as np

from chowon.domain.bill import Prepared, Usage
from chowon.domain.quantities import I64
from chowon.domain.tariff.terms import ZERO


def price_course(prepared: Prepared, start_ms: int, step_ms: int, n: int) -> list[Decimal]:
    """(n,) what a first kWh would cost in each interval; only differences between hours mean anything.

    Looked up where a band, a segment or a price of a series begins. Errors: UsageInvalid.
    """
    meter, tariff = prepared.plans[0].meter, prepared.tariff
    edges: list[I64] = [meter.runs(calendar).edges_ms for calendar in (None, *tariff.calendars)]
    edges += [
        prices.start_ms + np.arange(len(prices.values), dtype=np.int64) * prices.step_ms
        for prices in meter.series.values()
    ]
    instants = start_ms + np.arange(n, dtype=np.int64) * step_ms
    known = np.unique(np.concatenate(edges))
    places = np.maximum(np.searchsorted(known, instants, "right") - 1, 0)
    nothing = Usage(ZERO, partial=True)
    prices_at = {
        place: prepared.next_kwh(nothing, int(known[place])).marginal_price
        for place in np.unique(places).tolist()
    }
    return [prices_at[place] for place in places.tolist()]
