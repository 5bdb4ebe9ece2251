"""What counters count, read from lake and journal: as much around a question as its answer depends on.

A step depends on the readings within three times `Rules.reach_ms` of it, and it begins and ends wherever
the counter was last and next read, however far away that is. So a question reads four times the reach to
either side; of a channel that was silent there it goes on to the nearest minute with a reading, and as far
again beyond. Where readings are passed over, it reads seven times: the reading before may itself be one of
those.

A change of unit matters for good. Where one may have been is noted (`CounterSpan.leaps_ms`), so it is enough
to read around those places, the oldest first, to know in which unit a counter is at any moment.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np

from chowon.domain.counter_minutes import CounterMinutes
from chowon.domain.counters import (
    NO_OVERRIDES,
    Counted,
    Flow,
    Overrides,
    UnitChange,
    counted,
    counts_of,
    unit_changes,
)
from chowon.domain.excursions import Rules
from chowon.domain.quantities import MINUTE_MS, U32
from chowon.domain.readings import Readings
from chowon.domain.settle import Groups, groups
from chowon.store.catalog.counter_times import CounterSpan
from chowon.store.counter_reading import CounterReader
from chowon.store.counter_rows import newest_counters
from chowon.store.counter_spans import spans_now
from chowon.store.view import View

CounterSpans: TypeAlias = Callable[[Flow, U32], dict[int, CounterSpan]]
"""What the lake holds of a flow's counters, of those of these channels that have one."""
_MARGIN: Final = 4
"""Times the reach: three that a step depends on, one to find a reading in."""
_TROUBLED: Final = 7
"""Three more that are passed over."""


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
        self._reader = CounterReader(view, flow)
        self._spans, self._flow, self._rules = spans, flow, rules
        self._overrides = overrides

    def known(self, ids: U32) -> dict[int, CounterSpan]:
        """The spans of those of these channels (sorted) that have such a counter."""
        sealed = self._flow in self._reader.view.snapshot.kinds
        return spans_now(self._reader, ids, self._spans(self._flow, ids) if sealed else {})

    def counted(self, ids: U32, start_ms: int, end_ms: int) -> Counted:
        """Steps and decisions of these channels (sorted); those that touch [start, end) are right."""
        spans = self.known(ids)
        leapt = np.array([c for c in ids.tolist() if c in spans and spans[c].leaps_ms], np.uint32)
        plain = np.array([c for c in ids.tolist() if c in spans and not spans[c].leaps_ms], np.uint32)
        rows = newest_counters(
            [
                self._around(plain, start_ms, end_ms, spans, _MARGIN),
                self._around(leapt, start_ms, end_ms, spans, _TROUBLED),
            ]
        )
        units = self._unit_changes(leapt, rows, spans)
        found = counted(rows.counts, self._rules, self._overrides, units)
        troubled = np.unique(np.array([d.channel for d in found.decisions], np.uint32))
        troubled = troubled[~np.isin(troubled, leapt)]
        if not len(troubled):
            return found
        more = self._around(troubled, start_ms, end_ms, spans, _TROUBLED)
        return counted(newest_counters([rows, more]).counts, self._rules, self._overrides, units)

    def groups(self, ids: U32, start_ms: int, end_ms: int) -> Groups:
        """The groups of these channels (sorted) that overlap [start, end), each of them whole."""
        found = groups(self.counted(ids, start_ms, end_ms).steps)
        return found.where((found.start_ms < end_ms) & (found.end_ms > start_ms))

    def _unit_changes(
        self, leapt: U32, rows: CounterMinutes, spans: dict[int, CounterSpan]
    ) -> list[UnitChange]:
        """All changes of unit of these channels up to their last rows."""
        changes = []
        for channel in leapt.tolist():
            alone = np.array([channel], np.uint32)
            end = int(np.searchsorted(rows.channel, channel, "right"))
            until_ms = int(rows.start_ms[end - 1]) if end and rows.channel[end - 1] == channel else 0
            found: list[UnitChange] = []
            for places in self._places(spans[channel], until_ms):
                near = self._around(alone, places[0], places[-1] + MINUTE_MS, spans, _TROUBLED)
                where = np.isin(near.start_ms, places)
                found += unit_changes(near.counts, self._rules, self._overrides, found, where)
            changes += found
        return changes

    def _places(self, span: CounterSpan, until_ms: int) -> Iterator[list[int]]:
        """Up to an instant, the minutes in which a unit may have changed; those in reach together."""
        leaps_ms = [ms for ms in span.leaps_ms if ms <= until_ms]
        apart_ms = _TROUBLED * self._rules.reach_ms
        cuts = [at for at, (one, next_one) in enumerate(pairwise(leaps_ms), 1) if next_one - one > apart_ms]
        for first, end in pairwise([0, *cuts, len(leaps_ms)]):
            if first < end:
                yield leaps_ms[first:end]

    def _around(
        self, ids: U32, start_ms: int, end_ms: int, spans: dict[int, CounterSpan], margin: int
    ) -> CounterMinutes:
        """What steps in [start, end) of channels that have such a counter depend on."""
        reach_ms = self._rules.reach_ms
        return self._reader.around(ids, start_ms, end_ms, spans, reach_ms, margin * reach_ms)
