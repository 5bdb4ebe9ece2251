"""What the quality watch counts, against the same counted by hand, and what is said of it."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.quality import ChannelQuality, remarks
from chowon.domain.quantities import ABSENT_I32
from chowon.domain.readings import Readings
from chowon.ingest.quality import QualityWatch

START_MS = 1_795_400_000_000
HOLD_MS = 10_000


def _readings(channel: list[int], second: list[float], power_dw: list[int] | None = None) -> Readings:
    time_ms = START_MS + (np.array(second) * 1000).astype(np.int64)
    power = None if power_dw is None else np.array(power_dw, np.int32)
    return Readings(np.array(channel, np.uint32), time_ms, power)


def _watch(*batches: Readings, received_s: float = 100.0) -> QualityWatch:
    watch = QualityWatch()
    for batch in batches:
        watch.saw(batch, np.full(len(batch), HOLD_MS), START_MS + int(received_s * 1000))
    return watch


def _seen(watch: QualityWatch, channel: int = 1) -> ChannelQuality:
    quality = watch.of(channel)
    assert quality is not None
    return quality


rows = st.tuples(
    st.integers(0, 3), st.integers(0, 60), st.sampled_from([ABSENT_I32.item(), -5, 0, 7, 7, 9_000])
)


@given(st.lists(st.lists(rows, max_size=12), max_size=6))
def test_it_counts_what_one_would_count_by_hand(batches):
    """Each batch sorted by time, as a meter's clock orders it; late: older than what was there before."""
    columns = ([list(column) for column in zip(*batch, strict=True)] for batch in batches if batch)
    watch = _watch(*(_readings(*three) for three in columns))
    newest: dict[int, int] = {}
    expected: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for batch in batches:
        for channel, second, _ in sorted(batch, key=lambda row: row[:2]):
            seen, before = expected[channel], newest.get(channel)
            seen["readings"] += 1
            if before is not None:
                seen["late"] += second < before
                seen["repeated"] += second == before
                gap = second - before > HOLD_MS // 1000
                seen["gaps"] += gap
                seen["gap_ms"] += 1000 * (second - before) if gap else 0
            newest[channel] = max(second, before if before is not None else second)
    for channel in range(4):
        quality = watch.of(channel)
        if channel not in expected:
            assert quality is None
            continue
        assert quality is not None
        counts = {name: getattr(quality, name) for name in ("readings", "late", "repeated", "gaps", "gap_ms")}
        assert counts == {name: expected[channel][name] for name in counts}
        assert quality.newest_ms == START_MS + 1000 * newest[channel]


@given(st.lists(st.tuples(st.lists(rows, min_size=1, max_size=12), st.integers(0, 5000)), max_size=6))
def test_batches_that_are_counted_together_count_as_one_by_one(batches):
    together, alone = QualityWatch(), QualityWatch()
    for batch, received_s in batches:
        readings = _readings(*(list(column) for column in zip(*batch, strict=True)))
        for watch in (together, alone):
            watch.saw(readings, np.full(len(readings), HOLD_MS), START_MS + 1000 * received_s)
        alone.of(0)
    assert [together.of(channel) for channel in range(4)] == [alone.of(channel) for channel in range(4)]


def test_interval_and_jitter_are_those_of_the_steps_without_gaps():
    quality = _seen(_watch(_readings([1] * 5, [0, 1, 3, 4, 60]), _readings([1], [62])))
    assert quality.interval_ms == pytest.approx(np.mean([1000, 2000, 1000, 2000]))
    assert quality.jitter_ms == pytest.approx(np.std([1000, 2000, 1000, 2000]))
    assert (quality.gaps, quality.gap_ms) == (1, 56_000)


def _talks(watch: QualityWatch, *messages: tuple[float, list[float]]) -> None:
    """Messages: (when it came, the seconds that its readings are stamped with)."""
    for received_s, seconds in messages:
        batch = _readings([1] * len(seconds), seconds)
        watch.saw(batch, np.full(len(seconds), HOLD_MS), START_MS + round(received_s * 1000))


@pytest.mark.parametrize("offset_s", [-3600.0, -3.0, 0.0, 5.0])
def test_the_clock_is_told_by_the_quickest_message(offset_s):
    watch = QualityWatch()
    delays_s = [0.4, 0.05, 2.5, 0.3]
    _talks(watch, *((s + delays_s[s % 4], [s + offset_s]) for s in range(60)))
    assert _seen(watch).clock_offset_ms == int((offset_s - 0.05) * 1000)


def test_nothing_is_said_of_the_clock_before_it_was_watched_for_a_while():
    watch = QualityWatch()
    _talks(watch, *((s, [s - 3.0]) for s in range(30)))
    assert _seen(watch).clock_offset_ms is None
    _talks(watch, (30, [27.0]))
    assert _seen(watch).clock_offset_ms == -3000


@pytest.mark.parametrize(
    "messages",
    [
        [(0, list(range(-90_000, -3600, 60)))],
        [(day * 86_400, list(range(day * 86_400 - 86_400, day * 86_400 - 3600, 60))) for day in range(5)],
        [(900 * n, list(range(900 * n - 900, 900 * n - 20))) for n in range(20)],
        [(0.1 * n, [n - 100_000.0]) for n in range(3000)],
        [(0.1 * n, [n - 100_000.0, n - 99_999.5]) for n in range(3000)],
        [(n, [-60.0 * n]) for n in range(300)],
    ],
    ids=["one batch", "a batch a day", "a batch a quarter", "one by one", "two by two", "backwards"],
)
def test_history_tells_nothing_of_a_clock(messages):
    watch = QualityWatch()
    _talks(watch, *messages)
    assert _seen(watch).clock_offset_ms is None
    assert "clock" not in {r.id for r in remarks(_seen(watch), "main", may_export=False)}


