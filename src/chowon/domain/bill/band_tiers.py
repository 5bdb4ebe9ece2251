"""Tiers inside a band: the kWh of each band, block by block, each segment of a period by itself."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.flows import chances
from chowon.domain.bill.meter import Energy, Meter
from chowon.domain.bill.outcome import Part, Segment
from chowon.domain.bill.split import HomesRun, Run, Split
from chowon.domain.bill.steps import Setting
from chowon.domain.bill.tiered import bounds_on
from chowon.domain.bill.wording import band_tier_label
from chowon.domain.tariff.kinds import TieredTimeOfUse
from chowon.domain.tariff.terms import ZERO, BandTierPrice, Text, seasonal_in_force


@dataclass(frozen=True, slots=True)
class Row:
    """A band in a segment, with the width and the price of each block."""

    segment: Segment
    place: int
    """Which of the period's segments it is, from 0."""
    band: str
    words: Text
    measure: int
    """Where its kWh stand."""
    widths: tuple[Decimal, ...]
    """kWh a full period of each block but the last"""
    prices: tuple[Decimal, ...]
    version: BandTierPrice


def cut_key(line: TieredTimeOfUse, setting: Setting, day: date) -> object:
    """Days with the same key belong to one segment."""
    version = seasonal_in_force(line.prices, day, setting.tariff.seasons)
    if version is None or not line.exists_on(day):
        return None
    return version.per_band, bounds_on(line.tiers, setting, day)


def band_tiers_step(line: TieredTimeOfUse, setting: Setting) -> "BandTiersStep":
    """The line with its blocks and prices of this period."""
    rows = []
    for place, segment in enumerate(setting.split.segments):
        version = seasonal_in_force(line.prices, segment.start, setting.tariff.seasons)
        if version is None or not line.exists_on(segment.start):
            continue
        bounds = bounds_on(line.tiers, setting, segment.start)
        widths = tuple(b - a for a, b in pairwise((ZERO, *bounds)))
        for band, prices in version.per_band:
            measure = setting.meter.place(Energy(line.of, place, line.calendar, band))
            words = setting.tariff.bands[band]
            rows.append(Row(segment, place, band, words, measure, widths, prices, version))
    return BandTiersStep(line, tuple(rows), setting.split, setting.meter)


@dataclass(frozen=True, slots=True)
class BandTiersStep:
    """Block kWh × price. A segment's blocks have its days' part of their full width."""

    line: TieredTimeOfUse
    rows: tuple[Row, ...]
    split: Split
    meter: Meter

    def charge(self, run: Run) -> Decimal:
        """The sum over segments, bands and blocks."""
        sum_ = ZERO
        for row, n, kwh in self._blocks(run):
            sum_ += kwh * row.prices[n]
        return sum_

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        blocks = self._homes_blocks(homes)
        return sum((kwh.times(row.prices[n]) for row, n, kwh in blocks), homes.nothing)

    def exact(self, run: Run) -> Decimal:
        """The same, blocks not rounded."""
        sum_ = ZERO
        for row in self.rows:
            for n, kwh in _filled(run.measures[row.measure], self._exact_widths(row)):
                sum_ += kwh * row.prices[n]
        return sum_

    def slope(self, run: Run) -> Decimal:
        """As `FlowStep.slope`, at the price of the block that the next kWh is in."""
        return sum((price for _, price in self._slopes(run)), ZERO)

    def by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        for row, n, kwh in self._blocks(run):
            yield row.place, kwh * row.prices[n] * self.split.days

    def charges_by_segment(self, homes: HomesRun) -> Iterator[tuple[int, Exact]]:
        """As `Segmented`."""
        for row, n, kwh in self._homes_blocks(homes):
            yield row.place, kwh.times(row.prices[n] * self.split.days)

    def exact_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        for row in self.rows:
            for n, kwh in _filled(run.measures[row.measure], self._exact_widths(row)):
                yield row.place, kwh * row.prices[n] * self.split.days

    def slope_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        for place, price in self._slopes(run):
            yield place, price * self.split.days

    def parts(self, run: Run) -> tuple[Part, ...]:
        """One a block in which something was measured."""
        return tuple(
            Part(
                band_tier_label(row.words, n + 1),
                kwh,
                "kWh",
                row.prices[n],
                kwh * row.prices[n],
                row.version.since,
                row.version.source,
                row.segment,
            )
            for row, n, kwh in self._blocks(run)
            if kwh
        )

    def _blocks(self, run: Run) -> Iterator[tuple[Row, int, Decimal]]:
        for row in self.rows:
            widths = [self.split.month_share(width, row.segment.days) for width in row.widths]
            for n, kwh in _filled(run.measures[row.measure], widths):
                yield row, n, kwh

    def _homes_blocks(self, homes: HomesRun) -> Iterator[tuple[Row, int, Exact]]:
        for row in self.rows:
            left = homes.measures[row.measure]
            for n, width in enumerate(row.widths):
                used = left.at_most(self._homes_width(homes, width, row.segment.days))
                left = left.less(used)
                yield row, n, used
            yield row, len(row.widths), left

    def _homes_width(self, homes: HomesRun, width: Decimal, days: int) -> Exact:
        """As `Split.month_share`; a hair off where the scalar evaluator's has no end as a decimal."""
        if self.split.kwh_round is not None:
            return homes.nothing.plus(self.split.month_share(width, days))
        return homes.quotient(homes.nothing.plus(Fraction(width) * days / self.split.whole_days))

    def _exact_widths(self, row: Row) -> list[Decimal]:
        return [width * row.segment.days / self.split.whole_days for width in row.widths]

    def _slopes(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        for row, share in chances(self.rows, self.meter.runs(self.line.calendar), run.when_ms):
            bounds = tuple(accumulate(self._exact_widths(row)))
            yield row.place, row.prices[bisect_right(bounds, run.measures[row.measure])] * share


def _filled(kwh: Decimal, widths: Sequence[Decimal]) -> Iterator[tuple[int, Decimal]]:
    """(block, kWh in it), the last block without an end."""
    for n, width in enumerate(widths):
        used = min(kwh, width)
        kwh -= used
        yield n, used
    yield len(widths), kwh
