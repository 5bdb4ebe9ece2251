"""Lines that follow tiers: the fixed charge of the tier reached, and energy priced block by block."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Final

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.outcome import Part, Segment
from chowon.domain.bill.split import HomesRun, Run, Split
from chowon.domain.bill.steps import Setting
from chowon.domain.bill.wording import tier_label
from chowon.domain.tariff.kinds import TieredEnergy, TieredFixed
from chowon.domain.tariff.terms import ZERO, Over, Text, TierPrice, seasonal_in_force

_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Row:
    """A segment with its full-month bounds and the price of each block between them."""

    segment: Segment
    place: int
    """Which of the period's segments it is, from 0."""
    bounds: tuple[Decimal, ...]
    limits: tuple[Decimal, ...]
    """The bounds × the numerator of `Split.part`; the kWh × its denominator are compared with them."""
    prices: tuple[Decimal, ...]
    labels: tuple[Text, ...]
    version: TierPrice
    blocks: tuple[Decimal, ...]
    """kWh of each block but the last, scaled to the segment's days and rounded."""
    over_kwh: Decimal | None = None
    """Where the dearer block begins, if it holds here."""


def fixed_step(line: TieredFixed, setting: Setting) -> "FixedStep":
    """The line with its charges of this period."""
    times = _times(line, setting)
    rows = tuple(replace(row, prices=tuple(p * times for p in row.prices)) for row in _rows(line, setting))
    return FixedStep(line, rows, setting.split)


def energy_step(line: TieredEnergy, setting: Setting) -> "EnergyStep":
    """The line with its blocks and prices of this period."""
    return EnergyStep(line, _rows(line, setting), setting.split)


def _rows(line: TieredFixed | TieredEnergy, setting: Setting) -> tuple[Row, ...]:
    """The segments on which the line exists."""
    rows = []
    for place, segment in enumerate(setting.split.segments):
        version = seasonal_in_force(line.prices, segment.start, setting.tariff.seasons)
        if version is None or not line.exists_on(segment.start):
            continue
        bounds = _bounds(line, setting, segment.start)
        prices = version.per_tier
        labels = [tier_label(n + 1) for n in range(len(prices))]
        over, over_kwh = line.over if isinstance(line, TieredEnergy) else None, None
        if over is not None and version.over is not None and _over_holds(over, setting, segment.start):
            over_kwh = over.above_kwh * _times(line, setting)
            bounds, prices = (*bounds, over_kwh), (*prices, version.over)
            labels.append(over.label)
        widths = [b - a for a, b in pairwise((ZERO, *bounds))]
        blocks = tuple(setting.split.month_share(w, segment.days) for w in widths)
        limits = tuple(bound * setting.split.part.numerator for bound in bounds)
        rows.append(Row(segment, place, bounds, limits, prices, tuple(labels), version, blocks, over_kwh))
    return tuple(rows)


def cut_key(line: TieredFixed | TieredEnergy, setting: Setting, day: date) -> tuple[object, ...] | None:
    """Days with the same key belong to one segment."""
    version = seasonal_in_force(line.prices, day, setting.tariff.seasons)
    if version is None or not line.exists_on(day):
        return None
    bounds = _bounds(line, setting, day)
    over = line.over if isinstance(line, TieredEnergy) else None
    over_price = version.over if over is not None and _over_holds(over, setting, day) else None
    return bounds, version.per_tier, over_price


def _times(line: TieredFixed | TieredEnergy, setting: Setting) -> Decimal:
    """What bounds and fixed charges are multiplied by."""
    return _ONE if line.times is None else setting.number(line.times)


def _bounds(line: TieredFixed | TieredEnergy, setting: Setting, day: date) -> tuple[Decimal, ...]:
    """The bounds of a full period."""
    return bounds_on(line.tiers, setting, day, _times(line, setting))


def bounds_on(name: str, setting: Setting, day: date, times: Decimal = _ONE) -> tuple[Decimal, ...]:
    """The bounds of these tiers for a full period."""
    tiers = setting.tariff.tiers_on(name, day)
    times *= setting.split.whole_days if tiers.per_day else 1
    return tiers.upto_kwh if times == 1 else tuple(bound * times for bound in tiers.upto_kwh)


def _over_holds(over: Over, setting: Setting, day: date) -> bool:
    """Whether the dearer block is reached and its season holds the day."""
    return over.above_kwh in setting.reached and setting.tariff.seasons[over.season].holds(day)


