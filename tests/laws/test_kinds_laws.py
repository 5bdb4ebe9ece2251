"""What a model tells of kinds is the same however readings come, and whenever the server began."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.nilm.live import TICK_MS
from chowon.domain.nilm.power import Trace, on_grid
from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from chowon.live.appliances.keeping_up import KindModel
from chowon.live.appliances.kinds import FAR_MS, WAITED_MS, Kinds
from chowon.live.appliances.mains import Stream
from chowon.live.appliances.minutes import KEPT_MS, VALUES
from chowon.live.appliances.ticks import Ticks, means
from chowon.models.nilm.live_network.stream import OUTPUTS, Weights
from chowon.models.nilm.live_network.stream import Stream as Network
from chowon.models.nilm.network.shipped import LIVE, chosen
from tests.appliances import channel, site

ONNX, CARD = chosen((), LIVE)
SMOOTH = Weights(ONNX, replace(CARD, gates=dict.fromkeys(OUTPUTS, dict.fromkeys(CARD.kinds, 0.0))))
"""Tells everything however unlikely, so that a hair of rounding moves what is told by a hair only"""
MODEL = KindModel(lambda homes: Network(SMOOTH, homes), dict.fromkeys(CARD.trusted, 0.8))
START_MS = 1_790_000_000_000 // 86_400_000 * 86_400_000
HOLD_MS = 10_000
MINUTES = 40
AHEAD_MS = 40_000
"""More than a reading stands"""
few = settings(max_examples=12, deadline=None)
"""Each example is some hundreds of ticks, several times"""


def stream(row: int, time_ms, power_w) -> Stream:
    times = np.asarray(time_ms, np.int64)
    power_dw = np.rint(10 * np.asarray(power_w, np.float64)).astype(np.int64)
    return Stream(np.full(len(times), row, np.int64), times, power_dw)


def between(one: Stream, begin_ms: int, end_ms: int) -> Stream:
    inside = (one.time_ms >= begin_ms) & (one.time_ms < end_ms)
    return Stream(one.row[inside], one.time_ms[inside], one.power_dw[inside])


@st.composite
def days(draw, every=(1000, 3000, 10_000, 60_000), gaps: int = 2) -> tuple[Stream, int]:
    """(the readings of a home from START_MS on, how far apart they are, ms)."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    every_ms = draw(st.sampled_from(every))
    times = START_MS + np.arange(int(random.integers(0, every_ms)), MINUTES * MINUTE_MS, every_ms)
    watts = random.uniform(30, 300) + random.normal(0, 3, len(times))
    for _ in range(draw(st.integers(0, 8))):
        begin = random.integers(0, MINUTES) * MINUTE_MS + START_MS
        inside = (times >= begin) & (times < begin + random.integers(10_000, 20 * MINUTE_MS))
        watts[inside] += random.choice([90.0, 700.0, 2000.0, 3000.0])
    kept = np.ones(len(times), np.bool_)
    for _ in range(draw(st.integers(0, gaps))):
        begin = random.integers(0, len(times))
        kept[begin : begin + random.integers(1, 20)] = False
    return stream(0, times[kept], watts[kept]), every_ms


@given(
    days(every=(1000, 3000, 10_000), gaps=0),
    st.integers(0, 2**32 - 1),
    st.sampled_from([10_000, 30_000]),
)
def test_a_tick_is_the_mean_of_what_stands_in_it_however_readings_come(day, seed, hold_ms):
    mains, _ = day
    random, n = np.random.default_rng(seed), MINUTES * MINUTE_MS // TICK_MS
    ticks = Ticks()
    ticks.begin(0, hold_ms)
    trace = Trace(mains.time_ms, mains.power_dw / 10)
    truth = on_grid(trace, hold_ms, START_MS, TICK_MS, n)
    fed_ms = START_MS
    for i in range(n):
        start_ms = START_MS + i * TICK_MS
        until_ms = start_ms + AHEAD_MS + int(random.integers(0, 30_000))
        if until_ms > fed_ms:
            new = between(mains, fed_ms, until_ms)
            order = random.permutation(len(new.time_ms))
            assert not len(ticks.feed(Stream(new.row[order], new.time_ms[order], new.power_dw[order])))
            fed_ms = until_ms
        mean_w, known = ticks.mean(start_ms, np.zeros(1, np.bool_))
        if start_ms + TICK_MS <= trace.time_ms[-1]:
            assert known[0] == truth.known[i]
            assert mean_w[0] == pytest.approx(truth.power_w[i], rel=1e-6, abs=1e-3)


