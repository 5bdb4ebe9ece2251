"""What a decoder is given and what it gives back: readings by name, as columns, and what was wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

import numpy as np

from chowon.domain.quantities import I32, I64, U32, Bools
from chowon.domain.readings import QUANTITIES, Readings, absent_of
from chowon.domain.sites import ChannelKey
from chowon.errors import Problem

Column: TypeAlias = I32 | I64

_NO_LEVELS: Final[Mapping[str, str]] = MappingProxyType({})
MAX_PROBLEMS: Final = 100
"""So many problems of one payload are named; all are counted."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the transport knows about a payload."""

    received_ms: int
    """When it came, ms UTC."""
    site: str | None = None
    """Set when the transport names the site (an MQTT topic): the payload need not, and may not disagree."""
    meter: str | None = None
    precision: str = "ns"
    """Unit of bare time stamps, for formats that leave it to the transport (Influx line protocol)."""
    topic: str | None = None
    levels: Mapping[str, str] = field(default_factory=lambda: _NO_LEVELS)
    """What the named levels of the topic's pattern hold, e.g. {"device": "shellyem3-1a2b"}"""
    retained: bool = False
    """The broker had kept this message: nobody knows how old it is."""
    hold_ms: int | None = None
    """How long a reading stands at most, for channels that become known by it; None: as is usual"""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of device that knows no site of ours; a person gives each its place."""

    name: str
    """As in keys, without "~": "shelly"."""
    title: str
    """As people call it: "Shelly (second generation and later)"."""
    hold_s: float
    """The longest silence that is no gap, to suggest: while all is well such devices speak more often."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """n good readings by name, and the problems of the others."""

    keys: tuple[ChannelKey, ...]
    """The channels that occur, each once."""
    key_index: U32
    """(n,) uint32, position in `keys`"""
    time_ms: I64
    """(n,) int64, ms since 1970 UTC"""
    columns: Mapping[str, Column]
    """Scaled columns (n,) by their name in readings.QUANTITIES; one that is not there is absent for all."""
    problems: tuple[Problem, ...] = ()
    """At most MAX_PROBLEMS of them, and one more that says how many are not shown."""
    rejected: int = 0
    """How many readings (or lines) were not kept."""

    def __len__(self) -> int:
        return len(self.time_ms)

    def readings(self, ids: U32) -> Readings:
        """The same readings with catalog ids for names. ids: (len(keys),) uint32."""
        return Readings(ids[self.key_index], self.time_ms, **self.columns)  # type: ignore[arg-type]

    def where(self, mask: Bools) -> "Decoded":
        """Only the readings of the mask; `keys`, problems and counts stay."""
        columns = {name: column[mask] for name, column in self.columns.items()}
        return Decoded(
            self.keys, self.key_index[mask], self.time_ms[mask], columns, self.problems, self.rejected
        )


class Decoder(Protocol):
    """One protocol. A module of this folder that has a `DECODER` of this shape is found by itself."""

    @property
    def name(self) -> str:
        """Short name, also the folder of its recordings under tests/recordings."""

    @property
    def content_types(self) -> tuple[str, ...]:
        """HTTP content types that it reads, lower case, without parameters."""

    @property
    def topics(self) -> tuple[str, ...]:
        """MQTT topics that it reads, e.g. "chowon/v1/{site}/{meter}"; {…} stands for one level."""

    @property
    def magic(self) -> bytes:
        """The first bytes of each payload, where formats share a topic; b"" reads what no other claims."""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """The good readings, and a problem for each bad one.

        Errors: PayloadRejected — the payload cannot be read at all. No other error, whatever the bytes.
        """


def nothing() -> Decoded:
    """A payload that has nothing to do with electricity, which is no fault."""
    return Decoded((), np.zeros(0, np.uint32), np.zeros(0, np.int64), {})


@dataclass(slots=True)
class Findings:
    """Collects problems while a payload is read: the first MAX_PROBLEMS are kept, all are counted."""

    kept: list[Problem] = field(default_factory=list)
    total: int = 0

    @property
    def room(self) -> int:
        """How many more problems will be kept."""
        return max(0, MAX_PROBLEMS - len(self.kept))

    def add(self, where: str, found: str, expected: str) -> None:
        """One more wrong thing."""
        self.total += 1
        if self.room > 0:
            self.kept.append(Problem(where, found, expected))

    def count(self, further: int) -> None:
        """Problems that are too many to be named."""
        self.total += further

    def problems(self) -> tuple[Problem, ...]:
        """The kept ones, and how many more there are."""
        if self.total <= len(self.kept):
            return tuple(self.kept)
        more = self.total - len(self.kept)
        return (*self.kept, Problem("payload", f"{more} more problems", "as said of the ones above"))


def joined(parts: Sequence[Decoded]) -> Decoded:
    """All parts as one, in order; equal keys of different parts become one."""
    if len(parts) == 1:
        return parts[0]
    position: dict[ChannelKey, int] = {}
    for part in parts:
        for key in part.keys:
            position.setdefault(key, len(position))
    moved = [np.array([position[key] for key in part.keys], np.uint32)[part.key_index] for part in parts]
    names = [name for name in QUANTITIES if any(name in part.columns for part in parts)]

    def column(name: str) -> Column:
        absent = absent_of(name)
        return np.concatenate(
            [c if (c := part.columns.get(name)) is not None else np.full(len(part), absent) for part in parts]
        )

    return Decoded(
        tuple(position),
        np.concatenate([np.zeros(0, np.uint32), *moved]),
        np.concatenate([np.zeros(0, np.int64), *(part.time_ms for part in parts)]),
        {name: column(name) for name in names},
        tuple(problem for part in parts for problem in part.problems),
        sum(part.rejected for part in parts),
    )
