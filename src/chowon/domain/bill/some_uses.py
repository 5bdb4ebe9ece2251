"""Lines that only bills of some uses have: above so many kWh, or of at most so many."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.largest import KeptIfLargest
from chowon.domain.bill.outcome import Part
from chowon.domain.bill.split import HomesRun, Run
from chowon.domain.bill.steps import Segmented, Step
from chowon.domain.quantities import Bools
from chowon.domain.tariff.kinds import Line
from chowon.domain.tariff.terms import ZERO


def for_some_uses(step: Step, part: Fraction) -> Step:
    """The step, 0 for uses outside the bounds of its line. part: as `Split.part`."""
    if step.line.above_kwh is None and step.line.upto_kwh is None:
        return step
    return SegmentsForSomeUses(step, part) if isinstance(step, Segmented) else ForSomeUses(step, part)


def bare(step: Step) -> Step:
    """The step itself, without what decides whether it counts."""
    return bare(step.own) if isinstance(step, ForSomeUses | KeptIfLargest) else step


@dataclass(frozen=True, slots=True)
class ForSomeUses:
    """A step whose line only some uses have; bounds are compared at the pace of a full period."""

    own: Step
    part: Fraction

    @property
    def line(self) -> Line:
        """The line's definition."""
        return self.own.line

    def charge(self, run: Run) -> Decimal:
        """Its own amount, or 0."""
        return self.own.charge(run) if self.holds(run) else ZERO

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        return self.own.charges(homes).where(self.homes_hold(homes))

    def parts(self, run: Run) -> tuple[Part, ...]:
        """Its own parts, or none."""
        return self.own.parts(run) if self.holds(run) else ()

    def exact(self, run: Run) -> Decimal:
        """Its own exact amount, or 0."""
        return self.own.exact(run) if self.holds(run) else ZERO

    def slope(self, run: Run) -> Decimal:
        """Its own slope where the line is there before and after the next kWh: jumps are left out."""
        return self.own.slope(run) if self.stays(run) else ZERO

    def holds(self, run: Run) -> bool:
        """Whether a bill of this use has the line."""
        above, upto = self.line.above_kwh, self.line.upto_kwh
        within = upto is None or not run.exceeds(upto, self.part)
        return within and (above is None or run.exceeds(above, self.part))

    def stays(self, run: Run) -> bool:
        """Whether a bill of a little more than this use has the line."""
        above, upto = self.line.above_kwh, self.line.upto_kwh
        kwh = run.kwh * self.part.denominator
        within = upto is None or kwh < upto * self.part.numerator
        return within and (above is None or kwh >= above * self.part.numerator)

    def homes_hold(self, homes: HomesRun) -> Bools:
        """As `holds`."""
        above, upto = self.line.above_kwh, self.line.upto_kwh
        hold = np.ones(len(homes.energy), np.bool_) if above is None else homes.above(above)
        return hold if upto is None else hold & ~homes.above(upto)


@dataclass(frozen=True, slots=True)
class SegmentsForSomeUses(ForSomeUses):
    """The same of a step that is known segment by segment."""

    def by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        if self.holds(run):
            yield from self._segments.by_segment(run)

    def charges_by_segment(self, homes: HomesRun) -> Iterator[tuple[int, Exact]]:
        """As `Segmented`."""
        hold = self.homes_hold(homes)
        for place, amount in self._segments.charges_by_segment(homes):
            yield place, amount.where(hold)

    def exact_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        if self.holds(run):
            yield from self._segments.exact_by_segment(run)

    def slope_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        if self.stays(run):
            yield from self._segments.slope_by_segment(run)

    @property
    def _segments(self) -> Segmented:
        assert isinstance(self.own, Segmented)  # `for_some_uses` made it so
        return self.own
