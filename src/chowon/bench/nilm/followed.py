"""What following whole homes costs: streams, edges, runs and clusters, as the server does it each second."""

import time
from dataclasses import dataclass

import numpy as np

from chowon.bench.nilm.events import switching
from chowon.domain.quantities import HOUR_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Site
from chowon.live.appliances.home import Home
from chowon.live.appliances.rows import Rows

_WARM_S = 60
_REPLAYED_H = 26


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
        homes, round(1000 * a_second, 2), round(homes / a_second), round(_replay_ms(random), 1)
    )


def _replay_ms(random: np.random.Generator) -> float:
    seconds = _REPLAYED_H * HOUR_MS // 1000
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
