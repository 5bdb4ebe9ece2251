"""What is known of each channel's counter at one moment: that of the lake, with what came since.

Readings that go on from the newest one need nothing but that. A reading at or before it may part two that
stood beside each other, or take away the one between two others, so the rows around it are read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from chowon.domain.counter_minutes import CounterMinutes, counter_minutes
from chowon.domain.counters import leaps
from chowon.domain.excursions import Rules
from chowon.domain.quantities import MINUTE_MS, U32
from chowon.domain.readings import Readings, latest
from chowon.store.catalog.counter_times import CounterSpan
from chowon.store.counter_reading import CounterReader, counter_windows
from chowon.store.recompute import Windows

_REACH_MS: Final = Rules().reach_ms
"""Only the nearest rows are looked for, so that any span would do."""


def spans_now(reader: CounterReader, ids: U32, sealed: Mapping[int, CounterSpan]) -> dict[int, CounterSpan]:
    """Of those of these channels (sorted) that have such a counter. sealed: what the lake holds of them."""
    found = dict(sealed)
    tail = reader.view.tail
    if not found and (tail.import_milliwh if reader.flow == "import" else tail.export_milliwh) is None:
        return {}
    fresh = latest(tail.where(np.isin(tail.channel, ids)))
    late = _late(fresh, found)
    rows = counter_minutes(fresh, reader.flow)
    for channel, mine in _each(rows):
        known = found.get(channel)
        if known is None or channel not in late:
            found[channel] = _gone_on(mine, known)
        else:
            first_ms, last_ms = int(mine.start_ms[0]), int(mine.last_ms[-1])
            found[channel] = known.stretched(first_ms, last_ms)
    if late:
        mine_too = np.isin(fresh.channel, np.array(sorted(late), np.uint32))
        for windows in _by_month(counter_windows(fresh.where(mine_too))):
            seen = _looked_at(reader, windows, found)
            for channel in np.unique(windows.channel).tolist():
                found.pop(channel, None)
            found |= seen
    return found


def spans_anew(reader: CounterReader, channel: int, known: CounterSpan) -> CounterSpan:
    """Of one channel, from all its rows."""
    start_ms = known.first_ms // MINUTE_MS * MINUTE_MS
    rows = reader.rows(
        np.array([channel], np.uint32), start_ms, known.last_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS
    )
    return _gone_on(rows, None) if len(rows) else replace(known, leaps_ms=())


def _late(fresh: Readings, known: Mapping[int, CounterSpan]) -> set[int]:
    """The channels with news that the newest row that is known, with the one before, does not tell of."""
    if not known:
        return set()
    ids = np.unique(fresh.channel)
    since_ms = np.array([known[c].told_until_ms if c in known else -1 for c in ids.tolist()], np.int64)
    early = fresh.time_ms <= since_ms[np.searchsorted(ids, fresh.channel)]
    return set(np.unique(fresh.channel[early]).tolist())


def _gone_on(rows: CounterMinutes, known: CounterSpan | None) -> CounterSpan:
    """With these rows of one channel, after all that was known; the first one may be its newest minute."""
    start_ms = int(rows.start_ms[0])
    before: list[int] = []
    noted: tuple[int, ...] = ()
    first_ms = start_ms
    if known is not None:
        first_ms = min(first_ms, known.first_ms)
        noted = tuple(ms for ms in known.leaps_ms if ms < start_ms)
        previous = known.last_milliwh if start_ms > known.last_ms else known.before_milliwh
        before = [] if previous is None else [previous]
    values = np.array([*before, *rows.last_milliwh.tolist()], np.int64)
    return CounterSpan(
        first_ms=first_ms,
        last_ms=int(rows.last_ms[-1]),
        last_milliwh=int(values[-1]),
        before_milliwh=int(values[-2]) if len(values) > 1 else None,
        leaps_ms=(*noted, *_leaps(rows.start_ms[1 - len(before) :], values)),
    )


def _looked_at(
    reader: CounterReader, windows: Windows, spans: Mapping[int, CounterSpan]
) -> dict[int, CounterSpan]:
    """Where any row of these windows may have changed: what all rows in and around them tell."""
    ids = np.array([c for c in np.unique(windows.channel).tolist() if c in spans], np.uint32)
    start_ms, end_ms = int(windows.start_ms.min()), int(windows.end_ms.max())
    found = {}
    for channel, rows in _each(reader.around(ids, start_ms, end_ms, spans, _REACH_MS, _REACH_MS)):
        span, values = spans[channel], rows.last_milliwh
        low, high = int(rows.start_ms[0]), int(rows.start_ms[-1])
        newest = span.last_ms < end_ms + _REACH_MS or span.last_ms <= int(rows.last_ms[-1])
        older = [ms for ms in span.leaps_ms if ms <= low] if low < start_ms else []
        newer = [] if newest else [ms for ms in span.leaps_ms if ms > high]
        noted = (*older, *_leaps(rows.start_ms[1:], values), *newer)
        last = (span.last_ms, span.last_milliwh, span.before_milliwh)
        if newest:
            last = (int(rows.last_ms[-1]), int(values[-1]), int(values[-2]) if len(rows) > 1 else None)
        found[channel] = CounterSpan(span.first_ms, *last, noted)
    return found


def _leaps(start_ms: np.ndarray, values: np.ndarray) -> list[int]:
    """Of the minutes (n,) those in which a unit may have changed since the value before. values: (n + 1,)"""
    found: list[int] = start_ms[leaps(values[:-1], values[1:])].tolist()
    return found


def _by_month(windows: Windows) -> Iterator[Windows]:
    """Those that begin in one UTC month together."""
    month = windows.start_ms.astype("datetime64[ms]").astype("datetime64[M]")
    for one in np.unique(month):
        some = month == one
        yield Windows(windows.channel[some], windows.start_ms[some], windows.end_ms[some])


def _each(rows: CounterMinutes) -> Iterator[tuple[int, CounterMinutes]]:
    """Each channel's rows."""
    channels, starts = np.unique(rows.channel, return_index=True)
    for channel, (start, end) in zip(channels.tolist(), pairwise([*starts.tolist(), len(rows)]), strict=True):
        yield channel, rows.where(np.arange(start, end))
