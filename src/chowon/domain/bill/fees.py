"""Lines that price no energy: demand in kW, fixed fees, a percentage by points, credit carried over."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.meter import Peak
from chowon.domain.bill.outcome import Part, Segment
from chowon.domain.bill.split import HomesRun, Run, Split, segments_of
from chowon.domain.bill.steps import Setting
from chowon.domain.tariff.kinds import CarryOver, Demand, Fixed, PerPoint
from chowon.domain.tariff.terms import ZERO, Price, in_force, seasonal_in_force

_ONE: Final = Decimal(1)
_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Row:
    """Days with one price."""

    price: Price
    segment: Segment


def _rows(line: Demand | Fixed, setting: Setting) -> tuple[Row, ...]:
    def price_on(day: date) -> Price | None:
        return seasonal_in_force(line.prices, day, setting.tariff.seasons) if line.exists_on(day) else None

    spans = segments_of(setting.period, price_on)
    priced = ((price_on(segment.start), segment) for segment in spans)
    return tuple(Row(price, segment) for price, segment in priced if price is not None)


def demand_step(line: Demand, setting: Setting) -> "DemandStep":
    """The line with its prices of this period."""
    least = ZERO
    if line.kw_option is not None:
        percent = _HUNDRED if not line.measured else line.floor_percent
        least = setting.number(line.kw_option) * percent / _HUNDRED
    peak = None
    if line.measured:
        peak = setting.meter.place(Peak(line.calendar, line.bands, line.interval_min))
    return DemandStep(line, _rows(line, setting), setting.split, peak, least, _ratchet(line, setting))


def _ratchet(line: Demand, setting: Setting) -> frozenset[str]:
    """The earlier months whose demand counts: of the 12 that end with the reading month."""
    found, month = set(), setting.reading_month
    for _ in range(11):
        month = (month - timedelta(days=1)).replace(day=1)
        if month.month in line.ratchet_months:
            found.add(f"{month:%Y-%m}")
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class DemandStep:
    """Billing demand × price, by days over the prices of the period."""

    line: Demand
    rows: tuple[Row, ...]
    split: Split
    peak: int | None
    """Where the period's own demand stands among the measures."""
    least_kw: Decimal
    ratchet: frozenset[str]

    def kw(self, run: Run) -> Decimal:
        """The billing demand."""
        found = self.least_kw if self.peak is None else max(self.least_kw, run.measures[self.peak])
        past = (kw for month, kw in run.usage.past_demand_kw.items() if month in self.ratchet)
        found = max([found, *past])
        return found if self.line.kw_round is None else self.line.kw_round.apply(found)

    def charge(self, run: Run) -> Decimal:
        """Multiplied out before the one division."""
        kw = self.kw(run)
        return sum((kw * r.price.value * r.segment.days for r in self.rows), ZERO) / self.split.whole_days

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        kw = homes.nothing if self.peak is None else homes.measures[self.peak]
        kw = kw.at_least(self.least_kw)
        for month, past_kw in homes.past_demand_kw.items():
            if month in self.ratchet:
                kw = kw.at_least(past_kw)
        if self.line.kw_round is not None:
            kw = homes.rounded(kw, self.line.kw_round)
        price = sum((Fraction(r.price.value) * r.segment.days for r in self.rows), Fraction(0))
        return kw.times(price / self.split.whole_days)

    exact = charge

    def slope(self, run: Run) -> Decimal:  # noqa: ARG002  demand does not follow from the next kWh
        """0."""
        return ZERO

    def parts(self, run: Run) -> tuple[Part, ...]:
        """One a price."""
        kw, whole = self.kw(run), self.split.whole_days
        return tuple(
            Part(
                self.line.label,
                kw,
                "kW",
                r.price.value if r.segment.days == whole else r.price.value * r.segment.days / whole,
                kw * r.price.value * r.segment.days / whole,
                r.price.since,
                r.price.source,
                r.segment,
            )
            for r in self.rows
            if kw
        )


