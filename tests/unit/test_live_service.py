"""The live loop over a history in memory and a clock that the test turns."""

import asyncio
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from chowon.domain.bill import Usage, prepare
from chowon.domain.clock import Period
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Site
from chowon.domain.tariff import Tariff
from chowon.errors import BadInput, Damaged, NotFound, UsageInvalid
from chowon.live import service
from chowon.live.hub import HEARTBEAT_MS, QUEUE_FRAMES
from chowon.live.money import payable, price_of
from chowon.live.service import RETRY_MS, Live, Priced
from chowon.registry import TariffBook
from tests.memory import MemoryHistory
from tests.streams import START_MS

TARIFF = TariffBook().load("kr.kepco.residential.low")
MAIN = Channel(7, ChannelKey("home", "meter", "main"))
HOME = Site(1, "home", "우리집", "Asia/Seoul", 1, TARIFF.id, {}, (MAIN,))


class Book:
    """Implements the part of ports.SiteBook that live state reads."""

    def __init__(self, *sites: Site) -> None:
        self.found = list(sites)

    def sites(self) -> list[Site]:
        return self.found

    def site(self, site_id: int) -> Site:
        for site in self.found:
            if site.id == site_id:
                return site
        raise NotFound(f"no site {site_id}")


class House:
    """One site, its history, its live state and its clock."""

    def __init__(self, *sites: Site, tariff: Tariff = TARIFF) -> None:
        self.now_ms = START_MS + 12 * 3_600_000
        self.history, self.book = MemoryHistory(), Book(*(sites or (HOME,)))
        self.live = Live(
            self.history,
            self.book,
            lambda site, period: Priced("KRW", prepare(tariff, period, site.tariff_options)),
            lambda: self.now_ms,
        )

    def measure(self, power_w: float, channel: int = MAIN.id, at_ms: int | None = None) -> None:
        at = self.now_ms if at_ms is None else at_ms
        readings = Readings(
            np.array([channel], np.uint32),
            np.array([at], np.int64),
            np.array([round(power_w * 10)], np.int32),
        )
        self.history.append(readings)
        self.live.on_durable(readings)

    def use(self, power_w: float, seconds: int) -> None:
        for _ in range(seconds):
            self.now_ms += 1000
            self.measure(power_w)

    async def now(self):
        await self.live.tick()
        return await self.live.now(1)


@pytest.fixture
def house() -> House:
    return House()


async def test_energy_and_cost_follow_the_power(house):
    await house.live.start()
    house.use(3600, 1001)
    now = await house.now()
    assert now.power_w == 3600
    assert now.today.kwh == now.period.kwh == 1.0
    prepared = prepare(TARIFF, Period(date(2026, 11, 1), date(2026, 12, 1)))
    one = Usage(Decimal(1))
    assert now.period.cost == prepared.bill(one).total
    assert now.today.cost == (prepared.accrued(one) - prepared.accrued(Usage(Decimal(0)))).quantize(
        Decimal(1)
    )
    assert now.marginal_price == prepared.next_kwh(one).marginal_price
    assert now.cost_per_hour == (now.marginal_price * Decimal("3.6")).quantize(Decimal("0.1"))
    assert (now.tier.index, now.tier.to_kwh, now.tier.distance_kwh) == (1, 200, 199)


async def test_a_start_in_the_middle_knows_what_was_before(house):
    await house.live.start()
    house.use(3600, 500)
    before = await house.now()
    again = Live(house.history, house.book, house.live._pricing, lambda: house.now_ms)
    await again.start()
    assert await again.now(1) == before


async def test_silence_makes_the_power_unknown_and_a_gap_is_told_and_not_billed(house):
    await house.live.start()
    house.use(1000, 10)
    house.now_ms += 10_000
    assert (await house.now()).power_w == 1000
    house.now_ms += 1
    now = await house.now()
    assert (now.stale, now.power_w, now.cost_per_hour) == (True, None, None)
    kwh = now.period.kwh
    house.now_ms += 60_000
    house.measure(1000)
    now = await house.now()
    assert (now.stale, now.gap, now.period.kwh) == (False, True, kwh)
    house.now_ms += 15 * 60_000
    house.measure(1000)
    assert (await house.now()).gap


