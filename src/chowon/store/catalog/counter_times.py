"""Which channels have counters, from when to when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from chowon.domain.counters import Flow
from chowon.store.catalog.chunks import chunks
from chowon.store.catalog.tables import counter_times


@dataclass(frozen=True, slots=True)
class CounterSpan:
    """What is known of one channel's counter of one flow."""

    first_ms: int
    last_ms: int
    last_milliwh: int
    """what it showed at `last_ms`"""
    units_ms: int | None
    """no change of its unit lies before this instant; None: there is none at all"""

    def joined(self, other: "CounterSpan") -> "CounterSpan":
        """Both; where both end at once, the other is the newer."""
        last = self if self.last_ms > other.last_ms else other
        units = [ms for ms in (self.units_ms, other.units_ms) if ms is not None]
        first_ms = min(self.first_ms, other.first_ms)
        return CounterSpan(first_ms, last.last_ms, last.last_milliwh, min(units, default=None))


def counter_spans(connection: Connection, flow: Flow, channels: Sequence[int]) -> dict[int, CounterSpan]:
    """The spans of those of these channels that have one."""
    found = {}
    for some in chunks(channels):
        query = select(counter_times).where(counter_times.c.flow == flow, counter_times.c.channel.in_(some))
        for row in connection.execute(query):
            found[row.channel] = CounterSpan(row.first_ms, row.last_ms, row.last_milliwh, row.units_ms)
    return found


def widen_counter_spans(connection: Connection, flow: Flow, news: Mapping[int, CounterSpan]) -> None:
    """Note what was heard of these counters, keeping what was known."""
    if not news:
        return
    known = counter_spans(connection, flow, list(news))
    rows = []
    for channel, fresh in news.items():
        span = known[channel].joined(fresh) if channel in known else fresh
        rows.append({"channel": channel, "flow": flow} | {n: getattr(span, n) for n in CounterSpan.__slots__})
    for some in chunks(list(known)):
        connection.execute(
            delete(counter_times).where(counter_times.c.flow == flow, counter_times.c.channel.in_(some))
        )
    connection.execute(insert(counter_times), rows)
