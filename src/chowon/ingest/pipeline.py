"""From checked batches to the journal: one bounded queue, one writer, many batches a commit.

Policy when full: new work is refused with Overloaded and counted; nothing that was taken is ever dropped. The
last fifth of the queue is kept for small batches, so that one who sends much cannot shut the others out.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from chowon.domain.readings import QUANTITIES, Readings
from chowon.errors import Overloaded, StoreUnavailable
from chowon.ports import Journal

log: Final = logging.getLogger(__name__)

FOR_ALL: Final = 0.8
"""The part of the queue that anybody may fill; the rest is for small batches."""
SMALL_PART: Final = 1000
"""A batch is small if the queue holds so many of its size."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much may wait, and how much one commit takes."""

    max_readings: int = 500_000
    max_bytes: int = 64 * 1024 * 1024
    max_commit_readings: int = 200_000
    first_pause_s: float = 0.5
    """After the store failed: so long until it is asked again; doubles up to `longest_pause_s`."""
    longest_pause_s: float = 30.0


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The queue before the journal, at one moment."""

    accepted_readings: int
    """Durable since the start."""
    refused_readings: int
    """Not taken because the queue was full, the store was away or we were stopping."""
    failed_readings: int
    """Taken, then handed back with StoreUnavailable."""
    commits: int
    queued_readings: int
    """Waiting or being written now."""
    queued_bytes: int
    last_commit_ms: float | None
    """How long the last commit took."""
    store_problem: str | None
    """Why the store does not take data; None while it does."""
    live_failures: int
    """How often the live state failed on a batch that is durable all the same."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    readings: Readings
    n_bytes: int
    durable: asyncio.Future[None]


@dataclass(slots=True)
class _Breaker:
    """After a failure the store is left alone for a while; then the next batch is the probe."""

    limits: QueueLimits
    problem: str | None = None
    pause_s: float = 0.0
    closed_until_s: float = field(default=float("-inf"))

    def failed(self, problem: str, now_s: float) -> None:
        self.pause_s = min(self.pause_s * 2 or self.limits.first_pause_s, self.limits.longest_pause_s)
        self.problem, self.closed_until_s = problem, now_s + self.pause_s

    def worked(self) -> None:
        self.problem, self.pause_s = None, 0.0


