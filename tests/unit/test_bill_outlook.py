"""The rest of a period, worked by hand: KEPCO low voltage, October 2025, 31 days from midnight in Seoul.

kWh → won: 150 → 23,670, 200 → 31,220, 201 → 32,260, 310 → 60,340, 350 → 70,640.
"""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from chowon.domain.bill import (
    Arrival,
    Paths,
    Spread,
    Usage,
    arrival,
    at_this_pace,
    kwh_a_day_below,
    period_end,
    prepare,
    tiers_ahead,
    totals_by_energy,
)
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import DAY_MS, HOUR_MS
from chowon.errors import UsageInvalid
from chowon.registry import TariffBook

LOW = TariffBook().load("kr.kepco.residential.low")
SEOUL = ZoneInfo("Asia/Seoul")
OCTOBER = prepare(LOW, Period(date(2025, 10, 1), date(2025, 11, 1)))
START, END = midnight_ms(date(2025, 10, 1), SEOUL), midnight_ms(date(2025, 11, 1), SEOUL)
NOW = START + 15 * DAY_MS
USED = Decimal(150)


def days(*wh_of_paths):
    """Paths by days from `NOW` on."""
    energy = np.array(wh_of_paths, np.int64)
    return Paths(NOW + DAY_MS * np.arange(energy.shape[1] + 1, dtype=np.int64), energy)


def end_on(paths, used=USED, whole_kwh=True):
    return period_end(used, paths, totals_by_energy(OCTOBER, used, whole_kwh=whole_kwh))


def test_a_steady_pace_goes_on_to_the_end():
    # 150 kWh in 15 days, 16 days left: 310 kWh. 1,600 + 24,000 + 110 × 214.6 + 310 × 14 = 53,546;
    # VAT 5,355; fund 2.7 % = 1,445.7, floored to 1,440; 60,341, floored to 60,340.
    paths = at_this_pace(USED, 15 * DAY_MS, NOW, END)
    found = end_on(paths)
    assert found.kwh == Spread(Decimal(310), Decimal(310), Decimal(310))
    assert found.total == Spread(Decimal(60_340), Decimal(60_340), Decimal(60_340))
    assert found.paths == 1


def test_a_gap_does_not_slow_the_pace():
    # Only 12 of the 15 days were measured: 12.5 kWh a day, 200 more, 350 in all.
    found = end_on(at_this_pace(USED, 12 * DAY_MS, NOW, END))
    assert (found.kwh.p50, found.total.p50) == (350, 70_640)


def test_less_than_an_hour_of_measurement_is_no_pace():
    assert at_this_pace(Decimal(1), HOUR_MS - 1, NOW, END) is None
    assert at_this_pace(Decimal(1), HOUR_MS, NOW, NOW + DAY_MS).energy_wh.tolist() == [[24_000]]


def test_after_the_end_nothing_is_added():
    paths = at_this_pace(Decimal("150.9"), 31 * DAY_MS, END, END)
    assert paths.energy_wh.shape == (1, 0)
    assert end_on(paths, Decimal("150.9")).total.p50 == 23_670
    assert arrival(Decimal(200), Decimal("150.9"), paths) == Arrival(0.0, None, None, None)


def test_the_spread_of_many_paths_is_made_of_their_own_bills():
    # Ten paths to 210, 220, … 300 kWh: the first, fifth and ninth.
    found = end_on(days(*[[60_000 + 10_000 * n, 0] for n in (3, 1, 4, 0, 5, 9, 2, 6, 8, 7)]))
    expected = [OCTOBER.total(Usage(Decimal(kwh))) for kwh in (210, 250, 290)]
    assert found.total == Spread(*expected)
    assert found.kwh == Spread(Decimal(210), Decimal(250), Decimal(290))
    assert found.paths == 10


def test_many_paths_are_billed_as_each_by_itself():
    wh = np.random.default_rng(7).integers(0, 30_000, (400, 16))
    for used in (USED, Decimal("150.123456789")):
        for whole_kwh in (True, False):
            found = totals_by_energy(OCTOBER, used, whole_kwh=whole_kwh)(wh)
            for n in range(0, 400, 50):
                kwh = used + Decimal(int(wh[n].sum())) / 1000
                assert found[n] == OCTOBER.total(
                    Usage(kwh.to_integral_value("ROUND_FLOOR") if whole_kwh else kwh)
                )


def test_a_closed_period_never_gets_a_kwh_that_was_not_used_up():
    assert end_on(days([0]), Decimal("199.9999999")).total.p50 == OCTOBER.total(Usage(Decimal(199)))


def test_the_next_tier_and_what_entering_it_costs():
    # Base 690 more, with VAT and fund 690 × 1.127 = 777.63. The 201st kWh: 32,260 − 31,220.
    # A kWh below: (120 + 14) × 1.127 = 151.0; behind: (214.6 + 14) × 1.127 = 257.6.
    second, third = tiers_ahead(OCTOBER, USED)
    assert (second.tier, second.at_kwh, second.days, second.over) == (2, 200, 31, False)
    assert second.jump == Decimal("777.6")
    assert second.first_kwh == 1_040
    assert (second.price_before, second.price_after) == (Decimal("151.0"), Decimal("257.6"))
    # 5,700 × 1.127 = 6,423.9
    assert (third.tier, third.at_kwh, third.jump) == (3, 400, Decimal("6423.9"))


