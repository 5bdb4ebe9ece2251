"""Which channels have counters, from when to when, and where their units may have changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, and_, delete, insert, select

from chowon.domain.counters import Flow
from chowon.domain.quantities import MINUTE_MS
from chowon.store.catalog.chunks import chunks
from chowon.store.catalog.tables import counter_leaps, counter_times

_COLUMNS = ("first_ms", "last_ms", "last_milliwh", "before_milliwh")


@dataclass(frozen=True, slots=True)
class CounterSpan:
    """What is known of one channel's counter of one flow."""

    first_ms: int
    """no row lies before it"""
    last_ms: int
    last_milliwh: int
    """what it showed at `last_ms`"""
    before_milliwh: int | None
    """what it showed last before that minute; None: not known"""
    leaps_ms: tuple[int, ...] = ()
    """the minutes, sorted, in which its unit may have changed since the reading before"""

    @property
    def told_until_ms(self) -> int:
        """A reading after this goes on from what is known."""
        if self.before_milliwh is None:
            return self.last_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS - 1
        return self.last_ms

    def stretched(self, first_ms: int, last_ms: int) -> "CounterSpan":
        """Over these instants too."""
        return replace(self, first_ms=min(self.first_ms, first_ms), last_ms=max(self.last_ms, last_ms))


def counter_spans(connection: Connection, flow: Flow, channels: Sequence[int]) -> dict[int, CounterSpan]:
    """The spans of those of these channels that have one."""
    found: dict[int, CounterSpan] = {}
    both = and_(
        counter_times.c.channel == counter_leaps.c.channel, counter_times.c.flow == counter_leaps.c.flow
    )
    leaps: dict[int, list[int]] = {}
    for some in chunks(channels):
        query = (
            select(counter_times, counter_leaps.c.start_ms)
            .join(counter_leaps, both, isouter=True)
            .where(counter_times.c.flow == flow, counter_times.c.channel.in_(some))
            .order_by(counter_leaps.c.start_ms)
        )
        for row in connection.execute(query):
            if row.channel not in found:
                found[row.channel] = CounterSpan(*(getattr(row, name) for name in _COLUMNS))
            if row.start_ms is not None:
                leaps.setdefault(row.channel, []).append(row.start_ms)
    return found | {c: replace(found[c], leaps_ms=tuple(minutes)) for c, minutes in leaps.items()}


def note_counter_spans(connection: Connection, flow: Flow, news: Mapping[int, CounterSpan | None]) -> None:
    """Note what is known of these counters now, in place of what was; None: nothing."""
    if not news:
        return
    known = counter_spans(connection, flow, list(news))
    for some in chunks(list(known)):
        mine = (counter_times.c.flow == flow, counter_times.c.channel.in_(some))
        connection.execute(delete(counter_times).where(*mine))
    rows = [
        {"channel": channel, "flow": flow} | {name: getattr(span, name) for name in _COLUMNS}
        for channel, span in news.items()
        if span is not None
    ]
    if rows:
        connection.execute(insert(counter_times), rows)
    for channel, span in news.items():
        had = known[channel].leaps_ms if channel in known else ()
        has = () if span is None else span.leaps_ms
        if had != has:
            _note_leaps(connection, flow, channel, set(had), set(has))


def _note_leaps(connection: Connection, flow: Flow, channel: int, had: set[int], has: set[int]) -> None:
    mine = (counter_leaps.c.channel == channel, counter_leaps.c.flow == flow)
    for some in chunks(sorted(had - has)):
        connection.execute(delete(counter_leaps).where(*mine, counter_leaps.c.start_ms.in_(some)))
    if new := sorted(has - had):
        rows = [{"channel": channel, "flow": flow, "start_ms": ms} for ms in new]
        connection.execute(insert(counter_leaps), rows)


def unlisted(connection: Connection) -> list[tuple[Flow, int]]:
    """(flow, channel) of the counters that leapt before each leap was noted."""
    query = select(counter_times.c.flow, counter_times.c.channel).where(counter_times.c.units_ms.is_not(None))
    return [(row.flow, row.channel) for row in connection.execute(query)]
