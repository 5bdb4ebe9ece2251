"""What was measured, from lake and journal together; implements ports.History.

Energy is settled by the meters' own counters where there are any: domain.settle, store.counters.
Files are read by row group through pyarrow: their footers are remembered and say which groups to read, which
was several times quicker than a query engine over the same files (docs/decisions/0002). Rollups are kept by
the minute; coarser ones are summed from them when they are asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from chowon.domain.clock import day_starts_ms, local_day, midnight_ms
from chowon.domain.corrections import Correction, corrected, extent, overrides, rules_of
from chowon.domain.counters import FLOWS, Decision, Flow
from chowon.domain.excursions import Rules
from chowon.domain.quantities import DAY_MS, HOUR_MS, I64, MINUTE_MS, QUARTER_MS, U32
from chowon.domain.readings import Readings, latest
from chowon.domain.rollups import Rollup, regroup
from chowon.domain.settle import Groups, settled, together
from chowon.errors import BadInput, Damaged, shortened
from chowon.ports import Resolution
from chowon.store.columns import NO_ROW_MS, joined, newest, rows_where
from chowon.store.counters import Counters, CounterSpans
from chowon.store.recompute import Holds, recomputed, touched
from chowon.store.silence import Spans, silences
from chowon.store.view import ATTEMPTS, View, Views

_LAST: Final = 2**62
"""The id of a correction that is not made yet: after all others"""
_BUCKET_MS: Final[dict[Resolution, int]] = {"1min": MINUTE_MS, "15min": QUARTER_MS, "1h": HOUR_MS}
_Answer = TypeVar("_Answer")


class LakeHistory:
    """Answers from one consistent moment each. Thread-safe.

    Errors of every question: Damaged (a file or batch is not what was written), StoreUnavailable.
    """

    def __init__(
        self,
        views: Views,
        holds: Holds,
        times: Callable[[U32], dict[int, tuple[int, int]]],
        spans: CounterSpans,
        corrections: Callable[[U32], list[Correction]],
        rules: Rules = Rules(),  # noqa: B008 - frozen
    ) -> None:
        self._views = views
        self._holds = holds
        self._times = times
        self._spans = spans
        self._corrections = corrections
        self._rules = rules

    def supposing(self, correction: Correction) -> "LakeHistory":
        """What would be told if this were decided too, after all that is."""
        last = replace(correction, id=_LAST)

        def decided(ids: U32) -> list[Correction]:
            return [*self._corrections(ids), *([last] if last.channel in ids else [])]

        return LakeHistory(self._views, self._holds, self._times, self._spans, decided, self._rules)

    def readings(self, channels: Sequence[int], start_ms: int, end_ms: int) -> Readings:
        """Raw readings in [start, end), sorted by (channel, time), the last appended of equal keys."""
        ids = _ids(channels)
        return self._ask(lambda view: view.raw(ids, start_ms, end_ms))

    def rollup(
        self, channels: Sequence[int], start_ms: int, end_ms: int, resolution: Resolution, timezone: str
    ) -> Rollup:
        """Rollup rows whose bucket starts in [start, end); days are local to `timezone`, the rest UTC.

        Equal to rolling up all raw readings, settled by their counters. Errors: BadInput (timezone).
        """
        ids = _ids(channels)
        if resolution == "1day":
            days = _days_from(start_ms, end_ms, timezone)
            fine = self._ask(lambda view: self._settled(view, ids, int(days[0]), int(days[-1])))
            return regroup(fine, days[np.searchsorted(days, fine.start_ms, "right") - 1])
        bucket_ms = _BUCKET_MS[resolution]
        first, end = (-(-at // bucket_ms) * bucket_ms for at in (start_ms, end_ms))
        fine = self._ask(lambda view: self._settled(view, ids, first, end))
        return fine if bucket_ms == MINUTE_MS else regroup(fine, fine.start_ms // bucket_ms * bucket_ms)

    def last_times(self, channels: Sequence[int]) -> dict[int, int]:
        """The newest reading's time, ms UTC, of each channel that has one."""
        ids = _ids(channels)
        return {channel: last for channel, (_, last) in self._ask(lambda v: self._heard(v, ids)).items()}

    def span(self, channels: Sequence[int]) -> tuple[int, int] | None:
        """The oldest and the newest reading's time of all these channels, ms UTC; None without a reading."""
        ids = _ids(channels)
        heard = self._ask(lambda v: self._heard(v, ids)).values()
        return (min(f for f, _ in heard), max(n for _, n in heard)) if heard else None

    def gaps(self, channels: Sequence[int], start_ms: int, end_ms: int) -> Spans:
        """(channel, start, end) of the spans in [start, end) for which no sample of power stands.

        Looked for between a channel's first and newest reading; a sample without a successor in reach
        stands for its instant only, so a span may end at one and the next begin there.
        """
        ids = _ids(channels)
        if not len(ids):
            none = np.zeros(0, np.int64)
            return ids, none, none
        return self._ask(lambda view: self._gaps(view, ids, start_ms, end_ms))

    def decisions(self, channels: Sequence[int], start_ms: int, end_ms: int) -> list[tuple[Flow, Decision]]:
        """Where counters were not taken at their word in [start, end), by flow, channel and time."""
        ids = _ids(channels)
        decided = self._corrections(ids)

        def ask(view: View) -> list[tuple[Flow, Decision]]:
            return [
                (flow, one)
                for flow in FLOWS
                for counters, mine in self._counters(view, flow, ids, decided)
                for one in counters.counted(mine, start_ms, end_ms).decisions
                if one.start_ms < end_ms and one.end_ms >= start_ms
            ]

        return self._ask(ask)

    def _gaps(self, view: View, ids: U32, start_ms: int, end_ms: int) -> Spans:
        heard = self._heard(view, ids)
        begin = {c: max(start_ms, first) for c, (first, last) in heard.items()}
        end = {c: min(end_ms, last) for c, (first, last) in heard.items() if begin[c] < min(end_ms, last)}
        asked = np.array(sorted(end), np.uint32)
        if not len(asked):
            none = np.zeros(0, np.int64)
            return asked, none, none
        begins = np.array([begin[c] for c in asked.tolist()], np.int64)
        ends = np.array([end[c] for c in asked.tolist()], np.int64)
        first, last = int(begins.min()) // MINUTE_MS * MINUTE_MS, int(ends.max())
        minutes = self._minutes(view, asked, first, last)
        return silences((asked, begins, ends), minutes, view.raw, self._holds)

    def _settled(self, view: View, ids: U32, start_ms: int, end_ms: int) -> Rollup:
        """Minute rows in [start, end), with the energy that counters tell and that people set."""
        decided = self._corrections(ids) if len(ids) else []
        if not decided:
            return self._by_counters(view, ids, (start_ms, end_ms), [])
        span = extent(decided, start_ms, end_ms)
        touching = [c for c in decided if c.start_ms < span[1] and c.end_ms > span[0]]
        rows = corrected(self._by_counters(view, ids, span, decided), touching)
        return rows_where(rows, (rows.start_ms >= start_ms) & (rows.start_ms < end_ms))

    def _by_counters(
        self, view: View, ids: U32, span: tuple[int, int], decided: Sequence[Correction]
    ) -> Rollup:
        start_ms, end_ms = span
        rows = self._minutes(view, ids, start_ms, end_ms)
        flows = [
            together([c.groups(mine, start_ms, end_ms) for c, mine in self._counters(view, f, ids, decided)])
            for f in FLOWS
        ]
        if not any(map(len, flows)):
            return rows
        more = [rows]
        for low, high, channels in _beyond(flows, start_ms, end_ms):
            more.append(self._minutes(view, channels, low, high))
        answer = settled(newest(joined(more)), *flows)
        return rows_where(answer, (answer.start_ms >= start_ms) & (answer.start_ms < end_ms))

    def _counters(
        self, view: View, flow: Flow, ids: U32, decided: Sequence[Correction]
    ) -> list[tuple[Counters, U32]]:
        """One flow's counters with the channels to ask them for: those of equal rules together."""
        by_hand = overrides(decided, flow)
        return [
            (Counters(view, self._spans, flow, rules, by_hand), mine)
            for rules, mine in rules_of(decided, ids, self._rules)
        ]

    def _minutes(self, view: View, ids: U32, start_ms: int, end_ms: int) -> Rollup:
        """Minute rows in [start, end): the lake's, but recomputed wherever the tail touches them."""
        rows = view.sealed_minutes(ids, start_ms, end_ms)
        margin_ms = MINUTE_MS + (int(self._holds(ids).max()) if len(ids) else 0)
        windows = touched(latest(view.tail_of(ids, start_ms - margin_ms, end_ms + margin_ms)), self._holds)
        keep = rows.covered_ms != NO_ROW_MS
        if not len(windows):
            return rows if keep.all() else rows_where(rows, keep)
        fresh = recomputed(windows, view.raw, self._holds)
        inside = (fresh.start_ms >= start_ms) & (fresh.start_ms < end_ms)
        keep &= ~windows.contain(rows.channel, rows.start_ms)
        return newest(joined([rows_where(rows, keep), rows_where(fresh, inside)]))

    def _heard(self, view: View, ids: U32) -> dict[int, tuple[int, int]]:
        """The first and newest reading's time of each channel that has one."""
        found = self._times(ids)
        tail = view.tail.where(np.isin(view.tail.channel, ids))
        channels, at = np.unique(tail.channel, return_inverse=True)
        first = np.full(len(channels), np.iinfo(np.int64).max)
        last = np.full(len(channels), np.iinfo(np.int64).min)
        np.minimum.at(first, at, tail.time_ms)
        np.maximum.at(last, at, tail.time_ms)
        for channel, low, high in zip(channels.tolist(), first.tolist(), last.tolist(), strict=True):
            known = found.get(channel, (low, high))
            found[channel] = (min(known[0], low), max(known[1], high))
        return found

    def _ask(self, question: Callable[[View], _Answer]) -> _Answer:
        """The answer from one moment; asked again when compaction replaced a file under the question."""
        left = ATTEMPTS
        while True:
            left -= 1
            view = self._views.current()
            try:
                return question(view)
            except FileNotFoundError as error:
                if left == 0 or self._views.is_current(view):
                    raise Damaged(
                        f"{error.filename or error}: the catalog lists this file, but it is not there; "
                        "restore it from a backup"
                    ) from error


