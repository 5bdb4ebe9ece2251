"""Readings over MQTT: a message is acknowledged to the broker only after the journal is durable.

paho's network thread puts messages into a bounded inbox; one asyncio task takes them out in order, so the
order of each meter is kept and acknowledgements leave in the order of arrival. When the inbox is full the
network thread stops reading the socket: the broker holds what is not acknowledged. A message that cannot be
decoded is noted in the ledger and acknowledged, for the broker would send it again for ever. Whatever ends
the network thread, bytes that are no MQTT or a bug: it is told and counted, and a fresh client takes over.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from chowon.errors import NotFound, Overloaded, PayloadRejected, StoreUnavailable
from chowon.ingest.door import IN_THREAD_BYTES, Door
from chowon.ingest.mqtt_calls import Calls
from chowon.ingest.mqtt_inbox import Arrived, Inbox
from chowon.ingest.mqtt_link import Link, MqttSettings
from chowon.ingest.mqtt_messages import Floods, Messages
from chowon.meters.decoded import Decoded, joined


@dataclass(frozen=True, slots=True)
class MqttStats:
    """The state of the listener at one moment."""

    listening: bool
    """Connected and subscribed."""
    connection_problem: str | None
    """Why not, with what to do; None while all is well."""
    received: int
    acknowledged: int
    flooded: int
    """Messages refused because their topic sent more than it may"""
    poison: int
    """Messages that held nothing usable; noted, acknowledged, gone."""
    held: int
    """Messages here that are not acknowledged yet."""
    store_waits: int
    """How often a batch had to be offered again because queue or store did not take it."""
    unasked: int
    """Messages where answers to our questions come that answer none: late, or not what was asked for"""
    broken: int
    """How often a connection was given up because what came over it could not be handled."""


class MqttListener:
    """Reads all topics that the decoders know, through one persistent session."""

    def __init__(
        self,
        door: Door,
        settings: MqttSettings,
        *,
        now_ms: Callable[[], int],
        on_state: Callable[[MqttStats], None] = lambda _: None,
        on_heard: Callable[[str, Decoded, int], None] = lambda *_: None,
    ) -> None:
        """on_state: called in the event loop whenever the connection changes.
        on_heard: called in it with (topic, readings, instant of receipt) of each message whose readings are
        durable, but for those that the broker had kept.

        Errors: MeterMisconfigured — certificates that cannot be read.
        """
        self._door = door
        self._settings = settings
        self._inbox = Inbox(settings.max_inflight, settings.max_held_bytes)
        self._messages, self._floods = Messages(door.registry), Floods(settings.max_messages_per_s)
        self._link = Link(settings, self._messages.filters, self._inbox, now_ms)
        self.calls = Calls(self._link)
        self._on_state, self._on_heard = on_state, on_heard
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
            flooded=self._floods.refused,
            poison=self._poison,
            held=len(self._inbox) + self._in_hand,
            store_waits=self._store_waits,
            unasked=self.calls.unasked,
            broken=self._link.broken,
        )

    async def _handle(self, messages: list[Arrived]) -> None:
        if not messages:
            return
        self._in_hand = len(messages)
        try:
            said = self.calls.taken(messages)
            good = await self._good_parts(said)
            if await self._is_durable([part for _, part in good], messages[-1].received_ms):
                self._link.acknowledge(messages)
                for message, part in good:
                    if not message.retained:
                        self._on_heard(message.topic, part, message.received_ms)
        finally:
            self._in_hand = 0

    async def _good_parts(self, messages: list[Arrived]) -> list[tuple[Arrived, Decoded]]:
        """What can be used of the messages; all else is noted."""
        within = [message for message in messages if message.payload is not None]
        if len(within) < len(messages):
            self._floods.note([m for m in messages if m.payload is None], self._door.ledger)
        if sum(message.size for message in within) <= IN_THREAD_BYTES:
            results = self._messages.read(within)
        else:
            results = await asyncio.to_thread(self._messages.read, within)
        self._watch()
        good = []
        for message, result in zip(within, results, strict=True):
            if isinstance(result, PayloadRejected | NotFound):
                self._poison += 1
                self._door.refused(result, message.topic, message.received_ms)
                continue
            if result.rejected or result.problems:
                self._poison += len(result) == 0
                self._door.ledger.rejected(
                    message.topic, result.problems, result.rejected, message.received_ms
                )
            if len(result):
                good.append((message, replace(result, problems=(), rejected=0)))
        return good

    def _watch(self) -> None:
        """Listens to what devices have announced, and no more to what they took back."""
        fresh, gone = self._messages.changed()
        if fresh:
            self._link.watch(fresh)
        if gone:
            self._link.unwatch(gone)

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