def test_a_use_at_a_bound_is_still_below_it():
    assert [t.tier for t in tiers_ahead(OCTOBER, Decimal(200))] == [2, 3]
    assert [t.tier for t in tiers_ahead(OCTOBER, Decimal("200.001"))] == [3]
    assert tiers_ahead(OCTOBER, Decimal(401)) == ()


def test_super_users_have_one_tier_more():
    # July, 307.3 → 736.2 won: (307.3 + 14) × 1.127 = 362.1, (736.2 + 14) × 1.127 = 845.5. Nothing jumps.
    july = prepare(LOW, Period(date(2025, 7, 1), date(2025, 8, 1)))
    (over,) = tiers_ahead(july, Decimal(500))
    assert (over.tier, over.over, over.at_kwh, over.jump) == (4, True, 1_000, 0)
    assert (over.price_before, over.price_after) == (Decimal("362.1"), Decimal("845.5"))


def test_a_deduction_that_ends_is_part_of_the_jump():
    # Near poor: up to 200 kWh 4,000 won are taken off. (690 + 4,000) × 1.127 = 5,285.63
    ready = prepare(LOW, OCTOBER.period, {"welfare": "near_poor"})
    assert tiers_ahead(ready, USED)[0].jump == Decimal("5285.6")


def test_a_period_across_seasons_jumps_at_each_seasons_own_bound():
    # 10 days of June to 200 and 400 kWh, 20 of July to 300, 450 and 1,000. 690 × 10/30 × 1.128667 = 259.59
    # and × 20/30 = 519.19: VAT 10 %, fund 3.2 % on 10 days and 2.7 % on 20.
    across = prepare(LOW, Period(date(2025, 6, 21), date(2025, 7, 21)))
    found = tiers_ahead(across, USED)
    assert [(t.at_kwh, t.tier, t.days) for t in found] == [
        (200, 2, 10),
        (300, 2, 20),
        (400, 3, 10),
        (450, 3, 20),
        (1000, 4, 20),
    ]
    assert found[0].jump == Decimal("259.6")
    assert found[1].jump == Decimal("519.2")


def test_the_tier_comes_when_the_pace_says():
    # 50 kWh at 10 a day: 5 days, midnight on 21 October. 250 kWh would take 25 days: not in this period.
    paths = at_this_pace(USED, 15 * DAY_MS, NOW, END)
    when = midnight_ms(date(2025, 10, 21), SEOUL)
    assert arrival(Decimal(200), USED, paths) == Arrival(1.0, when, when, when)
    assert arrival(Decimal(400), USED, paths) == Arrival(0.0, None, None, None)


def test_the_tier_comes_within_a_step_of_a_forecast():
    # 8 kWh, then 42 of 84 on the second day: at its noon.
    assert arrival(Decimal(200), USED, days([8_000, 84_000])).p50_ms == NOW + DAY_MS + 12 * HOUR_MS


def test_paths_that_never_come_to_the_bound_come_last():
    # 100, 50, 25, 12.5 … kWh on the first day: half of it, all of it, and never.
    paths = days([100_000], [50_000], [49_999], [0], [0])
    assert arrival(Decimal(200), USED, paths) == Arrival(0.4, NOW + DAY_MS // 2, None, None)
    assert arrival(Decimal(200), USED, days([100_000], [50_000], [0])).p50_ms == NOW + DAY_MS


def test_a_bound_that_is_reached_is_reached_now():
    assert arrival(Decimal(150), USED, days([0])) == Arrival(1.0, NOW, NOW, NOW)


def test_the_kwh_a_day_that_keep_below_a_tier():
    # 50 kWh in 16 days.
    assert kwh_a_day_below(Decimal(200), USED, NOW, END) == Decimal("3.125")
    assert kwh_a_day_below(Decimal(200), Decimal(200), NOW, END) == 0
    assert kwh_a_day_below(Decimal(200), Decimal("200.1"), NOW, END) is None
    assert kwh_a_day_below(Decimal(200), USED, END, END) is None


@pytest.mark.parametrize(
    ("edges", "energy", "message"),
    [
        ([0, 1], [1], r"found int64 \(2,\) and int64 \(1,\)"),
        ([0, 1], [[1.5]], "float64"),
        ([0, 1], [[1, 2]], "found .1, 2. energies and 2 instants"),
        ([0, 0], [[1]], "expected instants that grow"),
        ([0, 1], [[-1]], "found -1 to -1 Wh"),
    ],
)
def test_paths_that_cannot_be_are_refused(edges, energy, message):
    with pytest.raises(UsageInvalid, match=message):
        Paths(np.array(edges, np.int64), np.array(energy))
