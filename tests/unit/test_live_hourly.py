"""What is shown live under a tariff that prices by the hour; against amounts reckoned by hand."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from chowon.domain.quantities import DAY_MS, HOUR_MS, QUARTER_MS
from chowon.live.service import Live
from tests.hourly import BY_THE_HOUR, OPTIONS
from tests.streams import START_MS
from tests.unit.test_live_service import HOME, MAIN, House

SITE = replace(HOME, tariff=BY_THE_HOUR.id, tariff_options=OPTIONS)
"""START_MS is Monday 23 November 2026, 0:00: night until 8:00, day until 17:00, evening until 22:00"""
NIGHT, DAY, EVENING = Decimal(10), Decimal(100), Decimal(400)
KW = Decimal(1000)
"""a month"""


@pytest.fixture
def house() -> House:
    return House(SITE, tariff=BY_THE_HOUR)


def at(house: House, hour: float) -> None:
    house.now_ms = START_MS + round(hour * HOUR_MS)


def won(demand_kw: Decimal, energy: Decimal) -> Decimal:
    """The lines rounded down, then VAT."""
    sum_ = int(demand_kw * KW) + int(energy)
    return Decimal(sum_ + sum_ // 10)


async def test_the_price_changes_at_the_instant_at_which_the_band_does(house):
    at(house, 17)
    house.now_ms -= 100_000
    await house.live.start()
    house.use(3600, 100)
    assert house.now_ms == START_MS + 17 * HOUR_MS
    house.now_ms -= 1
    now = await house.now()
    assert (now.energy_price, now.marginal_price) == (DAY, Decimal(110))
    house.now_ms += 1
    now = await house.now()
    assert (now.energy_price, now.marginal_price) == (EVENING, Decimal(440))
    assert now.cost_per_hour == Decimal(1584)  # 3.6 kW × 440
    house.use(3600, 100)
    now = await house.now()
    assert now.period.kwh == 0.199
    # 99 Wh before 17:00 and 100 Wh behind it: 0.4 kW over that quarter, more than the floor of 0.3 kW.
    assert now.period.cost == won(Decimal("0.4"), Decimal("0.099") * DAY + Decimal("0.1") * EVENING)
    assert now.no_cost is None


async def test_a_batch_over_the_edge_of_a_band_counts_on_both_sides(house):
    await house.live.start()
    for seconds in (-7, 3):
        house.measure(3_600_000, at_ms=START_MS + 17 * HOUR_MS + seconds * 1000)
    at(house, 17.001)
    now = await house.now()
    assert now.period.kwh == 10
    assert now.period.cost == won(Decimal(28), 7 * DAY + 3 * EVENING)  # 7 kWh in a quarter of an hour


async def test_today_begins_again_at_midnight_and_the_bill_goes_on(house):
    at(house, 24)
    house.now_ms -= 500_000
    await house.live.start()
    house.use(3600, 1000)
    now = await house.now()
    assert (now.today.day, now.today.kwh, now.period.kwh) == ("2026-11-24", 0.5, 0.999)
    # The quarter's demand was reached yesterday (499 Wh: 1.996 kW) and grows to 2 kW today: 4 won, and VAT.
    assert now.today.cost == ((Decimal("0.004") * KW + Decimal("0.5") * NIGHT) * Decimal("1.1")).quantize(
        Decimal(1)
    )
    assert now.period.cost == won(Decimal(2), Decimal("0.999") * NIGHT)


async def test_a_new_period_begins_with_nothing(house):
    house.now_ms = START_MS + 8 * DAY_MS - 60_000
    await house.live.start()
    house.use(36_000, 119)
    now = await house.now()
    assert (now.period.start, now.period.kwh) == ("2026-12-01", 0.59)
    assert now.period.cost == won(Decimal("2.36"), Decimal("0.59") * NIGHT)


async def test_what_is_given_back_is_taken_off(house):
    at(house, 12)
    await house.live.start()
    house.use(3_600_000, 11)
    before = (await house.now()).period.cost
    house.use(-3_600_000, 5)
    now = await house.now()
    assert now.period.kwh == 11
    assert before == won(Decimal(40), 10 * DAY)
    assert now.period.cost == won(Decimal(44), 11 * DAY - 4 * Decimal(50))


async def test_late_readings_are_priced_at_their_hour_and_a_start_in_the_middle_knows_all(house):
    at(house, 18)
    await house.live.start()
    house.use(3600, 11)
    evening = await house.now()
    for second in range(11):
        house.measure(3600, at_ms=START_MS + 3 * HOUR_MS + second * 1000)
    now = await house.now()
    # 10 Wh at night and in the evening, never more than 0.04 kW at once; the floor of 1 kW is 0.3.
    assert evening.period.cost == won(Decimal("0.3"), Decimal("0.01") * EVENING)
    assert now.period.cost == won(Decimal("0.3"), Decimal("0.01") * (EVENING + NIGHT))
    again = Live(house.history, house.book, house.live._pricing, lambda: house.now_ms)
    await again.start()
    assert await again.now(1) == now


async def test_watching_asks_the_store_nothing_more(house):
    at(house, 16.9)
    await house.live.start()
    house.use(1000, 3)
    frames = house.live.frames(1)
    await anext(frames)

    def asked(*question):
        raise AssertionError(question)

    house.history.rollup = house.history.readings = asked
    house.live._yesterday_kwh = _unknown
    prices = []
    while house.now_ms < START_MS + 17 * HOUR_MS + QUARTER_MS:
        house.now_ms += 120_000
        house.measure(1000)
        await house.live.tick()
        prices.append(json.loads(await anext(frames))["now"].get("energy_price"))
    assert [p for p in prices if p] == ["400"]
    await frames.aclose()


async def _unknown(*_: object) -> None:
    return None


async def test_a_tariff_without_its_prices_shows_everything_but_money_and_says_why():
    house = House(replace(SITE, tariff_options={"plan": "market"}), tariff=BY_THE_HOUR)
    at(house, 12)
    await house.live.start()
    no_cost = (await house.now()).no_cost
    assert "시간별 가격(day_ahead)" in no_cost.ko
    assert "Supply the prices, or choose another tariff" in no_cost.en
    frames = house.live.frames(1)
    await anext(frames)
    house.use(3600, 11)
    now = await house.now()
    assert json.loads(await anext(frames))["now"]["power_w"] == 3600
    assert (now.power_w, now.period.kwh, now.today.kwh) == (3600, 0.01, 0.01)
    money = (now.cost_per_hour, now.marginal_price, now.energy_price, now.today.cost, now.period.cost)
    assert money == (None,) * 5
    assert now.no_cost == no_cost
    assert house.live.failed_rounds == 0
    await frames.aclose()


async def test_a_change_of_tariff_to_one_by_the_hour_knows_what_was_before():
    house = House(tariff=BY_THE_HOUR)
    at(house, 18)
    by_the_hour, by_tiers = house.live._pricing, House().live._pricing
    house.live._pricing = lambda site, period: (
        by_the_hour(site, period) if site.tariff == BY_THE_HOUR.id else by_tiers(site, period)
    )
    await house.live.start()
    house.use(3600, 11)
    assert (await house.now()).tier is not None
    house.book.found = [SITE]
    await house.live.reload()
    now = await house.now()
    assert now.tier is None
    assert now.period.cost == won(Decimal("0.3"), Decimal("0.01") * EVENING)
    house.book.found = [HOME]
    await house.live.reload()
    assert (await house.now()).tier is not None
    assert not house.live.states.quarters.follows(int(house.live.states.slots([MAIN.id])[0]))