@given(days(), st.sampled_from([10_000, 30_000, 180_000]), st.sampled_from([TICK_MS, MINUTE_MS]))
def test_many_ticks_at_once_are_those_that_are_told_one_by_one(day, hold_ms, step_ms):
    mains, _ = day
    n = MINUTES * MINUTE_MS // step_ms
    ticks = Ticks()
    ticks.begin(0, hold_ms)
    ticks.feed(mains)
    told = [
        ticks.mean(START_MS + i * TICK_MS, np.array([step_ms == MINUTE_MS]))
        for i in range(MINUTES * MINUTE_MS // TICK_MS)
    ]
    every = step_ms // TICK_MS
    watts, known = means(mains, hold_ms, START_MS, step_ms, n)
    assert known.tolist() == [bool(one[0]) for _, one in told[every - 1 :: every]]
    assert np.allclose(watts, [one[0] for one, _ in told[every - 1 :: every]], rtol=1e-6, atol=1e-3)


def test_what_comes_after_its_tick_was_told_is_late_and_takes_no_part():
    ticks = Ticks()
    ticks.begin(0, HOLD_MS)
    ticks.begin(1, HOLD_MS)
    ticks.skip(START_MS)
    assert not len(ticks.feed(stream(1, START_MS + 1000 * np.arange(10), np.full(10, 100.0))))
    mean_w, known = ticks.mean(START_MS, np.zeros(2, np.bool_))
    assert (mean_w.tolist(), known.tolist()) == ([0, 100], [False, True])
    assert ticks.feed(stream(0, [START_MS + 9000], [500.0])).tolist() == [0]
    mean_w, known = ticks.mean(START_MS + TICK_MS, np.zeros(2, np.bool_))
    assert (known.tolist(), mean_w.tolist()) == ([False, True], [0, 100])


async def begins(
    kinds: Kinds,
    site_id: int,
    row: int,
    mains: Stream,
    now_ms: int,
    every_ms: float = 1000.0,
    hold_ms: int = HOLD_MS,
    without=(),
) -> None:
    kinds.wait(site(channel(site_id, hold_ms=hold_ms), number=site_id), row, every_ms, mains, without)
    await kinds.catch_up(now_ms)


class Lived:
    """Kinds of one site that hears readings as time goes by."""

    def __init__(self, mains: Stream, every_ms: int) -> None:
        self.mains, self.every_ms, self.kinds = mains, np.array([float(every_ms)]), Kinds(MODEL)
        self.hold_ms = max(HOLD_MS, 3 * every_ms)
        self.now_ms = 0

    def began(self, now_ms: int) -> "Lived":
        self.now_ms = now_ms
        heard = between(self.mains, now_ms - KEPT_MS, now_ms)
        asyncio.run(begins(self.kinds, 7, 0, heard, now_ms, self.every_ms[0], self.hold_ms))
        return self

    async def lives(self, until_ms: int, step_ms: int = TICK_MS) -> None:
        while self.now_ms < until_ms:
            before_ms, self.now_ms = self.now_ms, self.now_ms + step_ms
            self.kinds.feed(between(self.mains, before_ms, self.now_ms))
            assert await self.kinds.advance(self.now_ms, self.every_ms)

    def told(self, value):
        return self.kinds.told(7, START_MS, START_MS + MINUTES * MINUTE_MS)[value]


@few
@given(days(), st.integers(0, MINUTES * 60))
def test_a_start_at_any_time_tells_what_would_have_been_told(day, begun_s):
    mains, every_ms = day
    end_ms = START_MS + MINUTES * MINUTE_MS + WAITED_MS + TICK_MS
    whole, late = Lived(mains, every_ms).began(START_MS), Lived(mains, every_ms)
    late.began(START_MS + 1000 * begun_s)
    asyncio.run(whole.lives(end_ms))
    asyncio.run(late.lives(end_ms))
    for kind, first in whole.told("settled").items():
        second = late.told("settled")[kind]
        assert np.array_equal(first.known, second.known)
        assert np.abs(first.power_w - second.power_w).max(initial=0) <= 1
    first, second = whole.kinds.latest(7), late.kinds.latest(7)
    assert (first is None) == (second is None)


@few
@given(days(gaps=0))
def test_kinds_and_rest_are_the_mains(day):
    mains, every_ms = day
    home = Lived(mains, every_ms).began(START_MS)
    asyncio.run(home.lives(START_MS + 10 * MINUTE_MS + WAITED_MS, 5000))
    told = home.kinds.latest(7)
    if told is None:
        return
    grid = on_grid(
        Trace(mains.time_ms, mains.power_dw / 10),
        home.hold_ms,
        told.end_ms - told.step_ms,
        told.step_ms,
        1,
    )
    assert told.end_ms <= home.now_ms
    if grid.known[0]:
        assert sum(told.power_w.values()) + told.rest_w == pytest.approx(grid.power_w[0], abs=0.5)
    assert min(*told.power_w.values(), told.rest_w) >= 0


async def test_a_site_that_is_put_again_takes_a_free_place_and_others_stay_as_they_are():
    seconds = START_MS + 1000 * np.arange(1200)
    kinds = Kinds(MODEL)
    first, second = stream(0, seconds, np.full(1200, 90.0)), stream(5, seconds, np.full(1200, 3000.0))
    now_ms = START_MS + 10 * MINUTE_MS
    for site_id, row, mains in ((1, 0, first), (2, 5, second)):
        await begins(kinds, site_id, row, between(mains, 0, now_ms), now_ms, without=("kettle",))
    every_ms = np.full(6, 1000.0)
    kinds.feed(between(first, now_ms, now_ms + TICK_MS))
    kinds.feed(between(second, now_ms, now_ms + TICK_MS))
    await kinds.advance(now_ms + TICK_MS + WAITED_MS, every_ms)
    before = kinds.told(1, START_MS, now_ms)
    kinds.drop(2)
    assert kinds.latest(2) is None
    assert kinds.told(2, START_MS, now_ms) == {}
    until_ms = kinds.next_ms(0)
    await begins(kinds, 3, 2, between(second, 0, until_ms), until_ms)
    kinds.feed(between(first, until_ms, until_ms + TICK_MS))
    await kinds.advance(until_ms + TICK_MS + WAITED_MS, every_ms)
    assert kinds.latest(1).end_ms == until_ms + TICK_MS
    assert kinds.latest(1).power_w["kettle"] == 0
    after = kinds.told(1, START_MS, now_ms)
    for value in VALUES:
        for kind, power in before[value].items():
            assert np.array_equal(power.power_w, after[value][kind].power_w)


def test_another_clock_is_told_and_nothing_is_told_by_it():
    home = Lived(stream(0, START_MS + 1000 * np.arange(60), np.full(60, 90.0)), 1000).began(START_MS)
    assert asyncio.run(home.kinds.advance(START_MS + TICK_MS + WAITED_MS, home.every_ms))
    assert not asyncio.run(home.kinds.advance(START_MS + FAR_MS + MINUTE_MS, home.every_ms))
    assert not asyncio.run(home.kinds.advance(START_MS - HOUR_MS, home.every_ms))


def test_a_tick_waits_for_quick_meters_that_are_alive_and_no_longer_than_said():
    times = START_MS + 1000 * np.arange(120)
    home = Lived(stream(0, times, np.full(120, 90.0)), 1000).began(START_MS + 30_000)
    end_ms = START_MS + 40_000
    home.kinds.feed(between(home.mains, START_MS + 30_000, end_ms))
    asyncio.run(home.kinds.advance(end_ms + 1000, home.every_ms))
    assert home.kinds.latest(7).end_ms < end_ms
    home.kinds.feed(between(home.mains, end_ms, end_ms + 1000))
    asyncio.run(home.kinds.advance(end_ms + 1000, home.every_ms))
    assert home.kinds.latest(7).end_ms == end_ms
    asyncio.run(home.kinds.advance(end_ms + TICK_MS + WAITED_MS - 1, home.every_ms))
    assert home.kinds.latest(7).end_ms == end_ms
    asyncio.run(home.kinds.advance(end_ms + TICK_MS + WAITED_MS, home.every_ms))
    assert home.kinds.next_ms(0) == end_ms + TICK_MS
