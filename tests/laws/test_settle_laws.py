"""Settled energy: what a counter counted to the last unit, in the shape that power had."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.counters import Steps
from chowon.domain.quantities import ABSENT_I32, DWMS_PER_WH, HOUR_MS, MINUTE_MS, QUARTER_MS
from chowon.domain.rollups import ROLLUP_COLUMNS, Rollup, regroup
from chowon.domain.settle import Groups, groups, settled
from tests.streams import START_MS

CHANNELS = (1, 7)


@st.composite
def powers(draw: st.DrawFn, span: int = 90) -> Rollup:
    """Minutes that power covers in full, in part, or not at all."""
    rows = []
    for channel in CHANNELS:
        for minute in draw(st.sets(st.integers(0, span), max_size=40)):
            covered = draw(st.one_of(st.just(MINUTE_MS), st.integers(0, MINUTE_MS)))
            power = draw(st.sampled_from([0, 0, 3, 7200, -400, 2**31 - 1]))
            rows.append((channel, START_MS + minute * MINUTE_MS, covered, power))
    rows.sort()
    channel, start, covered, power = (np.array([r[i] for r in rows], np.int64) for i in range(4))
    energy = [np.maximum(sign * power, 0) * covered for sign in (1, -1)]
    low = power.astype(np.int32)
    return Rollup(channel.astype(np.uint32), start, *energy, covered, low, low, covered)


@st.composite
def steps(draw: st.DrawFn, span: int = 90) -> Steps:
    """A counter that is read in some minutes; some steps are missing, as across another meter."""
    rows = []
    for channel in CHANNELS:
        times = sorted(draw(st.sets(st.integers(0, span), max_size=25)))
        for a, b in pairwise(times):
            if draw(st.integers(0, 7)):
                advance = draw(st.sampled_from([0, 1, 999, 12_345, 2_000_000, 10**13]))
                rows.append(
                    (channel, START_MS + a * MINUTE_MS + 59_000, START_MS + b * MINUTE_MS + 59_000, advance)
                )
    channel, start, end, advance = (np.array([r[i] for r in rows], np.int64) for i in range(4))
    return Steps(channel.astype(np.uint32), start, end, advance)


def of(rows: Rollup, group: int, all_groups: Groups) -> np.ndarray:
    return np.flatnonzero(
        (rows.channel == all_groups.channel[group])
        & (rows.start_ms >= all_groups.start_ms[group])
        & (rows.start_ms < all_groups.end_ms[group])
    )


NO_GROUPS = groups(Steps(np.zeros(0, np.uint32), *(np.zeros(0, np.int64) for _ in range(3))))


@given(steps())
def test_groups_hold_all_that_was_counted_and_end_in_a_quarter_each(taken):
    found = groups(taken)
    assert found.energy_dwms.sum() == taken.advance_milliwh.sum() * (DWMS_PER_WH // 1000)
    assert (found.end_ms > found.start_ms).all()
    same = found.channel[1:] == found.channel[:-1]
    assert (found.start_ms[1:] >= found.end_ms[:-1])[same].all()
    quarter = (found.end_ms - 1) // QUARTER_MS
    long = found.end_ms - found.start_ms > QUARTER_MS
    joined = same & (found.start_ms[1:] == found.end_ms[:-1]) & ~long[1:] & ~long[:-1]
    assert (quarter[1:] > quarter[:-1])[joined].all()


@given(powers(), steps(), steps())
def test_each_group_sums_to_what_was_counted_and_nothing_else_changes(power, imports, exports):
    flows = groups(imports), groups(exports)
    rows = settled(power, *flows)
    keys = list(zip(rows.channel.tolist(), rows.start_ms.tolist(), strict=True))
    assert keys == sorted(set(keys))
    inside = np.zeros(len(rows), np.bool_)
    for found, name in zip(flows, ("import_dwms", "export_dwms"), strict=True):
        energy = getattr(rows, name)
        assert (energy >= 0).all()
        mine = np.zeros(len(rows), np.bool_)
        for n in range(len(found)):
            at = of(rows, n, found)
            assert len(at) == (found.end_ms[n] - found.start_ms[n]) // MINUTE_MS
            assert energy[at].sum() == found.energy_dwms[n]
            mine[at] = True
        before = dict(
            zip(
                zip(power.channel.tolist(), power.start_ms.tolist(), strict=True),
                getattr(power, name).tolist(),
                strict=True,
            )
        )
        for at in np.flatnonzero(~mine).tolist():
            assert energy[at] == before.get(keys[at], 0)
        inside |= mine
    assert (rows.known_ms == np.where(inside, MINUTE_MS, rows.covered_ms)).all()
    assert rows.covered_ms.sum() == power.covered_ms.sum()
    told = set(zip(power.channel.tolist(), power.start_ms.tolist(), strict=True))
    assert [k in told for k in keys] == (rows.min_dw != ABSENT_I32).tolist()


@given(powers(), steps(), st.integers(0, 90), st.integers(0, 90))
def test_a_minute_does_not_depend_on_what_else_is_asked_for(power, imports, a, b):
    found = groups(imports)
    whole = settled(power, found, NO_GROUPS)
    start_ms, end_ms = (START_MS + minute * MINUTE_MS for minute in sorted((a, b)))
    near = found.where((found.start_ms < end_ms) & (found.end_ms > start_ms))
    low, high = min(start_ms, *near.start_ms.tolist(), start_ms), max(end_ms, *near.end_ms.tolist(), end_ms)
    part = cut(power, low, high)
    assert_same(cut(settled(part, near, NO_GROUPS), start_ms, end_ms), cut(whole, start_ms, end_ms))


@given(powers(), steps())
def test_rolling_settled_minutes_up_twice_equals_once(power, imports):
    rows = settled(power, groups(imports), NO_GROUPS)
    quarters = regroup(rows, rows.start_ms // QUARTER_MS * QUARTER_MS)
    once = regroup(rows, rows.start_ms // HOUR_MS * HOUR_MS)
    assert_same(regroup(quarters, quarters.start_ms // HOUR_MS * HOUR_MS), once)


def test_power_gives_the_shape_and_the_counter_the_sum():
    minutes = np.arange(15)
    power = flat(minutes, np.where(minutes == 4, 36_000, 3_600))
    rows = settled(power, one_group(0, 15, 144_000 * 2), NO_GROUPS)
    assert rows.import_dwms.tolist() == (2 * power.import_dwms).tolist()


def test_a_silence_in_a_group_gets_the_mean_if_power_covers_most_of_it():
    power = flat(np.arange(12), np.full(12, 3_600))
    rows = settled(power, one_group(0, 15, 90_000), NO_GROUPS)
    assert rows.import_dwms.tolist() == [6_000 * 36_000] * 15


def test_a_time_offline_gets_what_power_does_not_explain_evenly():
    power = flat(np.array([0, 99]), np.full(2, 3_600))
    rows = settled(power, one_group(0, 100, 12_000 + 98 * 500), NO_GROUPS)
    evenly = np.array([216_000_000, *[500 * 36_000] * 98, 216_000_000])
    assert np.abs(rows.import_dwms - evenly).max() <= 1
    assert rows.import_dwms.sum() == evenly.sum()
    assert rows.known_ms.tolist() == [MINUTE_MS] * 100
    assert rows.covered_ms.tolist() == [MINUTE_MS, *[0] * 98, MINUTE_MS]


def test_less_than_power_measured_scales_it_down_and_leaves_the_silence_empty():
    power = flat(np.array([0, 1]), np.array([3_600, 7_200]))
    rows = settled(power, one_group(0, 10, 1_800), NO_GROUPS)
    assert rows.import_dwms.tolist() == [600 * 36_000, 1_200 * 36_000, *[0] * 8]


def test_a_counter_alone_is_spread_evenly():
    none = flat(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert settled(none, one_group(0, 3, 10), NO_GROUPS).import_dwms.tolist() == [120_000] * 3


def flat(minutes: np.ndarray, power_dw: np.ndarray) -> Rollup:
    """Channel 1, fully covered minutes of one power each; 3,600 dW make 6 Wh a minute."""
    n = len(minutes)
    covered = np.full(n, MINUTE_MS)
    start = START_MS + minutes * MINUTE_MS
    low = power_dw.astype(np.int32)
    return Rollup(
        np.ones(n, np.uint32), start, power_dw * MINUTE_MS, np.zeros(n, np.int64), covered, low, low, covered
    )


def one_group(first: int, end: int, milliwh: int) -> Groups:
    limits = (START_MS + first * MINUTE_MS, START_MS + end * MINUTE_MS, milliwh * 36_000)
    return Groups(np.ones(1, np.uint32), *(np.array([x], np.int64) for x in limits))


def cut(rows: Rollup, start_ms: int, end_ms: int) -> Rollup:
    keep = (rows.start_ms >= start_ms) & (rows.start_ms < end_ms)
    return Rollup(*(getattr(rows, name)[keep] for name in ROLLUP_COLUMNS))


def assert_same(found: Rollup, expected: Rollup) -> None:
    for name in ROLLUP_COLUMNS:
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