async def test_late_readings_are_worked_in(house):
    await house.live.start()
    start = house.now_ms
    house.use(1000, 5)
    house.measure(2000, at_ms=start + 2500)
    now = await house.now()
    assert now.period.kwh == pytest.approx((3.5 * 1000 + 0.5 * 2000) / 3.6e6, abs=1e-6)


async def test_many_small_batches_are_taken_in_together_and_mean_the_same(house, monkeypatch):
    await house.live.start()
    applied = []
    apply = house.live.states.apply
    monkeypatch.setattr(type(house.live.states), "apply", lambda _, r: (applied.append(len(r)), apply(r)))
    house.use(1000, 50)
    house.measure(2000, at_ms=house.now_ms)  # the last word on an instant counts
    now = await house.now()
    assert applied == [51]
    assert now.power_w == 2000
    assert now.period.kwh == pytest.approx(49 * 1000 / 3.6e6, abs=1e-6)
    monkeypatch.setattr("chowon.live.service.MOST_WAITING", 10)
    house.use(1000, 25)
    assert applied == [51, 11, 11]


async def test_late_data_that_comes_while_the_store_is_asked_is_not_lost(house):
    await house.live.start()
    start = house.now_ms
    house.use(1000, 1)
    await house.live.tick()
    house.measure(1000, at_ms=start - 60_000)  # late: the next round asks the store
    answered = house.history.readings

    def meanwhile(*question):
        answer = answered(*question)
        house.history.readings = answered
        for second in range(59):
            house.measure(1000, at_ms=start - 59_000 + 1000 * second)
        return answer

    house.history.readings = meanwhile
    await house.live.tick()
    for _ in range(3):
        await house.live.tick()
    again = Live(house.history, house.book, house.live._pricing, lambda: house.now_ms)
    await again.start()
    assert (await house.live.now(1)).period.kwh == (await again.now(1)).period.kwh > 0


async def test_a_store_that_fails_is_left_alone_for_a_moment_and_asked_again(house):
    await house.live.start()
    house.use(3600, 5)
    await house.live.tick()
    house.measure(3600, at_ms=house.now_ms - 2500)
    answered, asked = house.history.rollup, []

    def fails(*question):
        asked.append(question)
        raise Damaged("a file is gone")

    house.history.rollup = fails
    for _ in range(5):
        await house.live.tick()
    assert len(asked) == 1
    house.history.rollup = answered
    house.now_ms += RETRY_MS
    assert (await house.now()).period.kwh == 0.004


async def test_whatever_goes_wrong_while_the_store_is_asked_it_is_asked_again(house):
    await house.live.start()
    house.use(3600, 5)
    await house.live.tick()
    house.measure(3600, at_ms=house.now_ms - 2500)
    answered = house.history.rollup
    house.history.rollup = None
    with pytest.raises(TypeError):
        await house.live.tick()
    house.history.rollup = answered
    assert (await house.now()).period.kwh == 0.004


async def test_a_stamp_from_the_future_is_not_shown_as_now(house):
    await house.live.start()
    house.use(1000, 3)
    house.measure(99_999, at_ms=house.now_ms + 20 * 3_600_000)
    house.use(1000, 3)
    now = await house.now()
    assert (now.power_w, now.stale, now.last_seen_ms) == (1000, False, house.now_ms)
    again = Live(house.history, house.book, house.live._pricing, lambda: house.now_ms)
    await again.start()
    assert (await again.now(1)).power_w == 1000
    house.now_ms += 20 * 3_600_000
    assert (await house.now()).power_w == 99_999


async def test_a_clock_that_was_ahead_and_is_set_back_shows_the_right_day_again(house):
    await house.live.start()
    house.use(3600, 11)
    kwh = (await house.now()).today.kwh
    house.now_ms += 10 * 24 * 3_600_000
    assert (await house.now()).today.kwh == 0
    house.now_ms -= 10 * 24 * 3_600_000
    now = await house.now()
    assert (now.today.day, now.today.kwh, now.period.kwh) == ("2026-11-23", kwh, kwh)


