"""Discounts: a percentage up to a cap, of the period or segment by segment; a credit for the first kWh."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.outcome import Part, Segment
from chowon.domain.bill.split import HomesRun, Run, segments_of
from chowon.domain.bill.steps import Segmented, Setting
from chowon.domain.tariff.kinds import Discount, PerKwhCredit
from chowon.domain.tariff.terms import ZERO, DiscountPrice, Price, Season, in_force

_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Piece:
    """Days with one percentage and one cap."""

    segment: Segment
    terms: DiscountPrice | None
    """None: the line doesn't exist on these days."""
    cap: Decimal | None
    part: Fraction
    """Which part of a full period, that a cap is meant for, the bill is of."""

    def taken(self, base: Decimal) -> Decimal:
        """What is taken off, × 100 × the period's days. base: × the period's days."""
        if self.terms is None or base <= 0:
            return ZERO
        taken = base * self.terms.percent
        return taken if self.cap is None else min(taken, self.most)

    def homes_taken(self, base: Exact) -> Exact:
        """As `taken`."""
        taken = base.at_least(0).times(ZERO if self.terms is None else self.terms.percent)
        if self.cap is None:
            return taken
        return taken.at_most(self.part * Fraction(self.cap) * self.segment.days * 100)

    @property
    def most(self) -> Decimal:
        """The cap of these days, × 100 × the period's days."""
        most = ZERO if self.cap is None else self.cap * self.segment.days * _HUNDRED
        return most if self.part == 1 else most * self.part.numerator / self.part.denominator

    def grows(self, base: Decimal) -> bool:
        """Whether one more kWh adds to what is taken off; never where all is taken off, up to the cap."""
        if self.terms is None or self.terms.percent == _HUNDRED or base < 0:
            return False
        return self.cap is None or base * self.terms.percent < self.most


def cut_key(line: Discount, setting: Setting, day: date) -> tuple[object, ...] | None:
    """Days with the same key belong to one segment; a discount of the whole period cuts nothing."""
    return _terms(line, setting.tariff.seasons, day)[1:] if line.per == "segment" else None


def _terms(
    line: Discount, seasons: dict[str, Season], day: date
) -> tuple[DiscountPrice | None, Decimal | None, Decimal | None]:
    """What is in force on the day, its percentage and its cap."""
    terms = in_force(line.prices, day) if line.exists_on(day) else None
    if terms is None:
        return None, None, None
    caps = (cap for season, cap in terms.in_season if seasons[season].holds(day))
    return terms, terms.percent, next(caps, terms.cap)


def discount_step(line: Discount, setting: Setting) -> "DiscountStep":
    """The line with its percentages and caps of this period."""
    seasons, period = setting.tariff.seasons, setting.period
    segments = setting.split.segments
    segmented: tuple[Segmented, ...] = ()
    by_days = line.of
    if line.per == "segment":
        known = {s.line.id: s for s in setting.above if s.line.id in line.of and isinstance(s, Segmented)}
        segmented = tuple(known.values())
        by_days = tuple(id_ for id_ in line.of if id_ not in known)
    else:
        segments = segments_of(period, lambda day: _terms(line, seasons, day)[1:])
    pieces = []
    for segment in segments:
        terms, _, cap = _terms(line, seasons, segment.start)
        pieces.append(Piece(segment, terms, cap, setting.split.part))
    return DiscountStep(line, tuple(pieces), segmented, by_days, period.days)


@dataclass(frozen=True, slots=True)
class DiscountStep:
    """−min(percent of the lines, cap), each piece of the period by its days."""

    line: Discount
    pieces: tuple[Piece, ...]
    segmented: tuple[Segmented, ...]
    """Lines that are known segment by segment; the pieces are the period's segments then."""
    by_days: tuple[str, ...]
    """Lines of which a piece gets its days' share."""
    days: int

    def charge(self, run: Run) -> Decimal:
        """Multiplied out before the one division."""
        return self._sum(self._bases(run, [c.by_segment(run) for c in self.segmented]))

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        shared = homes.sum_of(self.by_days)
        bases = [shared.times(piece.segment.days) for piece in self.pieces]
        for charge in self.segmented:
            for place, amount in charge.charges_by_segment(homes):
                bases[place] += amount
        taken = (piece.homes_taken(base) for piece, base in zip(self.pieces, bases, strict=True))
        return -sum(taken, homes.nothing).times(Fraction(1, self.days * 100))

    def exact(self, run: Run) -> Decimal:
        """The same of exact charges."""
        return self._sum(self._exact_bases(run))

    def slope(self, run: Run) -> Decimal:
        """The percentage of the lines' slopes, where it is below its cap."""
        assert run.at is not None  # the engine hands the amounts to plans that have this step
        slopes = self._bases(run, [c.slope_by_segment(run) for c in self.segmented])
        sum_ = ZERO
        for piece, base, slope in zip(self.pieces, self._exact_bases(run.at), slopes, strict=True):
            if piece.terms is not None and piece.grows(base):
                sum_ += slope * piece.terms.percent
        return -sum_ / (self.days * _HUNDRED) or ZERO

    def parts(self, run: Run) -> tuple[Part, ...]:
        """One a piece: a percentage of its charges, or its days of the month's cap."""
        found = []
        bases = self._bases(run, [c.by_segment(run) for c in self.segmented])
        for piece, base in zip(self.pieces, bases, strict=True):
            taken, terms = piece.taken(base), piece.terms
            if terms is None or not taken:
                continue
            if piece.cap is not None and taken == piece.most:
                days = self.days / piece.part  # of a full period
                quantity, unit, price = piece.segment.days / Decimal(int(days)), "month", -piece.cap
            else:
                quantity, unit, price = base / self.days, "%", -terms.percent
            amount = -taken / (self.days * _HUNDRED)
            found.append(
                Part(self.line.label, quantity, unit, price, amount, terms.since, terms.source, piece.segment)
            )
        return tuple(found)

    def _exact_bases(self, run: Run) -> list[Decimal]:
        return self._bases(run, [c.exact_by_segment(run) for c in self.segmented])

    def _bases(self, run: Run, charges: Iterable[Iterable[tuple[int, Decimal]]]) -> list[Decimal]:
        """From what each piece's discount is taken, × the period's days."""
        shared = run.sum_of(self.by_days)
        bases = [shared * piece.segment.days for piece in self.pieces]
        for charge in charges:
            for place, amount in charge:
                bases[place] += amount
        return bases

    def _sum(self, bases: Iterable[Decimal]) -> Decimal:
        sum_ = ZERO
        for piece, base in zip(self.pieces, bases, strict=True):
            sum_ += piece.taken(base)
        return -sum_ / (self.days * _HUNDRED) or ZERO


