"""What people saw run in a home, and when: from that its own machines are learnt."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from chowon.domain.quantities import DAY_MS, HOUR_MS, MINUTE_MS
from chowon.errors import BadInput

LONGEST_MS: Final = 12 * HOUR_MS
"""Of a longer one nobody has seen when it began and when it ended"""
MOST: Final = 60
"""So many of a kind and site are kept"""
REACH_MS: Final = 92 * DAY_MS
"""A run teaches no more once one of its kind was seen that ended so much later: machines are replaced"""
LEAST_TAUGHT: Final = 3
"""From so many runs on a kind is told of a home though it is told of no other"""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What a person saw: appliances of this kind ran, or did not run, in [start, end).

    Errors: BadInput where that is shorter than a minute, longer than `LONGEST_MS` or not in whole minutes.
    """

    kind: str
    start_ms: int
    """UTC, whole minutes, as its end"""
    end_ms: int
    ran: bool = True

    def __post_init__(self) -> None:
        if self.start_ms % MINUTE_MS or self.end_ms % MINUTE_MS:
            raise BadInput(f"start_ms, end_ms: {self.start_ms} to {self.end_ms}; expected whole minutes")
        if not MINUTE_MS <= self.end_ms - self.start_ms <= LONGEST_MS:
            raise BadInput(
                f"{self.kind}: {(self.end_ms - self.start_ms) / MINUTE_MS:g} minutes; expected 1 to "
                f"{LONGEST_MS // MINUTE_MS}, from the minute in which it began to the one in which it ended"
            )


@dataclass(frozen=True, slots=True)
class KeptWitness:
    """The same as it is kept."""

    id: int
    witnessed: Witnessed
    by: str
    """Who said it"""
    made_ms: int


def still_teaching(seen: Iterable[Witnessed]) -> list[Witnessed]:
    """Those that no newer one of their kind has made obsolete, in their order."""
    newest: dict[str, int] = {}
    for one in (seen := list(seen)):
        newest[one.kind] = max(one.end_ms, newest.get(one.kind, one.end_ms))
    return [one for one in seen if newest[one.kind] - one.end_ms < REACH_MS]


def mark_of_seen(seen: Iterable[Witnessed]) -> str:
    """8 characters that are others for other runs, in whatever order they are; none where there are none."""
    said = sorted((one.kind, one.start_ms, one.end_ms, one.ran) for one in seen)
    return hashlib.blake2b(repr(said).encode(), digest_size=4).hexdigest() if said else ""
