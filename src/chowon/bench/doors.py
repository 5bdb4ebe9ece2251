"""Readings a second that become durable through each door of a running server, transport and all."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Final

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from chowon.bench.ingest import sample
from chowon.bench.running import get, post, server
from chowon.domain.readings import QUANTITIES
from chowon.meters import arrow_stream, chowon_binary, chowon_json
from chowon.meters.decoded import Decoded

SENDERS: Final = 4
TOPIC: Final = "chowon/v1/home-00000/main"
"""The home of bench.ingest.sample; a batch that names another one than its topic is refused."""
WINDOW: Final = 200
"""MQTT messages on the way without acknowledgement."""
_DONE_WITHIN_S = 120


@dataclass(frozen=True, slots=True)
class DoorFigure:
    """One door, one size of batch."""

    door: str
    readings_per_batch: int
    batches: int
    readings_per_s: float
    """from the first byte sent until the last reading is durable"""


async def measure() -> list[DoorFigure]:
    """All doors, one after the other, each on a server in an empty folder."""
    figures = []
    for module, kind in ((chowon_json, "HTTP, JSON"), (arrow_stream, "HTTP, Arrow")):
        for seconds, batches in ((1, 400), (60, 40)):
            figures.append(await _http(module, kind, sample(200, seconds), batches))
    one = sample(1, 4000)
    figures.append(await _mqtt("MQTT, a JSON reading a message", [_message(one, n) for n in range(4000)], 1))
    batch = chowon_binary.encode(sample(1, 600))
    figures.append(await _mqtt("MQTT, binary, ten minutes a message", [batch] * 400, 600))
    return figures


async def _http(module: ModuleType, door: str, readings: Decoded, batches: int) -> DoorFigure:
    body, kind = module.encode(readings), module.DECODER.content_types[0]
    with tempfile.TemporaryDirectory(prefix="chowon-bench-") as folder:
        async with server(folder) as (at, _):
            await asyncio.to_thread(post, at["http"], body, kind)
            begun = time.perf_counter()
            with ThreadPoolExecutor(SENDERS) as senders:
                await asyncio.to_thread(
                    list, senders.map(lambda _: post(at["http"], body, kind), range(batches))
                )
            took = time.perf_counter() - begun
    return DoorFigure(door, len(readings), batches, round(batches * len(readings) / took))


async def _mqtt(door: str, payloads: list[bytes], readings: int) -> DoorFigure:
    with tempfile.TemporaryDirectory(prefix="chowon-bench-") as folder:
        async with server(folder) as (at, _):
            host, _, port = at["mqtt"].rpartition(":")
            took = await asyncio.to_thread(
                _published, host, int(port), payloads, lambda: _accepted(at["http"]), readings * len(payloads)
            )
    return DoorFigure(door, readings, len(payloads), round(readings * len(payloads) / took))


def _published(
    host: str, port: int, payloads: list[bytes], accepted: Callable[[], int], expected: int
) -> float:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(WINDOW)
    client.connect(host, port)
    client.loop_start()
    begun = time.perf_counter()
    try:
        for payload in payloads:
            client.publish(TOPIC, payload, qos=1)
        while accepted() < expected:
            if time.perf_counter() - begun > _DONE_WITHIN_S:
                raise TimeoutError(f"{accepted()} of {expected} readings within {_DONE_WITHIN_S} s")
        return time.perf_counter() - begun
    finally:
        client.disconnect()
        client.loop_stop()


def _accepted(address: str) -> int:
    return int(get(f"{address}/api/v1/health")["queue"]["accepted_readings"])


def _message(readings: Decoded, row: int) -> bytes:
    values = {"time": int(readings.time_ms[row]), "power_w": int(readings.columns[QUANTITIES[0]][row]) / 10}
    return msgspec.json.encode(values)
