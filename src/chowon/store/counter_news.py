"""What new readings change of the counters by the minute: for sealing."""

from dataclasses import dataclass

import numpy as np

from chowon.domain.counter_minutes import CounterMinutes
from chowon.domain.counters import Flow
from chowon.domain.excursions import Rules
from chowon.domain.quantities import MINUTE_MS, U32
from chowon.domain.readings import Readings
from chowon.store.catalog.counter_times import CounterSpan
from chowon.store.counter_rows import gone_counters, newest_counters
from chowon.store.counters import (
    Counters,
    CounterSpans,
    counter_windows,
    leap,
    recomputed_counters,
    with_counter,
)
from chowon.store.recompute import Windows
from chowon.store.view import View


@dataclass(frozen=True, slots=True)
class CounterNews:
    """Rows to write, and what is to be noted of each channel."""

    rows: CounterMinutes
    spans: dict[int, CounterSpan]


def changed_counters(view: View, fresh: Readings, flow: Flow, known_spans: CounterSpans) -> CounterNews:
    """Of one flow. fresh: sorted, unique, and the tail of the view."""
    everyone = np.unique(fresh.channel)
    known = known_spans(flow, everyone) if flow in view.snapshot.kinds else {}
    ids = np.union1d(with_counter(fresh, flow), np.array(list(known), np.uint32)).astype(np.uint32)
    if not len(ids):
        return CounterNews(newest_counters([]), {})
    windows = counter_windows(fresh.where(np.isin(fresh.channel, ids)))
    rows = recomputed_counters(windows, view.raw, flow)
    spans = _spans(rows, known)
    late = _late(windows, known)
    if len(late):
        counters = Counters(view, known_spans, flow, Rules())
        leaps = counters.leaps(late, int(windows.start_ms.min()), int(windows.end_ms.max()))
        for channel, at_ms in leaps.items():
            span = spans.get(channel, known.get(channel))
            if span is not None:
                spans[channel] = span.joined(CounterSpan(at_ms, at_ms, span.last_milliwh, at_ms))
    return CounterNews(newest_counters([_emptied(windows, rows, known), rows]), spans)


def _spans(rows: CounterMinutes, known: dict[int, CounterSpan]) -> dict[int, CounterSpan]:
    """What the rows tell of each channel; a leap from what was known or from row to row is noted."""
    if not len(rows):
        return {}
    first = np.flatnonzero(np.append(True, rows.channel[1:] != rows.channel[:-1]))
    last = np.append(first[1:], len(rows)) - 1
    low, high = rows.low_milliwh.copy(), rows.high_milliwh.copy()
    earlier = np.append(rows.last_milliwh[:1], rows.last_milliwh[:-1])
    before = [known[c].last_milliwh if c in known else -1 for c in rows.channel[first].tolist()]
    earlier[first] = np.where(np.array(before) < 0, rows.last_milliwh[first], before)
    leaps = leap(np.minimum(low, earlier), np.maximum(high, earlier))
    found = {}
    for a, b in zip(first.tolist(), last.tolist(), strict=True):
        at = np.flatnonzero(leaps[a : b + 1])
        units_ms = None if not len(at) else int(rows.start_ms[a + int(at[0])])
        start_ms, last_ms = int(rows.start_ms[a]), int(rows.last_ms[b])
        span = CounterSpan(start_ms, last_ms, int(rows.last_milliwh[b]), units_ms)
        found[int(rows.channel[a])] = span
    return found


def _late(windows: Windows, known: dict[int, CounterSpan]) -> U32:
    """The channels with news of minutes before the newest that is known."""
    if not known:
        return np.zeros(0, np.uint32)
    newest = np.array([known[c].last_ms if c in known else -1 for c in windows.channel.tolist()], np.int64)
    return np.unique(windows.channel[windows.start_ms < newest // MINUTE_MS * MINUTE_MS])


def _emptied(windows: Windows, rows: CounterMinutes, known: dict[int, CounterSpan]) -> CounterMinutes:
    """Rows to say that a minute has none any more, where the lake may hold one."""
    channel, start_ms = windows.minutes()
    if not known or not len(channel):
        return newest_counters([])
    ids = np.array(sorted(known), np.uint32)
    newest = np.array([known[c].last_ms for c in ids.tolist()], np.int64)
    place = np.minimum(np.searchsorted(ids, channel), len(ids) - 1)
    sealed = (ids[place] == channel) & (start_ms <= newest[place])
    minute = Windows(rows.channel, rows.start_ms, rows.start_ms + MINUTE_MS)
    gone = sealed & ~minute.contain(channel, start_ms)
    return gone_counters(channel[gone], start_ms[gone])
