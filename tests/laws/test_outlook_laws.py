"""What holds for the rest of every period, whatever the tariff, the use and the forecast."""

from decimal import ROUND_FLOOR, Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import (
    Paths,
    Usage,
    arrival,
    at_this_pace,
    kwh_a_day_below,
    period_end,
    tiers_ahead,
    totals_by_energy,
)
from chowon.domain.quantities import DAY_MS, HOUR_MS
from tests.laws.test_bill_laws import DECIMAL_KWH, Asked, asked

LAW = settings(deadline=None, max_examples=60)
NOW = 1_795_400_000_000
DAYS_WH = st.lists(st.integers(0, 40_000), min_size=1, max_size=20)
COVERED_MS = st.integers(HOUR_MS, 31 * DAY_MS)
LEFT_MS = st.integers(0, 31 * DAY_MS)


def _paths(*days_wh: list[int]) -> Paths:
    energy = np.array(days_wh, np.int64)
    return Paths(NOW + DAY_MS * np.arange(energy.shape[1] + 1, dtype=np.int64), energy)


@LAW
@given(asked(), DECIMAL_KWH, st.integers(0, 31))
def test_without_more_use_the_bill_at_the_end_is_the_bill_now(ask: Asked, used: Decimal, days: int) -> None:
    ready = ask.ready()
    paths = Paths(NOW + DAY_MS * np.arange(days + 1, dtype=np.int64), np.zeros((1, days), np.int64))
    as_it_is = period_end(used, paths, totals_by_energy(ready, used, whole_kwh=False))
    as_read = period_end(used, paths, totals_by_energy(ready, used))
    assert as_it_is.total.p10 == as_it_is.total.p90 == ready.total(Usage(used))
    assert as_read.total.p50 == ready.total(Usage(used.to_integral_value(ROUND_FLOOR)))
    assert as_it_is.kwh.p50 == used


@LAW
@given(asked(), DECIMAL_KWH, st.lists(st.integers(0, 400_000), min_size=1, max_size=60))
def test_the_spread_of_bills_is_counted_off_the_bills_of_the_paths(
    ask: Asked, used: Decimal, rest_wh: list[int]
) -> None:
    ready = ask.ready()
    found = period_end(
        used, _paths(*[[wh] for wh in rest_wh]), totals_by_energy(ready, used, whole_kwh=False)
    )
    bills = [ready.total(Usage(used + Decimal(wh) / 1000)) for wh in rest_wh]
    for tenths, bill in ((1, found.total.p10), (5, found.total.p50), (9, found.total.p90)):
        assert sum(b <= bill for b in bills) * 10 >= tenths * len(bills)
        assert sum(b < bill for b in bills) * 10 < tenths * len(bills)
    assert found.kwh.p10 <= found.kwh.p50 <= found.kwh.p90


@LAW
@given(asked(longest=31), DECIMAL_KWH, DECIMAL_KWH, DAYS_WH)
def test_more_use_never_makes_the_bill_at_the_end_smaller(
    ask: Asked, used: Decimal, more: Decimal, days_wh: list[int]
) -> None:
    ready, paths = ask.ready(), _paths(days_wh)
    less, most = (
        period_end(kwh, paths, totals_by_energy(ready, kwh)).total.p50 for kwh in (used, used + more)
    )
    assert less <= most


@LAW
@given(st.integers(1, 1000).map(Decimal), DECIMAL_KWH, DECIMAL_KWH, COVERED_MS, LEFT_MS)
def test_at_a_higher_pace_the_tier_comes_no_later(
    at_kwh: Decimal, used: Decimal, more: Decimal, covered_ms: int, left_ms: int
) -> None:
    slow, quick = (at_this_pace(kwh, covered_ms, NOW, NOW + left_ms) for kwh in (used, used + more))
    assert slow is not None
    assert quick is not None
    late, soon = arrival(at_kwh, used, slow), arrival(at_kwh, used + more, quick)
    assert soon.probability >= late.probability
    if late.p50_ms is not None:
        assert soon.p50_ms is not None
        assert NOW <= soon.p50_ms <= late.p50_ms <= NOW + left_ms


@LAW
@given(st.integers(1, 1000).map(Decimal), DECIMAL_KWH, DAYS_WH)
def test_at_its_arrival_the_use_is_at_the_bound(at_kwh: Decimal, used: Decimal, days_wh: list[int]) -> None:
    found = arrival(at_kwh, used, _paths(days_wh))
    if found.p50_ms is None:
        assert used + Decimal(sum(days_wh)) / 1000 < at_kwh
    elif used < at_kwh:
        whole, part_ms = divmod(found.p50_ms - NOW, DAY_MS)
        so_far_wh = Decimal(sum(days_wh[:whole]))
        if part_ms:
            so_far_wh += days_wh[whole] * Decimal(part_ms) / DAY_MS
        assert abs(used + so_far_wh / 1000 - at_kwh) <= Decimal("0.002")  # to the Wh and the ms


@LAW
@given(asked(), DECIMAL_KWH, LEFT_MS.filter(bool))
def test_keeping_to_the_kwh_a_day_keeps_below_the_tier(ask: Asked, used: Decimal, left_ms: int) -> None:
    for ahead in tiers_ahead(ask.ready(), used):
        a_day = kwh_a_day_below(ahead.at_kwh, used, NOW, NOW + left_ms)
        assert a_day is not None
        left = (ahead.at_kwh - used) * DAY_MS
        assert a_day * left_ms <= left < (a_day + Decimal("0.001")) * left_ms


@LAW
@given(asked(), DECIMAL_KWH)
def test_the_next_tier_is_where_the_standing_says_unless_seasons_differ(ask: Asked, used: Decimal) -> None:
    ready = ask.ready()
    ahead, standing = tiers_ahead(ready, used), ready.standing(Usage(used))
    assert standing is not None
    assert [t.at_kwh for t in ahead] == sorted(t.at_kwh for t in ahead)
    tiers = [t for t in ahead if not t.over]
    if all(t.days == ready.period.days for t in tiers):
        assert [t.at_kwh for t in tiers] == [t.upto_kwh for t in standing.tiers[standing.index - 1 : -1]]
        assert [t.tier for t in tiers] == list(range(standing.index + 1, standing.count + 1))
    overs = [t.at_kwh for t in ahead if t.over]
    assert overs == ([standing.over.above_kwh] if standing.over and used <= standing.over.above_kwh else [])


@LAW
@given(asked(), DECIMAL_KWH)
def test_just_behind_a_bound_the_jump_has_accrued_and_nothing_else(ask: Asked, used: Decimal) -> None:
    ready = ask.ready()
    for ahead in tiers_ahead(ready, used):
        hair = Decimal("1e-9")
        at, behind = (ready.accrued(Usage(kwh)) for kwh in (ahead.at_kwh, ahead.at_kwh + hair))
        assert abs(behind - at - ahead.jump) <= Decimal("0.0501")
        assert ahead.jump >= 0
