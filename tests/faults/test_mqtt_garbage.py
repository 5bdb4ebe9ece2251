"""A broker that sends what is no MQTT: the listener says so, and connects anew."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import pytest

from chowon.ingest.back_off import BackOff
from chowon.ingest.mqtt import MqttListener
from chowon.ingest.mqtt_inbox import Arrived
from chowon.ingest.mqtt_link import MqttSettings
from tests.ingest_fakes import NOW_MS, TIMEOUT_S, Intake

CONNACK = b"\x20\x02\x00\x00"
EMPTY_PUBLISH = b"\x30\x00"
"""A PUBLISH without a topic: some versions of paho raise, others hang up."""


def publish(payload: bytes, mid: int = 1, topic: bytes = b"chowon/v1/home/main") -> bytes:
    body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", mid) + payload
    return bytes([0x32, len(body)]) + body


class FakeBroker:
    """Speaks just enough MQTT 3.1.1 to be subscribed to, then sends each connection its script."""

    def __init__(self, *scripts: bytes) -> None:
        self._scripts = list(scripts)  # the last one is for all further connections
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)

    @contextlib.contextmanager
    def running(self) -> Iterator["FakeBroker"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._thread.join(TIMEOUT_S)
            assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            with client, contextlib.suppress(OSError):
                self._talk(client, script)

    def _talk(self, client: socket.socket, script: bytes) -> None:
        with client.makefile("rb") as packets:
            while (kind := packets.read(1)) and (length := _length(packets)) is not None:
                body = packets.read(length)
                if kind == b"\x10":
                    client.sendall(CONNACK)
                elif kind == b"\x82":
                    granted = b"\x01" * _topics(body[2:])
                    client.sendall(bytes([0x90, 2 + len(granted)]) + body[:2] + granted + script)


def _length(packets: BinaryIO) -> int | None:
    """A packet's remaining length, 7 bits a byte; None when the connection ends."""
    length = shift = 0
    while byte := packets.read(1):
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return length
    return None


def _topics(asked: bytes) -> int:
    """How many topics a SUBSCRIBE asks for: each is two bytes of length, the topic, and a byte of QoS."""
    count = at = 0
    while at < len(asked):
        at += 3 + int.from_bytes(asked[at : at + 2])
        count += 1
    return count


class Heard:
    """A listener at a broker on loopback, and a way to wait for what happens."""

    def __init__(self, intake: Intake, port: int, **options: object) -> None:
        self._news = asyncio.Event()
        settings = MqttSettings("127.0.0.1", port, **({"first_pause_s": 0.01} | options))  # type: ignore[arg-type]
        self.listener = MqttListener(
            intake.door, settings, now_ms=lambda: NOW_MS, on_state=lambda _: self._news.set()
        )
        intake.pipeline._on_durable = lambda _: self._news.set()
        self.task = asyncio.create_task(self.listener.run())

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self._news.clear()
            await self._news.wait()

    async def closed(self) -> None:
        self.listener.close()
        await self.task


def play(scripts: Sequence[bytes], scene: Callable[[Intake, FakeBroker], object]) -> None:
    with FakeBroker(*scripts).running() as broker:
        Intake().run(lambda intake: scene(intake, broker))  # type: ignore[arg-type, return-value]


def test_a_packet_that_is_no_mqtt_is_told_and_the_listener_connects_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = publish(b'{"time":%d,"power_w":7}' % NOW_MS)

    async def scene(intake: Intake, broker: FakeBroker) -> None:
        it = Heard(intake, broker.port)
        await it.until(lambda: len(intake.journal.readings) == 1)
        stats = it.listener.stats()
        assert (stats.listening, stats.broken, broker.connections) == (True, 2, 3)
        assert stats.connection_problem is None
        await it.closed()

    play([EMPTY_PUBLISH, EMPTY_PUBLISH, good], scene)
    assert [r.levelname for r in caplog.records if r.name.startswith("chowon")] == ["ERROR", "ERROR"]


def test_an_error_of_our_own_in_the_network_thread_ends_neither_it_nor_the_readings() -> None:
    good = publish(b'{"time":%d,"power_w":7}' % NOW_MS)

    async def scene(intake: Intake, broker: FakeBroker) -> None:
        it = Heard(intake, broker.port)
        put, failures = it.listener._inbox.put, [MemoryError()]

        def put_that_fails_once(message: Arrived) -> None:
            if failures:
                raise failures.pop()
            put(message)

        it.listener._inbox.put = put_that_fails_once  # type: ignore[method-assign]
        await it.until(lambda: len(intake.journal.readings) == 1)
        assert (it.listener.stats().listening, it.listener.stats().broken) == (True, 1)
        await it.closed()

    play([good], scene)


def test_pauses_double_up_to_the_longest_and_begin_anew_after_a_quiet_time() -> None:
    back_off = BackOff(first_s=1, longest_s=5)
    now_s, pauses = 100.0, []
    for _ in range(5):
        pauses.append(back_off.pause_s(now_s))
        now_s += pauses[-1] + 10
    assert pauses == [1, 2, 4, 5, 5]
    assert back_off.pause_s(now_s + 0.001) == 1


def test_it_does_not_claim_to_listen_meanwhile_and_closing_does_not_wait_for_the_next_attempt() -> None:
    async def scene(intake: Intake, broker: FakeBroker) -> None:
        it = Heard(intake, broker.port, first_pause_s=1000.0, longest_pause_s=1000.0)
        await it.until(lambda: it.listener.stats().broken == 1)
        stats = it.listener.stats()
        assert not stats.listening
        assert "no MQTT" in str(stats.connection_problem)
        await it.closed()
        assert broker.connections == 1

    play([EMPTY_PUBLISH], scene)
