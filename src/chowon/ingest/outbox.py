"""What a meter said that cannot say it again: kept until it is durable, while the store is away too.

Bounded: when a very long outage fills it, the oldest readings go first, and are counted.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from chowon.errors import Overloaded, PayloadRejected, StoreUnavailable
from chowon.ingest.door import Door
from chowon.meters.decoded import Decoded, joined

MOST_READINGS: Final = 200_000
"""Of one source: more than two days of one reading a second."""
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 30.0


class Outbox:
    """From one source to the door."""

    def __init__(
        self, door: Door, source: str, now_ms: Callable[[], int], most_readings: int = MOST_READINGS
    ) -> None:
        self._door, self._source, self._now_ms, self._most = door, source, now_ms, most_readings
        self._waiting: deque[Decoded] = deque()
        self._readings = 0
        self._news = asyncio.Event()
        self.dropped = 0
        """Readings lost because the store was away for too long"""

    def put(self, decoded: Decoded) -> None:
        """To be made durable as soon as that is possible."""
        self._waiting.append(decoded)
        self._readings += len(decoded)
        while self._readings > self._most and len(self._waiting) > 1:
            lost = len(self._waiting.popleft())
            self._readings -= lost
            self.dropped += lost
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._empty()

    async def _empty(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while self._waiting:
            batch = list(self._waiting)
            try:
                await self._door.take_decoded(joined(batch), self._now_ms(), self._source)
            except PayloadRejected:
                pass_on = True  # noted by the door; asking again would not help
            except (Overloaded, StoreUnavailable):
                pass_on = False
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                pass_on = True
            if pass_on:
                self._forget(batch)

    def _forget(self, batch: list[Decoded]) -> None:
        """What was taken goes; some of it may have been dropped meanwhile."""
        taken = {id(part) for part in batch}
        while self._waiting and id(self._waiting[0]) in taken:
            self._readings -= len(self._waiting.popleft())