def test_what_a_meter_sends_late_between_its_messages_leaves_its_clock_told():
    watch = QualityWatch()
    for s in range(100):
        _talks(watch, (s, [s + 7.0]), (s + 0.5, [s - 5000.0]))
    assert _seen(watch).clock_offset_ms == 7000


def test_an_old_clock_error_is_forgotten_when_it_was_mended():
    watch = QualityWatch()
    _talks(watch, *((s, [s + 30.0]) for s in range(60)))
    assert _seen(watch).clock_offset_ms == 30_000
    _talks(watch, *((s, [float(s)]) for s in range(100, 200)))
    assert _seen(watch).clock_offset_ms == 0


def test_power_that_never_changes_and_power_that_is_cut_off_are_seen():
    watch = _watch(
        _readings([1] * 4, [0, 1, 2, 3], [500, 90_000, 90_000, -20]),
        _readings([1] * 4, [4, 5, 6, 7], [ABSENT_I32.item(), 90_000, 90_000, 90_000]),
        _readings([1], [2.5], [1]),
    )
    quality = _seen(watch)
    assert (quality.peak_dw, quality.at_peak, quality.below_zero) == (90_000, 5, 1)
    assert (quality.power_dw, quality.unchanged_ms) == (90_000, 2000)
    higher = _seen(_watch(_readings([1] * 3, [0, 1, 2], [90, 90, 95])))
    assert (higher.peak_dw, higher.at_peak) == (95, 1)


def _levels(powers: list[int], batch: int) -> tuple[int, int, int, int | None]:
    batches = [powers[at : at + batch] for at in range(0, len(powers), batch)]
    starts = range(0, len(powers), batch)
    stamps = [[at + n for n in range(len(some))] for at, some in zip(starts, batches, strict=True)]
    watch = _watch(*(_readings([1] * len(p), s, p) for s, p in zip(stamps, batches, strict=True)))
    quality = _seen(watch)
    return quality.at_peak, quality.near_peak, quality.peak_levels, quality.resolution_dw


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_it_is_counted_from_which_levels_the_greatest_power_was_reached(batch):
    rises = [5000, 5000, 9000, 10_000, 10_000, 9_800, 3000, 3000, 10_000, 3000, 3010, 9_000, 10_000]
    assert _levels([10_000, *rises], batch) == (5, 1, 1, 10)
    plug = [0, 0, 8000, 10_000, 10_000, 500] * 20
    assert _levels(plug, batch)[2] == 0, "an appliance begins where it was off, whatever comes between"


GOOD = ChannelQuality(
    1000, START_MS, START_MS, START_MS, 0, 0, 1000.0, 20.0, 0, 0, -40, 0, 8000, 60_000, 1, 3, 0, 10, 0
)
CUT_OFF = replace(GOOD, at_peak=40, near_peak=10, peak_levels=5)


def test_nothing_is_said_of_a_good_channel_or_of_one_just_heard():
    assert remarks(GOOD, "main", may_export=False) == ()
    assert remarks(replace(GOOD, readings=10, below_zero=10), "main", may_export=False) == ()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (replace(GOOD, clock_offset_ms=5300), "The meter's clock is 5.3 s ahead. Switch on its time server"),
        (replace(GOOD, clock_offset_ms=-61_000), "61.0 s behind, or its messages come so late"),
        (replace(GOOD, late=30), "3.0 % of the readings come out of order"),
        (replace(GOOD, repeated=500), "50 % of the readings come twice"),
        (replace(GOOD, interval_ms=90_000.0, jitter_ms=80_000.0), "irregular times"),
        (replace(GOOD, unchanged_ms=7_200_000), "exactly 800.0 W for 2.0 h"),
        (CUT_OFF, "exactly 6000 W, came 40 times"),
        (replace(GOOD, below_zero=900), "90 % of the readings are below zero"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(bad, said):
    (remark,) = remarks(bad, "main", may_export=False)
    assert said in remark.text.en
    assert remark.text.ko


def test_a_little_power_below_zero_is_noise():
    assert remarks(replace(GOOD, below_zero=20), "main", may_export=False) == ()


def test_power_below_zero_is_right_where_something_gives():
    turned = replace(GOOD, below_zero=900)
    assert remarks(turned, "main", may_export=True) == ()
    assert remarks(turned, "solar", may_export=False) == ()


@pytest.mark.parametrize(
    ("steady", "role"),
    [
        (replace(CUT_OFF, peak_levels=4), "main"),
        (replace(CUT_OFF, near_peak=40), "main"),
        (replace(CUT_OFF, resolution_dw=500), "main"),
        (replace(CUT_OFF, resolution_dw=None), "main"),
        (replace(CUT_OFF, peak_dw=9_000), "main"),
        (CUT_OFF, "solar"),
    ],
    ids=["same level", "others near", "large steps", "no step", "small", "an inverter at its best"],
)
def test_a_power_that_is_often_the_greatest_is_no_cut_off_clamp(steady, role):
    assert remarks(steady, role, may_export=False) == ()
