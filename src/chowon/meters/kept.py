"""What a device has kept of its own while nobody listened: what to ask it, and how to read the answer.

One file a family, `<family>_kept.py` with a `KEEPER`; `registry.keepers` finds it. Everything here is pure:
who asks, when, and how long to wait for an answer is in ingest/backfill.py.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from chowon.meters.decoded import Decoded, Envelope, Family


@dataclass(frozen=True, slots=True)
class Block:
    """A run of stored intervals without a gap."""

    start_ms: int
    period_ms: int
    count: int

    @property
    def end_ms(self) -> int:
        """Where its last interval ends."""
        return self.start_ms + self.count * self.period_ms


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of what one store of a device holds."""

    store: str
    """As the family calls it: "emdata:0\""""
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Question:
    """One message to a device, and how its answer is known among all that may come."""

    topic: str
    payload: bytes
    answer_topic: str
    answered_by: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, by a name of one topic level, and the number of this question."""

    name: str
    number: int
    """int31, not used lately and not to be guessed"""


@dataclass(frozen=True, slots=True)
class Listed:
    """Which intervals a store holds, as far as this answer tells."""

    blocks: tuple[Block, ...]
    next_ms: int | None
    """From where to ask on; None at the end"""


@dataclass(frozen=True, slots=True)
class Kept:
    """Stored intervals of one length: a reading of mean power each, stamped where its interval begins."""

    readings: Decoded
    interval_ms: int


@dataclass(frozen=True, slots=True)
class Page:
    """The intervals of one answer."""

    kept: tuple[Kept, ...]
    next_ms: int | None
    """From where to ask on; None at the end"""


class Keeper(Protocol):
    """One family. Errors of both readers: PayloadRejected; NotFound, the device has no such store;
    MeterUnavailable, it says that it cannot answer now.
    """

    @property
    def family(self) -> Family:
        """Whose devices these are."""

    @property
    def kept_ms(self) -> int:
        """For how long a device keeps anything, at most."""

    def address(self, topic: str) -> str | None:
        """Where a device that published on this topic is asked; None where that doesn't tell."""

    def stores(self, channels: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """The stores in which these channels of a device may be kept, each with its channels."""

    def question(self, address: str, wanted: Wanted, asker: Asker, *, listing: bool) -> Question:
        """Asks for the intervals of `wanted`; listing: which of them there are, from its start."""

    def listed(self, payload: bytes) -> Listed:
        """The answer to a listing."""

    def page(self, payload: bytes, wanted: Wanted, device: str, envelope: Envelope) -> Page:
        """The answer to the other question; it may hold more than was asked for."""
