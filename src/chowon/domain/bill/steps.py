"""A tariff's line made ready for one period. Everything that depends on dates is looked up once, here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol, runtime_checkable

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.meter import Meter
from chowon.domain.bill.outcome import Part
from chowon.domain.bill.split import HomesRun, Run, Split
from chowon.domain.clock import Period
from chowon.domain.tariff.definition import Tariff
from chowon.domain.tariff.kinds import Line
from chowon.errors import UsageInvalid


class Step(Protocol):
    """A line of one period. Each method gets a run whose `amounts` hold the same thing of the lines above."""

    @property
    def line(self) -> Line:
        """The line's definition."""

    def charge(self, run: Run) -> Decimal:
        """The amount before the line's own rounding, from kWh split as the tariff splits them."""

    def charges(self, homes: HomesRun) -> Exact:
        """`charge` of many homes at once, equal to it: the same arithmetic in arrays of whole numbers."""

    def parts(self, run: Run) -> tuple[Part, ...]:
        """The products that `charge` adds up."""

    def exact(self, run: Run) -> Decimal:
        """The amount with nothing rounded at all, neither money nor the kWh of segments."""

    def slope(self, run: Run) -> Decimal:
        """What the next kWh adds to `exact`, jumps left out."""


def rounded_charge(step: Step, run: Run) -> Decimal:
    """The step's amount as its line rounds it."""
    amount = step.charge(run)
    return amount if step.line.round is None else step.line.round.apply(amount)


@runtime_checkable
class Segmented(Protocol):
    """A charge that is known segment by segment: (place of the segment, amount × days of the period).

    Multiplied out, so that nothing is divided, and nothing rounded, before the sum.
    """

    def by_segment(self, run: Run) -> Iterable[tuple[int, Decimal]]:
        """The pieces of `charge`."""

    def charges_by_segment(self, homes: HomesRun) -> Iterable[tuple[int, Exact]]:
        """The pieces of `charges`."""

    def exact_by_segment(self, run: Run) -> Iterable[tuple[int, Decimal]]:
        """The pieces of `exact`."""

    def slope_by_segment(self, run: Run) -> Iterable[tuple[int, Decimal]]:
        """The pieces of `slope`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a line needs to know to become a step."""

    tariff: Tariff
    period: Period
    split: Split
    reached: frozenset[Decimal]
    """Bounds of dearer blocks (`Over.above_kwh`) that the period's kWh exceed."""
    meter: Meter
    """Takes note of what lines measure."""
    numbers: Mapping[str, Decimal]
    """The values of numeric options."""
    above: tuple[Step, ...] = ()
    """The lines above, as steps."""

    def number(self, option: str) -> Decimal:
        """The value of a numeric option. Errors: UsageInvalid where it is not stated."""
        if option not in self.numbers:
            asked = self.tariff.options[option]
            unit, expected = "", "a number"
            if asked.number is not None:
                unit, expected = f", {asked.number.unit}", asked.number.expected
            raise UsageInvalid(
                f"option {option!r}: {self.tariff.id} needs it ({asked.label.en}{unit}); set {expected}"
            )
        return self.numbers[option]

    @property
    def reading_month(self) -> date:
        """First day of the month of the next reading day (KEPCO terms §70)."""
        return self.period.end.replace(day=1)
