"""Live state of channels with counters: quarters that are over are the store's, the open one is power's."""

from dataclasses import replace

import numpy as np
import pytest

from chowon.domain.quantities import ABSENT_I32, ABSENT_I64, DWMS_PER_WH, HOUR_MS, MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings
from chowon.live.recompute import sums_from_store
from chowon.live.state import NEVER, ChannelStates, Window
from chowon.live.view import _newest
from tests.memory import MemoryHistory
from tests.streams import START_MS

HOLD_MS = 90_000
DAY = Window(START_MS, START_MS + 24 * HOUR_MS, START_MS, START_MS + 720 * HOUR_MS)
KWH = 1_000_000


class Home:
    """One channel, its history beside it."""

    def __init__(self) -> None:
        self.states, self.history = ChannelStates(), MemoryHistory(HOLD_MS)
        self.states.add(1, HOLD_MS, DAY)
        self.states.take_dirty()

    def take(self, readings: Readings) -> None:
        self.history.append(readings)
        self.states.apply(readings)

    def reconcile(self) -> bool:
        """Whether there was anything to set."""
        dirty = self.states.take_dirty()
        for channel, sums in sums_from_store(self.history, {1: DAY}, {1: HOLD_MS}, 2**60).items():
            if channel in dirty:
                self.states.set_from_store(channel, sums)
        return bool(dirty)

    @property
    def today_wh(self) -> float:
        return int(self.states.today_dwms[0]) / DWMS_PER_WH

    def power(self) -> tuple[int, int, int]:
        last_ms, power_dw, holds_ms = _newest(self.states, self.states.slots([1]))
        return int(last_ms[0]), int(power_dw[0]), int(holds_ms[0])


def minute(n: int, watts: int = 600, watts_counted: int = 1200) -> Readings:
    """The reading of minute n; the counter advances twice as fast as power says."""
    counter = 5000 * KWH + n * watts_counted * 1000 // 60
    time_ms = np.array([START_MS + n * MINUTE_MS])
    return Readings(
        np.ones(1, np.uint32), time_ms, np.array([10 * watts], np.int32), import_milliwh=np.array([counter])
    )


def without_power(readings: Readings) -> Readings:
    return replace(readings, power_dw=None)


def test_an_open_quarter_is_powers_and_a_closed_one_the_counters():
    home = Home()
    for n in range(15):
        home.take(minute(n))
    assert home.today_wh == pytest.approx(140)
    assert not home.reconcile()
    home.take(minute(15))
    assert home.reconcile()
    assert home.today_wh == pytest.approx(10 + 14 * 20)
    home.take(minute(16))
    assert home.today_wh == pytest.approx(10 + 14 * 20 + 10)
    assert not home.reconcile()


def test_a_late_counter_reading_is_left_to_the_store():
    home = Home()
    for n in (0, 1, 2, 16, 17):
        home.take(minute(n))
        home.reconcile()
    late = without_power(minute(10))
    home.take(replace(late, import_milliwh=late.import_milliwh + 3))
    assert home.reconcile()
    expected = home.history.rollup([1], START_MS, START_MS + QUARTER_MS, "15min", "UTC")
    assert home.today_wh * DWMS_PER_WH == pytest.approx(int(expected.import_dwms.sum()) + 6000 * MINUTE_MS)


def test_a_counter_alone_shows_the_mean_power_of_its_newest_step():
    home = Home()
    home.take(without_power(minute(0)))
    assert home.power() == (START_MS, 0, -1)
    home.take(without_power(minute(5)))
    last_ms, power_dw, holds_ms = home.power()
    assert (last_ms, power_dw) == (START_MS + 5 * MINUTE_MS, 12_000)
    assert holds_ms == 10 * MINUTE_MS - 1


