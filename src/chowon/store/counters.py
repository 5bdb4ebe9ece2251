"""What counters count, read from lake and journal: as much around a question as its answer depends on.

A step depends on the readings within three times `Rules.reach_ms` of it, and it begins and ends wherever
the counter was last and next read, however far away that is. So a question reads four times the reach to
either side; of a channel that was silent there it goes on to the nearest minute with a reading, and as far
again beyond. Where readings are passed over, it reads seven times: the reading before may itself be one of
those. A channel whose unit may have changed is read from the reading before that on.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from chowon.domain.counter_minutes import CounterMinutes, counter_minutes
from chowon.domain.counters import NO_OVERRIDES, UNITS, Counted, Counts, Flow, Overrides, counted, counts_of
from chowon.domain.excursions import Rules
from chowon.domain.quantities import DAY_MS, I64, QUARTER_MS, U32, Bools
from chowon.domain.readings import Readings, latest
from chowon.domain.settle import Groups, groups
from chowon.store.catalog.counter_times import CounterSpan
from chowon.store.counter_rows import counters_of_table, newest_counters, present
from chowon.store.recompute import Fetch, Windows, touched
from chowon.store.view import View

CounterSpans: TypeAlias = Callable[[Flow, U32], dict[int, CounterSpan]]
"""What the lake holds of a flow's counters, of those of these channels that have one."""
_MARGIN: Final = 4
"""Times the reach: three that a step depends on, one to find a reading in."""
_TROUBLED: Final = 7
"""Three more that are passed over."""
_FOREVER_MS: Final = 2**42


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