def _tier(row: Row, run: Run, split: Split) -> int:
    """Which block the kWh reach, at the pace of a full period; a bound belongs to the block below it."""
    return bisect_left(row.limits, run.kwh * split.part.denominator)


def _part_of(amount: Decimal, split: Split) -> Decimal:
    """The part of a full period's amount; not divided where it is all of it."""
    return amount if split.part == 1 else amount * split.part.numerator / split.part.denominator


@dataclass(frozen=True, slots=True)
class FixedStep:
    """The fixed charge of the tier that the whole period's kWh reach, × days ÷ period days."""

    line: TieredFixed
    rows: tuple[Row, ...]
    split: Split

    def charge(self, run: Run) -> Decimal:
        """Multiplied out before the one division: thirds of a charge add up to the whole charge."""
        sum_ = ZERO
        for row in self.rows:
            sum_ += row.prices[_tier(row, run, self.split)] * row.segment.days
        return sum_ / self.split.whole_days

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        return sum((c for _, c in self.charges_by_segment(homes)), homes.nothing).times(
            Fraction(1, self.split.days)
        )

    exact = charge

    def slope(self, run: Run) -> Decimal:  # noqa: ARG002  the same for every kWh
        """0: the charge only jumps."""
        return ZERO

    def by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        for row in self.rows:
            charge = row.prices[_tier(row, run, self.split)] * row.segment.days
            yield row.place, _part_of(charge, self.split)

    def charges_by_segment(self, homes: HomesRun) -> Iterator[tuple[int, Exact]]:
        """As `Segmented`."""
        for row in self.rows:
            yield (
                row.place,
                Exact.chosen(row.prices, homes.block(row.bounds)).times(row.segment.days * self.split.part),
            )

    exact_by_segment = by_segment

    def slope_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:  # noqa: ARG002
        """Nothing: the charge only jumps."""
        return iter(())

    def parts(self, run: Run) -> tuple[Part, ...]:
        """One a segment."""
        return tuple(self._part(row, _tier(row, run, self.split)) for row in self.rows)

    def _part(self, row: Row, tier: int) -> Part:
        price, days, whole = row.prices[tier], row.segment.days, self.split.whole_days
        return Part(
            row.labels[tier],
            Decimal(days) / whole,
            "month",
            price,
            price * days / whole,
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
        part = self.split.part
        kwh = run.kwh if part == 1 else run.kwh * part.denominator / part.numerator
        for row in self.rows:
            cost, below = ZERO, ZERO
            for bound, price in zip(row.bounds, row.prices, strict=False):
                if kwh <= bound:
                    break
                cost += (bound - below) * price
                below = bound
            cost += (kwh - below) * row.prices[_tier(row, run, self.split)]
            yield row.place, _part_of(cost * row.segment.days, self.split)

    def slope_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        for row in self.rows:
            n = bisect_right(row.limits, run.kwh * self.split.part.denominator)
            yield row.place, row.prices[n] * row.segment.days

    def _blocks(self, run: Run) -> Iterator[tuple[Row, int, Decimal]]:
        for row in self.rows:
            left = run.segment_kwh[row.place]
            last = _tier(row, run, self.split)
            for n in range(last):
                kwh = min(row.blocks[n], left)
                left -= kwh
                yield row, n, kwh
            yield row, last, left

    def _homes_blocks(self, homes: HomesRun) -> Iterator[tuple[Row, int, Exact]]:
        for row in self.rows:
            left = homes.segment_kwh[row.place]
            for n, (bound, kwh) in enumerate(zip(row.bounds, self._widths(row), strict=True)):
                width = homes.quotient(homes.nothing.plus(kwh)) if isinstance(kwh, Fraction) else kwh
                used = left.at_most(width).where(homes.above(bound), left)
                left = left.less(used)
                yield row, n, used
            yield row, len(row.bounds), left

    def _widths(self, row: Row) -> tuple[Decimal | Fraction, ...]:
        """`Row.blocks`; exact where they aren't rounded."""
        if self.split.kwh_round is not None or row.segment.days == self.split.whole_days:
            return row.blocks
        part = Fraction(row.segment.days, self.split.whole_days)
        return tuple(Fraction(b - a) * part for a, b in pairwise((ZERO, *row.bounds)))