def test_two_readings_in_one_batch_make_a_step_too_and_a_restart_knows_it():
    home = Home()
    first, second = without_power(minute(3)), without_power(minute(6, watts_counted=1000))
    both = Readings(
        np.ones(2, np.uint32),
        np.concatenate([second.time_ms, first.time_ms]),
        import_milliwh=np.concatenate([second.import_milliwh, first.import_milliwh]),
    )
    home.take(both)
    shown = home.power()
    assert shown[:2] == (START_MS + 6 * MINUTE_MS, 8000)
    home.states.mark_dirty([1])
    assert home.reconcile()
    assert home.power() == shown


def test_a_step_that_is_not_plausible_shows_no_power():
    home = Home()
    home.take(without_power(minute(0)))
    home.take(replace(without_power(minute(1)), import_milliwh=np.array([0])))
    assert home.power() == (START_MS + MINUTE_MS, 0, -1)
    home.take(replace(without_power(minute(2)), import_milliwh=np.array([ABSENT_I64])))
    assert home.power()[0] == START_MS + MINUTE_MS
    assert home.states.last_ms[0] == NEVER


def test_export_counters_close_quarters_too():
    home = Home()
    for n in (0, 14, 15):
        given = minute(n)
        home.take(Readings(given.channel, given.time_ms, export_milliwh=given.import_milliwh))
    assert home.states.take_dirty() == [1]


def test_the_time_whose_energy_a_counter_tells_is_known_with_each_quarter_that_is_over():
    home = Home()
    for n in range(62):
        home.take(without_power(minute(n)))
        home.reconcile()
        over = n // 15 * 15
        assert int(home.states.today_known_ms[0]) == max(over - 1, 0) * MINUTE_MS
    home.take(minute(63))
    home.take(minute(64))
    home.states.mark_dirty([1])
    home.reconcile()
    assert int(home.states.today_known_ms[0]) == (59 + 1) * MINUTE_MS, "and in the open one by power"


def many(homes: int, seconds: int) -> Readings:
    """Each of them with a load, a hold and a counter of its own, some without a voltage or a counter."""
    channel = np.repeat(np.arange(1, homes + 1, dtype=np.uint32), seconds)
    nth = np.tile(np.arange(seconds, dtype=np.int64), homes)
    return Readings(
        channel,
        START_MS + 6 * HOUR_MS + nth * (1000 + channel % 7 * 20_000),
        (1000 + 13 * channel + nth).astype(np.int32),
        voltage_dv=np.where(channel % 3, 2200 + channel, ABSENT_I32).astype(np.int32),
        import_milliwh=np.where(channel % 4, KWH * channel + 700 * nth, ABSENT_I64),
    )


def test_the_sums_of_many_channels_are_those_of_each_alone():
    history = MemoryHistory(HOLD_MS)
    history.append(many(20, 40))
    windows = dict.fromkeys(range(1, 23), DAY)  # two were never heard
    holds = {c: 5_000 * c for c in windows}
    together = sums_from_store(history, windows, holds, 2**60, [3, 4, 22])
    for channel in windows:
        alone = sums_from_store(history, {channel: DAY}, holds, 2**60, [3, 4, 22])[channel]
        assert repr(together[channel]) == repr(alone)


@pytest.mark.parametrize(("days", "questions"), [(0, 1), (30, 3)])
def test_of_a_period_that_began_lately_many_channels_are_asked_for_at_once(days, questions, monkeypatch):
    history = MemoryHistory(HOLD_MS)
    history.append(many(130, 2))
    window = replace(DAY, period_start_ms=START_MS - days * 24 * HOUR_MS)
    if days:
        first = many(1, 1)
        history.append(replace(first, time_ms=first.time_ms - days * 24 * HOUR_MS))
    asked = []
    rollup = history.rollup
    monkeypatch.setattr(history, "rollup", lambda *question: asked.append(1) or rollup(*question))
    channels = range(1, 131)
    sums_from_store(history, dict.fromkeys(channels, window), dict.fromkeys(channels, HOLD_MS), 2**60)
    assert len(asked) == questions
