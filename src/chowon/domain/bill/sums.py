"""Lines that follow from those above them: deductions, minimum, subtotals, percentages, the rounded total."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.outcome import Part, Segment
from chowon.domain.bill.split import HomesRun, Run, segments_of
from chowon.domain.bill.steps import Setting, rounded_charge
from chowon.domain.bill.usage import Usage
from chowon.domain.clock import Period
from chowon.domain.tariff.kinds import Deduction, Line, Minimum, Percentage, RoundTotal, Subtotal
from chowon.domain.tariff.terms import ZERO, LeastCharge, Price, in_force

_ONE: Final = Decimal(1)
_HUNDRED: Final = Decimal(100)


def _monthly_price(line: Deduction | Percentage, setting: Setting) -> Price | None:
    """The price of the reading month, None where the line doesn't exist then."""
    month = setting.reading_month
    return in_force(line.prices, month) if line.exists_on(month) else None


def _whole(period: Period) -> Segment:
    """The period as one segment."""
    return Segment(period.start, period.end, period.days)


def deduction_step(line: Deduction, setting: Setting) -> "DeductionStep":
    """The line with its limit of this reading month."""
    return DeductionStep(line, _monthly_price(line, setting), setting.period)


def minimum_step(line: Minimum, setting: Setting) -> "MinimumStep":
    """The line with its least amount of this reading month."""
    month = setting.reading_month
    least = in_force(line.prices, month) if line.exists_on(month) else None
    if least is None:
        return MinimumStep(line, None, ZERO, setting.period)
    amount = _cost_of(least.kwh or ZERO, line, setting) if least.amount is None else least.amount
    return MinimumStep(line, least, amount, setting.period)


def _cost_of(kwh: Decimal, line: Minimum, setting: Setting) -> Decimal:
    """What the lines `of` come to for so many kWh a full period."""
    split = setting.split
    usage = Usage(split.month_share(kwh, split.days))
    run = Run(usage, split.kwh(usage.kwh))
    steps = (step for step in setting.above if step.line.id in line.of)
    return sum((rounded_charge(step, run) for step in steps), ZERO)


def subtotal_step(line: Subtotal, _setting: Setting) -> "SubtotalStep":
    """The line as it is."""
    return SubtotalStep(line)


def round_total_step(line: RoundTotal, _setting: Setting) -> "RoundTotalStep":
    """The line as it is."""
    return RoundTotalStep(line)


@dataclass(frozen=True, slots=True)
class DeductionStep:
    """−min(limit, what stands above `keep`)."""

    line: Deduction
    price: Price | None
    period: Period

    def charge(self, run: Run) -> Decimal:
        """0 or less."""
        if self.price is None:
            return ZERO
        return -min(self.price.value, max(ZERO, run.sum_of(self.line.of) - self.line.keep)) or ZERO

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        if self.price is None:
            return homes.nothing
        kept = homes.sum_of(self.line.of).at_least(self.line.keep)
        return -kept.plus(-self.line.keep).at_most(self.price.value)

    exact = charge

    def slope(self, run: Run) -> Decimal:  # noqa: ARG002  left out of the next kWh's price
        """0: where the deduction grows with use, the first kWh of a period, is left out."""
        return ZERO

    def parts(self, run: Run) -> tuple[Part, ...]:
        """The amount taken off, once."""
        amount = self.charge(run)
        return _once(self.line, self.price, amount, self.period)


@dataclass(frozen=True, slots=True)
class MinimumStep:
    """What the sum lacks to the least amount."""

    line: Minimum
    price: LeastCharge | None
    least: Decimal
    period: Period

    def charge(self, run: Run) -> Decimal:
        """0 or more."""
        return ZERO if self.price is None else max(ZERO, self.least - run.sum_of(self.line.of))

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        if self.price is None:
            return homes.nothing
        return (-homes.sum_of(self.line.of)).plus(self.least).at_least(0)

    exact = charge

    def slope(self, run: Run) -> Decimal:  # noqa: ARG002  left out of the next kWh's price
        """0: the minimum is left out."""
        return ZERO

    def parts(self, run: Run) -> tuple[Part, ...]:
        """The amount added, once."""
        return _once(self.line, self.price, self.charge(run), self.period)


def percentage_step(line: Percentage, setting: Setting) -> "PercentageStep":
    """The line with its percentages of this period, each with its days."""
    period = setting.period
    if line.by == "reading_month":
        price = _monthly_price(line, setting)
        return PercentageStep(line, () if price is None else ((price, _whole(period)),), period.days)
    spans = segments_of(period, lambda day: in_force(line.prices, day) if line.exists_on(day) else None)
    priced = ((in_force(line.prices, s.start), s) for s in spans if line.exists_on(s.start))
    return PercentageStep(line, tuple((p, s) for p, s in priced if p is not None), period.days)


@dataclass(frozen=True, slots=True)
class PercentageStep:
    """Percent of the sum, weighted by days over the percentages of the period."""

    line: Percentage
    spans: tuple[tuple[Price, Segment], ...]
    days: int

    def charge(self, run: Run) -> Decimal:
        """Multiplied out before the one division."""
        return run.sum_of(self.line.of) * self._percent_days / (self.days * _HUNDRED)

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        return homes.sum_of(self.line.of).times(Fraction(self._percent_days) / (self.days * 100))

    exact = charge
    slope = charge

    def parts(self, run: Run) -> tuple[Part, ...]:
        """One a percentage."""
        base = run.sum_of(self.line.of)
        found = []
        for price, segment in self.spans:
            quantity = base * segment.days / self.days
            found.append(
                Part(
                    self.line.label,
                    quantity,
                    "%",
                    price.value,
                    quantity * price.value / _HUNDRED,
                    price.since,
                    price.source,
                    segment,
                )
            )
        return tuple(found)

    @property
    def _percent_days(self) -> Decimal:
        return sum((price.value * s.days for price, s in self.spans), ZERO)


@dataclass(frozen=True, slots=True)
class SubtotalStep:
    """The sum of its lines."""

    line: Subtotal

    def charge(self, run: Run) -> Decimal:
        """The sum; the engine adds it to nothing."""
        return run.sum_of(self.line.of)

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        return homes.sum_of(self.line.of)

    exact = charge
    slope = charge

    def parts(self, run: Run) -> tuple[Part, ...]:  # noqa: ARG002
        """None: the lines above explain it."""
        return ()


@dataclass(frozen=True, slots=True)
class RoundTotalStep:
    """The difference to the rounded sum of all lines above."""

    line: RoundTotal

    def charge(self, run: Run) -> Decimal:
        """Rounded total − total."""
        return ZERO if self.line.round is None else self.line.round.apply(run.total) - run.total

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        rounding = self.line.round
        return homes.nothing if rounding is None else homes.rounded(homes.total, rounding) - homes.total

    def parts(self, run: Run) -> tuple[Part, ...]:  # noqa: ARG002
        """None: its rounding explains it."""
        return ()

    def exact(self, run: Run) -> Decimal:  # noqa: ARG002  exact means not rounded
        """0."""
        return ZERO

    slope = exact


def _once(line: Line, price: Price | LeastCharge | None, amount: Decimal, period: Period) -> tuple[Part, ...]:
    if price is None or not amount:
        return ()
    return (Part(line.label, _ONE, "once", amount, amount, price.since, price.source, _whole(period)),)
