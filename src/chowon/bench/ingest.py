"""How many readings a second come in: decoding alone, and all the way to a durable journal."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import ModuleType
from typing import Final, TypeAlias

import numpy as np

from chowon.bench import payloads as foreign
from chowon.bench.sampling import Samples, sampled
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.ingest.door import Door
from chowon.ingest.emoncms_writes import write_inputs
from chowon.ingest.ledger import Ledger
from chowon.ingest.naming import Naming, NamingPolicy
from chowon.ingest.pipeline import Pipeline, QueueLimits
from chowon.ingest.remote_write import write_remote
from chowon.meters import arrow_stream, chowon_binary, chowon_json, influx_line, prometheus_write
from chowon.meters.decoded import Decoded, Envelope
from chowon.meters.registry import found
from chowon.ports import DeviceBook, Journal, Sink, SiteBook

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
    readings_per_cpu_s: float | None = None
    """Readings a second of one core's time, all threads together."""


Take: TypeAlias = Callable[[Door, bytes, int], Coroutine[None, None, object]]


@dataclass(frozen=True, slots=True)
class Way:
    """How readings of one format come in."""

    name: str
    payload: Callable[[Decoded], bytes]
    take: Take
    """(door, payload, now in ms)"""
    n_a_reading: int = 1
    """What comes in of each reading: a metric of Prometheus is a reading of one quantity."""


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


def ways() -> list[Way]:
    """Every format, and what else is spoken over HTTP."""

    async def inputs(door: Door, payload: bytes, now_ms: int) -> None:
        answer = await write_inputs(door, payload, now_ms=now_ms)
        assert answer.body == b"ok", answer

    async def samples(door: Door, payload: bytes, now_ms: int) -> None:
        kind, encoding = "application/x-protobuf", "snappy"
        decoder = prometheus_write.DECODER
        answer = await write_remote(
            door, decoder, payload, content_type=kind, content_encoding=encoding, now_ms=now_ms
        )
        assert answer.status == 204, answer

    return [
        *(Way(module.DECODER.name, module.encode, _by_content_type(module)) for module in FORMATS),
        Way("emoncms-bulk", foreign.emoncms_bulk, inputs),
        Way("prometheus-write", foreign.remote_write, samples, 3),
    ]


def _by_content_type(module: ModuleType) -> Take:
    kind = module.DECODER.content_types[0]

    async def take(door: Door, payload: bytes, now_ms: int) -> None:
        await door.take(payload, kind, Envelope(now_ms), "bench")

    return take


def measure_to_durable(
    journal: Journal,
    book: SiteBook,
    devices: DeviceBook,
    *,
    homes: int = 200,
    seconds: int = 1,
    payloads: int = 200,
    at_once: int = 16,
    profile: bool = False,
) -> list[tuple[IngestFigure, list[tuple[str, float]]]]:
    """Each way through decoder, names, queue and journal, with `at_once` senders.

    The journal is filled, not emptied: hand over one in a temporary folder. Beside each figure, if asked for,
    the functions in which its time goes, with their shares.
    """
    readings = sample(homes, seconds)
    foreign.place_nodes(readings, book, devices, NamingPolicy().hold_ms)
    door_over = _Doors(journal, Naming(book, NamingPolicy(), devices))
    found = []
    for way in ways():
        with sampled() if profile else contextlib.nullcontext(Samples()) as samples:
            figure = asyncio.run(door_over.measured(way, readings, payloads=payloads, at_once=at_once))
        found.append((figure, samples.shares()))
    return found


async def measure_sink(sink: Sink, readings: Readings, batches: int = 500, at_once: int = 16) -> IngestFigure:
    """Any sink by itself: the same batch handed over again and again by `at_once` senders.

    Errors: StoreUnavailable.
    """

    async def hand_over() -> None:
        await sink.submit(readings)

    took_s, _, waits_ms = await _in_parallel(hand_over, batches, at_once)
    n = len(readings)
    return _figure(
        "submit", n, waits_ms, bytes_per_reading=0.0, readings_per_s=batches * n / took_s, commits=0
    )


@dataclass(frozen=True, slots=True)
class _Doors:
    """A fresh queue for each way, over one journal."""

    journal: Journal
    naming: Naming

    async def measured(self, way: Way, readings: Decoded, *, payloads: int, at_once: int) -> IngestFigure:
        room = 2 * at_once * len(readings) * way.n_a_reading  # all may wait: how fast, not how many
        limits = QueueLimits(max_readings=max(QueueLimits().max_readings, room))
        pipeline = Pipeline(self.journal, lambda _: None, limits)
        door = Door(found(), self.naming, pipeline, Ledger())
        payload, now_ms = way.payload(readings), int(readings.time_ms[-1])

        async def hand_over() -> None:
            await way.take(door, payload, now_ms)

        async with asyncio.TaskGroup() as group:
            group.create_task(pipeline.run())
            await hand_over()  # names are learned once
            took_s, cpu_s, waits_ms = await _in_parallel(hand_over, payloads, at_once)
            pipeline.close()
        n = len(readings) * way.n_a_reading
        assert pipeline.stats().accepted_readings == (payloads + 1) * n, way.name
        return _figure(
            f"{way.name}: to durable",
            n,
            waits_ms,
            bytes_per_reading=len(payload) / n,
            readings_per_s=payloads * n / took_s,
            commits=pipeline.stats().commits,
            readings_per_cpu_s=payloads * n / cpu_s,
        )


async def _in_parallel(
    work: Callable[[], Coroutine[None, None, None]], times: int, at_once: int
) -> tuple[float, float, list[float]]:
    """Seconds for all, seconds of a core that they took, and ms of each."""
    left = iter(range(times))
    waits_ms: list[float] = []

    async def sender() -> None:
        for _ in left:
            started_s = time.perf_counter()
            await work()
            waits_ms.append((time.perf_counter() - started_s) * 1000)

    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(sender())
    return time.perf_counter() - started_s, time.process_time() - started_cpu_s, waits_ms


def _figure(
    what: str,
    n: int,
    waits_ms: list[float],
    *,
    bytes_per_reading: float,
    readings_per_s: float,
    commits: int,
    readings_per_cpu_s: float | None = None,
) -> IngestFigure:
    p50, p99 = np.percentile(waits_ms, [50, 99]).tolist()
    return IngestFigure(what, n, bytes_per_reading, readings_per_s, commits, p50, p99, readings_per_cpu_s)
