"""Readings over MQTT: a message is acknowledged to the broker only after the journal is durable.

paho's network thread puts messages into a bounded inbox; one asyncio task takes them out in order, so the
order of each meter is kept and acknowledgements leave in the order of arrival. When the inbox is full the
network thread stops reading the socket: the broker holds what is not acknowledged. A message that cannot be
decoded is noted in the ledger and acknowledged, for the broker would send it again for ever. Whatever ends
the network thread, bytes that are no MQTT or a bug: it is told and counted, and a fresh client takes over.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from chowon.errors import MeterMisconfigured, NotFound, Overloaded, PayloadRejected, StoreUnavailable
from chowon.ingest.back_off import BackOff
from chowon.ingest.door import IN_THREAD_BYTES, Door, decoded
from chowon.ingest.mqtt_inbox import Arrived, Inbox
from chowon.meters.decoded import Decoded, joined

log: Final = logging.getLogger(__name__)

_REFUSED: Final = "the broker refused the connection"


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """How to reach the broker."""

    host: str = "127.0.0.1"
    port: int = 1883
    client_id: str = "chowon"
    """Names the persistent session: the broker keeps what comes while we are away. One process per id."""
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    """The embedded broker speaks 3.1.1 only."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: Path | None = None
    """Certificates to trust; the system's if left out."""
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = 30
    session_expiry_s: int = 7 * 24 * 3600
    """How long the broker keeps the session of an absent client (MQTT 5 only; 3.1.1 brokers decide)."""
    max_inflight: int = 200
    """Most messages in the inbox; as many again may be with the journal. Also MQTT 5's receive maximum."""
    max_held_bytes: int = 16 * 1024 * 1024
    """Most bytes in the inbox; one message always fits."""
    first_pause_s: float = 0.1
    """First wait before broker or store are tried again; doubles up to `longest_pause_s`."""
    longest_pause_s: float = 30.0
    """Longest wait between two attempts."""


@dataclass(frozen=True, slots=True)
class MqttStats:
    """The state of the listener at one moment."""

    listening: bool
    """Connected and subscribed."""
    connection_problem: str | None
    """Why not, with what to do; None while all is well."""
    received: int
    acknowledged: int
    poison: int
    """Messages that held nothing usable; noted, acknowledged, gone."""
    held: int
    """Messages here that are not acknowledged yet."""
    store_waits: int
    """How often a batch had to be offered again because queue or store did not take it."""
    broken: int
    """How often a connection was given up because what came over it could not be handled."""


class _NotMqtt(Exception):
    """The broker sent a malformed packet."""


