"""Laws of replaying: the calendar keeps time of day and weekday, and nothing is shown twice or never."""

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.replay.calendar import WEEK_MS, laid_onto
from chowon.replay.history import history, played
from chowon.replay.pace import Clock, from_json
from chowon.replay.player import play
from chowon.replay.recording import Recording
from tests.replaying import write

DAY_MS = 86_400_000
SEOUL = ZoneInfo("Asia/Seoul")
instants = st.integers(1_300_000_000_000, 1_900_000_000_000)
constant_zones = st.sampled_from(
    ["UTC", "Asia/Seoul", "Asia/Kolkata", "America/Phoenix", "Asia/Kathmandu"]
).map(ZoneInfo)


def local(time_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(zone).replace(tzinfo=None)


@given(
    start_ms=instants,
    weeks=st.integers(1, 60),
    rest_ms=st.integers(0, WEEK_MS - 1),
    zones=st.tuples(constant_zones, constant_zones),
    time_ms=instants,
)
def test_a_replay_keeps_local_time_of_day_and_weekday(start_ms, weeks, rest_ms, zones, time_ms):
    recorded, site = zones
    shift = laid_onto(start_ms, start_ms + weeks * WEEK_MS + rest_ms, recorded, site, time_ms)
    then, now = local(shift.recording_ms(time_ms), recorded), local(time_ms, site)
    assert (then.weekday(), then.time()) == (now.weekday(), now.time())
    assert start_ms <= shift.recording_ms(time_ms) < start_ms + weeks * WEEK_MS


@given(start_ms=instants, length_ms=st.integers(1, WEEK_MS - 1), time_ms=instants)
def test_less_than_a_week_keeps_at_least_the_time_of_day(start_ms, length_ms, time_ms):
    shift = laid_onto(start_ms, start_ms + length_ms, ZoneInfo("Europe/Zurich"), SEOUL, time_ms)
    zone = ZoneInfo("Europe/Zurich")
    offset_ms = (local(start_ms, zone) - local(start_ms, ZoneInfo("UTC"))).total_seconds() * 1000
    then_ms = shift.recording_ms(time_ms) + int(offset_ms)
    assert (then_ms - time_ms) % DAY_MS == 9 * 3_600_000
    assert shift.loop_ms <= max(length_ms, DAY_MS)


@given(
    start_ms=instants, length_ms=st.integers(1, 70 * DAY_MS), at=instants, span=st.integers(1, 200 * DAY_MS)
)
def test_the_pieces_of_any_time_cover_it_without_seam(start_ms, length_ms, at, span):
    shift = laid_onto(start_ms, start_ms + length_ms, ZoneInfo("UTC"), SEOUL, at)
    position = at
    for piece in shift.pieces(at, at + span):
        assert piece.start_ms == position
        assert piece.recorded_start_ms == shift.recording_ms(position)
        position += piece.recorded_end_ms - piece.recorded_start_ms
        assert shift.recording_ms(position - 1) == piece.recorded_end_ms - 1
    assert position == at + span


@given(
    anchors=st.tuples(instants, instants),
    speed=st.integers(1, 10_000),
    wall_ms=instants,
    later_ms=st.integers(1, DAY_MS),
)
def test_virtual_time_passes_evenly_and_a_restart_changes_nothing(anchors, speed, wall_ms, later_ms):
    clock = Clock(*anchors, speed)
    assert clock.now_ms(wall_ms + later_ms) - clock.now_ms(wall_ms) == speed * later_ms
    restarted = from_json(clock.to_json())
    assert restarted.now_ms(wall_ms + later_ms) == clock.now_ms(wall_ms + later_ms)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A day and a bit at about 90 s, uneven, with a gap; power is unique to the instant."""
    steps = np.random.default_rng(3).integers(30_000, 150_000, 1000)
    steps[500] = 4_000_000
    time_ms = 1_341_180_000_000 + np.cumsum(steps)
    path = write(
        tmp_path_factory.mktemp("laws") / "home.parquet", time_ms, rows_a_group=100, mains=np.arange(1000)
    )
    with Recording.open(path) as recording:
        yield recording


@settings(deadline=None, max_examples=40)
@given(
    now_ms=st.integers(1_795_000_000_000, 1_796_000_000_000),
    past_ms=st.integers(0, 3 * DAY_MS),
    speed=st.sampled_from([1, 7, 600]),
    runs_s=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 4000)), min_size=1, max_size=4),
    chunk_ms=st.integers(60_000, 2 * DAY_MS),
)
def test_history_then_live_shows_each_instant_once_whatever_the_restarts(
    *, home, now_ms, past_ms, speed, runs_s, chunk_ms
):
    shift = laid_onto(home.start_ms, home.end_ms, home.timezone, SEOUL, now_ms)
    clock = Clock(now_ms, now_ms, speed)
    shown: list[int] = []
    for samples in history(home, shift, now_ms - past_ms, now_ms, chunk_ms=chunk_ms):
        shown += samples.time_ms.tolist()
    since_ms, wall_ms = now_ms - 1, now_ms
    for running_s, stopped_s in runs_s:
        until_ms = wall_ms + running_s * 1000
        shown += asyncio.run(live(home, shift, clock, since_ms=since_ms, wall_ms=wall_ms, until_ms=until_ms))
        since_ms = max([since_ms, *shown[-1:]])
        wall_ms = until_ms + stopped_s * 1000
    expected = played(home, shift, now_ms - past_ms, clock.now_ms(until_ms) + 1).time_ms.tolist()
    assert shown == expected


async def live(home, shift, clock, *, since_ms: int, wall_ms: int, until_ms: int) -> list[int]:
    """What a player shows that runs from `wall_ms` until `until_ms` of the machine's clock."""

    class Stopped(Exception):
        pass

    async def sleep(seconds: float) -> None:
        nonlocal wall_ms
        if wall_ms >= until_ms:
            raise Stopped
        wall_ms = min(wall_ms + round(seconds * 1000), until_ms)

    shown: list[int] = []
    try:
        ticks = {"now_ms": lambda: wall_ms, "sleep": sleep, "tick_ms": 600_000}
        async for samples in play(home, shift, clock, since_ms, **ticks):
            shown += samples.time_ms.tolist()
    except Stopped:
        return shown
    raise AssertionError("a player never ends by itself")
