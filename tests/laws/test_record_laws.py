"""Laws of what is kept and known besides a use."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.bill import Known, PastDemand, Usage, prepare
from chowon.domain.clock import Period
from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from chowon.domain.records import PriceRow, as_prices, period_before, period_of_month
from chowon.registry import TariffBook
from tests.memory import MemoryPrices

RATCHET = prepare(
    TariffBook().load("kr.kepco.general.b"),
    Period(date(2026, 10, 1), date(2026, 11, 1)),
    {"contract_kw": "100"},
)
STEPS = (5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS)
kws = st.decimals(0, 10_000, places=3)


@st.composite
def rows(draw: st.DrawFn) -> list[PriceRow]:
    """Intervals of one length within two days, each once."""
    step_ms = draw(st.sampled_from(STEPS))
    places = draw(st.sets(st.integers(0, 48 * HOUR_MS // step_ms - 1), max_size=30))
    return [PriceRow(p * step_ms, step_ms, Decimal(draw(st.integers(-9, 9)))) for p in sorted(places)]


@given(st.lists(rows(), max_size=5))
def test_each_minute_has_the_price_that_was_put_last_for_it(puts):
    book, last = MemoryPrices(), {}
    for put in puts:
        book.put("s", put, "me")
        for row in put:
            gone = [k for k, r in last.items() if r.start_ms < row.end_ms and r.end_ms > row.start_ms]
            for key in gone:
                del last[key]
            last[row.start_ms] = row
    prices = as_prices(book.rows("s", 0, 48 * HOUR_MS))
    for minute in range(0, 48 * HOUR_MS, 5 * MINUTE_MS):
        expected = next((r.price for r in last.values() if r.start_ms <= minute < r.end_ms), None)
        assert (None if prices is None else prices.at(minute)) == expected


@given(st.dictionaries(st.sampled_from(RATCHET.months_of_demand), kws, max_size=6), kws)
def test_what_is_known_bills_as_a_use_that_tells_the_same(past, demand_kw):
    known = Known(tuple(PastDemand(month, kw, "recorded") for month, kw in past.items()))
    told = RATCHET.__class__(**{n: getattr(RATCHET, n) for n in RATCHET.__slots__} | {"known": known})
    bare = Usage(Decimal(0), demand_kw=demand_kw)
    assert told.total(bare) == told.bill(bare).total
    assert told.total(bare) == RATCHET.total(Usage(Decimal(0), demand_kw=demand_kw, past_demand_kw=past))
    own = Usage(Decimal(0), demand_kw=demand_kw, past_demand_kw={"2026-01": Decimal(1)})
    assert told.total(own) == RATCHET.total(own)


@given(st.dates(date(2001, 2, 1), date(2090, 1, 1)), st.sampled_from([1, 5, 15, 28, 29, 31]))
def test_the_period_of_a_month_is_read_in_it_and_periods_follow_one_another(day, reading_day):
    period = period_of_month(f"{day:%Y-%m}", reading_day)
    assert (period.end.year, period.end.month) == (day.year, day.month)
    assert period_before(period, reading_day).end == period.start
