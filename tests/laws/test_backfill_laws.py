"""Laws of filling a gap: the device's energy, inside the gap only, whatever the hold; windows cover all."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.energy import export_dwms, held, import_dwms
from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Placement
from chowon.ingest.backfill_fit import Spans, fitted, kept_apart
from chowon.ingest.backfill_plan import NEAR_MS, WINDOW_MS, windows
from chowon.meters.decoded import Decoded
from chowon.meters.kept import Block, Kept

KEY = ChannelKey("~shelly", "meter", "main")
T0_MS = 1_795_400_040_000


@st.composite
def gap_lists(draw: st.DrawFn) -> Spans:
    """Gaps within an hour or so, some of them touching."""
    instants = st.integers(-90_000, 3_700_000) | st.integers(0, 60).map(lambda n: n * MINUTE_MS)
    edges = sorted(draw(st.lists(instants, min_size=2, max_size=10, unique=True)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    if draw(st.booleans()):
        pairs = list(pairwise(edges))
    return (
        np.array([T0_MS + start for start, _ in pairs], np.int64),
        np.array([T0_MS + stop for _, stop in pairs], np.int64),
    )


intervals = st.lists(st.tuples(st.integers(0, 59), st.integers(-90_000, 90_000)), max_size=60).map(dict)
holds = st.integers(1_000, 200_000)
lengths = st.sampled_from([MINUTE_MS, 5 * MINUTE_MS])


def _kept(powers: dict[int, int], interval_ms: int) -> Kept:
    times = np.array([T0_MS + n * interval_ms for n in powers], np.int64)
    power = {"power_dw": np.array(list(powers.values()), np.int32)}
    return Kept(Decoded((KEY,), np.zeros(len(powers), np.uint32), times, power), interval_ms)


def _inside(powers: dict[int, int], interval_ms: int, gaps: Spans) -> dict[int, int]:
    """Those that lie in one gap as a whole."""
    return {
        n: power
        for n, power in powers.items()
        if any(
            start <= T0_MS + n * interval_ms and T0_MS + (n + 1) * interval_ms <= end
            for start, end in zip(*gaps, strict=True)
        )
    }


@settings(deadline=None)
@given(powers=intervals, interval_ms=lengths, hold_ms=holds, gaps=gap_lists())
def test_filled_readings_hold_the_energy_of_the_intervals_in_the_gaps(
    powers: dict[int, int], interval_ms: int, hold_ms: int, gaps: Spans
) -> None:
    found = fitted(_kept(powers, interval_ms), {KEY: gaps}, {KEY: hold_ms})
    inside = _inside(powers, interval_ms, gaps)
    readings = found.readings(np.array([1], np.uint32)) if len(found) else _none()
    ends_ms = {T0_MS + (n + 1) * interval_ms - 1 for n in inside if n + 1 not in inside}
    pieces = held(readings, hold_ms)
    counted = ~np.isin(pieces.time_ms, list(ends_ms))  # the end of a run may be held on, as any last sample
    told = sum(abs(power) * interval_ms for power in inside.values())
    got = int((import_dwms(pieces) + export_dwms(pieces))[counted].sum())
    # a run lacks its last millisecond, and one that begins where a sample stands its first
    assert told - 2 * 90_000 * len(inside) <= got <= told
    assert int(pieces.held_ms[counted].sum()) >= len(inside) * (interval_ms - 2)


@settings(deadline=None)
@given(powers=intervals, interval_ms=lengths, hold_ms=holds, gaps=gap_lists(), data=st.data())
def test_no_reading_that_is_there_is_replaced_and_none_lies_outside_the_gaps(
    powers: dict[int, int], interval_ms: int, hold_ms: int, gaps: Spans, data: st.DataObject
) -> None:
    found = fitted(_kept(powers, interval_ms), {KEY: gaps}, {KEY: hold_ms})
    some = data.draw(st.lists(st.sampled_from(found.time_ms.tolist()))) if len(found) else []
    there = Readings(np.full(len(some), 7, np.uint32), np.array(some, np.int64))
    placed = {KEY: Placement(KEY, Channel(7, ChannelKey("home", "main", "main"), hold_ms=hold_ms))}
    free = kept_apart(found, placed, there)
    assert set(free.time_ms.tolist()) == set(found.time_ms.tolist()) - set(some)
    for time_ms in free.time_ms.tolist():
        assert any(start < time_ms < end for start, end in zip(*gaps, strict=True))


def _none() -> Readings:
    return Readings(np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(0, np.int32))


@given(
    gaps=gap_lists(),
    stored=st.lists(st.tuples(st.integers(-100, 5000), st.integers(0, 3000)), max_size=5),
)
def test_windows_cover_every_stored_minute_of_a_gap_once_and_stay_small(
    gaps: Spans, stored: list[tuple[int, int]]
) -> None:
    blocks = [Block(T0_MS + first * MINUTE_MS, MINUTE_MS, count) for first, count in stored]
    found = windows([gaps], blocks)
    assert all(0 < end - start <= WINDOW_MS for start, end in found)
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    for block in blocks:
        for start, end in zip(*gaps, strict=True):
            low, high = max(start, block.start_ms), min(end, block.end_ms)
            covered = sum(max(0, min(high, stop) - max(low, begin)) for begin, stop in found)
            assert covered == max(0, high - low)


def test_gaps_far_apart_are_not_asked_for_in_one_go() -> None:
    gaps = np.array([T0_MS, T0_MS + HOUR_MS]), np.array([T0_MS + NEAR_MS, T0_MS + HOUR_MS + NEAR_MS])
    found = windows([gaps], [Block(T0_MS - HOUR_MS, MINUTE_MS, 1000)])
    assert found == [(T0_MS, T0_MS + NEAR_MS), (T0_MS + HOUR_MS, T0_MS + HOUR_MS + NEAR_MS)]


@pytest.mark.parametrize("hold_ms", [0, 1, 999])
def test_a_hold_below_a_second_is_never_filled(hold_ms: int) -> None:
    gaps = np.array([T0_MS - 1]), np.array([T0_MS + HOUR_MS])
    assert len(fitted(_kept({0: 100}, MINUTE_MS), {KEY: gaps}, {KEY: hold_ms})) == 0
