"""Rows of one flow's counters, from lake and journal: of a span, and as far around it as is needed.

What a counter showed last before a span, or next after it, may lie any time away: then it goes on to the
nearest minute with a reading, a month at a time.
"""

from collections.abc import Callable, Mapping

import numpy as np

from chowon.domain.counter_minutes import CounterMinutes, counter_minutes
from chowon.domain.counters import Flow
from chowon.domain.quantities import DAY_MS, QUARTER_MS, U32
from chowon.domain.readings import Readings, latest
from chowon.store.catalog.counter_times import CounterSpan
from chowon.store.counter_rows import counters_of_table, newest_counters, present
from chowon.store.recompute import Fetch, Windows, touched
from chowon.store.view import View


def counter_windows(fresh: Readings) -> Windows:
    """The minutes of these readings (sorted): no other row of a counter can have changed."""
    return touched(fresh, lambda channel: np.zeros(len(channel), np.int64))


def recomputed_counters(windows: Windows, fetch: Fetch, flow: Flow) -> CounterMinutes:
    """The rows of all minutes in the windows that have one."""
    parts = []
    for day in windows.days():
        raw = fetch(np.unique(day.channel), int(day.start_ms.min()), int(day.end_ms.max()))
        rows = counter_minutes(raw, flow)
        parts.append(rows.where(day.contain(rows.channel, rows.start_ms)))
    return newest_counters(parts)


class CounterReader:
    """One flow's counters by the minute at one moment."""

    def __init__(self, view: View, flow: Flow) -> None:
        self.view, self.flow = view, flow

    def rows(self, ids: U32, start_ms: int, end_ms: int) -> CounterMinutes:
        """The minutes of these channels (sorted) in [start, end), whole minutes, lake and journal."""
        if not len(ids) or start_ms >= end_ms:
            return newest_counters([])
        view = self.view
        files = view.snapshot.overlapping(self.flow, ids, start_ms, end_ms)
        parts = [counters_of_table(view.lake.read(file, ids, start_ms, end_ms)) for file in files]
        sealed = newest_counters(parts)
        fresh = latest(view.tail_of(ids, start_ms, end_ms))
        if not len(fresh):
            return present(sealed)
        windows = counter_windows(fresh)
        kept = sealed.where(~windows.contain(sealed.channel, sealed.start_ms))
        return present(newest_counters([kept, recomputed_counters(windows, view.raw, self.flow)]))

    def around(
        self,
        ids: U32,
        start_ms: int,
        end_ms: int,
        spans: Mapping[int, CounterSpan],
        reach_ms: int,
        margin_ms: int,
    ) -> CounterMinutes:
        """The rows in [start, end) of channels that have such a counter, and so much more to either side.

        Of a channel that is silent in reach of a side, it is as much beyond the nearest row there. The rows
        of a channel are all that it has between its first and its last one.
        """
        if not len(ids):
            return newest_counters([])
        first, end = _quarters(start_ms, end_ms)
        low, high = first - margin_ms, end + margin_ms
        parts = [self.rows(ids, low, high)]
        rows = parts[0]
        inner = (rows.start_ms >= first - reach_ms) & (rows.start_ms < first)
        silent = _without(ids, rows.where(inner))
        older = [c for c in silent.tolist() if spans[c].first_ms < first - reach_ms]
        since = self._nearest(np.array(older, np.uint32), first - reach_ms, before=True)
        parts += self._more(since, lambda at: (at - margin_ms, low))
        inner = (rows.start_ms >= end) & (rows.start_ms < end + reach_ms)
        silent = _without(ids, rows.where(inner))
        newer = [c for c in silent.tolist() if spans[c].last_ms >= end + reach_ms]
        until = self._nearest(np.array(newer, np.uint32), end + reach_ms, before=False)
        parts += self._more(until, lambda at: (high, at + margin_ms))
        return newest_counters(parts)

    def _more(self, places: dict[int, int], span: Callable[[int], tuple[int, int]]) -> list[CounterMinutes]:
        """More rows of each of these channels: the span that goes with its place."""
        by_span: dict[tuple[int, int], list[int]] = {}
        for channel, at in places.items():
            by_span.setdefault(span(at // QUARTER_MS * QUARTER_MS), []).append(channel)
        return [
            self.rows(np.array(sorted(channels), np.uint32), start, end)
            for (start, end), channels in by_span.items()
        ]

    def _nearest(self, ids: U32, at_ms: int, *, before: bool) -> dict[int, int]:
        """The start of the newest minute before `at_ms` (or the oldest from then on), a month at a time."""
        found: dict[int, int] = {}
        for start, end in self._months(at_ms, before=before):
            left = np.array([c for c in ids.tolist() if c not in found], np.uint32)
            if not len(left):
                break
            rows = self.rows(left, start, end)
            if not len(rows):
                continue
            channels, at = np.unique(rows.channel, return_index=True)
            if before:
                at = np.append(at[1:], len(rows)) - 1
            found |= dict(zip(channels.tolist(), rows.start_ms[at].tolist(), strict=True))
        return found

    def _months(self, at_ms: int, *, before: bool) -> list[tuple[int, int]]:
        """The months in which there may be rows before, or from, this instant; the nearest first."""
        spans = {np.datetime64(f.span, "M") for f in self.view.snapshot.files if f.kind == self.flow}
        day = self.view.tail.time_ms // DAY_MS
        turns = np.flatnonzero(
            np.append(True, day[1:] != day[:-1])[: len(day)]
        )  # mostly in order: no sorting
        told = np.unique(day[turns]).astype("datetime64[D]").astype("datetime64[M]")
        months = sorted(spans | set(told), reverse=before)
        limits = [tuple((m + n).astype("datetime64[ms]").astype(int).item() for n in (0, 1)) for m in months]
        if before:
            return [(start, min(end, at_ms)) for start, end in limits if start < at_ms]
        return [(max(start, at_ms), end) for start, end in limits if end > at_ms]


def _quarters(start_ms: int, end_ms: int) -> tuple[int, int]:
    """The whole quarters of an hour that hold [start, end)."""
    return start_ms // QUARTER_MS * QUARTER_MS, -(-end_ms // QUARTER_MS) * QUARTER_MS


def _without(ids: U32, rows: CounterMinutes) -> U32:
    """The channels that have no row."""
    return ids[~np.isin(ids, rows.channel)]
