"""Lines that follow tiers: the fixed charge of the tier reached, and energy priced block by block."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.outcome import Part, Segment
from chowon.domain.bill.split import HomesRun, Run, Split
from chowon.domain.bill.steps import Setting
from chowon.domain.bill.wording import tier_label
from chowon.domain.tariff.kinds import TieredEnergy, TieredFixed
from chowon.domain.tariff.terms import ZERO, Over, Text, TierPrice, in_force


@dataclass(frozen=True, slots=True)
class Row:
    """A segment with its full-month bounds and the price of each block between them."""

    segment: Segment
    place: int
    """Which of the period's segments it is, from 0."""
    bounds: tuple[Decimal, ...]
    prices: tuple[Decimal, ...]
    labels: tuple[Text, ...]
    version: TierPrice
    blocks: tuple[Decimal, ...]
    """kWh of each block but the last, scaled to the segment's days and rounded."""


def fixed_step(line: TieredFixed, setting: Setting) -> "FixedStep":
    """The line with its charges of this period."""
    return FixedStep(line, _rows(line, setting), setting.period.days)


def energy_step(line: TieredEnergy, setting: Setting) -> "EnergyStep":
    """The line with its blocks and prices of this period."""
    return EnergyStep(line, _rows(line, setting), setting.split)


def _rows(line: TieredFixed | TieredEnergy, setting: Setting) -> tuple[Row, ...]:
    """The segments on which the line exists."""
    rows = []
    for place, segment in enumerate(setting.split.segments):
        version = in_force(line.prices, segment.start)
        if version is None or not line.exists_on(segment.start):
            continue
        bounds = setting.tariff.tiers_on(line.tiers, segment.start).upto_kwh
        prices = version.per_tier
        labels = [tier_label(n + 1) for n in range(len(prices))]
        over = line.over if isinstance(line, TieredEnergy) else None
        if over is not None and version.over is not None and _over_holds(over, setting, segment.start):
            bounds, prices = (*bounds, over.above_kwh), (*prices, version.over)
            labels.append(over.label)
        widths = [b - a for a, b in pairwise((ZERO, *bounds))]
        blocks = tuple(setting.split.share(w, segment.days) for w in widths)
        rows.append(Row(segment, place, bounds, prices, tuple(labels), version, blocks))
    return tuple(rows)


def cut_key(line: TieredFixed | TieredEnergy, setting: Setting, day: date) -> tuple[object, ...] | None:
    """Days with the same key belong to one segment."""
    version = in_force(line.prices, day)
    if version is None or not line.exists_on(day):
        return None
    bounds = setting.tariff.tiers_on(line.tiers, day).upto_kwh
    over = line.over if isinstance(line, TieredEnergy) else None
    over_price = version.over if over is not None and _over_holds(over, setting, day) else None
    return bounds, version.per_tier, over_price


def _over_holds(over: Over, setting: Setting, day: date) -> bool:
    """Whether the dearer block is reached and its season holds the day."""
    return over.above_kwh in setting.reached and setting.tariff.seasons[over.season].holds(day)


@dataclass(frozen=True, slots=True)
class FixedStep:
    """The fixed charge of the tier that the whole period's kWh reach, × days ÷ period days."""

    line: TieredFixed
    rows: tuple[Row, ...]
    days: int

    def charge(self, run: Run) -> Decimal:
        """Multiplied out before the one division: thirds of a charge add up to the whole charge."""
        sum_ = ZERO
        for row in self.rows:
            sum_ += row.prices[bisect_left(row.bounds, run.kwh)] * row.segment.days
        return sum_ / self.days

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        return sum((c for _, c in self.charges_by_segment(homes)), homes.nothing).times(
            Fraction(1, self.days)
        )

    exact = charge

    def slope(self, run: Run) -> Decimal:  # noqa: ARG002  the same for every kWh
        """0: the charge only jumps."""
        return ZERO

    def by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        for row in self.rows:
            yield row.place, row.prices[bisect_left(row.bounds, run.kwh)] * row.segment.days

    def charges_by_segment(self, homes: HomesRun) -> Iterator[tuple[int, Exact]]:
        """As `Segmented`."""
        for row in self.rows:
            yield row.place, Exact.chosen(row.prices, homes.block(row.bounds)).times(row.segment.days)

    exact_by_segment = by_segment

    def slope_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:  # noqa: ARG002
        """Nothing: the charge only jumps."""
        return iter(())

    def parts(self, run: Run) -> tuple[Part, ...]:
        """One a segment."""
        return tuple(self._part(row, bisect_left(row.bounds, run.kwh)) for row in self.rows)

    def _part(self, row: Row, tier: int) -> Part:
        price, days = row.prices[tier], row.segment.days
        return Part(
            row.labels[tier],
            Decimal(days) / self.days,
            "month",
            price,
            price * days / self.days,
            row.version.since,
            row.version.source,
            row.segment,
        )


