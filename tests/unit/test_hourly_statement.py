"""Statements under a tariff by the hour: against a reckoning from the raw readings, sample by sample."""

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

import numpy as np
import pytest

from chowon.domain.bill import Prices, prepare
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import DAY_MS, HOUR_MS, QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Site
from chowon.errors import UsageInvalid
from chowon.jobs.statement import statement
from chowon.registry import TariffBook
from tests.e2e.homes import SEOUL
from tests.hourly import BY_THE_HOUR, OPTIONS
from tests.memory import MemoryHistory

NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))
START_MS, END_MS = (midnight_ms(day, SEOUL) for day in (NOVEMBER.start, NOVEMBER.end))
PREPARED = prepare(BY_THE_HOUR, NOVEMBER, OPTIONS)
PHASES = tuple(Channel(n, ChannelKey("home", "main", f"l{n}"), "phase") for n in (1, 2))
HOME = Site(1, "home", "우리집", "Asia/Seoul", 1, BY_THE_HOUR.id, OPTIONS, PHASES)
STEP_MS = 300_000
"""of the samples; the edges of bands and quarters are multiples of it"""
PRICES = {"night": 10, "day": 100, "evening": 400}


def measured(until_ms: int, gaps: tuple[tuple[int, int], ...] = (), seed: int = 1) -> MemoryHistory:
    """Two phases, one of which gives to the grid at times; nothing of the second in the gaps."""
    history, random = MemoryHistory(STEP_MS), np.random.default_rng(seed)
    times = np.arange(START_MS, until_ms + 1, STEP_MS, dtype=np.int64)
    for channel in (1, 2):
        power = random.integers(-10_000 if channel == 1 else 0, 20_000, len(times)).astype(np.int32)
        keep = np.ones(len(times), np.bool_)
        for start, end in gaps if channel == 2 else ():
            keep &= (times < start) | (times >= end)
        n = int(keep.sum())
        history.append(Readings(np.full(n, channel, np.uint32), times[keep], power[keep]))
    return history