def fixed_step(line: Fixed, setting: Setting) -> "FixedFeeStep":
    """The line with its amounts of this period."""
    times = _ONE if line.times is None else setting.number(line.times)
    rows = _rows(line, setting)
    if line.per == "bill":  # once, at the price of the last day
        rows = tuple(Row(r.price, Segment(setting.period.start, setting.period.end, 1)) for r in rows[-1:])
    return FixedFeeStep(line, rows, setting.split, times)


@dataclass(frozen=True, slots=True)
class FixedFeeStep:
    """An amount × its days."""

    line: Fixed
    rows: tuple[Row, ...]
    split: Split
    times: Decimal

    def charge(self, run: Run) -> Decimal:  # noqa: ARG002  the same for every kWh
        """Multiplied out before the one division."""
        return self._all / self._days

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        return homes.nothing.plus(Fraction(self._all) / self._days)

    exact = charge

    def slope(self, run: Run) -> Decimal:  # noqa: ARG002  the same for every kWh
        """0."""
        return ZERO

    def parts(self, run: Run) -> tuple[Part, ...]:  # noqa: ARG002
        """One an amount."""
        unit = "once" if self.line.per == "bill" else self.line.per
        return tuple(
            Part(
                self.line.label,
                Decimal(r.segment.days) / self._days * self.times,
                unit,
                r.price.value,
                r.price.value * self.times * r.segment.days / self._days,
                r.price.since,
                r.price.source,
                r.segment,
            )
            for r in self.rows
        )

    @property
    def _all(self) -> Decimal:
        return sum((r.price.value * r.segment.days for r in self.rows), ZERO) * self.times

    @property
    def _days(self) -> int:
        """What the amounts are of."""
        return self.split.whole_days if self.line.per == "month" else 1


def per_point_step(line: PerPoint, setting: Setting) -> "PerPointStep":
    """The line with the customer's number and the percentage of this reading month."""
    month = setting.reading_month
    price = in_force(line.prices, month) if line.exists_on(month) else None
    points = min(max(setting.number(line.option), line.least), line.most) - line.standard
    segment = Segment(setting.period.start, setting.period.end, setting.period.days)
    return PerPointStep(line, price, points, segment)


@dataclass(frozen=True, slots=True)
class PerPointStep:
    """Points × percent of the sum."""

    line: PerPoint
    price: Price | None
    points: Decimal
    segment: Segment

    def charge(self, run: Run) -> Decimal:
        """0 at the standard."""
        return run.sum_of(self.line.of) * self._percent / _HUNDRED or ZERO

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        return homes.sum_of(self.line.of).times(Fraction(self._percent) / 100)

    exact = charge
    slope = charge

    def parts(self, run: Run) -> tuple[Part, ...]:
        """The percentage that the points come to, once."""
        if self.price is None or not self.points:
            return ()
        base = run.sum_of(self.line.of)
        amount = base * self._percent / _HUNDRED
        price = self.price
        return (
            Part(self.line.label, base, "%", self._percent, amount, price.since, price.source, self.segment),
        )

    @property
    def _percent(self) -> Decimal:
        return ZERO if self.price is None else self.points * self.price.value


def carry_over_step(line: CarryOver, _setting: Setting) -> "CarryOverStep":
    """The line as it is."""
    return CarryOverStep(line)


@dataclass(frozen=True, slots=True)
class CarryOverStep:
    """Credit taken off as far as the sum allows; a negative sum is lifted to 0."""

    line: CarryOver

    def charge(self, run: Run) -> Decimal:
        """What takes the sum to 0, or all of the credit."""
        sum_ = run.sum_of(self.line.of)
        return max(-sum_, -run.usage.carried) or ZERO

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        return (-homes.sum_of(self.line.of)).at_least(-homes.carried)

    def left(self, run: Run) -> Decimal:
        """The credit that is left for the next period."""
        return run.usage.carried + run.amounts[self.line.id]

    exact = charge

    def slope(self, run: Run) -> Decimal:  # noqa: ARG002  left out of the next kWh's price
        """0: what the next kWh costs while credit is left is that credit."""
        return ZERO

    def parts(self, run: Run) -> tuple[Part, ...]:  # noqa: ARG002
        """None: the credit itself explains it."""
        return ()
