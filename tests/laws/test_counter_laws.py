"""Energy from counters: never negative, near the truth, each deviation told, a property of the set."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.counters import (
    NO_OVERRIDES,
    Counts,
    Overrides,
    UnitChange,
    counted,
    leaps,
    unit_changes,
)
from chowon.domain.excursions import Rules
from chowon.domain.quantities import DAY_MS, HOUR_MS
from tests.troubled import KWH, START_MS, Meter

values = st.one_of(
    st.integers(0, 200_000),
    st.sampled_from([0, KWH, 55 * KWH, 65_535_000, 5_000_000 * KWH]),
    st.integers(0, 2**52),
)
steps_ms = st.sampled_from([1, 1000, 60_000, 61_000, 900_000, HOUR_MS, 23 * HOUR_MS, 40 * DAY_MS])


@st.composite
def any_counts(draw: st.DrawFn, most: int = 30) -> Counts:
    """Whatever a counter may send: values that wander, jump, repeat and return."""
    rows = []
    for channel in (1, 2):
        at, value = START_MS, draw(values)
        for _ in range(draw(st.integers(0, most))):
            at += draw(steps_ms)
            units = st.sampled_from([value // 1000, min(value * 1000, 2**52)])
            value = draw(st.one_of(st.just(value), st.integers(0, 50_000).map(value.__add__), units, values))
            rows.append((channel, at, value))
    channel, time_ms, value = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    return Counts(channel.astype(np.uint32), time_ms, value)


def part(counts: Counts, keep: np.ndarray) -> Counts:
    return Counts(counts.channel[keep], counts.time_ms[keep], counts.value_milliwh[keep])


@given(any_counts())
def test_energy_is_never_negative_and_never_more_than_plausible(counts):
    steps = counted(counts, Rules()).steps
    assert (steps.advance_milliwh >= 0).all()
    assert (steps.advance_milliwh <= 2 * Rules().most(steps.end_ms - steps.start_ms)).all()
    assert (steps.end_ms > steps.start_ms).all()
    chained = (steps.channel[1:] == steps.channel[:-1]) & (steps.start_ms[1:] < steps.end_ms[:-1])
    assert not chained.any()


@given(any_counts())
def test_every_difference_that_was_not_taken_stands_among_the_decisions(counts):
    found = counted(counts, Rules())
    taken = {
        (c, a, b)
        for c, a, b in zip(found.steps.channel, found.steps.start_ms, found.steps.end_ms, strict=True)
    }
    told = [(d.channel, d.start_ms, d.end_ms) for d in found.decisions]
    plain = 0
    for i in range(len(counts) - 1):
        if counts.channel[i] != counts.channel[i + 1]:
            continue
        pair = (counts.channel[i], counts.time_ms[i], counts.time_ms[i + 1])
        if any(c == pair[0] and a <= pair[1] and pair[2] <= b for c, a, b in told):
            continue
        assert pair in taken
        if not any(d.kind == "unit_change" for d in found.decisions):
            plain += int(counts.value_milliwh[i + 1] - counts.value_milliwh[i])
    if not any(d.kind == "unit_change" for d in found.decisions):
        inner = [d for d in found.decisions if not inside_another(d, found.decisions)]
        assert int(found.steps.advance_milliwh.sum()) == plain + sum(d.counted_milliwh for d in inner)


def inside_another(one, decisions) -> bool:
    """A dip in a bump's span is told too; its energy is that of the bump."""
    return any(
        d is not one
        and d.channel == one.channel
        and d.start_ms <= one.start_ms
        and one.end_ms <= d.end_ms
        and (d.end_ms - d.start_ms, d.kind == "spike") > (one.end_ms - one.start_ms, one.kind == "spike")
        for d in decisions
    )