def credit_step(line: PerKwhCredit, setting: Setting) -> "CreditStep":
    """The line with its prices of this period."""

    def price_on(day: date) -> Price | None:
        return in_force(line.prices, day) if line.exists_on(day) else None

    spans = segments_of(setting.period, price_on)
    priced = ((price_on(segment.start), segment) for segment in spans)
    return CreditStep(line, tuple((p, s) for p, s in priced if p is not None), setting)


@dataclass(frozen=True, slots=True)
class CreditStep:
    """−price × the days' share of the first kWh, each price by itself."""

    line: PerKwhCredit
    spans: tuple[tuple[Price, Segment], ...]
    setting: Setting

    def charge(self, run: Run) -> Decimal:
        """Each price's amount is rounded by itself, as the line is."""
        rounding, sum_ = self.line.round, ZERO
        for price, segment in self.spans:
            amount = price.value * self._kwh(run, segment)
            sum_ += amount if rounding is None else rounding.apply(amount)
        return -sum_ or ZERO

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        rounding, sum_ = self.line.round, homes.nothing
        for price, segment in self.spans:
            amount = self._homes_kwh(homes, segment).times(price.value)
            sum_ += amount if rounding is None else homes.rounded(amount, rounding)
        return -sum_

    def parts(self, run: Run) -> tuple[Part, ...]:
        """One a price."""
        found = []
        for price, segment in self.spans:
            kwh = self._kwh(run, segment)
            amount = -kwh * price.value
            found.append(
                Part(self.line.label, kwh, "kWh", -price.value, amount, price.since, price.source, segment)
            )
        return tuple(found)

    def exact(self, run: Run) -> Decimal:
        """The first kWh × the price weighted by days."""
        return self._credited(run) * self._weighted_price() or ZERO

    def slope(self, run: Run) -> Decimal:
        """The price weighted by days, up to the last credited kWh."""
        first_kwh = self._first_kwh
        return ZERO if first_kwh is not None and run.kwh >= first_kwh else self._weighted_price()

    def _weighted_price(self) -> Decimal:
        days = sum((price.value * segment.days for price, segment in self.spans), ZERO)
        return -days / self.setting.period.days or ZERO

    def _credited(self, run: Run) -> Decimal:
        first_kwh = self._first_kwh
        return run.kwh if first_kwh is None else min(run.kwh, first_kwh)

    @property
    def _first_kwh(self) -> Decimal | None:
        first_kwh, split = self.line.first_kwh, self.setting.split
        if first_kwh is None:
            return None
        if self.line.per_day:
            return first_kwh * split.days
        return first_kwh if split.part == 1 else first_kwh * split.part.numerator / split.part.denominator

    def _kwh(self, run: Run, segment: Segment) -> Decimal:
        """The segment's share, rounded as kWh are; a whole period is never rounded."""
        days, rounding = self.setting.period.days, self.setting.tariff.kwh_round
        kwh = self._credited(run)
        if segment.days == days:
            return kwh
        return kwh * segment.days / days if rounding is None else rounding.apply(kwh * segment.days / days)

    def _homes_kwh(self, homes: HomesRun, segment: Segment) -> Exact:
        """As `_kwh`."""
        days, rounding, first_kwh = self.setting.period.days, self.setting.tariff.kwh_round, self._first_kwh
        kwh = homes.kwh if first_kwh is None else homes.kwh.at_most(first_kwh)
        if segment.days == days:
            return kwh
        share = kwh.times(Fraction(segment.days, days))
        return homes.quotient(share) if rounding is None else homes.rounded(share, rounding)
