"""A channel's lifetime energy is the sum of all its rollups, however often and when it is asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.energy import export_dwms, held, import_dwms
from chowon.domain.quantities import DAY_MS
from chowon.domain.readings import Readings, latest
from chowon.outward.home_assistant import Counted
from chowon.outward.totals import Totals
from tests.memory import MemoryHistory
from tests.streams import START_MS, mangled, streams


@given(st.data())
def test_it_is_the_energy_of_all_readings_wherever_the_day_is_cut(data):
    readings = data.draw(streams(span_ms=5 * DAY_MS, most=40))
    past = MemoryHistory()
    totals = Totals(past)
    newest_ms = int(readings.time_ms.max())
    for batch in data.draw(mangled(readings)):
        past.append(batch)
        totals.lifetime([1, 2], newest_ms + data.draw(st.integers(0, 3 * DAY_MS)))
    # the next UTC day has come: what came late counts too
    found = totals.lifetime([1, 2, 3], newest_ms + 10 * DAY_MS)
    pieces = held(latest(readings), past.hold_ms)
    for channel in (1, 2):
        mine = pieces.channel == channel
        assert found.of([channel]) == (
            int(import_dwms(pieces)[mine].sum()),
            int(export_dwms(pieces)[mine].sum()),
        )
    assert found.of([2, 1]) == (int(import_dwms(pieces).sum()), int(export_dwms(pieces).sum()))
    assert found.of([3]) == (0, 0)


@given(st.data())
def test_readings_in_order_never_make_it_fall_and_a_fresh_start_says_the_same(data):
    readings = data.draw(streams(channels=1, span_ms=3 * DAY_MS, most=40))
    past, before = MemoryHistory(), None
    totals = Totals(past)
    for n in range(len(readings)):
        past.append(readings.where(slice(n, n + 1)))
        now_ms = int(readings.time_ms[n]) + data.draw(st.sampled_from((0, 1000, DAY_MS)))
        found = totals.lifetime([1], now_ms).of([1])
        assert found == Totals(past).lifetime([1], now_ms).of([1])
        assert before is None or (found[0] >= before[0] and found[1] >= before[1])
        before = found


@given(st.lists(st.tuples(st.integers(0, 2**50), st.integers(0, 2**50)), min_size=1))
def test_what_is_published_never_falls_and_is_the_highest_that_was_measured(sums):
    said = None
    for one in sums:
        counted = Counted.of(*one).at_least(said)
        assert said is None or (
            counted.import_milliwh >= said.import_milliwh and counted.export_milliwh >= said.export_milliwh
        )
        said = counted
    assert said == Counted.of(max(i for i, _ in sums), max(e for _, e in sums))


def test_channels_that_were_not_asked_for_and_none_at_all_are_unknown():
    past = MemoryHistory()
    found = Totals(past).lifetime([5, 3], START_MS)
    assert found.of([3, 5]) == (0, 0)
    assert found.of([4]) is None
    assert found.of([]) is None
    assert Totals(past).lifetime([], START_MS).of([1]) is None


def test_a_long_past_is_read_in_steps_and_summed_whole():
    past = MemoryHistory()
    days = np.arange(0, 200, 7)
    times = np.concatenate([START_MS + d * DAY_MS + np.arange(2) * 1000 for d in days.tolist()])
    past.append(
        Readings(
            np.full(len(times), 1, np.uint32), times, np.tile(np.array([36_000, 0], np.int32), len(days))
        )
    )
    found = Totals(past).lifetime([1], int(times[-1])).of([1])
    assert found == (len(days) * 36_000 * 1000, 0)
