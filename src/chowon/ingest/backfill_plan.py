"""Which spans a device is asked for: gaps of its channels, as far as it has them, in parts of two hours."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np

from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from chowon.domain.sites import ChannelKey, Placement
from chowon.ingest.backfill_fit import Spans
from chowon.meters.kept import Block
from chowon.ports import BackfillBook, History

WINDOW_MS: Final = 2 * HOUR_MS
"""Asked for at once: an answer of so many minutes stays below what brokers let through."""
NEAR_MS: Final = 10 * MINUTE_MS
"""Gaps so close to each other are asked for together."""
SHORTEST_GAP_MS: Final = MINUTE_MS
"""No device keeps shorter intervals."""

Window: TypeAlias = tuple[int, int]
"""Start and end, ms UTC"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is missing of the channels that one store of a device may hold."""

    placed: Mapping[ChannelKey, Placement]
    gaps: Mapping[ChannelKey, Spans]
    """Of the channels that have some"""
    newest_ms: Mapping[ChannelKey, int]
    """Up to where gaps were looked for: each channel's newest reading, or now if that lies ahead"""

    @property
    def holds_ms(self) -> dict[ChannelKey, int]:
        """The hold of each channel."""
        return {key: p.channel.hold_ms for key, p in self.placed.items() if p.channel is not None}


def planned(
    placed: Sequence[Placement], history: History, book: BackfillBook, now_ms: int, kept_ms: int
) -> Plan:
    """What to ask for. placed: those of one store that feed a channel. kept_ms: how far back there is any.

    Errors: Damaged, StoreUnavailable.
    """
    through = book.through(placed, now_ms)
    ids = [p.channel.id for p in placed if p.channel is not None]
    newest = history.last_times(ids)
    from_ms = max(min(through), now_ms - kept_ms)
    channel, starts, ends = history.gaps(ids, from_ms, max(newest.values(), default=from_ms))
    gaps, reached = {}, {}
    for placement, through_ms, channel_id in zip(placed, through, ids, strict=True):
        if channel_id not in newest:
            continue
        newest_ms = reached[placement.key] = min(newest[channel_id], now_ms)
        mine = channel == channel_id
        start = np.maximum(starts[mine], through_ms)
        end = np.minimum(ends[mine], newest_ms)
        worth = end - start >= SHORTEST_GAP_MS
        if worth.any():
            gaps[placement.key] = (start[worth], end[worth])
    return Plan({p.key: p for p in placed}, gaps, reached)


def windows(gaps: Iterable[Spans], blocks: Sequence[Block]) -> list[Window]:
    """What to ask for in one go each, oldest first: where there are both gaps and stored intervals."""
    missing = [span for starts, ends in gaps for span in zip(starts.tolist(), ends.tolist(), strict=True)]
    wanted = _overlaps(_merged(missing), _merged([(b.start_ms, b.end_ms) for b in blocks]))
    return [part for start, end in wanted for part in pairwise([*range(start, end, WINDOW_MS), end])]


def _merged(spans: Iterable[Window]) -> list[Window]:
    """Sorted; those that are near each other as one."""
    found: list[Window] = []
    for start, end in sorted(spans):
        if found and start - found[-1][1] <= NEAR_MS:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _overlaps(one: Sequence[Window], other: Sequence[Window]) -> list[Window]:
    """What lies in both; each sorted and without overlaps."""
    found, n, m = [], 0, 0
    while n < len(one) and m < len(other):
        start, end = max(one[n][0], other[m][0]), min(one[n][1], other[m][1])
        if start < end:
            found.append((start, end))
        if one[n][1] < other[m][1]:
            n += 1
        else:
            m += 1
    return found
