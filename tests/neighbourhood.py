"""Two hundred good meters at a whole server on a simulated clock, and what became of what they said."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from chowon.app import Addresses, opened, serve
from chowon.config import load
from chowon.domain.sites import ChannelKey
from chowon.store.opening import Store

START_MS = 1_795_400_000_000
BY_HTTP, BY_MQTT = 100, 100
HERE = "127.0.0.1"


def power_dw(meter: int, time_ms: int) -> int:
    """What a meter measures at an instant: so that a stored value shows that it is the sent one."""
    return (time_ms // 1000 * 7919 + meter * 104_729) % 50_000


class Neighbourhood:
    """A running server. Time stands still but for `second`."""

    def __init__(self, store: Store, at: Addresses, clock: list[int]) -> None:
        self.store, self.at, self._clock = store, at, clock
        self.http_port = int(at.http.rpartition(":")[2])
        self.seconds = 0
        self.longest_s = 0.0
        """The longest that any second's readings took until all of them could be read again"""
        self.refused = 0
        """How often a good meter was told to come again"""
        self._connections: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        keys = [ChannelKey(f"home-{n}", "main", "main") for n in range(BY_HTTP + BY_MQTT)]
        self.good = [channel.id for channel in store.sites.register_all(keys, 10_000)]
        self.mqtt, self._bad = self._client("good"), self._client("bad")

    def _client(self, name: str) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=name)
        assert self.at.mqtt is not None
        client.connect(self.at.mqtt.host, self.at.mqtt.port)
        client.loop_start()
        return client

    @property
    def now_ms(self) -> int:
        return self._clock[0]

    async def second(self) -> None:
        """One second passes, and every good meter says its power, over its own way."""
        self._clock[0] += 1000
        self.seconds += 1
        begun_s = time.monotonic()
        for meter in range(BY_HTTP, BY_HTTP + BY_MQTT):
            said = {"time": self.now_ms, "power_w": power_dw(meter, self.now_ms) / 10}
            self.mqtt.publish(f"chowon/v1/home-{meter}/main", json.dumps(said), qos=1)
        await asyncio.gather(*(self._posted(meter) for meter in range(BY_HTTP)))
        while not await asyncio.to_thread(self._all_are_kept):  # noqa: ASYNC110 - a store tells nobody
            await asyncio.sleep(0.01)
        self.longest_s = max(self.longest_s, time.monotonic() - begun_s)

    def kept(self) -> dict[int, list[int]]:
        """What can be read of each good meter, 0.1 W, in order of time."""
        readings = self.store.history.readings(self.good, START_MS - 2**40, START_MS + 2**40)
        assert readings.power_dw is not None
        return {
            meter: readings.power_dw[readings.channel == channel].tolist()
            for meter, channel in enumerate(self.good)
        }

    def said(self) -> dict[int, list[int]]:
        """What each good meter has said."""
        times = [START_MS + 1000 * (n + 1) for n in range(self.seconds)]
        return {meter: [power_dw(meter, at) for at in times] for meter in range(BY_HTTP + BY_MQTT)}

    async def publish(self, *messages: tuple[str, object]) -> None:
        """What a bad one says over MQTT, on a connection of its own; returns when the broker has it."""
        sent = [self._bad.publish(topic, json.dumps(said), qos=1) for topic, said in messages]
        await asyncio.to_thread(sent[-1].wait_for_publish, 10)

    async def post(self, *readings: dict[str, Any]) -> int:
        """The status of an HTTP write on a connection of its own."""
        reader, writer = await asyncio.open_connection(HERE, self.http_port)
        with contextlib.closing(writer):
            return await _asked(reader, writer, json.dumps({"readings": readings}).encode())

    async def health(self) -> Any:
        reader, writer = await asyncio.open_connection(HERE, self.http_port)
        with contextlib.closing(writer):
            writer.write(b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return json.loads((await reader.read()).partition(b"\r\n\r\n")[2])

    def close(self) -> None:
        for _, writer in self._connections.values():
            writer.close()
        for client in (self.mqtt, self._bad):
            client.disconnect()
            client.loop_stop()

    async def _posted(self, meter: int) -> None:
        """On a kept connection; on another one where the server has closed it. Refused, it comes again."""
        reading = {
            "site": f"home-{meter}",
            "time": self.now_ms,
            "power_w": power_dw(meter, self.now_ms) / 10,
        }
        body = json.dumps({"readings": [reading]}).encode()
        while True:
            try:
                if meter not in self._connections:
                    self._connections[meter] = await asyncio.open_connection(HERE, self.http_port)
                status = await _asked(*self._connections[meter], body)
                if status == 200:
                    return
                assert status == 503, status
                self.refused += 1
            except (OSError, asyncio.IncompleteReadError):
                pass  # kept connections are closed after a while
            if meter in self._connections:
                self._connections.pop(meter)[1].close()
            await asyncio.sleep(0.05)

    def _all_are_kept(self) -> bool:
        newest = self.store.history.last_times(self.good)
        return all(newest.get(channel, 0) >= self.now_ms for channel in self.good)


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> int:
    head = (
        b"POST /api/v1/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    writer.write(head + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(answer.split(b" ")[1])


@contextlib.asynccontextmanager
async def neighbourhood(folder: Path, **settings: object) -> AsyncIterator[Neighbourhood]:
    """A server with all its doors open."""
    defaults: dict[str, object] = {
        "data.folder": folder / "data",
        "data.seal_every_s": 0.5,
        "server.port": 0,
        "mqtt.port": 0,
        "enertalk.enabled": True,
        "enertalk.port": 0,
    }
    config = load(None, {}, defaults | settings).config
    clock = [START_MS]
    store = opened(config, lambda: clock[0])
    started: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    try:
        serving = asyncio.create_task(
            serve(config, store, now_ms=lambda: clock[0], stop=stop, started=started.set_result)
        )
        await asyncio.wait([serving, started], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        its = Neighbourhood(store, started.result(), clock)
        try:
            yield its
        finally:
            its.close()
            stop.set()
            await serving
    finally:
        store.close()


def evenly(count: int, of: int) -> list[int]:
    """`count` numbers below `of`."""
    return [int(n) for n in np.linspace(0, of - 1, count)]
