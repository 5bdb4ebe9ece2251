"""Live sums equal a recomputation from raw, however the readings arrive."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.energy import between, gaps, held, import_dwms
from chowon.domain.quantities import HOUR_MS, QUARTER_MS
from chowon.domain.readings import Readings, concat
from chowon.domain.rollups import Rollup, rollup
from chowon.live.meanwhile import sorted_out
from chowon.live.recompute import sums_from_store
from chowon.live.state import NEVER, ChannelStates, Window
from tests.memory import MemoryHistory
from tests.streams import START_MS, mangled, streams

HOLD_MS = 10_000
CHANNELS = (1, 2)
DAY = Window(START_MS, START_MS + 24 * HOUR_MS, START_MS - 240 * HOUR_MS, START_MS + 480 * HOUR_MS)
LATER_DAY = Window(START_MS + HOUR_MS, START_MS + 25 * HOUR_MS, START_MS + HOUR_MS, START_MS + 720 * HOUR_MS)


def started() -> tuple[ChannelStates, MemoryHistory]:
    states, history = ChannelStates(), MemoryHistory(HOLD_MS)
    for channel in CHANNELS:
        states.add(channel, HOLD_MS, DAY)
        states.follow_quarters(int(states.slots([channel])[0]), True)
    states.take_dirty()
    return states, history


def reconcile(states: ChannelStates, history: MemoryHistory) -> None:
    dirty = states.take_dirty()
    windows = {c: states.window_of(int(states.slots([c])[0])) for c in dirty}
    holds = dict.fromkeys(dirty, HOLD_MS)
    for channel, sums in sums_from_store(history, windows, holds, 2**60, dirty).items():
        states.set_from_store(channel, sums)


def assert_equals_raw(states: ChannelStates, history: MemoryHistory, window: Window) -> None:
    for channel in CHANNELS:
        slot = int(states.slots([channel])[0])
        pieces = held(history.all([channel]), HOLD_MS)
        today = between(pieces, window.day_start_ms, window.day_end_ms)
        period = between(pieces, window.period_start_ms, window.period_end_ms)
        assert states.today_dwms[slot] == import_dwms(today).sum()
        assert states.today_known_ms[slot] == today.held_ms.sum()
        assert states.period_dwms[slot] == import_dwms(period).sum()
        assert states.period_known_ms[slot] == period.held_ms.sum()
        assert_quarters_equal(states, slot, rollup(period, QUARTER_MS), window)
        if len(pieces.time_ms):
            assert states.last_ms[slot] == pieces.time_ms[-1]
            assert states.last_dw[slot] == pieces.power_dw[-1]
        else:
            assert states.last_ms[slot] == NEVER


def assert_quarters_equal(states: ChannelStates, slot: int, rows: Rollup, window: Window) -> None:
    n = (window.period_end_ms - window.period_start_ms) // QUARTER_MS
    place = (rows.start_ms - window.period_start_ms) // QUARTER_MS
    live = states.quarters.summed(np.array([slot]), n)
    for found, raw in zip(live, (rows.import_dwms, rows.export_dwms), strict=True):
        expected = np.zeros(n, np.int64)
        expected[place] = raw
        assert (found == expected).all()
    assert live[0].sum() == states.period_dwms[slot]


@given(st.data())
def test_live_sums_equal_raw_whatever_arrives_when(data):
    states, history = started()
    for batch in data.draw(mangled(data.draw(streams()))):
        history.append(batch)
        states.apply(batch)
        if data.draw(st.booleans()):
            reconcile(states, history)
    reconcile(states, history)
    assert_equals_raw(states, history, DAY)


class BusyHistory(MemoryHistory):
    """Takes in another batch before it answers a question, as a store does that others write to."""

    def __init__(self) -> None:
        super().__init__(HOLD_MS)
        self.coming: list[Readings] = []
        self.came: list[Readings] = []

    def take_in(self, batches: int) -> None:
        for _ in range(min(batches, len(self.coming))):
            self.came.append(self.coming.pop(0))
            self.append(self.came[-1])

    def last_times(self, *question):
        self.take_in(1)
        return super().last_times(*question)

    def rollup(self, *question):
        self.take_in(1)
        return super().rollup(*question)

    def readings(self, *question):
        self.take_in(2)
        found = super().readings(*question)
        self.take_in(1)
        return found


def reconcile_meanwhile(states: ChannelStates, history: BusyHistory) -> list[int]:
    """As the live loop does; the channels that have to be asked for again."""
    dirty, history.came = states.take_dirty(), []
    slots = {c: int(states.slots([c])[0]) for c in dirty}
    before_ms = {c: int(states.last_ms[slot]) for c, slot in slots.items()}
    windows = {c: states.window_of(slot) for c, slot in slots.items()}
    sums = sums_from_store(history, windows, dict.fromkeys(dirty, HOLD_MS), 2**60, dirty)
    came, untouched = concat(history.came), [c for c in CHANNELS if c not in dirty]
    for channel, its in sums.items():
        states.set_from_store(channel, its)
    meanwhile = sorted_out(came, before_ms, sums)
    states.apply(came.where(meanwhile.newer | np.isin(came.channel, untouched)))
    states.mark_dirty(meanwhile.again)
    return meanwhile.again


@given(st.data())
def test_live_sums_equal_raw_whatever_comes_while_the_store_is_asked(data):
    states, _ = started()
    history = BusyHistory()
    history.coming = data.draw(mangled(data.draw(streams())))
    states.mark_dirty(data.draw(st.sampled_from([CHANNELS, CHANNELS[:1]])))
    while history.coming or states._dirty.any():
        history.came = []
        history.take_in(data.draw(st.integers(0, 2)))
        states.apply(concat(history.came))
        reconcile_meanwhile(states, history)
        if history.coming and not states._dirty.any():
            states.mark_dirty(CHANNELS)
    assert_equals_raw(states, history, DAY)


@given(st.data())
def test_what_comes_in_order_while_the_store_is_asked_is_asked_for_once(data):
    states, _ = started()
    history = BusyHistory()
    step_ms = st.integers(1, 10_000)  # all of it within a quarter of an hour
    time_ms = START_MS + np.cumsum(np.array(data.draw(st.lists(step_ms, min_size=2, max_size=30)), np.int64))
    time_ms += QUARTER_MS * (time_ms[-1] // QUARTER_MS > START_MS // QUARTER_MS)
    power = np.arange(len(time_ms), dtype=np.int32)
    history.coming = [
        Readings(np.full(1, 1, np.uint32), time_ms[n : n + 1], power[n : n + 1]) for n in range(len(time_ms))
    ]
    first = history.coming.pop(0)
    history.append(first)
    states.apply(first)
    states.mark_dirty([1])
    assert reconcile_meanwhile(states, history) == []
    assert not states._dirty.any()
    assert states.last_ms[0] == history.all([1]).time_ms[-1]
    for rest in history.coming:
        history.append(rest)
        states.apply(rest)
    assert_equals_raw(states, history, DAY)


@given(streams())
def test_what_comes_in_order_needs_no_help_from_the_store(readings):
    states, history = started()
    in_order = (
        history.all([]) if not len(readings) else readings.where(readings.time_ms.argsort(kind="stable"))
    )
    for at in range(len(in_order)):
        batch = in_order.where(slice(at, at + 1))
        history.append(batch)
        states.apply(batch)
    assert states.take_dirty() == []
    assert_equals_raw(states, history, DAY)


@given(st.data())
def test_a_new_day_starts_from_what_already_belongs_to_it(data):
    states, history = started()
    batches = data.draw(mangled(data.draw(streams())))
    turn = data.draw(st.integers(0, len(batches)))
    for at, batch in enumerate(batches):
        if at == turn:
            states.move_windows(states.slots(CHANNELS), LATER_DAY)
        history.append(batch)
        states.apply(batch)
    if turn == len(batches):
        states.move_windows(states.slots(CHANNELS), LATER_DAY)
    reconcile(states, history)
    assert_equals_raw(states, history, LATER_DAY)


@given(streams(channels=1))
def test_the_newest_gap_is_known(readings):
    states, history = started()
    history.append(readings)
    states.apply(readings)
    ends = gaps(held(history.all([1]), HOLD_MS))[2]
    assert states.gap_end_ms[0] == (ends[-1] if len(ends) else NEVER)


@given(streams())
def test_quarters_are_kept_for_those_that_are_followed_and_no_others(readings):
    states, history = started()
    states.follow_quarters(int(states.slots([1])[0]), False)
    states.apply(readings)
    history.append(readings)
    states.follow_quarters(int(states.slots([1])[0]), True)
    assert states.take_dirty() == [1]
    states.mark_dirty([1])
    reconcile(states, history)
    assert_equals_raw(states, history, DAY)


def test_many_channels_and_high_ids_find_their_slots():
    states = ChannelStates()
    for channel in (5, 70_000, 3, *range(100, 160)):
        states.add(channel, HOLD_MS, DAY)
    for slot in range(5, 63):
        states.follow_quarters(slot, True)
    states.follow_quarters(7, False)
    states.follow_quarters(3, True)
    assert [states.quarters.follows(s) for s in (2, 3, 5, 7, 62, 63, 10**6)] == [
        False,
        True,
        True,
        False,
        True,
        False,
        False,
    ]
    assert len(states) == 63
    assert states.slots([70_000, 5]).tolist() == [1, 0]
    assert states.knows_all(np.array([3, 159], np.uint32))
    assert not states.knows_all(np.array([3, 4], np.uint32))
