"""Plays a recording at the pace of a clock: each instant as it becomes due."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from chowon.domain.quantities import HOUR_MS
from chowon.replay.calendar import Shift
from chowon.replay.history import played
from chowon.replay.pace import Clock
from chowon.replay.recording import MAIN, Recording, Samples


def wall_clock_ms() -> int:
    """The machine's clock, ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


async def play(
    recording: Recording,
    shift: Shift,
    clock: Clock,
    since_ms: int,
    *,
    channels: Sequence[str] = (MAIN,),
    tick_ms: int = 1_000,
    at_most_ms: int = HOUR_MS,
    now_ms: Callable[[], int] = wall_clock_ms,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[Samples]:
    """For ever: every instant after `since_ms` (virtual time), once, in order, as soon as it is due.

    It wakes at whole ticks of the machine's clock, so that delays never add up. Woken late, or started with
    `since_ms` long ago, it gives all that is due, at most `at_most_ms` of virtual time at once: nothing is
    dropped. A machine's clock that is set back makes it wait, not repeat.
    """
    position_ms = since_ms + 1
    while True:
        due_ms = clock.now_ms(now_ms()) + 1
        while position_ms < due_ms:
            end_ms = min(position_ms + at_most_ms, due_ms)
            samples = played(recording, shift, position_ms, end_ms, channels)
            position_ms = end_ms
            if len(samples):
                yield samples
        wall_ms = now_ms()
        await sleep((tick_ms - wall_ms % tick_ms) / 1000)
