"""From MQTT messages to readings: by what their topic says, or by what a device announced of itself."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from chowon.errors import NotFound, PayloadRejected, Problem
from chowon.ingest.announcements import Announcements, read_by
from chowon.ingest.door import decoded
from chowon.ingest.ledger import Ledger
from chowon.ingest.mqtt_inbox import Arrived
from chowon.meters.decoded import Decoded, Envelope, nothing
from chowon.meters.registry import Registry

FLOOD_TOLD_EVERY_MS: Final = 60_000
MOST_FLOODS_TOLD: Final = 1000
Result: TypeAlias = Decoded | PayloadRejected | NotFound


class Messages:
    """Reads messages; one batch at a time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._announcements = Announcements(read_by(registry))
        self._watched: frozenset[str] = frozenset()

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to from the start."""
        return (*self._registry.topic_filters, *self._announcements.filters)

    def read(self, messages: Sequence[Arrived]) -> list[Result]:
        """What each message holds, or why it cannot be used. All have a payload."""
        return [self._one(message, message.payload or b"") for message in messages]

    def changed(self) -> tuple[list[str], list[str]]:
        """(topics to be watched from now on, topics to be left), since the last call."""
        now = self._announcements.topics()
        if now is self._watched:
            return [], []
        fresh, gone = now - self._watched, self._watched - now
        self._watched = now
        return sorted(fresh), sorted(gone)

    def _one(self, message: Arrived, payload: bytes) -> Result:
        announced = self._announcements
        try:
            if announced.announces(message.topic):
                return replace(nothing(), problems=announced.learn(message.topic, payload))
            if announced.reads(message.topic):
                envelope = Envelope(message.received_ms, topic=message.topic, retained=message.retained)
                return announced.decode(message.topic, payload, envelope)
            decoder, envelope = self._registry.of_message(
                message.topic, payload, message.received_ms, message.retained
            )
            return decoded(decoder, payload, envelope)
        except (PayloadRejected, NotFound) as error:
            return error


class Floods:
    """Counts messages above the allowance of their topic, and names each topic now and then."""

    def __init__(self, max_messages_per_s: int) -> None:
        self._limit = max_messages_per_s
        self._told_ms: dict[str, int] = {}
        self.refused = 0
        """Messages so far"""

    def note(self, messages: Sequence[Arrived], ledger: Ledger) -> None:
        """These are refused."""
        self.refused += len(messages)
        for topic, refused in Counter(message.topic for message in messages).items():
            received_ms = messages[-1].received_ms
            ledger.rejected(topic, self._problems(topic, received_ms), refused, received_ms)

    def _problems(self, topic: str, received_ms: int) -> list[Problem]:
        if received_ms - self._told_ms.get(topic, 0) < FLOOD_TOLD_EVERY_MS:
            return []
        if len(self._told_ms) >= MOST_FLOODS_TOLD:
            self._told_ms.clear()
        self._told_ms[topic] = received_ms
        expected = (
            f"at most {self._limit} messages a second of one topic; send readings in lists, or raise "
            "[mqtt] max_messages_per_s"
        )
        return [Problem("topic", "more messages than it may send", expected)]
