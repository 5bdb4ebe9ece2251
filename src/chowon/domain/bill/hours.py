"""The hours of a period as runs of one segment and one band, on the clock of the tariff's time zone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import gcd
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.bill.outcome import Segment
from chowon.domain.clock import midnight_ms
from chowon.domain.quantities import DAY_MS, I64, MINUTE_MS
from chowon.domain.tariff.calendars import DayRule
from chowon.domain.tariff.definition import Tariff

NO_BAND: Final = ""
"""Stands for all hours."""
_QUARTER_MIN: Final = 15


@dataclass(frozen=True, slots=True)
class Runs:
    """A period from its start to its end, in pieces of one segment and band each."""

    edges_ms: I64
    """(n + 1,) where the runs begin, ms UTC, and where the last one ends"""
    kind: I64
    """(n,) which of `kinds` each run is"""
    kinds: tuple[tuple[int, str], ...]
    """(place of the segment, band)"""

    def at(self, when_ms: int) -> tuple[int, str] | None:
        """(segment, band) at an instant; None outside the period."""
        n = int(np.searchsorted(self.edges_ms, when_ms, "right")) - 1
        return self.kinds[self.kind[n]] if 0 <= n < len(self.kind) else None

    def lengths_ms(self) -> dict[tuple[int, str], int]:
        """How long each kind is in all."""
        sums = np.zeros(len(self.kinds), np.int64)
        np.add.at(sums, self.kind, np.diff(self.edges_ms))
        return dict(zip(self.kinds, sums.tolist(), strict=True))


def runs_of(tariff: Tariff, segments: Sequence[Segment], calendar: str | None) -> Runs:
    """The runs of a calendar's bands; of whole segments without a calendar."""
    zone = ZoneInfo(tariff.timezone)
    edges: list[int] = []
    kinds: dict[tuple[int, str], int] = {}
    kind: list[int] = []
    for place, segment in enumerate(segments):
        for start_ms, band in _bands(tariff, segment, calendar, zone):
            number = kinds.setdefault((place, band), len(kinds))
            if kind and kind[-1] == number:
                continue
            edges.append(start_ms)
            kind.append(number)
    edges.append(midnight_ms(segments[-1].end, zone))
    return Runs(np.array(edges, np.int64), np.array(kind, np.int64), tuple(kinds))


def _bands(
    tariff: Tariff, segment: Segment, calendar: str | None, zone: ZoneInfo
) -> Iterator[tuple[int, str]]:
    """(start, band) of each piece of the segment."""
    if calendar is None:
        yield midnight_ms(segment.start, zone), NO_BAND
        return
    known = tariff.calendars[calendar]
    day, start_ms = segment.start, midnight_ms(segment.start, zone)
    while day < segment.end:
        end_ms = midnight_ms(day + timedelta(days=1), zone)
        rule = known.rule_on(day, tariff.is_holiday(day), tariff.seasons)
        if end_ms - start_ms == DAY_MS:
            yield from ((start_ms + minute * MINUTE_MS, band) for minute, band in rule.starts)
        else:
            yield from _on_a_day_of_another_length(rule, start_ms, end_ms, zone)
        day, start_ms = day + timedelta(days=1), end_ms


def _on_a_day_of_another_length(
    rule: DayRule, start_ms: int, end_ms: int, zone: ZoneInfo
) -> Iterator[tuple[int, str]]:
    """When clocks change, each piece of time has the band of what the clock on the wall shows."""
    step_min = gcd(_QUARTER_MIN, *(minute for minute, _ in rule.starts))
    last = None
    for instant_ms in range(start_ms, end_ms, step_min * MINUTE_MS):
        wall = datetime.fromtimestamp(instant_ms / 1000, zone)
        band = rule.band_at(wall.hour * 60 + wall.minute)
        if band != last:
            yield instant_ms, band
        last = band