class Reckoned:
    """The bill by hand: each sample is put where it belongs by its own local time."""

    def __init__(self, history: MemoryHistory, until_ms: int = END_MS) -> None:
        self.bands: dict[str, Fraction] = defaultdict(Fraction)
        self.exported = Fraction(0)
        self.quarters: dict[int, Fraction] = defaultdict(Fraction)
        for channel in (1, 2):
            raw = history.all([channel])
            times, power = raw.time_ms.tolist(), raw.power_dw.tolist()
            for at, then, power_dw in zip(times, times[1:], power, strict=False):
                if then - at <= STEP_MS and at < until_ms:
                    self._take(at, Fraction(power_dw * (then - at), 36 * 10**9))

    def _take(self, at_ms: int, kwh: Fraction) -> None:
        if kwh < 0:
            self.exported -= kwh
            return
        self.quarters[at_ms // QUARTER_MS] += kwh
        self.bands[band_at(at_ms)] += kwh

    @property
    def kwh(self) -> Fraction:
        return sum(self.bands.values(), Fraction(0))

    @property
    def total(self) -> int:
        energy = floor(sum(PRICES[band] * kwh for band, kwh in self.bands.items()))
        demand = floor(1000 * max([Fraction(3, 10), *(4 * kwh for kwh in self.quarters.values())]))
        export = floor(50 * self.exported)
        sum_ = demand + energy - export
        return sum_ + floor(Fraction(sum_, 10))


def band_at(time_ms: int) -> str:
    wall = datetime.fromtimestamp(time_ms / 1000, SEOUL)
    if wall.weekday() >= 5 or wall.hour < 8 or wall.hour >= 22:
        return "night"
    return "day" if wall.hour < 17 else "evening"


def same(amount: Decimal, reckoned: Fraction) -> bool:
    return abs(Fraction(amount) - reckoned) < Fraction(1, 10**9)


@pytest.mark.parametrize("until_ms", [START_MS + 12 * DAY_MS + 18 * HOUR_MS, END_MS])
def test_a_bill_is_what_the_raw_readings_say(until_ms):
    history = measured(until_ms, ((START_MS + 2 * DAY_MS, START_MS + 2 * DAY_MS + 7 * HOUR_MS),))
    told, by_hand = statement(history, HOME, PREPARED, until_ms), Reckoned(history)
    assert told.closed == (until_ms == END_MS)
    assert same(told.kwh, by_hand.kwh)
    assert same(told.export_kwh, by_hand.exported)
    assert told.bill.total == by_hand.total
    assert all(same(use.kwh, by_hand.bands[use.band]) for use in told.bands)
    assert [use.band for use in told.bands] == ["night", "day", "evening"]
    assert told.missing_ms == 7 * HOUR_MS + STEP_MS
    assert sum(line.amount for line in told.bill.lines) == told.bill.total


def test_each_day_has_the_bill_as_it_stood_at_its_end():
    now_ms = START_MS + 9 * DAY_MS + 18 * HOUR_MS
    history = measured(now_ms)
    days = statement(history, HOME, PREPARED, now_ms).days
    assert [d.day for d in days] == [NOVEMBER.start + timedelta(days=n) for n in range(10)]
    for n, day in enumerate(days):
        by_then = Reckoned(history, START_MS + (n + 1) * DAY_MS)
        assert day.total == by_then.total
        assert same(day.total_kwh, by_then.kwh)
    assert [d.coverage for d in days] == [1.0] * 10


def test_the_band_of_this_hour_is_marked_and_none_once_the_period_is_over():
    history = measured(START_MS + DAY_MS)
    for hour, band in ((7.99, "night"), (8, "day"), (16.99, "day"), (17, "evening"), (22, "night")):
        told = statement(history, HOME, PREPARED, START_MS + DAY_MS + round(hour * HOUR_MS))
        assert [use.band for use in told.bands if use.now] == [band]
    assert not any(use.now for use in statement(history, HOME, PREPARED, END_MS).bands)


def test_the_next_kwh_costs_what_it_does_at_this_hour():
    history = measured(START_MS + DAY_MS)
    for hour, price in ((7.99, 10), (8, 100), (16.99, 100), (17, 400), (22, 10)):
        now_ms = START_MS + DAY_MS + round(hour * HOUR_MS)
        assert statement(history, HOME, PREPARED, now_ms).next_kwh.energy_price == price


def constant(power_w: int, until_ms: int, *gaps: tuple[int, int]) -> MemoryHistory:
    history = MemoryHistory(STEP_MS)
    times = np.arange(START_MS, until_ms + 1, STEP_MS, dtype=np.int64)
    for start, end in gaps:
        times = times[(times < start) | (times > end)]
    for channel in (1, 2):
        history.append(
            Readings(
                np.full(len(times), channel, np.uint32), times, np.full(len(times), power_w * 5, np.int32)
            )
        )
    return history


def test_the_estimate_of_a_steady_home_is_the_bill_without_gaps():
    now_ms = START_MS + 10 * DAY_MS
    gap = START_MS + 3 * DAY_MS + 10 * HOUR_MS, START_MS + 4 * DAY_MS + 20 * HOUR_MS
    told = statement(constant(1000, now_ms, gap), HOME, PREPARED, now_ms)
    whole = statement(constant(1000, now_ms), HOME, PREPARED, now_ms)
    assert whole.estimate is None
    assert round(told.kwh + told.estimate.missing_kwh, 9) == whole.kwh == 240
    assert told.estimate.total == whole.bill.total
    assert told.bill.total < whole.bill.total


def test_a_silent_phase_is_filled_by_its_own_usual_power():
    now_ms = START_MS + 10 * DAY_MS
    gap = START_MS + 3 * DAY_MS, START_MS + 4 * DAY_MS
    told = statement(measured(now_ms, (gap,)), HOME, PREPARED, now_ms)
    rest = measured(now_ms, (gap,)).all([2])
    mean_kw = rest.power_dw.astype(np.int64).sum() / len(rest) / 10_000
    assert float(told.estimate.missing_kwh) == pytest.approx(24 * mean_kw, rel=0.05)


def test_where_nothing_was_measured_nothing_is_estimated():
    told = statement(MemoryHistory(), HOME, PREPARED, START_MS + DAY_MS)
    assert (told.estimate, told.outlook, told.kwh) == (None, None, 0)
    assert told.missing_ms == DAY_MS
    unmetered = replace(HOME, channels=())
    told = statement(MemoryHistory(), unmetered, PREPARED, START_MS + DAY_MS)
    assert (told.estimate, told.outlook) == (None, None)


def test_the_outlook_of_a_steady_home_is_its_bill_at_the_end():
    now_ms = START_MS + 10 * DAY_MS + 3 * HOUR_MS + 420_000
    told = statement(constant(1000, now_ms), HOME, PREPARED, now_ms)
    at_the_end = statement(constant(1000, END_MS), HOME, PREPARED, END_MS)
    assert at_the_end.outlook is None
    assert float(told.outlook.kwh) == pytest.approx(720, abs=0.1)
    assert told.outlook.total == pytest.approx(at_the_end.bill.total, abs=20)
    assert (told.outlook.next_tier, told.outlook.kwh_a_day) == (None, None)


def test_under_tiers_the_outlook_tells_the_day_of_the_next_one_and_what_it_costs():
    low = prepare(TariffBook().load("kr.kepco.residential.low"), NOVEMBER)
    site = replace(HOME, channels=PHASES[:1])
    now_ms = START_MS + 10 * DAY_MS
    told = statement(constant(1000, now_ms), site, low, now_ms)  # 0.5 kW of one phase: 12 kWh a day
    assert told.outlook.kwh == 360
    assert told.outlook.total == low.total(replace(told.bill.usage, kwh=Decimal(360)))
    tier = told.outlook.next_tier
    assert (tier.tier, tier.at_kwh, tier.day) == (2, 200, date(2026, 11, 17))
    assert tier.at_ms == pytest.approx(START_MS + 200 / 12 * DAY_MS, abs=60_000)
    assert told.outlook.kwh_a_day == 4  # 80 kWh in 20 days
    assert tier.energy_price > told.next_kwh.energy_price
    frugal = statement(constant(400, now_ms), site, low, now_ms)
    assert frugal.outlook.next_tier is None
    assert frugal.outlook.kwh_a_day == Decimal("7.6")


def test_a_closed_period_by_the_hour_is_billed_to_the_last_digit():
    history = measured(START_MS + 3 * DAY_MS)
    told = statement(history, HOME, PREPARED, END_MS)
    assert told.closed
    assert told.bill.usage.kwh == told.kwh != told.kwh.to_integral_value()


def test_a_tariff_whose_prices_nobody_has_told_has_no_bill():
    market = prepare(BY_THE_HOUR, NOVEMBER, {"plan": "market"})
    with pytest.raises(UsageInvalid, match="expected prices 'day_ahead'"):
        statement(measured(START_MS + DAY_MS), HOME, market, START_MS + DAY_MS)


def test_prices_that_are_known_so_far_make_a_bill_so_far_and_no_outlook():
    now_ms = START_MS + DAY_MS + HOUR_MS
    known = Prices(START_MS, HOUR_MS, [Decimal(10 * hour) for hour in range(26)])
    market = prepare(BY_THE_HOUR, NOVEMBER, {"plan": "market"}, {"day_ahead": known})
    told = statement(constant(1000, now_ms), HOME, market, now_ms)
    assert told.bill.amount("market") == sum(10 * hour for hour in range(25))
    assert told.next_kwh.energy_price == 250
    assert (told.outlook, told.bands) == (None, None)