async def test_power_given_to_the_grid_costs_nothing(house):
    await house.live.start()
    house.use(-2000, 2)
    now = await house.now()
    assert (now.power_w, now.cost_per_hour, now.period.kwh) == (-2000, 0, 0)


async def test_a_site_in_a_zone_that_does_not_exist_is_told_so(house):
    house.book.found = [replace(HOME, timezone="Seoul")]
    await house.live.start()
    house.use(1000, 2)
    with pytest.raises(BadInput, match="no time zone"):
        await house.live.now(1)


async def test_a_new_day_starts_at_zero_and_the_period_goes_on(house):
    house.now_ms = START_MS + 24 * 3_600_000 - 500_500
    await house.live.start()
    house.use(3600, 1000)
    now = await house.now()
    assert now.today.day == "2026-11-24"
    assert now.today.kwh == pytest.approx(0.4995, abs=1e-6)
    assert now.period.kwh == pytest.approx(0.999, abs=1e-6)


async def test_names_that_turn_up_later_are_followed(house):
    house.book.found = []
    await house.live.start()
    with pytest.raises(NotFound, match="no site 1"):
        await house.live.now(1)
    house.book.found = [HOME]
    house.use(3600, 11)
    assert (await house.now()).period.kwh == 0.01


async def test_a_site_can_be_asked_for_as_soon_as_its_first_reading_is_durable(house):
    house.book.found = []
    await house.live.start()
    house.book.found = [HOME]
    house.use(3600, 11)
    assert (await house.live.now(1)).period.kwh == 0.01


async def test_asking_while_late_data_is_worked_in_loses_nothing(house):
    await house.live.start()
    start = house.now_ms
    house.use(1000, 5)
    house.measure(2000, at_ms=start + 2500)
    rounds = [house.live.tick(), house.live.reload(), house.live.tick()]
    await asyncio.gather(*rounds)
    assert (await house.now()).period.kwh == pytest.approx((3.5 * 1000 + 0.5 * 2000) / 3.6e6, abs=1e-6)


async def test_a_site_whose_tariff_is_gone_is_told_so_and_stops_nobody_else(house):
    broken = replace(HOME, id=2, key="other", tariff_options={"no": "such"}, channels=())
    house.book.found = [broken, HOME]
    await house.live.start()
    house.use(3600, 11)
    assert (await house.now()).period.kwh == 0.01
    with pytest.raises(UsageInvalid, match="no such option"):
        await house.live.now(2)
    house.now_ms += 24 * 3_600_000
    await house.live.tick()
    house.book.found = [replace(broken, tariff_options={}), HOME]
    await house.live.reload()
    assert (await house.live.now(2)).period.kwh == 0


async def test_a_round_that_fails_is_counted_and_the_next_one_goes_on(house, monkeypatch):
    await house.live.start()
    rounds = []

    async def tick() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise OSError("something unforeseen")
        running.cancel()

    monkeypatch.setattr(house.live, "tick", tick)
    monkeypatch.setattr("chowon.live.service.IDLE_S", 0)
    monkeypatch.setattr("chowon.live.service.PAUSE_S", 0)
    running = asyncio.create_task(house.live.run())
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (rounds, house.live.failed_rounds) == ([0, 1], 1)


async def test_phases_add_up_and_a_missing_one_makes_the_power_unknown():
    phases = tuple(Channel(n, ChannelKey("home", "meter", f"l{n}"), "phase") for n in (1, 2, 3))
    house = House(Site(1, "home", "공장", "Asia/Seoul", 1, TARIFF.id, {}, phases))
    await house.live.start()
    for channel in (1, 2):
        house.measure(500, channel)
    assert (await house.now()).stale
    house.measure(-100, 3)
    assert (await house.now()).power_w == 900


