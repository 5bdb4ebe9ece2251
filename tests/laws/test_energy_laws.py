"""Energy is a property of what was measured, never of how it arrived."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.energy import between, cut, export_dwms, gaps, held, import_dwms
from chowon.domain.quantities import ABSENT_I32, HOUR_MS, MINUTE_MS, QUARTER_MS
from chowon.domain.readings import concat, latest
from chowon.domain.rollups import regroup, rollup
from tests.streams import mangled, streams


def by_hand(readings, hold_ms: int) -> dict[int, int]:
    """Import by channel, dw·ms, the slow and obvious way."""
    total: dict[int, int] = {}
    rows = sorted(
        {
            (int(c), int(t)): int(p)
            for c, t, p in zip(readings.channel, readings.time_ms, readings.power_dw, strict=True)
        }.items()
    )
    rows = [(k, p) for k, p in rows if p != ABSENT_I32]
    for ((channel, time_ms), power), ((next_channel, next_ms), _) in pairwise(rows):
        total.setdefault(channel, 0)
        if channel == next_channel and next_ms - time_ms <= hold_ms:
            total[channel] += max(power, 0) * (next_ms - time_ms)
    return total


@given(streams(), st.sampled_from([1000, 10_000, 25_000]))
def test_energy_equals_the_sum_done_by_hand(readings, hold_ms):
    pieces = held(latest(readings), hold_ms)
    for channel, expected in by_hand(readings, hold_ms).items():
        assert int(import_dwms(pieces)[pieces.channel == channel].sum()) == expected


@given(st.data())
def test_batches_order_and_repetition_do_not_change_energy(data):
    readings = data.draw(streams())
    arrived = concat(data.draw(mangled(readings)))
    straight, bent = held(latest(readings), 10_000), held(latest(arrived), 10_000)
    assert (straight.time_ms == bent.time_ms).all()
    assert int(import_dwms(straight).sum()) == int(import_dwms(bent).sum())
    assert int(export_dwms(straight).sum()) == int(export_dwms(bent).sum())


@given(streams(), st.sampled_from([1000, 7000, MINUTE_MS, QUARTER_MS]))
def test_cutting_moves_no_energy(readings, bucket_ms):
    pieces = held(latest(readings), 25_000)
    parts = cut(pieces, bucket_ms)
    assert int(import_dwms(parts).sum()) == int(import_dwms(pieces).sum())
    assert int(parts.held_ms.sum()) == int(pieces.held_ms.sum())
    last = parts.time_ms + np.maximum(parts.held_ms, 1) - 1
    assert (parts.time_ms // bucket_ms == last // bucket_ms).all()


@given(streams())
def test_rolling_up_twice_equals_once(readings):
    pieces = held(latest(readings), 10_000)
    minutes = rollup(pieces, MINUTE_MS)
    for bucket_ms in (QUARTER_MS, HOUR_MS):
        twice, once = regroup(minutes, minutes.start_ms // bucket_ms * bucket_ms), rollup(pieces, bucket_ms)
        for name in once.__slots__:
            assert (getattr(twice, name) == getattr(once, name)).all(), name


@given(streams(), st.integers(0, 7_200_000))
def test_what_lies_before_and_after_an_instant_adds_up(readings, offset):
    pieces = held(latest(readings), 10_000)
    first, last = int(pieces.time_ms.min(initial=0)), int(pieces.time_ms.max(initial=0)) + 1
    middle = first + offset
    whole = int(import_dwms(pieces).sum())
    parts = between(pieces, first, middle), between(pieces, middle, max(last, middle))
    assert sum(int(import_dwms(p).sum()) for p in parts) == whole


@given(streams())
def test_covered_time_and_gaps_fill_the_span_of_each_channel(readings):
    pieces = held(latest(readings), 10_000)
    channel, start, end = gaps(pieces)
    for one in np.unique(pieces.channel):
        times = pieces.time_ms[pieces.channel == one]
        silent = int((end - start)[channel == one].sum())
        assert int(pieces.held_ms[pieces.channel == one].sum()) + silent == int(times[-1] - times[0])
