"""What the lines of a bill measure of a use: energy by segment and band, priced energy, demand.

Lines ask for measures while a period is prepared and get their places; a use is then read once, into one
number a measure. Whatever depends on hours is in here; lines only multiply.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from zoneinfo import ZoneInfo

from chowon.domain.bill.hours import NO_BAND, Runs, runs_of
from chowon.domain.bill.prices import Prices
from chowon.domain.bill.split import Split
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.tariff.definition import Tariff
from chowon.domain.tariff.kinds import Flow


@dataclass(frozen=True, slots=True)
class Energy:
    """kWh of a flow in one segment, in one band of a calendar or at all hours."""

    flow: Flow
    place: int
    calendar: str | None = None
    band: str = NO_BAND


@dataclass(frozen=True, slots=True)
class Priced:
    """The sum of kWh × price over the intervals of one segment."""

    flow: Flow
    place: int
    series: str


@dataclass(frozen=True, slots=True)
class Peak:
    """The greatest mean kW over an interval, at all hours or in some bands of a calendar."""

    calendar: str | None
    bands: tuple[str, ...]
    interval_min: int


Measure: TypeAlias = Energy | Priced | Peak


@dataclass(slots=True)
class Meter:
    """The measures of one prepared period."""

    tariff: Tariff
    period: Period
    split: Split
    series: Mapping[str, Prices]
    measures: dict[Measure, int] = field(default_factory=dict)
    """Places by measure, in the order in which lines asked for them"""
    _runs: dict[str | None, Runs] = field(default_factory=dict)

    def place(self, measure: Measure) -> int:
        """Where this measure's number will stand."""
        return self.measures.setdefault(measure, len(self.measures))

    def runs(self, calendar: str | None) -> Runs:
        """The period's hours by segment and band; made when first asked for."""
        if calendar not in self._runs:
            self._runs[calendar] = runs_of(self.tariff, self.split.segments, calendar)
        return self._runs[calendar]

    def instants(self, place: int | None = None) -> tuple[int, int]:
        """(start, end) of a segment, or of the period, ms UTC."""
        zone = ZoneInfo(self.tariff.timezone)
        span = self.period if place is None else self.split.segments[place]
        return midnight_ms(span.start, zone), midnight_ms(span.end, zone)
