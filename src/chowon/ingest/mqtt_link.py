"""The MQTT client in its network thread: subscriptions, acknowledgements, a fresh client after a failure."""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from chowon.domain.allowance import Allowance
from chowon.errors import MeterMisconfigured, MeterUnavailable
from chowon.ingest.back_off import BackOff
from chowon.ingest.mqtt_inbox import Arrived, Inbox

log: Final = logging.getLogger(__name__)

FILTERS_AT_ONCE: Final = 100
"""More topics are asked for in several packets."""
BURST_S: Final = 10
"""A topic may send so many seconds' worth of messages at once."""
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
    max_messages_per_s: int = 1000
    """Of one topic, for ever; ten seconds' worth of them may come at once. What is above is refused."""


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


class Link:
    """The client in its network thread: brings messages to the inbox, takes acknowledgements back."""

    def __init__(
        self, settings: MqttSettings, filters: Sequence[str], inbox: Inbox, now_ms: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._filters = dict.fromkeys(filters)
        self._asked: dict[int, Sequence[str]] = {}
        """The filters of each subscription that the broker has not answered yet, by message id"""
        self._refused: list[str] = []
        self._wished: set[str] = set()
        """Filters that we can do without: one that the broker refuses is no problem of the connection's"""
        self._inbox = inbox
        self._allowance = Allowance(settings.max_messages_per_s, BURST_S * settings.max_messages_per_s)
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

    def watch(self, filters: Sequence[str], *, wished: bool = False) -> None:
        """Subscribes to further topics, now and after every reconnect.

        wished: whether the broker may refuse them without that being a problem.
        """
        with self._lock:
            if wished:
                self._wished.update(filters)
            fresh = [topic for topic in dict.fromkeys(filters) if topic not in self._filters]
            self._filters |= dict.fromkeys(fresh)
            if fresh and self._accepted:
                self._subscribe(self._client, fresh)

    def unwatch(self, filters: Sequence[str]) -> None:
        """Listens to these topics no more."""
        with self._lock:
            gone = [topic for topic in filters if topic in self._filters]
            for topic in gone:
                self._filters.pop(topic, None)
            self._wished.difference_update(gone)
            if gone and self._accepted:
                self._client.unsubscribe(gone)

    def publish(self, topic: str, payload: bytes) -> None:
        """Sends one message at most once: whoever asks something of a device sees by the answer.

        Errors: MeterUnavailable while there is no connection.
        """
        with self._lock:
            sent = (
                self._accepted and self._client.publish(topic, payload).rc == MQTTErrorCode.MQTT_ERR_SUCCESS
            )
        if not sent:
            raise MeterUnavailable(f"mqtt: {self.problem or 'not connected'}; nothing was sent to {topic}")

    def _subscribe(self, client: Client, filters: Sequence[str]) -> None:
        """Called with the lock held, so that the answer finds what was asked."""
        for first in range(0, len(filters), FILTERS_AT_ONCE):
            some = filters[first : first + FILTERS_AT_ONCE]
            _, mid = client.subscribe([(topic, 1) for topic in some])
            if mid is not None:
                self._asked[mid] = some

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
        with self._lock:
            self._asked.clear()
            self._refused = []
            self._subscribe(client, list(self._filters))

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
        self, _client: Client, _u: object, mid: int, reasons: list[ReasonCode], _p: object
    ) -> None:
        with self._lock:
            asked = self._asked.pop(mid, [])
            needed = set(self._filters) - self._wished  # a question may have ended before this came
            refused = [
                topic
                for topic, reason in zip(asked, reasons, strict=False)
                if reason.is_failure and topic in needed
            ]
            self._refused += refused
            self.listening = not (self._refused or self._asked)
        if refused:
            self.problem = f"the broker refuses to let us read {', '.join(refused)}; check its access rules"
            log.error("mqtt: %s", self.problem)
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
        within = self._allowance.takes(topic, time.monotonic())
        arrived = Arrived(
            topic,
            bytes(message.payload) if within else None,
            message.mid,
            message.qos,
            self._connection,
            self._now_ms(),
            message.retain,
        )
        self._inbox.put(arrived)


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
