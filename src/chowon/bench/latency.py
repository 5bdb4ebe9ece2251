"""From a reading's arrival to a client's socket, on a running server under a stated load."""

import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from typing import Final
from urllib.request import urlopen

import psutil
from websockets.asyncio.client import ClientConnection, connect

from chowon.bench.running import get, post, server

SAMPLES: Final = 60
SCRAPES: Final = 5


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """What a server did under the load."""

    homes: int
    """homes that send a reading a second, all in one batch"""
    clients: int
    """live clients, each watching one of them"""
    start_s: float
    """from starting the process to the first answer"""
    durable_p50_ms: float
    durable_p99_ms: float
    """from sending a batch to its acknowledgement"""
    socket_p50_ms: float
    socket_p99_ms: float
    """from sending a batch to the delta in a client's socket"""
    memory_mib: float
    """resident memory of the server and its broker"""
    cpu_share: float
    """of one core, while this went on"""
    metrics_ms: float
    """until Prometheus has the figures of all homes; median of a few"""


async def measure(homes: int, clients: int, samples: int = SAMPLES) -> LatencyFigures:
    """Start a server in an empty folder, send `samples` batches a second apart, look at the sockets."""
    with tempfile.TemporaryDirectory(prefix="chowon-bench-") as folder:
        begun = time.perf_counter()
        async with server(folder) as (at, process):
            address = at["http"]
            start_s = time.perf_counter() - begun
            await asyncio.to_thread(_post, address, homes, time.time_ns() // 1_000_000)
            sites = await asyncio.to_thread(get, f"{address}/api/v1/sites")
            watched = [s["id"] for s in sites["sites"]][:clients]
            async with asyncio.TaskGroup() as group:
                arrivals: dict[int, list[float]] = {}
                watching = [group.create_task(_watch(address, site, arrivals)) for site in watched]
                await asyncio.sleep(1)
                before = process.cpu_times()
                sent, durable = await _send(address, homes, samples)
                after = process.cpu_times()
                memory = _memory(process)
                await asyncio.sleep(1)
                for task in watching:
                    task.cancel()
            metrics_ms = await asyncio.to_thread(_metrics_ms, address)
            spent = after.user + after.system - before.user - before.system
            waits = [(at - sent[t]) * 1000 for t, times in arrivals.items() if t in sent for at in times]
            return LatencyFigures(
                homes=homes,
                clients=len(watched),
                start_s=round(start_s, 2),
                durable_p50_ms=_quantile(durable, 50),
                durable_p99_ms=_quantile(durable, 99),
                socket_p50_ms=_quantile(waits, 50),
                socket_p99_ms=_quantile(waits, 99),
                memory_mib=round(memory / 2**20, 1),
                cpu_share=round(spent / samples, 3),
                metrics_ms=metrics_ms,
            )


def _metrics_ms(address: str) -> float:
    took = []
    for _ in range(SCRAPES):
        begun = time.perf_counter()
        with urlopen(f"{address}/metrics", timeout=60) as answer:  # noqa: S310 - ours
            answer.read()
        took.append((time.perf_counter() - begun) * 1000)
    return round(statistics.median(took), 1)


async def _send(address: str, homes: int, samples: int) -> tuple[dict[int, float], list[float]]:
    """When each batch (by its time stamp) was sent, and how long each took to be durable, ms."""
    sent: dict[int, float] = {}
    durable: list[float] = []
    for _ in range(samples):
        stamp = time.time_ns() // 1_000_000
        sent[stamp] = time.perf_counter()
        await asyncio.to_thread(_post, address, homes, stamp)
        durable.append((time.perf_counter() - sent[stamp]) * 1000)
        await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - sent[stamp])))
    return sent, durable


async def _watch(address: str, site: int, arrivals: dict[int, list[float]]) -> None:
    """Note when each sample of a site arrives."""
    socket: ClientConnection
    async with connect(f"{address.replace('http', 'ws', 1)}/api/v1/live?site={site}") as socket:
        async for frame in socket:
            at = time.perf_counter()
            for time_ms, _ in json.loads(frame).get("samples", ()):
                arrivals.setdefault(time_ms, []).append(at)


def _post(address: str, homes: int, time_ms: int) -> None:
    readings = [
        {"site": f"home{n}", "time": time_ms, "power_w": 100.0 + (time_ms // 1000 + n) % 900}
        for n in range(homes)
    ]
    body = json.dumps({"readings": readings}).encode()
    assert post(address, body, "application/json")["accepted"] == homes


def _memory(process: psutil.Process) -> int:
    return sum(int(p.memory_info().rss) for p in (process, *process.children(recursive=True)))


def _quantile(values: list[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 1)
