"""One MQTT connection to a broker that may go away: messages wait, go out in order, and none is lost."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from chowon.errors import MeterMisconfigured, MeterUnavailable

log = logging.getLogger(__name__)

_WINDOW: Final = 512
"""Messages that may wait for their acknowledgement. Full: `send` waits, and with it the player."""
_REPEATED: Final = 128
"""Acknowledged messages kept, to be sent once more after a reconnection."""
_REFUSED: Final = frozenset({"Not authorized", "Bad user name or password", "Client identifier not valid"})


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to publish."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None


class Link:
    """Publishes to one topic with QoS 1. Use it with `async with`.

    While the broker is away, messages wait here (at most 512, then `send` waits) and go out in order when it
    is back. A broker that kept messages in memory only may have lost some that it had acknowledged, and a
    server may subscribe a moment after its broker listens: so, `settle_s` after each reconnection, the last
    128 acknowledged messages go out once more. For readings that changes nothing: the same instant replaces.
    """

    def __init__(self, broker: Broker, topic: str, client_id: str = "", settle_s: float = 5.0) -> None:
        self._broker, self._topic, self._settle_s = broker, topic, settle_s
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        self._client.username_pw_set(broker.username, broker.password)
        self._client.reconnect_delay_set(min_delay=1, max_delay=10)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(_WINDOW)
        self._waiting: dict[int, tuple[int | None, bytes]] = {}
        """message id → (`_sent_through_ms` before it, payload), in the order in which they were sent"""
        self._acknowledged: deque[bytes] = deque(maxlen=_REPEATED)
        self._empty = asyncio.Event()
        self._empty.set()
        self._connections = 0
        self._sent_through_ms: int | None = None
        self.refused: asyncio.Future[None] = self._loop.create_future()
        """Ends with MeterMisconfigured when the broker refuses this client."""

    async def __aenter__(self) -> "Link":
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=30)
        self._client.loop_start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        if self.refused.done() and not self.refused.cancelled():
            self.refused.exception()  # whoever waited for it has seen it; nobody else needs to
        self.refused.cancel()

    @property
    def acknowledged_ms(self) -> int | None:
        """Everything sent up to this time has been acknowledged; None before the first acknowledgement."""
        for before_ms, _ in self._waiting.values():
            return before_ms
        return self._sent_through_ms

    async def send(self, payload: bytes, through_ms: int) -> None:
        """Publish, in the order of the calls. through_ms: the newest time in the payload.

        Waits while too many messages are unacknowledged.
        """
        await self._room.acquire()
        self._waiting[self._publish(payload)] = (self._sent_through_ms, payload)
        self._sent_through_ms = through_ms
        self._empty.clear()

    async def drained(self, timeout_s: float) -> None:
        """Return when all is acknowledged. Errors: MeterUnavailable after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        except TimeoutError:
            left = len(self._waiting)
            where = f"{self._broker.host}:{self._broker.port}"
            raise MeterUnavailable(
                f"broker {where}: {left} messages unacknowledged after {timeout_s} s"
            ) from None

    def _publish(self, payload: bytes) -> int:
        return self._client.publish(self._topic, payload, qos=1).mid

    # paho calls the following from its own thread; they only pass the news on to the event loop.

    def _on_connect(
        self, _client: object, _data: object, _flags: object, reason: Any, _props: object
    ) -> None:
        self._loop.call_soon_threadsafe(self._connected, str(reason), reason.is_failure)

    def _on_connect_fail(self, _client: object, _data: object) -> None:
        where = f"{self._broker.host}:{self._broker.port}"
        self._loop.call_soon_threadsafe(log.warning, "broker %s does not answer; trying again", where)

    def _on_disconnect(
        self, _client: object, _data: object, _flags: object, reason: Any, _props: object
    ) -> None:
        self._loop.call_soon_threadsafe(log.info, "disconnected: %s", str(reason))

    def _on_publish(self, _client: object, _data: object, mid: int, _reason: object, _props: object) -> None:
        self._loop.call_soon_threadsafe(self._published, mid)

    # The event loop does the rest.

    def _connected(self, reason: str, failed: bool) -> None:
        where = f"{self._broker.host}:{self._broker.port}"
        if failed:
            log.warning("broker %s: %s", where, reason)
            if reason in _REFUSED and not self.refused.done():
                message = f"broker {where} refuses this meter: {reason}; set its user name and password"
                self.refused.set_exception(MeterMisconfigured(message))
            return
        log.info("connected to %s as %s", where, self._topic)
        self._connections += 1
        if self._connections > 1:
            self._loop.call_later(self._settle_s, self._repeat)

    def _published(self, mid: int) -> None:
        known = self._waiting.pop(mid, None)
        if known is None:
            return  # a repeated message
        self._acknowledged.append(known[1])
        self._room.release()
        if not self._waiting:
            self._empty.set()

    def _repeat(self) -> None:
        for payload in self._acknowledged:
            self._publish(payload)
        log.info("repeated the last %d messages after the reconnection", len(self._acknowledged))
