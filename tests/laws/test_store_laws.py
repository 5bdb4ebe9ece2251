"""However a stream is cut, reordered, repeated, delayed, sealed and merged: the answers are the domain's."""

from contextlib import AbstractContextManager
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from chowon.domain.clock import day_starts_ms, local_day
from chowon.domain.energy import between, gaps, held, import_dwms
from chowon.domain.quantities import ABSENT_I32, DAY_MS, HOUR_MS, MINUTE_MS, QUARTER_MS
from chowon.domain.readings import QUANTITIES, Readings, absent_of, concat, latest
from chowon.domain.rollups import ROLLUP_COLUMNS, Rollup, regroup, rollup
from chowon.jobs import compact
from chowon.store.opening import open_reader
from tests.store_runs import Run, new_run, run_actions

HOLDS_MS = {1: 10_000, 2: 90_000, 3: 1_800_000}
MONTH_END_MS = 1_796_083_200_000  # 2026-12-01T00:00Z: a UTC midnight and the end of a month
ANCHORS_MS = (MONTH_END_MS, MONTH_END_MS - DAY_MS, MONTH_END_MS - 9 * HOUR_MS, MONTH_END_MS - 40 * DAY_MS)

moments = st.builds(
    lambda anchor, steps, jitter: anchor + steps * 5_000 + jitter,
    st.sampled_from(ANCHORS_MS),
    st.integers(-60, 60),
    st.sampled_from([0, 0, 0, 1, -1, 777]),
)
powers = st.one_of(st.integers(-40_000, 90_000), st.just(int(ABSENT_I32)))


@st.composite
def batches(draw: st.DrawFn) -> Readings:
    rows = draw(st.lists(st.tuples(st.sampled_from([1, 2, 3]), moments, powers, powers), max_size=12))
    kind = draw(st.sampled_from(["both", "both", "power", "voltage"]))
    columns = [np.array([row[i] for row in rows], np.int32) for i in (2, 3)]
    return Readings(
        np.array([row[0] for row in rows], np.uint32),
        np.array([row[1] for row in rows], np.int64),
        power_dw=columns[0] if kind != "voltage" else None,
        voltage_dv=columns[1] if kind != "power" else None,
    )


@st.composite
def steady(draw: st.DrawFn) -> list[Readings]:
    """A sample every five seconds for some minutes, so that there are minutes without a gap."""
    count = draw(st.integers(20, 60))
    return [
        Readings(
            np.full(count, draw(st.sampled_from([1, 2, 3])), np.uint32),
            draw(moments) + 5_000 * np.arange(count),
            power_dw=np.arange(count, dtype=np.int32),
        )
    ]


holds = st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([1_000, 10_000, 90_000, 1_800_000]))
actions = run_actions(
    steady(),
    st.lists(batches(), min_size=1, max_size=3),
    holds,
    others=("ask",),
    min_size=3,
    max_size=16,
)


def started(shards: int) -> AbstractContextManager[Run]:
    return new_run(HOLDS_MS, check, now_ms=MONTH_END_MS, shards=shards, seal_rows=7)


def assert_same_readings(found: Readings, expected: Readings) -> None:
    assert found.channel.tolist() == expected.channel.tolist()
    assert found.time_ms.tolist() == expected.time_ms.tolist()
    for name in QUANTITIES:
        columns = [r.column(name) for r in (found, expected)]
        filled = [np.full(len(found), absent_of(name)) if c is None else c for c in columns]
        assert filled[0].tolist() == filled[1].tolist(), name


def assert_same_rows(found: Rollup, expected: Rollup) -> None:
    for name in ROLLUP_COLUMNS:
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name


def rows_between(rows: Rollup, start_ms: int, end_ms: int) -> Rollup:
    keep = (rows.start_ms >= start_ms) & (rows.start_ms < end_ms)
    return Rollup(*(getattr(rows, name)[keep] for name in ROLLUP_COLUMNS))


