"""What new readings change of the counters by the minute: for sealing."""

from dataclasses import dataclass

import numpy as np

from chowon.domain.counter_minutes import CounterMinutes
from chowon.domain.counters import Flow
from chowon.domain.quantities import MINUTE_MS
from chowon.domain.readings import Readings
from chowon.store.catalog.counter_times import CounterSpan
from chowon.store.counter_reading import CounterReader, counter_windows, recomputed_counters
from chowon.store.counter_rows import gone_counters, newest_counters
from chowon.store.counter_spans import spans_now
from chowon.store.counters import CounterSpans, with_counter
from chowon.store.recompute import Windows
from chowon.store.view import View


@dataclass(frozen=True, slots=True)
class CounterNews:
    """Rows to write, and what is to be noted of each channel."""

    rows: CounterMinutes
    spans: dict[int, CounterSpan | None]
    """None: there is nothing any more"""


def changed_counters(view: View, fresh: Readings, flow: Flow, known_spans: CounterSpans) -> CounterNews:
    """Of one flow. fresh: sorted, unique, and the tail of the view."""
    everyone = np.unique(fresh.channel)
    known = known_spans(flow, everyone) if flow in view.snapshot.kinds else {}
    ids = np.union1d(with_counter(fresh, flow), np.array(list(known), np.uint32)).astype(np.uint32)
    if not len(ids):
        return CounterNews(newest_counters([]), {})
    windows = counter_windows(fresh.where(np.isin(fresh.channel, ids)))
    rows = recomputed_counters(windows, view.raw, flow)
    spans = spans_now(CounterReader(view, flow), ids, known)
    news = {c: spans.get(c) for c in spans.keys() | known.keys() if known.get(c) != spans.get(c)}
    return CounterNews(newest_counters([_emptied(windows, rows, known), rows]), news)


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
