"""The bounded place between MQTT's network thread and the event loop."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message."""

    topic: str
    payload: bytes | None
    """None: above the allowance of its topic; only to be acknowledged"""
    mid: int
    qos: int
    connection: int
    """On which connection it came: its `mid` is worth something only there."""
    received_ms: int
    retained: bool = False
    """Kept by the broker from before we subscribed"""

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return 0 if self.payload is None else len(self.payload)


class Inbox:
    """Bounded, from the network thread to the event loop. Full: the network thread waits."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._messages: deque[Arrived] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._open = True
        self._wake: Callable[[], object] | None = None

    def attach(self, wake: Callable[[], object]) -> None:
        """wake: called from the network thread when there is something to take."""
        self._wake = wake

    def put(self, message: Arrived) -> None:
        """Blocks while full; after `close` the message is left to the broker."""
        with self._changed:
            while self._open and self._is_full(message.size):
                self._changed.wait()
            if not self._open:
                return
            self._messages.append(message)
            self._bytes += message.size
            if self._wake is not None:
                self._wake()

    def take(self) -> list[Arrived]:
        """Everything in it, oldest first."""
        with self._changed:
            taken = list(self._messages)
            self._empty()
            return taken

    def close(self) -> None:
        """Frees the network thread; what is inside is left to the broker."""
        with self._changed:
            self._open = False
            self._empty()

    def __len__(self) -> int:
        return len(self._messages)

    def _is_full(self, further_bytes: int) -> bool:
        many = len(self._messages) >= self._max_messages
        return bool(self._messages) and (many or self._bytes + further_bytes > self._max_bytes)

    def _empty(self) -> None:
        self._messages.clear()
        self._bytes = 0
        self._changed.notify_all()
