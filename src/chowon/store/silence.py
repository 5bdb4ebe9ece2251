"""Spans for which no sample of power stands."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from chowon.domain.energy import cut, held
from chowon.domain.quantities import I64, MINUTE_MS, U32
from chowon.domain.rollups import Rollup
from chowon.store.recompute import TIME_BITS, Fetch, Holds, Windows

Spans: TypeAlias = tuple[U32, I64, I64]
"""(n,) channel, start, end; ms UTC"""


def silences(spans: Spans, minutes: Rollup, fetch: Fetch, holds: Holds) -> Spans:
    """What of these spans (sorted by channel, one each) no sample stands for.

    minutes: the rows of these channels over all of that. A full minute needs no look at raw readings, and a
    minute without a row has none, so only the minutes in between are fetched.
    """
    channel, begin_ms, end_ms = spans
    full = minutes.covered_ms == MINUTE_MS
    partial = Windows(minutes.channel[~full], minutes.start_ms[~full], minutes.start_ms[~full] + MINUTE_MS)
    parts = [
        (channel, begin_ms, begin_ms),
        (minutes.channel[full], minutes.start_ms[full], minutes.start_ms[full] + MINUTE_MS),
        *((who, at, at + held_ms) for who, at, held_ms in _pieces(partial, fetch, holds)),
        (channel, end_ms, end_ms),
    ]
    whose, start, stop = (np.concatenate([part[n] for part in parts]) for n in range(3))
    rank = np.searchsorted(channel, whose)
    start, stop = (np.clip(at, begin_ms[rank], end_ms[rank]) for at in (start, stop))
    return _between(channel, rank, start, stop)


def _pieces(windows: Windows, fetch: Fetch, holds: Holds) -> Sequence[Spans]:
    """(channel, start, length) of whatever stands in these minutes."""
    found = []
    for day in windows.days():
        channels = np.unique(day.channel)
        margin_ms = int(holds(channels).max())
        raw = fetch(channels, int(day.start_ms.min()) - margin_ms, int(day.end_ms.max()) + margin_ms)
        pieces = cut(held(raw, holds(raw.channel)), MINUTE_MS)
        inside = day.contain(pieces.channel, pieces.time_ms)
        found.append((pieces.channel[inside], pieces.time_ms[inside], pieces.held_ms[inside]))
    return found


def _between(channel: U32, rank: I64, start: I64, stop: I64) -> Spans:
    """What lies between the pieces of each channel; pieces in any order, they may overlap."""
    order = np.lexsort((stop, start, rank))
    rank, start, stop = rank[order], start[order], stop[order]
    heard_until = np.maximum.accumulate((rank << TIME_BITS) + stop)[:-1] - (rank[:-1] << TIME_BITS)
    silent = (rank[1:] == rank[:-1]) & (start[1:] > heard_until)
    return channel[rank[1:][silent]], heard_until[silent], start[1:][silent]
