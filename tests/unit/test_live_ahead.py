"""Readings ahead of now count when their time comes, and never fill memory."""

import numpy as np

from chowon.domain.readings import Readings
from chowon.live import ahead
from chowon.live.ahead import AGAIN_MS, Ahead

NOW_MS = 1_795_400_000_000


def readings(channel: int, *offsets_ms: int) -> Readings:
    time_ms = NOW_MS + np.array(offsets_ms, np.int64)
    return Readings(np.full(len(time_ms), channel, np.uint32), time_ms, np.ones(len(time_ms), np.int32))


def test_each_comes_when_it_is_due_and_once():
    kept = Ahead()
    kept.add(readings(1, 9000, 7000))
    kept.add(readings(2, 8000))
    assert kept.due(NOW_MS) == (None, [])
    due, _ = kept.due(NOW_MS + 8000)
    assert due is not None
    assert sorted(zip(due.channel.tolist(), (due.time_ms - NOW_MS).tolist(), strict=True)) == [
        (1, 7000),
        (2, 8000),
    ]
    assert len(kept) == 1
    assert kept.due(NOW_MS + 8999) == (None, [])
    assert kept.due(NOW_MS + 9000)[0] is not None
    assert kept.due(NOW_MS + 99_000) == (None, [])


def test_a_meter_far_ahead_fills_no_memory_and_pushes_no_other_out(monkeypatch):
    monkeypatch.setattr(ahead, "MOST", 100)
    monkeypatch.setattr(ahead, "MOST_OF_CHANNEL", 10)
    kept = Ahead()
    kept._look_at = 100
    kept.add(readings(1, 7000, 8000))
    for second in range(1000, 9000):
        kept.add(readings(2, 1000 * second))
    assert len(kept) <= 100 + 10
    due, owed = kept.due(NOW_MS + 8000)
    assert due is not None
    assert due.channel.tolist() == [1, 1]
    assert owed == []


def test_a_channel_with_more_than_is_kept_is_set_from_the_store_until_the_last_has_come(monkeypatch):
    monkeypatch.setattr(ahead, "MOST_OF_CHANNEL", 10)
    kept = Ahead()
    kept._look_at = 100
    kept.add(readings(2, *range(1000, 201_000, 1000)))
    assert len(kept) == 10
    due, owed = kept.due(NOW_MS + 10_000)
    assert due is not None
    assert (len(due), owed) == (10, [])
    told = [ms for ms in range(11_000, 300_000, 1000) if kept.due(NOW_MS + ms)[1] == [2]]
    assert told == [11_000, 11_000 + AGAIN_MS, 11_000 + 2 * AGAIN_MS, 11_000 + 3 * AGAIN_MS, 200_000]