def check(run: Run) -> None:
    history = run.store.history
    everything = latest(concat(run.appended))
    channels = list(HOLDS_MS)
    assert_same_readings(history.readings(channels, 0, 2**42), everything)
    start_ms, end_ms = MONTH_END_MS - 2 * MINUTE_MS - 3_000, MONTH_END_MS + 3 * MINUTE_MS + 1
    inside = (everything.time_ms >= start_ms) & (everything.time_ms < end_ms)
    assert_same_readings(history.readings(channels, start_ms, end_ms), everything.where(inside))
    pieces = held(everything, run.holds(everything))
    for name, bucket_ms in (("1min", MINUTE_MS), ("15min", QUARTER_MS), ("1h", HOUR_MS)):
        expected = rollup(pieces, bucket_ms)
        assert_same_rows(history.rollup(channels, 0, 2**42, name, "UTC"), expected)
        found = history.rollup(channels, start_ms, end_ms, name, "UTC")
        assert_same_rows(found, rows_between(expected, start_ms, end_ms))
    check_days(run, rollup(pieces, MINUTE_MS))
    check_energy(run, everything)
    newest = {c: everything.time_ms[everything.channel == c].max() for c in np.unique(everything.channel)}
    assert history.last_times([*channels, 99]) == newest


def check_days(run: Run, minutes: Rollup) -> None:
    zone_name = "Asia/Seoul"
    zone = ZoneInfo(zone_name)
    first, end = (local_day(MONTH_END_MS + n * DAY_MS, zone) for n in (-42, 3))
    days = day_starts_ms(first, end, zone)
    expected = regroup(minutes, days[np.searchsorted(days, minutes.start_ms, "right") - 1])
    found = run.store.history.rollup(list(HOLDS_MS), int(days[0]), int(days[-1]), "1day", zone_name)
    assert_same_rows(found, expected)


def check_energy(run: Run, everything: Readings) -> None:
    """Gaps are those between samples of power; energy of any span is that of its minutes."""
    with_power = [] if everything.power_dw is None else everything.power_dw != ABSENT_I32
    samples = everything.where(np.array(with_power, bool)) if len(with_power) else everything.where(slice(0))
    pieces = held(samples, run.holds(samples))
    channel, start, stop = gaps(pieces)
    found = run.store.history.gaps(list(HOLDS_MS), 0, 2**42)
    between_samples = {
        (c, a, b)
        for c, a, b in zip(*(x.tolist() for x in found), strict=True)
        if (times := samples.time_ms[samples.channel == c]).size and times[0] <= a and b <= times[-1]
    }
    assert between_samples == set(zip(channel.tolist(), start.tolist(), stop.tolist(), strict=True))
    lo, hi = MONTH_END_MS - HOUR_MS, MONTH_END_MS + HOUR_MS
    rows = run.store.history.rollup(list(HOLDS_MS), lo, hi, "1min", "UTC")
    assert rows.import_dwms.sum() == import_dwms(between(pieces, lo, hi)).sum()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions, st.sampled_from([1, 2]))
def test_answers_equal_the_domains_own_computation_whatever_happened_to_the_stream(
    steps: list[object], shards: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, started(shards) as run:
        patch.setattr(compact, "CHUNK_ROWS", 9)
        for step in steps:
            run.do(step)
        event(f"files: {min(len(run.store.files.snapshot().files), 5)}")
        check(run)
        run.do("later")
        check(run)
        reader = open_reader(run.folder)
        assert_same_readings(reader.history.readings(list(HOLDS_MS), 0, 2**42), latest(concat(run.appended)))
        reader.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(batches(), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_batches_without_equal_keys_does_not_matter(
    parts: list[Readings], random: object
) -> None:
    everything = latest(concat(parts))
    order = list(range(len(everything)))
    random.shuffle(order)  # type: ignore[attr-defined]
    with started(1) as run:
        for rows in np.array_split(np.array(order, np.int64), 4):
            run.do([everything.where(rows)])
            run.do("seal")
        check(run)
