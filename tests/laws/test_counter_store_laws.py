"""Counters through the store: however readings came and were sealed, the energy is the domain's own."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chowon.domain.counter_minutes import counter_minutes
from chowon.domain.counters import FLOWS, counted, leaps
from chowon.domain.energy import held
from chowon.domain.excursions import Rules
from chowon.domain.quantities import ABSENT_I32, ABSENT_I64, DAY_MS, HOUR_MS, MINUTE_MS
from chowon.domain.readings import Readings, concat, latest
from chowon.domain.rollups import ROLLUP_COLUMNS, Rollup, regroup, rollup
from chowon.domain.settle import groups, settled
from chowon.jobs import compact
from tests.store_runs import Run, new_run, run_actions

KWH = 1_000_000
HOLD_MS = 90_000
MONTH_END_MS = 1_796_083_200_000  # 2026-12-01T00:00Z: a UTC midnight and the end of a month
ANCHORS_MS = (
    MONTH_END_MS,
    MONTH_END_MS - 20 * HOUR_MS,
    MONTH_END_MS - 3 * DAY_MS,
    MONTH_END_MS - 8 * DAY_MS,
    MONTH_END_MS - 17 * DAY_MS,
)
moments = st.builds(
    lambda anchor, steps, jitter: anchor + steps * 20_000 + jitter,
    st.sampled_from(ANCHORS_MS),
    st.integers(-90, 90),
    st.sampled_from([0, 0, 1, -1, 7000]),
)
odd_values = st.sampled_from([0, 1_500_000, 64 * KWH, 9_999 * KWH, 5_000_000 * KWH, int(ABSENT_I64)])


def value_at(time_ms: int) -> int:
    """A counter that advances truly: 720 W."""
    return 5_000 * KWH + (time_ms - ANCHORS_MS[-1]) // 5000


units = st.sampled_from([lambda v: v, lambda v: v, lambda v: v * 1000, lambda v: v // 1000])
"""Wh taken for kWh, and the other way round"""


@st.composite
def batches(draw: st.DrawFn) -> Readings:
    n = draw(st.integers(1, 10))
    channel = [draw(st.sampled_from([1, 1, 2, 3])) for _ in range(n)]
    time_ms = [draw(moments) for _ in range(n)]
    drawn = st.one_of(st.none(), st.none(), st.none(), odd_values)
    unit = draw(units)
    values = [unit(value_at(t)) if (v := draw(drawn)) is None else v for t in time_ms]
    powers = st.one_of(st.integers(-9000, 20_000), st.just(int(ABSENT_I32)))
    kind = draw(st.sampled_from(["both", "counter", "power", "export"]))
    return Readings(
        np.array(channel, np.uint32),
        np.array(time_ms, np.int64),
        power_dw=None if kind == "counter" else np.array([draw(powers) for _ in range(n)], np.int32),
        import_milliwh=None if kind in ("power", "export") else np.array(values, np.int64),
        export_milliwh=np.array(values, np.int64) // 3 if kind == "export" else None,
    )


@st.composite
def steady(draw: st.DrawFn) -> list[Readings]:
    """Power and counter every 20 seconds over some quarters of an hour."""
    n = draw(st.integers(20, 120))
    time_ms = draw(moments) + 20_000 * np.arange(n)
    unit = draw(units)
    values = np.array([unit(value_at(t)) for t in time_ms.tolist()], np.int64)
    power = 7200 + np.arange(n, dtype=np.int32)
    return [
        Readings(np.full(n, draw(st.sampled_from([1, 2])), np.uint32), time_ms, power, import_milliwh=values)
    ]


actions = run_actions(steady(), st.lists(batches(), min_size=1, max_size=3), min_size=2, max_size=12)


def by_the_domain(appended: list[Readings]) -> Rollup:
    """All minutes from everything that was appended."""
    everything = latest(concat(appended))
    flows = [groups(counted(counter_minutes(everything, flow).counts, Rules()).steps) for flow in FLOWS]
    return settled(rollup(held(everything, HOLD_MS), MINUTE_MS), *flows)


def assert_noted(run: Run) -> None:
    """What is noted of each counter is what all its rows tell, once all is sealed."""
    everything = latest(concat(run.appended))
    for flow in FLOWS:
        rows = counter_minutes(everything, flow)
        noted = run.store.files.counters(flow, np.arange(1, 4, dtype=np.uint32))
        assert sorted(noted) == np.unique(rows.channel).tolist()
        for channel, span in noted.items():
            mine = rows.where(rows.channel == channel)
            far = leaps(mine.last_milliwh[:-1], mine.last_milliwh[1:])
            assert list(span.leaps_ms) == mine.start_ms[1:][far].tolist()
            assert (span.last_ms, span.last_milliwh) == (mine.last_ms[-1], mine.last_milliwh[-1])
            assert span.first_ms <= mine.start_ms[0]
            assert span.before_milliwh in (None, *mine.last_milliwh[-2:-1])


def assert_same(found: Rollup, expected: Rollup, start_ms: int, end_ms: int) -> None:
    keep = (expected.start_ms >= start_ms) & (expected.start_ms < end_ms)
    for name in ROLLUP_COLUMNS:
        assert np.array_equal(getattr(found, name), getattr(expected, name)[keep]), name


RANGES = [
    (MONTH_END_MS - 30 * DAY_MS, MONTH_END_MS + 30 * DAY_MS),
    (MONTH_END_MS - 17 * MINUTE_MS, MONTH_END_MS + 20 * MINUTE_MS),
    (MONTH_END_MS - 3 * DAY_MS, MONTH_END_MS - 2 * DAY_MS),
    (MONTH_END_MS - 11 * DAY_MS, MONTH_END_MS - 10 * DAY_MS),
    (MONTH_END_MS + HOUR_MS, MONTH_END_MS + 2 * HOUR_MS),
]


def check(run: Run) -> None:
    minutes = by_the_domain(run.appended)
    for start_ms, end_ms in RANGES:
        for name, bucket_ms in (("1min", MINUTE_MS), ("1h", HOUR_MS)):
            expected = regroup(minutes, minutes.start_ms // bucket_ms * bucket_ms)
            low, high = (-(-at // bucket_ms) * bucket_ms for at in (start_ms, end_ms))
            found = run.store.history.rollup([1, 2, 3], low, high, name, "UTC")
            assert_same(found, expected, low, high)
    one = run.store.history.rollup([2], *RANGES[2], "1min", "UTC")
    alone = Rollup(*(getattr(minutes, n)[minutes.channel == 2] for n in ROLLUP_COLUMNS))
    assert_same(one, alone, *RANGES[2])


UNIT_CHANGED_AFTER_A_SILENCE = Readings(
    np.full(3, 3, np.uint32),
    np.array([MONTH_END_MS - days * DAY_MS for days in (17, 8, 0)], np.int64),
    import_milliwh=np.array([5_000 * KWH, 5_000_000 * KWH, 1_500_000], np.int64),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions)
@example([[UNIT_CHANGED_AFTER_A_SILENCE], "seal"])
@example([[UNIT_CHANGED_AFTER_A_SILENCE.where(np.arange(3) != 1)], "seal", [UNIT_CHANGED_AFTER_A_SILENCE]])
def test_settled_energy_is_the_domains_own_whatever_happened_to_the_stream(steps: list[object]) -> None:
    holds_ms = dict.fromkeys((1, 2, 3), HOLD_MS)
    with pytest.MonkeyPatch.context() as patch, new_run(holds_ms, check, now_ms=MONTH_END_MS) as run:
        patch.setattr(compact, "CHUNK_ROWS", 9)
        for step in steps:
            run.do(step)
        check(run)
        run.do("seal")
        check(run)
        assert_noted(run)
        run.do("later")
        check(run)