@given(any_counts(), st.integers(0, 60), st.integers(0, 60))
def test_a_decision_depends_only_on_readings_in_reach(counts, at, length):
    """A window with three times the reach on either side, in units that are known, tells its middle."""
    rules = Rules(reach_ms=HOUR_MS)
    whole = counted(counts, rules)
    changes = everywhere(counts, rules)
    mine = np.flatnonzero(counts.channel == 1)
    if len(mine) < 2:
        return
    first, last = sorted((min(at, len(mine) - 1), min(at + length, len(mine) - 1)))
    start_ms, end_ms = counts.time_ms[mine[first]], counts.time_ms[mine[last]]
    margin = 3 * rules.reach_ms
    inside = (
        (counts.channel == 1) & (counts.time_ms >= start_ms - margin) & (counts.time_ms <= end_ms + margin)
    )
    windowed = counted(part(counts, inside), rules, known=changes)

    def middle(steps):
        keep = (steps.channel == 1) & (steps.start_ms >= start_ms) & (steps.end_ms <= end_ms)
        columns = (steps.start_ms, steps.end_ms, steps.advance_milliwh)
        return [tuple(row) for row in np.array(columns).T[keep].tolist()]

    assert middle(windowed.steps) == middle(whole.steps)


def everywhere(counts: Counts, rules: Rules) -> list[UnitChange]:
    return unit_changes(counts, rules, NO_OVERRIDES, (), np.ones(len(counts), np.bool_))


@given(any_counts())
def test_a_unit_changes_only_where_a_value_leaps(counts):
    far = np.append(False, leaps(counts.value_milliwh[:-1], counts.value_milliwh[1:]))
    found = everywhere(counts, Rules())
    at = [np.flatnonzero((counts.channel == c.channel) & (counts.time_ms == c.time_ms)) for c in found]
    assert all(far[index].all() for index in at)
    assert unit_changes(counts, Rules(), NO_OVERRIDES, (), far[: len(counts)]) == found


@given(any_counts())
def test_units_that_are_known_change_nothing(counts):
    found = counted(counts, Rules())
    known = counted(counts, Rules(), known=everywhere(counts, Rules()))
    assert known.decisions == found.decisions
    assert known.steps.advance_milliwh.tolist() == found.steps.advance_milliwh.tolist()


@given(any_counts())
def test_channels_do_not_touch_each_other(counts):
    both = counted(counts, Rules())
    for channel in (1, 2):
        alone = counted(part(counts, counts.channel == channel), Rules())
        assert alone.decisions == tuple(d for d in both.decisions if d.channel == channel)
        keep = both.steps.channel == channel
        assert alone.steps.advance_milliwh.tolist() == both.steps.advance_milliwh[keep].tolist()


@given(any_counts(most=12))
def test_trusting_everything_takes_every_rise(counts):
    spans = tuple((c, 0, 2**60) for c in (1, 2))
    found = counted(counts, Rules(), Overrides(trusted=spans))
    assert found.decisions == ()
    same = counts.channel[1:] == counts.channel[:-1]
    rises = np.maximum(np.diff(counts.value_milliwh), 0)[same]
    assert found.steps.advance_milliwh.tolist() == rises.tolist()


TROUBLES = ("dropout", "spike", "jitter", "reset", "replace", "units", "clock")


def month(seed: int, days: int, modulus: int | None) -> Meter:
    """A month by the minute with a trouble every day and a half, some of them long; none on a rollover."""
    random = np.random.default_rng(seed)
    start = 5_000 * KWH if modulus is None else modulus - 20 * KWH
    meter = Meter(random, days * 1440, start_milliwh=start, modulus=modulus)
    kinds = TROUBLES if modulus is None else ("dropout", "spike", "jitter", "clock")
    for at in range(600, meter.n - 2200, 2200):
        kind = kinds[int(random.integers(len(kinds)))]
        where, length = at + int(random.integers(0, 300)), int(random.integers(3, 200))
        if (np.abs(meter.turns - where) < 800).any():
            continue
        if kind == "reset":
            meter.reset(where)
        elif kind == "replace":
            meter.replace(where, int(random.integers(1, 9000)) * 1_234_567)
        elif kind == "clock":
            meter.clock(where, min(length, 110), int(random.choice([-2, 2, 7])) * HOUR_MS + 12_345)
        else:
            getattr(meter, kind)(where, length)
    return meter


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([None, None, 2**16 * 1000, 2**32, 100_000 * KWH]))
def test_a_month_of_trouble_ends_right_to_a_thousandth_with_every_trouble_told(seed, modulus):
    meter = month(seed, 31, modulus)
    found = counted(meter.counts(), Rules())
    error = int(found.steps.advance_milliwh.sum()) - meter.energy
    assert abs(error) <= meter.energy / 1000
    for trouble in meter.troubles:
        assert trouble.told_by(found.decisions), trouble
