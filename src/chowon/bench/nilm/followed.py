"""What following whole homes costs: streams, edges, runs and clusters, as the server does it each second."""

import asyncio
import time
from dataclasses import dataclass

import numpy as np

from chowon.bench.nilm.events import switching
from chowon.domain.nilm.power import F64
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Site
from chowon.live.appliances.home import REMEMBERED_MS, Home
from chowon.live.appliances.keeping_up import KindModel
from chowon.live.appliances.kinds import Kinds
from chowon.live.appliances.mains import Stream
from chowon.live.appliances.rows import Rows
from chowon.models.nilm.live import streams

_WARM_S = 60
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class FollowedSpeed:
    """Processor time."""

    homes: int
    ms_a_second: float
    """For a reading a second of each home"""
    homes_a_core: int
    """At that rate"""
    replay_ms: float
    """For 26 hours of one home, read again at a start"""
    kinds_ms_a_second: float
    """Besides, for kinds of appliances as a model tells them"""
    kinds_replay_ms: float
    """For a day of one home, of 64 together"""


def followed_speed(homes: int, seconds: int, seed: int = 0) -> FollowedSpeed:
    """Processor time of so many seconds, after a minute that isn't counted. Homes switch every 5 minutes."""
    random, rows = np.random.default_rng(seed), Rows()
    for number in range(homes):
        rows.add(_site(number))
    known = [Home() for _ in range(homes)]
    level = random.integers(500, 3_000, homes)
    channel, spent = np.arange(homes, dtype=np.uint32), 0.0
    for second in range(_WARM_S + seconds):
        power_dw, level = switching(random, level, 1)
        batch = Readings(channel, np.full(homes, 1000 * second), power_dw.astype(np.int32))
        begun = time.process_time()
        for row, edges in rows.feed(batch).edges.by_row():
            known[row] = known[row].after(edges)
        spent += time.process_time() - begun if second >= _WARM_S else 0.0
    a_second = spent / seconds
    return FollowedSpeed(
        homes,
        round(1000 * a_second, 4),
        round(homes / a_second),
        round(_replay_ms(random), 1),
        *_kinds(homes, seconds, random),
    )


def _kinds(homes: int, seconds: int, random: np.random.Generator) -> tuple[float, float]:
    """(ms a second of all homes, ms to catch up with a day of one)."""
    kinds, now_ms = Kinds(KindModel(*streams())), REMEMBERED_MS
    times = np.arange(0, now_ms, 1000)
    power_dw, level = switching(random, np.array([1000]), len(times))
    day = Stream(np.zeros(len(times), np.int64), times, power_dw)
    kinds.wait(_site(0), 0, 1000.0, day, ())
    asyncio.run(kinds.catch_up(now_ms))  # opens the model
    begun = time.process_time()
    for number in range(_TOGETHER):
        kinds.wait(_site(number), number, 1000.0, day, ())
    asyncio.run(kinds.catch_up(now_ms))
    caught_up_ms = 1000 * (time.process_time() - begun) / _TOGETHER
    kinds = Kinds(kinds.model)
    for number in range(homes):
        kinds.wait(_site(number), number, 1000.0, day, ())
    asyncio.run(kinds.catch_up(now_ms))
    row, level = np.arange(homes), random.integers(500, 3_000, homes)
    heard = []
    for second in range(now_ms, now_ms + 1000 * seconds, 1000):
        power_dw, level = switching(random, level, 1)
        heard.append((second, Stream(row, np.full(homes, second), power_dw)))
    begun = time.process_time()
    asyncio.run(_hears(kinds, heard, np.full(homes, 1000.0)))
    return round(1000 * (time.process_time() - begun) / seconds, 2), round(caught_up_ms, 1)


async def _hears(kinds: Kinds, heard: list[tuple[int, Stream]], every_ms: F64) -> None:
    for now_ms, stream in heard:
        kinds.feed(stream)
        await kinds.advance(now_ms, every_ms)


def _replay_ms(random: np.random.Generator) -> float:
    seconds = REMEMBERED_MS // 1000
    power_dw, _ = switching(random, np.array([1000]), seconds)
    times = 1000 * np.arange(seconds, dtype=np.int64)
    day = Readings(np.zeros(seconds, np.uint32), times, power_dw.astype(np.int32))
    begun = time.process_time()
    rows = Rows()
    rows.add(_site(0))
    Home().anew(rows.feed(day).edges)
    return 1000 * (time.process_time() - begun)


def _site(number: int) -> Site:
    key = ChannelKey(f"home{number}", "main", "main")
    return Site(number, key.site, key.site, "Etc/UTC", 1, "", channels=(Channel(number, key),))
