"""Telling an address that something happened: signed, in order, tried again, bounded.

The messages follow Standard Webhooks (standardwebhooks.com): `webhook-id`, `webhook-timestamp` (s) and
`webhook-signature`, "v1," and the base64 of HMAC-SHA256 over "id.timestamp.body". A secret "whsec_…" is
base64; any other is taken as it is.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import logging
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from chowon import __version__
from chowon.errors import Unavailable
from chowon.ingest.back_off import BackOff
from chowon.outward.http_post import post

MOST_WAITING: Final = 200
"""Events that may wait for one address; then the oldest go, and are counted."""
ATTEMPTS: Final = 13
"""At pauses of 1, 2, 4 … s about an hour; then the event is given up."""
LONGEST_PAUSE_S: Final = 1800.0
SHOWN: Final = 20
"""Last deliveries in /health."""
_MAY_WORK_LATER: Final = frozenset((408, 425, 429))
_encode: Final = msgspec.json.Encoder().encode
log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    kind: str
    """One of config.WebhookEvent"""
    time_ms: int
    data: Mapping[str, Any]
    """What the message says; amounts of money are strings"""
    id: str = field(default_factory=lambda: f"msg_{secrets.token_hex(12)}")
    """The same at each attempt: by it a receiver knows a repetition"""

    def body(self) -> bytes:
        """As it is sent."""
        at = datetime.fromtimestamp(self.time_ms / 1000, UTC).isoformat()
        return _encode({"type": self.kind, "timestamp": at, "data": self.data})


def signature(secret: str, event_id: str, timestamp_s: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    key = secret.encode()
    if secret.startswith("whsec_"):
        with contextlib.suppress(binascii.Error):
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = hmac.new(key, f"{event_id}.{timestamp_s}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


@dataclass(frozen=True, slots=True)
class HookSettings:
    """One address."""

    url: str
    events: frozenset[str]
    secret: str | None = field(default=None, repr=False)
    timeout_s: float = 10.0

    @property
    def shown(self) -> str:
        """The address without its path, which may hold a key."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/…"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt."""

    id: str
    event: str
    time_ms: int
    attempt: int
    status: int | None
    """What the address answered"""
    problem: str | None
    """Why it did not take it; None if it did"""


@dataclass(frozen=True, slots=True)
class HookStats:
    """An address at one moment."""

    address: str
    delivered: int
    given_up: int
    """events that it did not take after all attempts, or refused for good"""
    dropped: int
    """events that had to go because too many waited"""
    waiting: int
    deliveries: list[Delivery]
    """the last attempts, the newest first"""


class Clock(Protocol):
    """Time, as deliveries need it."""

    def now_ms(self) -> int:
        """ms since 1970 UTC"""

    async def pause(self, seconds: float) -> None:
        """Return so many seconds later."""


class Webhook:
    """The events on their way to one address, in order. `tell` never blocks."""

    def __init__(self, settings: HookSettings, clock: Clock) -> None:
        self.settings, self._clock = settings, clock
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()
        self._deliveries: deque[Delivery] = deque(maxlen=SHOWN)
        self.delivered = self.given_up = self.dropped = 0

    def tell(self, event: Event) -> None:
        """Deliver this, if the address wants to hear of such events."""
        if event.kind not in self.settings.events:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(event)
        self._news.set()

    def stats(self) -> HookStats:
        """Counts at this moment."""
        latest = list(reversed(self._deliveries))
        return HookStats(
            self.settings.shown, self.delivered, self.given_up, self.dropped, len(self._waiting), latest
        )

    async def run(self) -> None:
        """Belongs to the application's TaskGroup; until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._deliver(self._waiting.popleft())

    async def _deliver(self, event: Event) -> None:
        """Until the address takes it, refuses it for good, or was asked often enough."""
        body, back_off = event.body(), BackOff(1.0, LONGEST_PAUSE_S)
        for attempt in range(1, ATTEMPTS + 1):
            status, problem = await self._attempt(event, body)
            now_ms = self._clock.now_ms()
            self._deliveries.append(Delivery(event.id, event.kind, now_ms, attempt, status, problem))
            if problem is None:
                self.delivered += 1
                return
            log.warning("webhook %s: %s: %s", self.settings.shown, event.kind, problem)
            if status is not None and status < 500 and status not in _MAY_WORK_LATER:
                break
            if attempt < ATTEMPTS:
                await self._clock.pause(back_off.pause_s(0.0))
        self.given_up += 1

    async def _attempt(self, event: Event, body: bytes) -> tuple[int | None, str | None]:
        """(status, why it was not taken)"""
        timestamp_s = self._clock.now_ms() // 1000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"chowon/{__version__}",
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp_s),
        }
        if self.settings.secret is not None:
            headers["webhook-signature"] = signature(self.settings.secret, event.id, timestamp_s, body)
        try:
            status = await post(self.settings.url, headers, body, self.settings.timeout_s)
        except Unavailable as error:
            return None, str(error)
        except Exception as error:
            log.exception("webhook %s failed in a way that it should not", self.settings.shown)
            return None, f"a bug in chowon ({type(error).__name__}); its log says more"
        if 200 <= status < 300:
            return status, None
        where = "; set its new address" if 300 <= status < 400 else ""
        return status, f"the address answered {status}{where}"
