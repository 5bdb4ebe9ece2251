"""Publishing to the broker over a connection of its own, which may be away, slow or hang.

Of each topic the last value wins: what waits is one message a topic, whatever happens to the broker. At most
`WINDOW` messages are with the client at once. A broker may forget what it retained when it restarts, so every
retained message goes out once more after each connect. Each connection is a fresh client: nothing stale of
an earlier one can come after something newer.
"""

import asyncio
import contextlib
import logging
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from paho.mqtt.client import Client, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from chowon.ingest.back_off import BackOff

WINDOW: Final = 64
"""Messages handed to the client and not yet sent (QoS 0) or acknowledged (QoS 1)."""
MOST_TOPICS: Final = 100_000
"""Topics that may wait, and that may be retained; messages to further ones are dropped and counted."""
ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
_GOODBYE_S: Final = 2.0
log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutSettings:
    """How to reach the broker."""

    host: str
    port: int
    status_topic: str | None
    """Retained "online" while connected; the broker says "offline" there should we vanish (last will)"""
    username: str | None = None
    password: str | None = None
    tls: bool = False
    keepalive_s: int = 30
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be published."""

    payload: bytes
    qos: int = 1
    retain: bool = True
    """An empty retained payload makes the broker forget the topic"""


Put = Callable[[str, Message], None]
"""(topic, message): publish it when that is possible"""


@dataclass(frozen=True, slots=True)
class OutStats:
    """The publisher at one moment."""

    connected: bool
    problem: str | None
    """Why not, with what to do; None while all is well"""
    published: int
    """messages that left since the start"""
    replaced: int
    """messages that a newer one of the same topic overtook before they left"""
    dropped: int
    """messages to more topics than there may be"""
    waiting: int


class Outbound:
    """Messages by topic, on their way to the broker. Belongs to the event loop; `put` never blocks."""

    def __init__(self, settings: OutSettings, cleared: Callable[[str], None] = lambda _: None) -> None:
        """cleared: told of each topic that the broker has forgotten."""
        self._settings, self._cleared = settings, cleared
        self._waiting: dict[str, Message] = {}
        self._retained: dict[str, Message] = {}
        self._sent: dict[int, tuple[str, Message]] = {}
        """by message id: with the client"""
        self._client: Client | None = None
        self._news, self._stopping, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._back_off = BackOff(settings.first_pause_s, settings.longest_pause_s)
        self.connected = False
        self.problem: str | None = "not connected yet"
        self.published = self.replaced = self.dropped = 0

    def put(self, topic: str, message: Message) -> None:
        """Publish this as soon as the broker takes it, in place of what waits for the topic."""
        if topic in self._waiting:
            self.replaced += 1
        elif topic not in self._retained and MOST_TOPICS in (len(self._waiting), len(self._retained)):
            self.dropped += 1
            return
        self._waiting[topic] = message
        if message.retain:
            self._retained[topic] = message
        self._news.set()

    def clear(self, topic: str) -> None:
        """Have the broker forget what it retains there."""
        self.put(topic, Message(b""))

    def stats(self) -> OutStats:
        """Counts at this moment."""
        return OutStats(
            self.connected, self.problem, self.published, self.replaced, self.dropped, len(self._waiting)
        )

    async def run(self) -> None:
        """Belongs to the application's TaskGroup; returns after `close`. Never fails: it tries again."""
        while not self._stopping.is_set():
            try:
                await self._connection()
            except Exception as error:
                log.exception("mqtt out: a connection failed in a way that it should not")
                self.problem = f"a bug in chowon ({type(error).__name__}); its log says more"
            pause_s = self._back_off.pause_s(time.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()

    def close(self) -> None:
        """`run` says "offline", disconnects and returns."""
        self._stopping.set()
        self._news.set()
        self._ended.set()

    async def _connection(self) -> None:
        """One connection from its start to its end."""
        settings, self._ended = self._settings, asyncio.Event()
        client = self._fresh_client()
        try:
            await asyncio.to_thread(client.connect, settings.host, settings.port, settings.keepalive_s)
            self._client = client
            client.loop_start()
            if not self._stopping.is_set():
                await self._publishing()
            await self._goodbye(client)
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            self._told(f"the broker at {where} does not answer: {error.strerror or error}")
        finally:
            self._client, self.connected = None, False
            await _ended(client)
            self._recall()

    async def _publishing(self) -> None:
        while not self._ended.is_set():
            await self._news.wait()
            self._news.clear()
            while self.connected and self._waiting and len(self._sent) < WINDOW:
                topic = next(iter(self._waiting))
                self._hand_over(topic, self._waiting.pop(topic))

    def _hand_over(self, topic: str, message: Message) -> None:
        assert self._client is not None
        told = self._client.publish(topic, message.payload, message.qos, message.retain)
        if told.rc in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            self._sent[told.mid] = (topic, message)
        else:
            log.error("mqtt out: %s cannot be published: %s", topic, told.rc)

    async def _goodbye(self, client: Client) -> None:
        """A last "offline", if the connection still stands: the last will is for accidents only."""
        if self.connected and self._settings.status_topic is not None:
            last = client.publish(self._settings.status_topic, OFFLINE, 1, retain=True)
            with contextlib.suppress(RuntimeError, ValueError):
                await asyncio.to_thread(last.wait_for_publish, _GOODBYE_S)

    def _recall(self) -> None:
        """What was with the client goes out again, unless something newer waits."""
        for topic, message in reversed(self._sent.values()):  # the newest of a topic first
            self._waiting.setdefault(topic, message)
        self._sent.clear()

    def _fresh_client(self) -> "_Quiet":
        settings = self._settings
        name = f"chowon-out-{secrets.token_hex(4)}"
        client = _Quiet(CallbackAPIVersion.VERSION2, client_id=name, reconnect_on_failure=False)
        client.username_pw_set(settings.username, settings.password)
        if settings.status_topic is not None:
            client.will_set(settings.status_topic, OFFLINE, 1, retain=True)
        if settings.tls:
            client.tls_set()
        loop = asyncio.get_running_loop()

        def pass_on(what: Callable[..., None], *about: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
                loop.call_soon_threadsafe(self._if_current, client, what, *about)

        client.on_connect = lambda _c, _u, _f, reason, _p: pass_on(self._connected, reason)
        client.on_disconnect = lambda _c, _u, flags, reason, _p: pass_on(self._lost, flags, reason)
        client.on_publish = lambda _c, _u, mid, _r, _p: pass_on(self._gone, mid)
        client.on_broken = lambda error: pass_on(self._broken, error)
        return client

    def _if_current(self, client: Client, what: Callable[..., None], *about: Any) -> None:
        """News of a client that was given up changes nothing."""
        if client is self._client:
            what(*about)

    def _connected(self, reason: ReasonCode) -> None:
        if reason.is_failure:
            self._told(f"the broker refused the connection: {reason}; check [mqtt] username and password")
            self._ended.set()
        else:
            self.connected, self.problem = True, None
            self._waiting = self._retained | self._waiting
            if self._settings.status_topic is not None:
                self._waiting[self._settings.status_topic] = Message(ONLINE)
        self._news.set()

    def _lost(self, _flags: DisconnectFlags, reason: ReasonCode) -> None:
        if self.connected:
            self._told(f"the connection was lost ({reason}); trying again")
        self.connected = False
        self._ended.set()
        self._news.set()

    def _broken(self, error: Exception) -> None:
        self._told(f"what the broker sent could not be handled ({type(error).__name__}); trying again")
        self.connected = False
        self._ended.set()
        self._news.set()

    def _gone(self, mid: int) -> None:
        sent = self._sent.pop(mid, None)
        if sent is not None:
            self.published += 1
            topic, message = sent
            if not message.payload and self._retained.get(topic) == message:
                del self._retained[topic]
                self._cleared(topic)
        self._news.set()

    def _told(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("mqtt out: %s", problem)
        self.problem = problem


async def _ended(client: "_Quiet") -> None:
    """Ends the client's thread; a broker that no longer reads is hung up on."""
    client.disconnect()
    ending = asyncio.create_task(asyncio.to_thread(client.loop_stop))
    done, _ = await asyncio.wait((ending,), timeout=_GOODBYE_S)
    if not done and (connection := client.socket()) is not None:
        with contextlib.suppress(OSError):
            cast("socket.socket", connection).shutdown(socket.SHUT_RDWR)
    await ending
    client.on_connect = client.on_disconnect = client.on_publish = None  # they hold the client, and it
    client.on_broken = lambda _: None  # closes its last sockets when nobody holds it any more


class _Quiet(Client):
    """paho's client; when its network thread fails, `on_broken` is called in it with the reason."""

    on_broken: Callable[[Exception], None]

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """As paho's, which runs it in its thread; it may raise anything, on malformed packets for one."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception as error:  # noqa: BLE001
            self.on_broken(error)
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
