import asyncio
from itertools import pairwise

import numpy as np
import pytest

from chowon.replay.calendar import Shift
from chowon.replay.pace import Clock, starting
from chowon.replay.player import play
from chowon.replay.recording import Recording
from tests.replaying import MONDAY_MS, write

DAY_MS = 86_400_000
NOW_MS = 1_795_400_000_000


class VirtualTime:
    """A machine's clock that moves only when somebody sleeps, and each time `late_ms` too long."""

    def __init__(self, late_ms: int = 0) -> None:
        self.wall_ms, self.late_ms = NOW_MS, late_ms
        self.woken_at: list[int] = []

    def now_ms(self) -> int:
        return self.wall_ms

    async def sleep(self, seconds: float) -> None:
        self.wall_ms += round(seconds * 1000) + self.late_ms
        self.woken_at.append(self.wall_ms)


@pytest.fixture
def day(tmp_path):
    """A day at 1 s whose power is the number of the second."""
    path = write(tmp_path / "day.parquet", MONDAY_MS + np.arange(86_400) * 1000, mains=np.arange(86_400))
    with Recording.open(path) as recording:
        yield recording


def shift() -> Shift:
    return Shift(MONDAY_MS, DAY_MS, NOW_MS)


def times_until(
    recording, clock: Clock, since_ms: int, time: VirtualTime, end_wall_ms: int, **options
) -> list[list[int]]:
    async def collect() -> list[list[int]]:
        batches = []
        playing = play(recording, shift(), clock, since_ms, now_ms=time.now_ms, sleep=time.sleep, **options)
        async for samples in playing:
            if time.wall_ms >= end_wall_ms:
                break
            batches.append(samples.time_ms.tolist())
        await playing.aclose()
        return batches

    return asyncio.run(collect())


def test_each_second_is_given_when_it_is_due_and_not_before(day):
    time = VirtualTime()
    batches = times_until(day, starting(NOW_MS), NOW_MS, time, NOW_MS + 6_000)
    assert batches == [[NOW_MS + n * 1000] for n in range(1, 6)]


def test_delays_never_add_up(day):
    time = VirtualTime(late_ms=137)
    times_until(day, starting(NOW_MS), NOW_MS, time, NOW_MS + 600_000)
    assert {t % 1000 for t in time.woken_at} == {137}
    assert {b - a for a, b in pairwise(time.woken_at)} == {1000}


def test_a_player_that_wakes_late_drops_nothing(day):
    time = VirtualTime(late_ms=12_345)
    batches = times_until(day, starting(NOW_MS), NOW_MS, time, NOW_MS + 200_000)
    played = [t for batch in batches for t in batch]
    assert played == list(range(NOW_MS + 1000, played[-1] + 1, 1000))
    assert len(batches) < len(played) / 10


def test_a_player_started_long_after_catches_up_in_pieces_before_it_sleeps(day):
    time = VirtualTime()
    batches = times_until(day, starting(NOW_MS), NOW_MS - 3 * 3_600_000, time, NOW_MS + 1000)
    assert [len(b) for b in batches] == [3600, 3600, 3600]
    assert [t for b in batches for t in b] == list(range(NOW_MS - 3 * 3_600_000 + 1000, NOW_MS + 1, 1000))
    assert time.woken_at == [NOW_MS + 1000]


def test_sixty_times_as_fast_a_minute_is_due_each_second(day):
    time = VirtualTime()
    batches = times_until(day, starting(NOW_MS, speed=60), NOW_MS, time, NOW_MS + 4_000)
    assert [len(b) for b in batches] == [60, 60, 60]
    assert batches[-1][-1] == NOW_MS + 180_000


def test_a_clock_that_is_set_back_makes_the_player_wait_and_not_repeat(day):
    time = VirtualTime()
    set_back = {NOW_MS + 3_000: NOW_MS - 2_000}

    async def sleep(seconds: float) -> None:
        await VirtualTime.sleep(time, seconds)
        time.wall_ms = set_back.pop(time.wall_ms, time.wall_ms)

    async def collect() -> list[int]:
        playing = play(day, shift(), starting(NOW_MS), NOW_MS, now_ms=time.now_ms, sleep=sleep)
        played = [samples.time_ms.tolist() async for samples in _first(playing, 5)]
        return [t for batch in played for t in batch]

    assert asyncio.run(collect()) == [NOW_MS + n * 1000 for n in range(1, 6)]


async def _first(batches, count):
    async for batch in batches:
        yield batch
        count -= 1
        if not count:
            break
    await batches.aclose()


def test_the_day_after_the_last_day_is_the_first_one_again(day):
    clock = Clock(NOW_MS, NOW_MS + DAY_MS - 2_000)

    async def collect():
        time = VirtualTime()
        playing = play(day, shift(), clock, clock.anchor_virtual_ms, now_ms=time.now_ms, sleep=time.sleep)
        return [int(s.power_dw["main"][0]) // 10 async for s in _first(playing, 4)]

    assert asyncio.run(collect()) == [86_399, 0, 1, 2]
