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
_NOBODY_USES: Final = 2**62
_SHORT_DECIMALS: Final = 10**9
"""kWh over a divisor of it have few enough decimals for their products with prices to fit 28 digits."""


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

    def homes_kwh(self, total: Exact, homes: "HomesRun") -> tuple[Exact, ...]:
        """`kwh` of many homes."""
        shares = []
        left = total
        for segment in self.segments[:-1]:
            share = self._homes_share(total, homes, segment.days).at_most(left)
            shares.append(share)
            left = left.less(share)
        return (*shares, left)

    def _homes_share(self, total: Exact, homes: "HomesRun", days: int) -> Exact:
        share = total.times(Fraction(days, self.days))
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


def bound_of(kwh: Decimal, part: Fraction, per_kwh: int) -> int:
    """Whole energies, `per_kwh` of them a kWh, that exceed this part of kWh are those above this number."""
    return min(floor(Fraction(kwh) * per_kwh * part), _NOBODY_USES)


@dataclass(slots=True)
class HomesRun:
    """`Run` of many homes of one period at once."""

    energy: I64
    """(homes,) taken from the grid, 0 or more"""
    per_kwh: int
    """How many of `energy` are a kWh"""
    most: int
    """No home has more."""
    total: Exact
    unsure: Bools
    """(homes,) where the scalar evaluator, which keeps 28 digits, may round to the other side."""
    amounts: dict[str, Exact] = field(default_factory=dict)
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
    def of(energy: I64, per_kwh: int, most: int, part: Fraction) -> "HomesRun":
        """The start of an evaluation: nothing is split or measured yet."""
        zeros = Exact.zeros(len(energy))
        return HomesRun(energy, per_kwh, most, zeros, np.zeros(len(energy), np.bool_), part=part)

    @property
    def kwh(self) -> Exact:
        """The period's kWh."""
        return self.in_kwh(self.energy)

    def in_kwh(self, energy: I64) -> Exact:
        """Energies, `per_kwh` of them a kWh, as kWh."""
        return Exact(energy, self.per_kwh, self.most, loose=self.loose)

    @property
    def loose(self) -> bool:
        """Whether the scalar evaluator has the kWh themselves as quotients of 28 digits only."""
        return _SHORT_DECIMALS % self.per_kwh != 0

    @property
    def nothing(self) -> Exact:
        """0 for every home."""
        return Exact.zeros(len(self.energy))

    def above(self, kwh: Decimal) -> Bools:
        """(homes,) whose kWh exceed this at the pace of a full period."""
        return self.energy > self._bound(kwh)

    def block(self, bounds: tuple[Decimal, ...]) -> I64:
        """(homes,) how many of these bounds the kWh exceed at the pace of a full period."""
        return np.searchsorted([self._bound(bound) for bound in bounds], self.energy, "left")

    def _bound(self, kwh: Decimal) -> int:
        """`bound_of`; homes exactly on it are unsure where the kWh are loose."""
        bound = bound_of(kwh, self.part, self.per_kwh)
        if self.loose:
            self.unsure |= self.energy == bound
        return bound

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