class Pipeline:
    """The way into the journal; fulfils ports.Sink."""

    def __init__(
        self,
        journal: Journal,
        on_durable: Callable[[Readings], None],
        limits: QueueLimits | None = None,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """on_durable: called in the event loop with each batch after it is durable, in commit order."""
        self._journal = journal
        self._on_durable = on_durable
        self._limits = limits or QueueLimits()
        self._monotonic_s = monotonic_s
        self._breaker = _Breaker(self._limits)
        self._waiting: deque[_Waiting] = deque()
        self._work = asyncio.Event()
        self._closing = False
        self._queued_readings = self._queued_bytes = 0
        self._accepted = self._refused = self._failed = self._commits = self._live_failures = 0
        self._last_commit_ms: float | None = None

    async def submit(self, readings: Readings) -> None:
        """Returns when the batch is durable and the live state has seen it.

        A caller that is cancelled while it waits gives up the answer, not the batch.
        Errors: Overloaded, StoreUnavailable — nothing was taken; send again later.
        """
        if len(readings) == 0:
            return
        n_bytes = _bytes_of(readings)
        try:
            self._check_open(len(readings), n_bytes)
        except (Overloaded, StoreUnavailable):
            self._refused += len(readings)
            raise
        durable = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(readings, n_bytes, durable))
        self._queued_readings += len(readings)
        self._queued_bytes += n_bytes
        self._work.set()
        await durable

    async def run(self) -> None:
        """The one writer; belongs to the application's TaskGroup. Returns once closed and drained."""
        with ThreadPoolExecutor(1, thread_name_prefix="journal") as thread:
            try:
                while not (self._closing and not self._waiting):
                    if not self._waiting:
                        self._work.clear()
                        await self._work.wait()
                        continue
                    await self._commit(self._next_group(), thread)
            finally:
                self._closing = True
                self._hand_back(list(self._waiting), "chowon is stopping; send again when it is back")
                self._waiting.clear()

    def close(self) -> None:
        """Takes nothing new; `run` writes what is queued and returns."""
        self._closing = True
        self._work.set()

    def stats(self) -> QueueStats:
        """Counts at this moment."""
        return QueueStats(
            accepted_readings=self._accepted,
            refused_readings=self._refused,
            failed_readings=self._failed,
            commits=self._commits,
            queued_readings=self._queued_readings,
            queued_bytes=self._queued_bytes,
            last_commit_ms=self._last_commit_ms,
            store_problem=self._breaker.problem,
            live_failures=self._live_failures,
        )

    def _check_open(self, n: int, n_bytes: int) -> None:
        if self._closing:
            raise Overloaded("chowon is stopping; send again when it is back")
        if self._breaker.problem is not None and self._monotonic_s() < self._breaker.closed_until_s:
            wait_s = self._breaker.closed_until_s - self._monotonic_s()
            raise StoreUnavailable(f"{self._breaker.problem}; send again in {wait_s:.1f} s")
        limits, small = self._limits, n * SMALL_PART <= self._limits.max_readings
        part = 1.0 if small else FOR_ALL
        full = (
            self._queued_readings + n > limits.max_readings * part
            or self._queued_bytes + n_bytes > limits.max_bytes * part
        )
        if full and self._queued_readings:  # an empty queue takes any one batch, or it could never be sent
            raise Overloaded(f"{self._queued_readings} readings wait for the disk; send again in a second")

    def _next_group(self) -> list[_Waiting]:
        group = [self._waiting.popleft()]
        n = len(group[0].readings)
        while self._waiting and n + len(self._waiting[0].readings) <= self._limits.max_commit_readings:
            group.append(self._waiting.popleft())
            n += len(group[-1].readings)
        return group

    async def _commit(self, group: list[_Waiting], thread: ThreadPoolExecutor) -> None:
        started_s = self._monotonic_s()
        loop = asyncio.get_running_loop()
        writing = loop.run_in_executor(thread, self._journal.append, [w.readings for w in group])
        cancelled = await _finished(writing)
        problem = writing.exception()
        if problem is None:
            self._last_commit_ms = (self._monotonic_s() - started_s) * 1000
            self._breaker.worked()
            self._release(group)
            self._acknowledge(group)
        else:
            if not isinstance(problem, StoreUnavailable):
                log.error("the journal failed in a way that it should not", exc_info=problem)
            self._breaker.failed(str(problem), self._monotonic_s())
            everyone = [*group, *self._waiting]
            self._waiting.clear()
            self._hand_back(everyone, str(problem))
        if cancelled:
            raise asyncio.CancelledError

    def _acknowledge(self, group: list[_Waiting]) -> None:
        self._commits += 1
        for waiting in group:
            self._accepted += len(waiting.readings)
            try:
                self._on_durable(waiting.readings)
            except Exception:
                self._live_failures += 1
                log.exception(
                    "the live state failed on a durable batch of %d readings", len(waiting.readings)
                )
            if not waiting.durable.done():
                waiting.durable.set_result(None)

    def _hand_back(self, group: list[_Waiting], problem: str) -> None:
        self._release(group)
        for waiting in group:
            self._failed += len(waiting.readings)
            if not waiting.durable.done():
                waiting.durable.set_exception(StoreUnavailable(problem))

    def _release(self, group: list[_Waiting]) -> None:
        self._queued_readings -= sum(len(w.readings) for w in group)
        self._queued_bytes -= sum(w.n_bytes for w in group)


async def _finished(writing: asyncio.Future[int]) -> bool:
    """Waits to the end even when cancelled, for the disk does not stop; True if it was cancelled."""
    cancelled = False
    while not writing.done():
        try:
            await asyncio.wait([writing])
        except asyncio.CancelledError:
            cancelled = True
    return cancelled


def _bytes_of(readings: Readings) -> int:
    columns = (readings.column(name) for name in QUANTITIES)
    own = readings.channel.nbytes + readings.time_ms.nbytes
    return own + sum(column.nbytes for column in columns if column is not None)
