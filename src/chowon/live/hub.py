"""Who watches a site: a snapshot first, then numbered deltas; who falls behind gets a fresh snapshot."""

import asyncio
from dataclasses import dataclass, field, fields

import msgspec

from chowon.domain.quantities import I64
from chowon.live.view import Now

QUEUE_FRAMES = 64
"""Deltas that may wait for one client, some seconds' worth. When full, all are dropped for a snapshot."""
HEARTBEAT_MS = 30_000
"""A silent meter's watchers hear at least this often that the server is there."""

_encode = msgspec.json.Encoder().encode
_FIELDS = tuple(f.name for f in fields(Now))


@dataclass(slots=True, eq=False)
class Subscription:
    """One client's view of one site."""

    site: int
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE_FRAMES))
    behind: bool = False
    """deltas were dropped: only a snapshot helps"""

    def offer(self, frame: bytes) -> None:
        """Hand over a delta, or note that this client is too slow for it."""
        if self.behind:
            return
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.behind = True
            self.clear()
            self.queue.put_nowait(b"")

    def clear(self) -> None:
        """Forget all deltas that wait."""
        while not self.queue.empty():
            self.queue.get_nowait()


@dataclass(slots=True)
class _Watched:
    """A site that somebody watches."""

    sequence: int
    now: Now
    subscriptions: set[Subscription] = field(default_factory=set)


class Hub:
    """All subscriptions, by site. Lives on the event loop only."""

    def __init__(self) -> None:
        self._watched: dict[int, _Watched] = {}
        self.snapshots_forced = 0
        """clients that fell behind, since the start"""

    def sites(self) -> list[int]:
        """The sites that somebody watches."""
        return list(self._watched)

    def clients(self) -> int:
        """How many subscriptions there are."""
        return sum(len(w.subscriptions) for w in self._watched.values())

    def join(self, now: Now) -> Subscription:
        """Watch a site from its present state on."""
        watched = self._watched.setdefault(now.site, _Watched(0, now))
        subscription = Subscription(now.site)
        watched.subscriptions.add(subscription)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Stop watching."""
        watched = self._watched.get(subscription.site)
        if watched is not None:
            watched.subscriptions.discard(subscription)
            if not watched.subscriptions:
                del self._watched[subscription.site]

    def catch_up(self, subscription: Subscription) -> tuple[int, Now]:
        """(sequence, state) that the deltas which `subscription` gets from now on follow."""
        if subscription.behind:
            self.snapshots_forced += 1
        subscription.clear()
        subscription.behind = False
        watched = self._watched[subscription.site]
        return watched.sequence, watched.now

    def publish(self, now: Now, time_ms: I64, power_dw: I64) -> None:
        """Send what changed since the last time, and new samples, to all who watch the site."""
        watched = self._watched.get(now.site)
        if watched is None:
            return
        changed = {n: v for n in _FIELDS if (v := getattr(now, n)) != getattr(watched.now, n)}
        quiet = set(changed) <= {"time_ms"} and not len(time_ms)
        if quiet and now.time_ms - watched.now.time_ms < HEARTBEAT_MS:
            return
        watched.sequence += 1
        watched.now = now
        frame = _encode(
            {
                "type": "delta",
                "seq": watched.sequence,
                "now": changed,
                "samples": [[t, p / 10] for t, p in zip(time_ms.tolist(), power_dw.tolist(), strict=True)],
            }
        )
        for subscription in watched.subscriptions:
            subscription.offer(frame)


def snapshot_frame(sequence: int, now: Now, time_ms: I64, power_dw: I64) -> bytes:
    """The whole state and the last minutes of power, as the live socket sends it first."""
    recent = {"time_ms": time_ms.tolist(), "power_w": (power_dw / 10).tolist()}
    return _encode({"type": "snapshot", "seq": sequence, "now": now, "recent": recent})