def _ids(channels: Sequence[int]) -> U32:
    return np.unique(np.asarray(channels, np.uint32))


def _beyond(flows: Sequence[Groups], start_ms: int, end_ms: int) -> list[tuple[int, int, U32]]:
    """(from, to, channels): what the groups span before and after [start, end), a few hours or much more."""
    found = []
    for low, high in ((0, DAY_MS), (DAY_MS, 2**62)):
        for before in (True, False):
            out = [start_ms - g.start_ms if before else g.end_ms - end_ms for g in flows]
            far = [(o > low) & (o <= high) for o in out]
            channels = np.unique(np.concatenate([g.channel[f] for g, f in zip(flows, far, strict=True)]))
            if len(channels):
                most = max(int(o[f].max(initial=0)) for o, f in zip(out, far, strict=True))
                span = (start_ms - most, start_ms) if before else (end_ms, end_ms + most)
                found.append((*span, channels))
    return found


def _days_from(start_ms: int, end_ms: int, timezone: str) -> I64:
    """(days + 1,) the midnights in [start, end) and the one after them."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadInput(f"timezone {shortened(timezone)}: expected an IANA name such as Asia/Seoul") from error
    first, end = local_day(start_ms, zone), local_day(end_ms, zone)
    if midnight_ms(first, zone) < start_ms:
        first += timedelta(days=1)
    if midnight_ms(end, zone) < end_ms:
        end += timedelta(days=1)
    return day_starts_ms(first, max(first, end), zone)