@dataclass(frozen=True, slots=True)
class EnergyStep:
    """Progressive energy: which blocks are used is decided by the whole period's kWh (KEPCO terms §7①)."""

    line: TieredEnergy
    rows: tuple[Row, ...]
    split: Split

    def charge(self, run: Run) -> Decimal:
        """Block kWh × price over all segments."""
        sum_ = ZERO
        for row, n, kwh in self._blocks(run):
            sum_ += kwh * row.prices[n]
        return sum_

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        sum_ = homes.nothing
        for row, n, kwh in self._homes_blocks(homes):
            sum_ += kwh.times(row.prices[n])
        return sum_

    def parts(self, run: Run) -> tuple[Part, ...]:
        """One a block and segment."""
        return tuple(
            Part(
                row.labels[n],
                kwh,
                "kWh",
                row.prices[n],
                kwh * row.prices[n],
                row.version.since,
                row.version.source,
                row.segment,
            )
            for row, n, kwh in self._blocks(run)
        )

    def exact(self, run: Run) -> Decimal:
        """Each segment's days × the month's cost under its own bounds and prices."""
        sum_ = ZERO
        for _, cost in self.exact_by_segment(run):
            sum_ += cost
        return sum_ / self.split.days

    def slope(self, run: Run) -> Decimal:
        """The price of the next kWh in each segment, weighted by days."""
        sum_ = ZERO
        for _, price in self.slope_by_segment(run):
            sum_ += price
        return sum_ / self.split.days

    def by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`; one a block."""
        for row, n, kwh in self._blocks(run):
            yield row.place, kwh * row.prices[n] * self.split.days

    def charges_by_segment(self, homes: HomesRun) -> Iterator[tuple[int, Exact]]:
        """As `Segmented`; one a block."""
        for row, n, kwh in self._homes_blocks(homes):
            yield row.place, kwh.times(row.prices[n] * self.split.days)

    def exact_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        for row in self.rows:
            cost, below = ZERO, ZERO
            for bound, price in zip(row.bounds, row.prices, strict=False):
                if run.kwh <= bound:
                    break
                cost += (bound - below) * price
                below = bound
            cost += (run.kwh - below) * row.prices[bisect_left(row.bounds, run.kwh)]
            yield row.place, cost * row.segment.days

    def slope_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        for row in self.rows:
            yield row.place, row.prices[bisect_right(row.bounds, run.kwh)] * row.segment.days

    def _blocks(self, run: Run) -> Iterator[tuple[Row, int, Decimal]]:
        for row in self.rows:
            left = run.segment_kwh[row.place]
            last = bisect_left(row.bounds, run.kwh)
            for n in range(last):
                kwh = min(row.blocks[n], left)
                left -= kwh
                yield row, n, kwh
            yield row, last, left

    def _homes_blocks(self, homes: HomesRun) -> Iterator[tuple[Row, int, Exact]]:
        for row in self.rows:
            left = homes.segment_kwh[row.place]
            for n, (bound, kwh) in enumerate(zip(row.bounds, self._widths(row), strict=True)):
                used = left.at_most(kwh).where(homes.above(bound), left)
                left = left.less(used)
                yield row, n, used
            yield row, len(row.bounds), left

    def _widths(self, row: Row) -> tuple[Decimal | Fraction, ...]:
        """`Row.blocks`; exact where they aren't rounded."""
        if self.split.kwh_round is not None or len(self.split.segments) == 1:
            return row.blocks
        part = Fraction(row.segment.days, self.split.days)
        return tuple(Fraction(b - a) * part for a, b in pairwise((ZERO, *row.bounds)))