def leap(low: I64, high: I64) -> Bools:
    """(n,) whether two values are so far apart that a unit may have changed."""
    found: Bools = (low > 0) & (high // (UNITS // 2) >= low)
    return found


def with_counter(readings: Readings, flow: Flow) -> U32:
    """The channels that tell this counter in these readings, sorted."""
    column = readings.import_milliwh if flow == "import" else readings.export_milliwh
    if column is None:
        return np.zeros(0, np.uint32)
    return np.unique(counts_of(readings, flow).channel)


class Counters:
    """One flow's counters at one moment."""

    def __init__(
        self,
        view: View,
        spans: CounterSpans,
        flow: Flow,
        rules: Rules,
        overrides: Overrides = NO_OVERRIDES,
    ) -> None:
        self._view, self._spans, self._flow, self._rules = view, spans, flow, rules
        self._overrides = overrides

    def known(self, ids: U32) -> dict[int, CounterSpan]:
        """The spans of those of these channels (sorted) that have such a counter, as far as it matters."""
        sealed = self._flow in self._view.snapshot.kinds
        found = self._spans(self._flow, ids) if sealed else {}
        tail = self._view.tail
        fresh = counts_of(tail.where(np.isin(tail.channel, ids)), self._flow)
        if len(fresh):
            channels, at = np.unique(fresh.channel, return_inverse=True)
            first = np.full(len(channels), _FOREVER_MS)
            last = np.zeros(len(channels), np.int64)
            np.minimum.at(first, at, fresh.time_ms)
            np.maximum.at(last, at, fresh.time_ms)
            leaps = _leaps(fresh, channels, at, found)
            limits = zip(channels.tolist(), first.tolist(), last.tolist(), leaps.tolist(), strict=True)
            for channel, low, high, leapt in limits:
                span = CounterSpan(low, high, 0, low if leapt else None)
                found[channel] = found[channel].joined(span) if channel in found else span
        return found

    def rows(self, ids: U32, start_ms: int, end_ms: int) -> CounterMinutes:
        """The minutes of these channels (sorted) in [start, end), whole minutes, lake and journal."""
        if not len(ids) or start_ms >= end_ms:
            return newest_counters([])
        view = self._view
        files = view.snapshot.overlapping(self._flow, ids, start_ms, end_ms)
        parts = [counters_of_table(view.lake.read(file, ids, start_ms, end_ms)) for file in files]
        sealed = newest_counters(parts)
        fresh = latest(view.tail_of(ids, start_ms, end_ms))
        if not len(fresh):
            return present(sealed)
        windows = counter_windows(fresh)
        kept = sealed.where(~windows.contain(sealed.channel, sealed.start_ms))
        return present(newest_counters([kept, recomputed_counters(windows, view.raw, self._flow)]))

    def counted(self, ids: U32, start_ms: int, end_ms: int) -> Counted:
        """Steps and decisions of these channels (sorted); those that touch [start, end) are right."""
        spans = self.known(ids)
        ids = ids[np.isin(ids, np.array(list(spans), np.uint32))]
        rows = self._around(ids, start_ms, end_ms, spans, _MARGIN)
        found = counted(rows.counts, self._rules, self._overrides)
        if not found.decisions:
            return found
        troubled = np.unique(np.array([d.channel for d in found.decisions], np.uint32))
        more = self._around(troubled, start_ms, end_ms, spans, _TROUBLED)
        return counted(newest_counters([rows, more]).counts, self._rules, self._overrides)

    def leaps(self, ids: U32, start_ms: int, end_ms: int) -> dict[int, int]:
        """Where, in or around [start, end), the value of each channel leaps first as if its unit changed."""
        rows = self._around(ids, start_ms, end_ms, self.known(ids), _MARGIN)
        low, high = rows.last_milliwh[:-1], rows.last_milliwh[1:]
        far = (rows.channel[1:] == rows.channel[:-1]) & leap(np.minimum(low, high), np.maximum(low, high))
        channels, at = np.unique(rows.channel[:-1][far], return_index=True)
        return dict(zip(channels.tolist(), rows.start_ms[:-1][far][at].tolist(), strict=True))

    def groups(self, ids: U32, start_ms: int, end_ms: int) -> Groups:
        """The groups of these channels (sorted) that overlap [start, end), each of them whole."""
        found = groups(self.counted(ids, start_ms, end_ms).steps)
        return found.where((found.start_ms < end_ms) & (found.end_ms > start_ms))

    def _around(
        self, ids: U32, start_ms: int, end_ms: int, spans: dict[int, CounterSpan], margin: int
    ) -> CounterMinutes:
        """What steps in [start, end) of channels that have such a counter depend on."""
        reach_ms = self._rules.reach_ms
        margin_ms = margin * reach_ms
        first, end = _quarters(start_ms, end_ms)
        low, high = first - margin_ms, end + margin_ms
        parts = [self.rows(ids, low, high)]
        rows = parts[0]
        inner = (rows.start_ms >= first - reach_ms) & (rows.start_ms < first)
        silent = _without(ids, rows.where(inner))
        older = [c for c in silent.tolist() if spans[c].first_ms < first - reach_ms]
        since = self._nearest(np.array(older, np.uint32), first - reach_ms, before=True)
        for channel, before_ms in self._units_known(ids, spans, first).items():
            since[channel] = min(since.get(channel, before_ms), before_ms)
        parts += self._more(since, lambda at: (at - margin_ms, low))
        inner = (rows.start_ms >= end) & (rows.start_ms < end + reach_ms)
        silent = _without(ids, rows.where(inner))
        newer = [c for c in silent.tolist() if spans[c].last_ms >= end + reach_ms]
        until = self._nearest(np.array(newer, np.uint32), end + reach_ms, before=False)
        parts += self._more(until, lambda at: (high, at + margin_ms))
        return newest_counters(parts)

    def _units_known(self, ids: U32, spans: dict[int, CounterSpan], first_ms: int) -> dict[int, int]:
        """The last minute before each channel's unit may have changed, where it did before `first_ms`."""
        found = {}
        for channel in ids.tolist():
            units_ms = spans[channel].units_ms
            if units_ms is not None and units_ms < first_ms:
                alone = np.array([channel], np.uint32)
                found[channel] = self._nearest(alone, units_ms, before=True).get(channel, units_ms)
        return found

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
        spans = {np.datetime64(f.span, "M") for f in self._view.snapshot.files if f.kind == self._flow}
        day = self._view.tail.time_ms // DAY_MS
        turns = np.flatnonzero(
            np.append(True, day[1:] != day[:-1])[: len(day)]
        )  # mostly in order: no sorting
        told = np.unique(day[turns]).astype("datetime64[D]").astype("datetime64[M]")
        months = sorted(spans | set(told), reverse=before)
        limits = [tuple((m + n).astype("datetime64[ms]").astype(int).item() for n in (0, 1)) for m in months]
        if before:
            return [(start, min(end, at_ms)) for start, end in limits if start < at_ms]
        return [(max(start, at_ms), end) for start, end in limits if end > at_ms]


def _leaps(fresh: Counts, channels: U32, at: I64, known: dict[int, CounterSpan]) -> Bools:
    """Whether the unit of each channel may have changed among these counts, or since what is known."""
    before = np.array([known[c].last_milliwh if c in known else 0 for c in channels.tolist()], np.int64)
    low, high = np.where(before > 0, before, 2**62), before.copy()
    some = fresh.value_milliwh > 0
    np.minimum.at(low, at[some], fresh.value_milliwh[some])
    np.maximum.at(high, at[some], fresh.value_milliwh[some])
    return leap(low, high)


def _quarters(start_ms: int, end_ms: int) -> tuple[int, int]:
    """The whole quarters of an hour that hold [start, end)."""
    return start_ms // QUARTER_MS * QUARTER_MS, -(-end_ms // QUARTER_MS) * QUARTER_MS


def _without(ids: U32, rows: CounterMinutes) -> U32:
    """The channels that have no row."""
    return ids[~np.isin(ids, rows.channel)]
