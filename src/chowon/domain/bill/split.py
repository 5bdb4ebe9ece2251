"""Splitting a period by days, and its kWh with it (KEPCO terms §7①); one evaluation on its way."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Final

import numpy as np

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.outcome import Segment
from chowon.domain.bill.usage import Usage
from chowon.domain.clock import Period
from chowon.domain.quantities import I64, Bools
from chowon.domain.tariff.terms import ZERO, Rounding

_ALL: Final = Fraction(1)
_NOTHING: Final = Exact.zeros(1)


def segments_of(period: Period, key: Callable[..., Hashable]) -> tuple[Segment, ...]:
    """Runs of days that have the same key."""
    found: list[Segment] = []
    start, last = period.start, key(period.start)
    for n in range(1, period.days + 1):
        day = period.start + timedelta(days=n)
        now = key(day) if day < period.end else None
        if day == period.end or now != last:
            found.append(Segment(start, day, (day - start).days))
            start, last = day, now
    return tuple(found)


def joined(segments: Iterable[Segment]) -> Segment:
    """Neighbouring segments as one."""
    several = tuple(segments)
    return Segment(several[0].start, several[-1].end, sum(s.days for s in several))


@dataclass(frozen=True, slots=True)
class Split:
    """How a period falls into segments."""

    segments: tuple[Segment, ...]
    days: int
    whole_days: int
    """Of the full period of which this one may be a part."""
    kwh_round: Rounding | None

    def kwh(self, total: Decimal, exact: bool = False) -> tuple[Decimal, ...]:
        """Each segment's kWh: its share by days, rounded unless `exact`; the last takes what remains."""
        if len(self.segments) == 1:
            return (total,)
        shares = []
        left = total
        for segment in self.segments[:-1]:
            share = total * segment.days / self.days
            if self.kwh_round is not None and not exact:
                share = min(self.kwh_round.apply(share), left)
            shares.append(share)
            left -= share
        return (*shares, left)

    def month_share(self, kwh: Decimal, days: int) -> Decimal:
        """This many days' part of a month's kWh, rounded; a whole month is never rounded."""
        if days == self.whole_days:
            return kwh
        share = kwh * days / self.whole_days
        return share if self.kwh_round is None else self.kwh_round.apply(share)

    @property
    def part(self) -> Fraction:
        """Which part of the full period this one is."""
        return Fraction(self.days, self.whole_days)

    def homes_kwh(self, homes: "HomesRun") -> tuple[Exact, ...]:
        """`kwh` of many homes."""
        shares = []
        left = homes.kwh
        for segment in self.segments[:-1]:
            share = self._homes_share(homes, segment.days).at_most(left)
            shares.append(share)
            left = left.less(share)
        return (*shares, left)

    def _homes_share(self, homes: "HomesRun", days: int) -> Exact:
        share = homes.kwh.times(Fraction(days, self.days))
        return homes.quotient(share) if self.kwh_round is None else homes.rounded(share, self.kwh_round)


@dataclass(slots=True)
class Run:
    """One evaluation on its way through the lines."""

    usage: Usage
    segment_kwh: tuple[Decimal, ...] = ()
    """Of each segment; empty when nothing is rounded."""
    measures: tuple[Decimal, ...] = ()
    """What the meter measures, by place."""
    amounts: dict[str, Decimal] = field(default_factory=dict)
    """By line or subtotal, of the lines above."""
    total: Decimal = ZERO
    """Sum of the lines above."""
    at: "Run | None" = None
    """For slopes: the exact amounts at this use, where a line's slope depends on them."""
    when_ms: int | None = None
    """For slopes: the instant at which the next kWh is used."""

    @property
    def kwh(self) -> Decimal:
        """Energy taken from the grid."""
        return self.usage.kwh

    def exceeds(self, kwh: Decimal, part: Fraction) -> bool:
        """Whether the kWh exceed this at the pace of a full period, of which they are of this part."""
        return self.kwh * part.denominator > kwh * part.numerator

    def sum_of(self, ids: tuple[str, ...]) -> Decimal:
        """Sum of these lines and subtotals; one that the bill doesn't have counts nothing."""
        amounts = self.amounts
        total = ZERO
        for id_ in ids:
            total += amounts.get(id_, ZERO)
        return total


def bound_wh(kwh: Decimal, part: Fraction = _ALL) -> int:
    """Whole Wh that exceed this part of kWh are exactly those above this number; nobody uses 10^15."""
    return min(floor(Fraction(kwh) * 1000 * part), 10**15)


@dataclass(slots=True)
class HomesRun:
    """`Run` of many homes of one period at once."""

    energy_wh: I64
    """(homes,) Wh, 0 or more"""
    most_wh: int
    """No home has more."""
    amounts: dict[str, Exact]
    total: Exact
    unsure: Bools
    """(homes,) where the scalar evaluator, which keeps 28 digits, may round to the other side."""
    segment_kwh: tuple[Exact, ...] = ()
    part: Fraction = _ALL
    """As `Split.part`."""
    measures: tuple[Exact, ...] = ()
    """What the meter measures, by place."""
    carried: Exact = _NOTHING
    """As `Usage.carried`."""
    past_demand_kw: Mapping[str, Exact] = field(default_factory=dict)
    """As `Usage.past_demand_kw`."""

    @staticmethod
    def of(energy_wh: I64, most_wh: int, split: Split) -> "HomesRun":
        """The start of an evaluation. most_wh: that no home exceeds."""
        zeros = Exact.zeros(len(energy_wh))
        run = HomesRun(energy_wh, most_wh, {}, zeros, np.zeros(len(energy_wh), np.bool_), part=split.part)
        run.segment_kwh = split.homes_kwh(run)
        return run

    @property
    def kwh(self) -> Exact:
        """The period's kWh."""
        return Exact(self.energy_wh, 1000, self.most_wh)

    @property
    def nothing(self) -> Exact:
        """0 for every home."""
        return Exact.zeros(len(self.energy_wh))

    def above(self, kwh: Decimal) -> Bools:
        """(homes,) whose kWh exceed this at the pace of a full period."""
        return self.energy_wh > bound_wh(kwh, self.part)

    def block(self, bounds: tuple[Decimal, ...]) -> I64:
        """(homes,) how many of these bounds the kWh exceed at the pace of a full period."""
        return np.searchsorted([bound_wh(bound, self.part) for bound in bounds], self.energy_wh, "left")

    def sum_of(self, ids: tuple[str, ...]) -> Exact:
        """As `Run.sum_of`."""
        return sum((self.amounts[id_] for id_ in ids if id_ in self.amounts), self.nothing)

    def rounded(self, amount: Exact, rounding: Rounding) -> Exact:
        """The amount rounded; notes where 28 digits may not be enough to round it so."""
        if amount.loose:
            self.unsure |= amount.on_an_edge(rounding)
        return amount.rounded(rounding)

    def quotient(self, amount: Exact) -> Exact:
        """The amount, known to be a hair off in 28 digits where it has no end as a decimal."""
        loose = amount.loose or not amount.ends
        return Exact(amount.numerators, amount.denominator, amount.most, loose=loose)

    def without(self, ids: frozenset[str]) -> "HomesRun":
        """The run without the amounts of these lines; what is unsure is noted in both."""
        amounts = {id_: amount for id_, amount in self.amounts.items() if id_ not in ids}
        return replace(self, amounts=amounts, total=self.nothing)
