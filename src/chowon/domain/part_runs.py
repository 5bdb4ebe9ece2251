"""What each run of an appliance costs: its part of what the appliance costs by any rule.

A rule of chowon.domain.bill.shares says what the appliance costs in a period. That amount is cut in
proportion to the energy into its runs and the time between them: as the average rule cuts a bill, and so that
all of it adds up to the appliance's share. A run at night is no cheaper for it than one by day.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from chowon.domain.bill import PerRun, SharedBill, per_run
from chowon.domain.bill.costs import smallest_unit
from chowon.domain.bill.shares import largest_remainder
from chowon.domain.bill.usage import Grid
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.runs import Runs
from chowon.domain.parts import Cut, Part
from chowon.domain.quantities import I64
from chowon.errors import NotFound, UsageInvalid


@dataclass(frozen=True, slots=True, eq=False)
class RunTimes:
    """When an appliance ran, in order. Errors: UsageInvalid for runs that overlap or take no time."""

    start_ms: I64
    """(r,) ms UTC"""
    end_ms: I64
    """(r,) ms UTC"""

    def __post_init__(self) -> None:
        same = self.start_ms.shape == self.end_ms.shape
        if not same or (self.end_ms <= self.start_ms).any() or (self.start_ms[1:] < self.end_ms[:-1]).any():
            raise UsageInvalid("runs: expected a start and a later end each, one run after the other")

    def __len__(self) -> int:
        return len(self.start_ms)


@dataclass(frozen=True, slots=True)
class RunCost:
    """One run within the period."""

    start_ms: int
    end_ms: int
    kwh: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class RunCosts:
    """An appliance's share of a bill by its runs. Their amounts and `between` add up to it, exactly."""

    of_runs: PerRun
    """What all runs cost, how many there were, and what one costs on average"""
    runs: tuple[RunCost, ...]
    between_kwh: Decimal
    between: Decimal
    """Used and paid for while no run was on: standby"""


def run_times(power: Power, runs: Runs) -> RunTimes:
    """The instants of runs that were told on this grid."""
    return RunTimes(power.start_ms + runs.start * power.step_ms, power.start_ms + runs.end * power.step_ms)


def costs_of_runs(shared: SharedBill, found: Cut, part: str, times: RunTimes, currency: str) -> RunCosts:
    """The share of one part of a bill by its runs: "dishwasher: 21 runs, 14,320 won, 682 won a run".

    A run over an end of the period counts, with what it used within. Errors: NotFound for a part without a
    share; UsageInvalid.
    """
    of_part = next((one for one in found.parts if one.name == part), None)
    if of_part is None or part not in shared.shares:
        raise NotFound(f"part {part!r}: it has no share of this bill; there are {', '.join(shared.shares)}")
    grid = found.use.grid
    inside = (times.end_ms > grid.start_ms) & (times.start_ms < grid.end_ms)
    times = RunTimes(
        np.maximum(times.start_ms[inside], grid.start_ms), np.minimum(times.end_ms[inside], grid.end_ms)
    )
    energy = [*_energy_of_runs(of_part, grid, times)]
    between = int(of_part.taken.sum()) - sum(energy, Fraction(0))
    unit = smallest_unit(currency)
    amounts = _in_proportion(int(shared.shares[part] / unit), [*energy, between])
    per_kwh = found.use.per_kwh
    runs = tuple(
        RunCost(start_ms, end_ms, _kwh(used, per_kwh), amount * unit)
        for start_ms, end_ms, used, amount in zip(
            times.start_ms.tolist(), times.end_ms.tolist(), energy, amounts, strict=False
        )
    )
    of_runs = sum((run.amount for run in runs), Decimal(0))
    return RunCosts(per_run(of_runs, len(runs), unit), runs, _kwh(between, per_kwh), amounts[-1] * unit)


def _energy_of_runs(part: Part, grid: Grid, times: RunTimes) -> list[Fraction]:
    """(r,) what each run took. All that an interval took goes to the runs in it, by how long each was in it.

    A loop over runs, of which a period has few; each looks at its own intervals only.
    """
    first = (times.start_ms - grid.start_ms) // grid.step_ms
    last = (times.end_ms - 1 - grid.start_ms) // grid.step_ms
    stays: list[tuple[list[int], list[int]]] = []
    on_ms: dict[int, int] = {}
    for run in range(len(times)):
        places = np.arange(first[run], last[run] + 1)
        begins = grid.start_ms + places * grid.step_ms
        here = np.minimum(begins + grid.step_ms, times.end_ms[run]) - np.maximum(begins, times.start_ms[run])
        stays.append((places.tolist(), here.tolist()))
        for place, ms in zip(*stays[-1], strict=True):
            on_ms[place] = on_ms.get(place, 0) + ms
    return [
        sum(
            (
                Fraction(int(part.taken[place]) * ms, on_ms[place])
                for place, ms in zip(places, here, strict=True)
            ),
            Fraction(0),
        )
        for places, here in stays
    ]


def _in_proportion(amount: int, energy: list[Fraction]) -> list[int]:
    """Whole units that add up to the amount, by energy; where there was none the last gets all."""
    whole = sum(energy, Fraction(0))
    names = [f"{at:09}" for at in range(len(energy))]
    exact = {
        name: amount * used / whole if whole else Fraction(amount if name == names[-1] else 0)
        for name, used in zip(names, energy, strict=True)
    }
    more = {name: Decimal(-at) for at, name in enumerate(names)}  # of equal remainders the earlier run
    shares = largest_remainder(exact, amount, more)
    return [shares[name] for name in names]


def _kwh(energy: Fraction, per_kwh: int) -> Decimal:
    return Decimal(energy.numerator) / (energy.denominator * per_kwh)
