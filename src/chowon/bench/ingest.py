"""How many readings a second come in: decoding alone, and all the way to a durable journal."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import ModuleType
from typing import Final

import numpy as np

from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.ingest.door import Door
from chowon.ingest.ledger import Ledger
from chowon.ingest.naming import Naming, NamingPolicy
from chowon.ingest.pipeline import Pipeline, QueueLimits
from chowon.meters import arrow_stream, chowon_binary, chowon_json, influx_line
from chowon.meters.decoded import Decoded, Envelope
from chowon.meters.registry import found
from chowon.ports import Journal, Sink, SiteBook

FORMATS: Final = (chowon_json, chowon_binary, arrow_stream, influx_line)
START_MS: Final = 1_795_400_000_000


@dataclass(frozen=True, slots=True)
class IngestFigure:
    """One line of the result."""

    what: str
    """Format, and "decode", "submit" or "to durable"."""
    readings_per_payload: int
    bytes_per_reading: float
    readings_per_s: float
    commits: int = 0
    p50_ms: float | None = None
    """Time from handing over a payload to its acknowledgement."""
    p99_ms: float | None = None


def sample(homes: int, seconds: int) -> Decoded:
    """Power, voltage and counter of so many homes, once a second; the same for the same arguments."""
    random = np.random.default_rng(2026)
    n = homes * seconds
    steps = random.normal(0, 40, (seconds, homes)).cumsum(axis=0)
    power_dw = np.abs(4000 + steps).astype(np.int32).ravel()
    wh = random.integers(0, 50_000_000, homes) * 1000 + np.arange(seconds)[:, None] * 111
    return Decoded(
        tuple(ChannelKey(f"home-{home:05d}", "main", "main") for home in range(homes)),
        np.tile(np.arange(homes, dtype=np.uint32), seconds),
        np.repeat(START_MS + 1000 * np.arange(seconds, dtype=np.int64), homes),
        {
            "power_dw": power_dw,
            "voltage_dv": random.integers(2180, 2230, n).astype(np.int32),
            "import_milliwh": wh.astype(np.int64).ravel(),
        },
    )


def measure_decoding(homes: int = 200, seconds: int = 60, at_least_s: float = 1.0) -> list[IngestFigure]:
    """Each format by itself, one core: a payload of homes × seconds readings of three quantities."""
    readings = sample(homes, seconds)
    envelope = Envelope(START_MS + 1000 * seconds)
    figures = []
    for module in FORMATS:
        payload = module.encode(readings)
        module.DECODER.decode(payload, envelope)
        rounds, started_s = 0, time.perf_counter()
        while (took_s := time.perf_counter() - started_s) < at_least_s:
            module.DECODER.decode(payload, envelope)
            rounds += 1
        n = len(readings)
        figures.append(
            IngestFigure(f"{module.DECODER.name}: decode", n, len(payload) / n, rounds * n / took_s)
        )
    return figures


def measure_to_durable(
    journal: Journal,
    book: SiteBook,
    *,
    homes: int = 200,
    seconds: int = 1,
    payloads: int = 200,
    at_once: int = 16,
) -> list[IngestFigure]:
    """Each format through decoder, names, queue and journal, with `at_once` senders.

    The journal is filled, not emptied: hand over one in a temporary folder.
    """
    return [
        asyncio.run(
            _durable(module, journal, book, sample(homes, seconds), payloads=payloads, at_once=at_once)
        )
        for module in FORMATS
    ]


async def measure_sink(sink: Sink, readings: Readings, batches: int = 500, at_once: int = 16) -> IngestFigure:
    """Any sink by itself: the same batch handed over again and again by `at_once` senders.

    Errors: StoreUnavailable.
    """

    async def hand_over() -> None:
        await sink.submit(readings)

    took_s, waits_ms = await _in_parallel(hand_over, batches, at_once)
    n = len(readings)
    return _figure(
        "submit", n, waits_ms, bytes_per_reading=0.0, readings_per_s=batches * n / took_s, commits=0
    )


async def _durable(
    module: ModuleType, journal: Journal, book: SiteBook, readings: Decoded, *, payloads: int, at_once: int
) -> IngestFigure:
    limits = QueueLimits()
    pipeline = Pipeline(journal, lambda _: None, limits)
    naming = Naming(book, NamingPolicy(max_channels=limits.max_readings))
    door = Door(found(), naming, pipeline, Ledger())
    payload = module.encode(readings)
    decoder = module.DECODER
    envelope = Envelope(int(readings.time_ms[-1]))

    async def hand_over() -> None:
        await door.take(payload, decoder.content_types[0], envelope, "bench")

    async with asyncio.TaskGroup() as group:
        group.create_task(pipeline.run())
        await hand_over()  # names are learned once
        took_s, waits_ms = await _in_parallel(hand_over, payloads, at_once)
        pipeline.close()
    n = len(readings)
    what = f"{decoder.name}: to durable"
    commits = pipeline.stats().commits
    per_s = payloads * n / took_s
    return _figure(
        what, n, waits_ms, bytes_per_reading=len(payload) / n, readings_per_s=per_s, commits=commits
    )


async def _in_parallel(
    work: Callable[[], Coroutine[None, None, None]], times: int, at_once: int
) -> tuple[float, list[float]]:
    """Seconds for all, and ms of each."""
    left = iter(range(times))
    waits_ms: list[float] = []

    async def sender() -> None:
        for _ in left:
            started_s = time.perf_counter()
            await work()
            waits_ms.append((time.perf_counter() - started_s) * 1000)

    started_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(sender())
    return time.perf_counter() - started_s, waits_ms


def _figure(
    what: str, n: int, waits_ms: list[float], *, bytes_per_reading: float, readings_per_s: float, commits: int
) -> IngestFigure:
    p50, p99 = np.percentile(waits_ms, [50, 99])
    return IngestFigure(what, n, bytes_per_reading, readings_per_s, commits, float(p50), float(p99))