async def test_a_client_gets_a_snapshot_and_then_numbered_deltas_that_rebuild_the_state(house):
    await house.live.start()
    house.use(500, 5)
    frames = house.live.frames(1)
    snapshot = json.loads(await anext(frames))
    assert snapshot["type"] == "snapshot"
    assert snapshot["recent"]["power_w"] == [500.0] * 5
    state, seq = snapshot["now"], snapshot["seq"]
    for power in (600, 600, 700):
        house.use(power, 1)
        await house.live.tick()
        delta = json.loads(await anext(frames))
        assert (delta["type"], delta["seq"]) == ("delta", seq + 1)
        assert delta["samples"] == [[house.now_ms, power]]
        seq += 1
        state |= delta["now"]
    whole = json.loads(await anext(house.live.frames(1)))["now"]
    assert state == whole
    await frames.aclose()
    assert house.live.hub.clients() == 1


async def test_a_client_that_falls_behind_gets_a_fresh_snapshot(house):
    await house.live.start()
    house.use(500, 1)
    frames = house.live.frames(1)
    await anext(frames)
    for power in range(QUEUE_FRAMES + 5):
        house.use(power, 1)
        await house.live.tick()
    snapshot = json.loads(await anext(frames))
    assert snapshot["type"] == "snapshot"
    assert snapshot["now"]["power_w"] == QUEUE_FRAMES + 4
    house.use(1, 1)
    await house.live.tick()
    assert json.loads(await anext(frames))["seq"] == snapshot["seq"] + 1
    assert house.live.hub.snapshots_forced == 1
    await frames.aclose()


async def test_nothing_is_sent_when_nothing_changed(house):
    await house.live.start()
    house.use(500, 1)
    frames = house.live.frames(1)
    await anext(frames)
    for _ in range(3):
        house.now_ms += 10
        await house.live.tick()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(frames)


async def test_watchers_of_a_silent_meter_hear_that_the_server_is_there(house):
    await house.live.start()
    house.use(500, 1)
    house.now_ms += 20 * 60_000
    await house.live.tick()
    frames = house.live.frames(1)
    await anext(frames)
    for _ in range(HEARTBEAT_MS // 1000):
        house.now_ms += 1000
        await house.live.tick()
    delta = json.loads(await anext(frames))
    assert (delta["now"]["time_ms"], delta["samples"]) == (house.now_ms, [])
    await frames.aclose()


async def test_yesterday_is_compared_up_to_the_same_time_of_day(house):
    house.now_ms = START_MS - 12 * 3_600_000
    house.use(3600, 2001)
    house.now_ms = START_MS + 12 * 3_600_000 + 1_000_000
    await house.live.start()
    now = await house.now()
    minutes = 1_000_000 // 60_000
    assert now.today.yesterday_kwh == pytest.approx((minutes * 60 - 1) / 1000, abs=1e-3)


async def test_a_meter_that_is_always_late_is_worked_in_now_and_then_and_in_the_end_is_right(
    house, monkeypatch
):
    asked: list[int] = []
    counted = service.sums_from_store
    monkeypatch.setattr(service, "sums_from_store", lambda *a: asked.append(1) or counted(*a))
    await house.live.start()
    begun = house.now_ms
    house.use(1000, 1)
    for tenth in range(1, 1000):
        house.measure(2000, at_ms=begun - 1_000_000 + tenth * 1000)
        house.now_ms += 10
        await house.live.tick()
    assert len(asked) <= service.RECOUNTED_AT_ONCE + 10 * service.RECOUNTED_PER_S + 2
    house.now_ms += 2000
    assert (await house.now()).period.kwh == pytest.approx(2000 * 1000 / 3.6e6, abs=1e-6)


async def test_a_meter_that_says_the_very_same_for_ever_costs_the_store_no_question(house, monkeypatch):
    await house.live.start()
    house.use(1000, 5)
    before = await house.now()
    monkeypatch.setattr(service, "sums_from_store", None)
    for _ in range(100):
        house.measure(1000)
        assert (await house.now()).period.kwh == before.period.kwh
    assert house.live.failed_rounds == 0


def test_amounts_are_as_fine_as_they_can_be_paid():
    price = Decimal("0.2871")
    assert [price_of(1234, price, currency) for currency in ("KRW", "USD")] == [
        Decimal("0.4"),
        Decimal("0.354"),
    ]
    assert [payable(Decimal("2.3456"), currency) for currency in ("KRW", "USD")] == [2, Decimal("2.35")]
