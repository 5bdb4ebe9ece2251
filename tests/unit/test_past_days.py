"""Stamps from anywhere in the past are bounded; history in any order, or catching up, is not."""

import json

import numpy as np
import pytest

from chowon.domain.quantities import DAY_MS
from chowon.domain.readings import Readings
from chowon.ingest import past_days
from chowon.ingest.door import Door
from chowon.ingest.http_writes import write_readings
from chowon.ingest.past_days import PastDays
from tests.ingest_fakes import NOW_MS, Intake


def readings(channel: int, time_ms: np.ndarray) -> Readings:
    return Readings(np.full(len(time_ms), channel, np.uint32), np.asarray(time_ms, np.int64))


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_days, "AT_ONCE", 100)


def test_live_readings_and_what_is_two_days_late_are_always_kept():
    days = PastDays()
    for second in range(1000):
        late_ms = NOW_MS - (second % 2) * 2 * DAY_MS
        assert days.within(readings(1, np.array([late_ms])), NOW_MS) is None


def test_a_clock_that_jumps_about_may_touch_so_many_days_and_costs_no_other_channel():
    days, rng = PastDays(), np.random.default_rng(5)
    kept = set()
    for time_ms in rng.integers(946_684_800_000, NOW_MS - 3 * DAY_MS, 2000).tolist():
        both = Readings(np.array([1, 2], np.uint32), np.array([time_ms, NOW_MS - 1000 * DAY_MS], np.int64))
        keep = days.within(both, NOW_MS)
        assert keep is None or keep.tolist() == [False, True]
        if keep is None:
            kept.add(time_ms // DAY_MS)
    assert len(kept) <= 101
    assert days.within(readings(1, np.array([NOW_MS])), NOW_MS) is None


def test_history_goes_on_with_its_day_for_nothing_in_any_order():
    days, rng = PastDays(), np.random.default_rng(5)
    begun = (NOW_MS // DAY_MS - 99) * DAY_MS
    for day in range(90):
        times = rng.permutation(begun + day * DAY_MS + np.arange(0, DAY_MS, 60_000))
        for some in np.split(times, 4):
            assert days.within(readings(1, some), NOW_MS) is None


def test_after_a_while_more_days_are_taken():
    days = PastDays()
    old = NOW_MS - 5000 * DAY_MS
    assert days.within(readings(1, old + DAY_MS * np.arange(100)), NOW_MS) is None
    assert days.within(readings(1, old + DAY_MS * np.arange(100, 110)), NOW_MS) is not None
    assert days.within(readings(1, old + DAY_MS * np.arange(100, 110)), NOW_MS + 101_000) is None


def test_what_is_refused_is_told_and_the_rest_is_kept():
    async def scene(intake: Intake) -> None:
        intake.door = Door(
            intake.door.registry, intake.door.naming, intake.pipeline, intake.ledger, PastDays()
        )
        stamps = [NOW_MS - (10 + n) * DAY_MS for n in range(101)]
        rows = [{"site": "home", "time": at, "power_w": 1} for at in [*stamps, NOW_MS]]
        body = json.dumps({"readings": rows}).encode()
        answer = await write_readings(intake.door, body, content_type="application/json", now_ms=NOW_MS)
        told = json.loads(answer.body)
        assert (told["accepted"], told["rejected_count"]) == (1, 101)
        assert "chowon import" in told["rejected"][0]["expected"]

    Intake().run(scene)