class _Client(Client):
    """paho's client; when its network thread fails, `on_broken` is called in it with the reason."""

    on_broken: Callable[[Exception], None]

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """As paho's, which runs it in its thread; it may raise anything, on malformed packets for one."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception as error:  # noqa: BLE001
            self.on_broken(error)
            return MQTTErrorCode.MQTT_ERR_PROTOCOL


class _Link:
    """The client in its network thread: brings messages to the inbox, takes acknowledgements back."""

    def __init__(
        self, settings: MqttSettings, filters: Sequence[str], inbox: Inbox, now_ms: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._filters = [(topic, 1) for topic in filters]
        self._inbox = inbox
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._connection = 0
        """Counts connects and disconnects: a message id is worth something only on its own connection."""
        self.listening = False
        self._accepted = False
        self.problem: str | None = "not connected yet"
        self.received = self.acknowledged = self.broken = 0
        self._back_off = BackOff(settings.first_pause_s, settings.longest_pause_s)
        self._stopping = threading.Event()
        self._changed: Callable[[], object] = lambda: None
        self._client = self._fresh_client()

    def start(self, changed: Callable[[], object]) -> None:
        """Connects in the background and keeps trying. changed: called from the network thread."""
        self._changed = changed
        with self._lock:
            self._connect()

    def _fresh_client(self) -> _Client:
        client = _client(self._settings)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_connect_fail = self._on_connect_fail
        client.on_broken = self._on_broken
        return client

    def _connect(self) -> None:
        settings = self._settings
        more: dict[str, Any] = {}
        if settings.protocol == "5":
            wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            wishes.ReceiveMaximum = settings.max_inflight
            wishes.SessionExpiryInterval = settings.session_expiry_s
            more = {"clean_start": False, "properties": wishes}
        self._client.connect_async(settings.host, settings.port, settings.keepalive_s, **more)
        self._client.loop_start()

    def acknowledge(self, messages: Sequence[Arrived]) -> None:
        """Tells the broker, in the order of arrival; those of a lost connection come again by themselves."""
        with self._lock:
            for message in messages:
                if message.qos and message.connection == self._connection:
                    self._client.ack(message.mid, message.qos)
                    self.acknowledged += 1

    def stop(self) -> None:
        """Sends what is queued, says goodbye, ends the thread. Blocks for a moment."""
        with self._lock:
            self._stopping.set()
            client = self._client
        client.disconnect()
        client.loop_stop()

    def _turn(self, problem: str | None) -> None:
        with self._lock:
            self._connection += 1
            self.listening, self.problem = False, problem
        self._changed()

    def _on_connect(
        self, client: Client, _u: object, _f: ConnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        if reason.is_failure:
            self._turn(f"{_REFUSED}: {reason}; check user name, password and client id")
            log.warning("mqtt: %s", self.problem)
            return
        self._accepted = True
        self._turn(None)
        client.subscribe(self._filters)

    def _on_connect_fail(self, _client: Client, _u: object) -> None:
        self.problem = "the broker cannot be reached; check its address and that it runs"
        self._changed()

    def _on_disconnect(
        self, _client: Client, _u: object, flags: DisconnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        refused = (self.problem or "").startswith(_REFUSED)
        if reason == "Protocol error" and not refused and not flags.is_disconnect_packet_from_server:
            raise _NotMqtt("what the broker sent is no MQTT; check that it is an MQTT broker")
        if self._accepted:
            self._turn(f"the connection was lost ({reason}); trying again")
        elif not refused:  # some brokers just hang up
            self._turn(f"{_REFUSED} before it said why; check user name, password and client id")
        self._accepted = False

    def _on_subscribe(
        self, _client: Client, _u: object, _mid: int, reasons: list[ReasonCode], _p: object
    ) -> None:
        refused = [
            topic for (topic, _), reason in zip(self._filters, reasons, strict=False) if reason.is_failure
        ]
        if refused:
            self.problem = f"the broker refuses to let us read {', '.join(refused)}; check its access rules"
            log.error("mqtt: %s", self.problem)
        self.listening = not refused
        self._changed()

    def _on_broken(self, error: Exception) -> None:
        """Waits in the thread of the failed client, then starts another one, unless `stop` comes first."""
        pause_s = self._back_off.pause_s(time.monotonic())
        self.broken += 1
        self._accepted = False
        reason = str(error) if isinstance(error, _NotMqtt) else f"the MQTT client failed ({error!r})"
        self._turn(f"{reason}; connecting anew in {pause_s:g} s")
        log.error("mqtt: %s", self.problem, exc_info=None if isinstance(error, _NotMqtt) else error)
        if (connection := self._client.socket()) is not None:
            connection.close()
        self._stopping.wait(pause_s)
        with self._lock:
            if not self._stopping.is_set():
                self._client = self._fresh_client()
                self._connect()

    def _on_message(self, _client: Client, _u: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(not UTF-8)"
        self.received += 1
        arrived = Arrived(
            topic,
            bytes(message.payload),
            message.mid,
            message.qos,
            self._connection,
            self._now_ms(),
            message.retain,
        )
        self._inbox.put(arrived)


class MqttListener:
    """Reads all topics that the decoders know, through one persistent session."""

    def __init__(
        self,
        door: Door,
        settings: MqttSettings,
        *,
        now_ms: Callable[[], int],
        on_state: Callable[[MqttStats], None] = lambda _: None,
    ) -> None:
        """on_state: called in the event loop whenever the connection changes.

        Errors: MeterMisconfigured — certificates that cannot be read.
        """
        self._door = door
        self._settings = settings
        self._inbox = Inbox(settings.max_inflight, settings.max_held_bytes)
        self._link = _Link(settings, door.registry.topic_filters, self._inbox, now_ms)
        self._on_state = on_state
        self._news, self._stopping = asyncio.Event(), asyncio.Event()
        self._in_hand = self._poison = self._store_waits = 0

    async def run(self) -> None:
        """Belongs to the application's TaskGroup; returns after `close`.

        What is not acknowledged when it ends, the broker sends again to the next one.
        """
        loop = asyncio.get_running_loop()
        self._inbox.attach(lambda: loop.call_soon_threadsafe(self._news.set))
        self._link.start(lambda: loop.call_soon_threadsafe(lambda: self._on_state(self.stats())))
        try:
            while not self._stopping.is_set():
                await self._news.wait()
                self._news.clear()
                await self._handle(self._inbox.take())
        finally:
            self._inbox.close()
            await asyncio.to_thread(self._link.stop)

    def close(self) -> None:
        """`run` finishes what it has in hand, disconnects and returns."""
        self._stopping.set()
        self._news.set()

    def stats(self) -> MqttStats:
        """Counts at this moment."""
        return MqttStats(
            listening=self._link.listening,
            connection_problem=self._link.problem,
            received=self._link.received,
            acknowledged=self._link.acknowledged,
            poison=self._poison,
            held=len(self._inbox) + self._in_hand,
            store_waits=self._store_waits,
            broken=self._link.broken,
        )

    async def _handle(self, messages: list[Arrived]) -> None:
        if not messages:
            return
        self._in_hand = len(messages)
        try:
            if await self._is_durable(await self._good_parts(messages), messages[-1].received_ms):
                self._link.acknowledge(messages)
        finally:
            self._in_hand = 0

    async def _good_parts(self, messages: list[Arrived]) -> list[Decoded]:
        """What can be used of the messages; all else is noted."""
        if sum(len(message.payload) for message in messages) <= IN_THREAD_BYTES:
            results = self._decoded(messages)
        else:
            results = await asyncio.to_thread(self._decoded, messages)
        good = []
        for message, result in zip(messages, results, strict=True):
            if isinstance(result, PayloadRejected | NotFound):
                self._poison += 1
                self._door.refused(result, message.topic, message.received_ms)
                continue
            if result.rejected:
                self._poison += len(result) == 0
                self._door.ledger.rejected(
                    message.topic, result.problems, result.rejected, message.received_ms
                )
            if len(result):
                good.append(replace(result, problems=(), rejected=0))
        return good

    def _decoded(self, messages: list[Arrived]) -> list[Decoded | PayloadRejected | NotFound]:
        results: list[Decoded | PayloadRejected | NotFound] = []
        for message in messages:
            try:
                decoder, envelope = self._door.registry.of_message(
                    message.topic, message.payload, message.received_ms, message.retained
                )
                results.append(decoded(decoder, message.payload, envelope))
            except (PayloadRejected, NotFound) as error:
                results.append(error)
        return results

    async def _is_durable(self, parts: list[Decoded], received_ms: int) -> bool:
        """Offers the readings until they are taken; False when we have to stop before."""
        if not parts:
            return True
        readings = joined(parts)
        pause_s = self._settings.first_pause_s
        while True:
            try:
                await self._door.take_decoded(readings, received_ms, "mqtt")
            except PayloadRejected:
                return True  # no channel of them is known: the door has noted it, asking again would not help
            except (Overloaded, StoreUnavailable):
                self._store_waits += 1
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause_s)
                if self._stopping.is_set():
                    return False
                pause_s = min(2 * pause_s, self._settings.longest_pause_s)
            else:
                return True


def _send_at_once(_client: object, _u: object, connection: Any) -> None:
    """Acknowledgements are many and small: waiting to fill packets (Nagle) costs up to 40 ms a window."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _client(settings: MqttSettings) -> _Client:
    """Errors: MeterMisconfigured."""
    modern = settings.protocol == "5"
    client = _Client(
        CallbackAPIVersion.VERSION2,
        client_id=settings.client_id,
        clean_session=None if modern else False,
        protocol=MQTTv5 if modern else MQTTv311,
        manual_ack=True,
    )
    client.reconnect_delay_set(settings.first_pause_s, settings.longest_pause_s)  # type: ignore[arg-type]
    if settings.username is not None:
        client.username_pw_set(settings.username, settings.password)
    if settings.tls:
        try:
            context = ssl.create_default_context(cafile=settings.ca_file)
            if settings.cert_file is not None:
                context.load_cert_chain(settings.cert_file, settings.key_file)
        except (OSError, ssl.SSLError) as error:
            raise MeterMisconfigured(f"mqtt: the certificates cannot be used: {error}") from error
        client.tls_set_context(context)
    return client
