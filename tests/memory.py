"""A history in memory, by the domain's own arithmetic: what every store must equal."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.clock import local_day, midnight_ms
from chowon.domain.counter_minutes import counter_minutes
from chowon.domain.counters import FLOWS, counted
from chowon.domain.energy import gaps, held
from chowon.domain.excursions import Rules
from chowon.domain.quantities import HOUR_MS, MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings, concat, latest, of_channels
from chowon.domain.records import KeptSeries, PriceRow, Recorded, Records, RecordsChange, Written
from chowon.domain.rollups import Rollup, regroup, rollup
from chowon.domain.settle import groups, settled
from chowon.jobs.billing import Billing, Books

BUCKETS = {"1min": MINUTE_MS, "15min": QUARTER_MS, "1h": HOUR_MS}


class MemoryHistory:
    """Implements ports.History over a list of batches."""

    def __init__(self, hold_ms: int = 10_000) -> None:
        self.batches: list[Readings] = []
        self.hold_ms = hold_ms

    def append(self, readings: Readings) -> None:
        self.batches.append(readings)

    def all(self, channels: Sequence[int]) -> Readings:
        return latest(of_channels(concat(self.batches), channels))

    def readings(self, channels: Sequence[int], start_ms: int, end_ms: int) -> Readings:
        found = self.all(channels)
        return found.where((found.time_ms >= start_ms) & (found.time_ms < end_ms))

    def minutes(self, channels: Sequence[int]) -> Rollup:
        found = self.all(channels)
        power = rollup(held(found, self.hold_ms), MINUTE_MS)
        flows = [groups(counted(counter_minutes(found, f).counts, Rules()).steps) for f in FLOWS]
        return settled(power, *flows) if any(map(len, flows)) else power

    def rollup(
        self, channels: Sequence[int], start_ms: int, end_ms: int, resolution: str, timezone: str
    ) -> Rollup:
        rows = self.minutes(channels)
        if resolution == "1day":
            zone = ZoneInfo(timezone)
            days = [midnight_ms(local_day(t, zone), zone) for t in rows.start_ms.tolist()]
            rows = regroup(rows, np.array(days, np.int64))
        else:
            rows = regroup(rows, rows.start_ms // BUCKETS[resolution] * BUCKETS[resolution])
        keep = (rows.start_ms >= start_ms) & (rows.start_ms < end_ms)
        return Rollup(*(getattr(rows, name)[keep] for name in rows.__slots__))

    def gaps(self, channels: Sequence[int], start_ms: int, end_ms: int):
        channel, start, end = gaps(held(self.all(channels), self.hold_ms))
        inside = (end > start_ms) & (start < end_ms)
        return channel[inside], np.maximum(start[inside], start_ms), np.minimum(end[inside], end_ms)

    def last_times(self, channels: Sequence[int]) -> dict[int, int]:
        found = self.all(channels)
        return {
            c: int(found.time_ms[found.channel == c].max()) for c in channels if (found.channel == c).any()
        }

    def span(self, channels: Sequence[int]) -> tuple[int, int] | None:
        found = self.all(channels).time_ms
        return (int(found.min()), int(found.max())) if len(found) else None


def next_midnight(time_ms: int, timezone: str) -> int:
    zone = ZoneInfo(timezone)
    return midnight_ms(local_day(time_ms, zone) + timedelta(days=1), zone)


class MemoryPrices:
    """Implements ports.PriceBook."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[int, PriceRow]] = {}
        self.changes = self.reads = 0

    def series(self) -> list[KeptSeries]:
        return [
            KeptSeries(name, min(rows), max(r.end_ms for r in rows.values()), len(rows), Written(0, "test"))
            for name, rows in sorted(self.kept.items())
            if rows
        ]

    def rows(self, name: str, from_ms: int, to_ms: int) -> list[PriceRow]:
        self.reads += 1
        found = [r for r in self.kept.get(name, {}).values() if r.start_ms < to_ms and r.end_ms > from_ms]
        return sorted(found, key=lambda row: row.start_ms)

    def put(
        self, name: str, rows: Sequence[PriceRow], by: str, instead_of: tuple[int, int] | None = None
    ) -> None:
        self.changes += 1
        kept = self.kept.setdefault(name, {})
        spans = [(r.start_ms, r.end_ms) for r in rows] + ([] if instead_of is None else [instead_of])
        for start, end in spans:
            for row in [r for r in kept.values() if r.start_ms < end and r.end_ms > start]:
                del kept[row.start_ms]
        kept.update({row.start_ms: row for row in rows})

    def revision(self) -> int:
        return self.changes


class MemoryRecords:
    """Implements ports.RecordBook for sites that are all known."""

    def __init__(self) -> None:
        self.of: dict[int, Records] = {}
        self.changes = 0

    def records(self, site_id: int) -> Records:
        return self.of.get(site_id, Records())

    def change(self, site_id: int, change: RecordsChange, by: str) -> Records:
        change.check()
        self.changes += 1
        had, written = self.records(site_id), Written(0, by)

        def merged(old, new, value):
            both = {**old, **{k: None if v is None else value(v) for k, v in new.items()}}
            return {k: v for k, v in both.items() if v is not None}

        self.of[site_id] = Records(
            merged(had.past_demand_kw, change.past_demand_kw, lambda v: Recorded(v, written)),
            merged(had.carried, change.carried, lambda v: Recorded(v, written)),
            merged(had.series, change.series, str),
        )
        return self.of[site_id]

    def revision(self) -> int:
        return self.changes


def billing(history, tariff, prices: MemoryPrices | None = None, records: MemoryRecords | None = None):
    """Bills over a history in memory, with what these books tell."""
    return Billing(history, tariff, Books(prices or MemoryPrices(), records or MemoryRecords()))
