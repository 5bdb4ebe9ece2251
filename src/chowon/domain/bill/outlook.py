"""The rest of a billing period: the bill at its end, when a tier comes, the kWh a day that keep below it.

What may still be used is `Paths`, one or many: a pace that goes on, a forecast, sampled futures. Their
instants are handed in; a bill at the end comes from the exact evaluators.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final

import numpy as np

from chowon.domain.bill.costs import Whole, scaled, totals_of, whole_numbers
from chowon.domain.bill.prepared import Prepared
from chowon.domain.bill.usage import Usage
from chowon.domain.quantities import DAY_MS, HOUR_MS, I64
from chowon.errors import UsageInvalid

_WH_DIGITS: Final = 3
_MOST_WH: Final = 10**14
_LEAST_MEASURED_MS: Final = HOUR_MS
"""A pace of less says nothing about a month."""
_NEVER: Final = np.iinfo(np.int64).max
TotalsOfPaths = Callable[[I64], Sequence[Decimal]]
"""(paths, steps) Wh of the rest of the period → the bill at its end on each path."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Ways that the rest of a period may go, each as likely as the others.

    Errors: UsageInvalid for shapes that don't fit, steps that don't follow one another, energy below 0.
    """

    edges_ms: I64
    """(steps + 1,) ms UTC: now, then the end of each step, up to the period's end; steps of any length"""
    energy_wh: I64
    """(paths, steps) Wh, used evenly within a step"""

    def __post_init__(self) -> None:
        edges, energy = self.edges_ms, self.energy_wh
        if edges.dtype != np.int64 or energy.dtype != np.int64 or edges.ndim != 1 or energy.ndim != 2:
            raise UsageInvalid(
                f"paths: found {edges.dtype} {edges.shape} and {energy.dtype} {energy.shape}; "
                "expected int64 ms (steps + 1,) and int64 Wh (paths, steps)"
            )
        if energy.shape[0] < 1 or energy.shape[1] != len(edges) - 1:
            raise UsageInvalid(
                f"paths: found {energy.shape} energies and {len(edges)} instants; "
                "expected one path or more, and one instant more than steps"
            )
        if (np.diff(edges) <= 0).any():
            raise UsageInvalid("paths: found a step that ends before it begins; expected instants that grow")
        if energy.size and not 0 <= energy.min() <= energy.max() < _MOST_WH:
            raise UsageInvalid(
                f"paths: found {energy.min()} to {energy.max()} Wh; expected 0 or more, below 10^14"
            )


@dataclass(frozen=True, slots=True)
class Spread:
    """What one in ten, five in ten and nine in ten paths do not exceed; each is the answer of a path."""

    p10: Decimal
    p50: Decimal
    p90: Decimal


@dataclass(frozen=True, slots=True)
class PeriodEnd:
    """The use and the bill at the end of the period."""

    paths: int
    kwh: Spread
    total: Spread


@dataclass(frozen=True, slots=True)
class Arrival:
    """When the use comes to a bound, over all paths. Instants in ms UTC; None: not within the period."""

    probability: float
    """Share of the paths that come to it, 0–1."""
    p10_ms: int | None
    """One path in ten is there by then."""
    p50_ms: int | None
    """With a single path: when it is there."""
    p90_ms: int | None


def at_this_pace(used_kwh: Decimal, covered_ms: int, now_ms: int, end_ms: int) -> Paths | None:
    """One path that goes on at the mean pace of what was measured; None for less than an hour of measurement.

    covered_ms: for how much of the period a measurement stands, never the time gone by: a gap is no thrift.
    """
    if covered_ms < _LEAST_MEASURED_MS:
        return None
    left_ms = max(0, end_ms - now_ms)
    rest_wh = int((Usage(used_kwh).kwh * 1000 * left_ms / covered_ms).to_integral_value(ROUND_HALF_UP))
    edges = [now_ms, end_ms] if left_ms else [now_ms]
    return Paths(np.array(edges, np.int64), np.full((1, len(edges) - 1), rest_wh, np.int64))


def period_end(used_kwh: Decimal, paths: Paths, totals: TotalsOfPaths) -> PeriodEnd:
    """The bill at the end of the period, P10, P50, P90 in the tariff's currency. See `totals_by_energy`."""
    bills = sorted(totals(paths.energy_wh))
    uses, digits = _uses(used_kwh, paths.energy_wh)
    kwh = sorted(Decimal(int(use)).scaleb(-digits) for use in uses)
    return PeriodEnd(len(bills), _spread(kwh), _spread(bills))


def totals_by_energy(prepared: Prepared, used_kwh: Decimal, *, whole_kwh: bool = True) -> TotalsOfPaths:
    """The bills of paths under a tariff that looks at the period's kWh alone.

    whole_kwh: on whole kWh, as the period will be billed once it is closed.
    """

    def totals(energy_wh: I64) -> list[Decimal]:
        uses, digits = _uses(used_kwh, energy_wh)
        return totals_of(prepared, uses, digits, whole_kwh=whole_kwh)

    return totals


def arrival(at_kwh: Decimal, used_kwh: Decimal, paths: Paths) -> Arrival:
    """When the use of the period comes to `at_kwh`, over all paths; at once where it is there already."""
    need_wh = int(((at_kwh - used_kwh) * 1000).to_integral_value(ROUND_CEILING))
    if need_wh <= 0:
        now_ms = int(paths.edges_ms[0])
        return Arrival(1.0, now_ms, now_ms, now_ms)
    reached = np.cumsum(paths.energy_wh, axis=1)
    steps = (reached < need_wh).sum(axis=1)
    there = np.flatnonzero(steps < paths.energy_wh.shape[1])
    steps = steps[there]
    energy = paths.energy_wh[there, steps]
    need = need_wh - (reached[there, steps] - energy)
    starts, ends = paths.edges_ms[steps], paths.edges_ms[steps + 1]
    times = np.full(len(paths.energy_wh), _NEVER, np.int64)
    times[there] = starts + np.rint(need / energy * (ends - starts)).astype(np.int64)
    times.sort()
    early, middle, late = (int(times[_place(len(times), tenths)]) for tenths in (1, 5, 9))
    return Arrival(
        len(there) / len(times),
        *(None if time == _NEVER else time for time in (early, middle, late)),
    )


def kwh_a_day_below(at_kwh: Decimal, used_kwh: Decimal, now_ms: int, end_ms: int) -> Decimal | None:
    """The kWh a day, in 24 hours, that keep the use at or below `at_kwh` to the end, floored to the Wh.

    None where the use is above it or the period is over.
    """
    if used_kwh > at_kwh or end_ms <= now_ms:
        return None
    return ((at_kwh - used_kwh) * DAY_MS / (end_ms - now_ms)).quantize(Decimal("0.001"), ROUND_FLOOR)


def _uses(used_kwh: Decimal, energy_wh: I64) -> tuple[Whole, int]:
    """(paths,) the whole period's use on each path, in 10^-digits kWh, and the digits."""
    (used,), digits = scaled([Usage(used_kwh).kwh])
    finer = max(digits, _WH_DIGITS)
    so_far, wh = used * 10 ** (finer - digits), 10 ** (finer - _WH_DIGITS)
    return whole_numbers([so_far + rest * wh for rest in energy_wh.sum(axis=1).tolist()]), finer


def _place(count: int, tenths: int) -> int:
    """Where the value stands that so many tenths of the sorted values do not exceed."""
    return -(-count * tenths // 10) - 1


def _spread(values: Sequence[Decimal]) -> Spread:
    """Of sorted values."""
    return Spread(*(values[_place(len(values), tenths)] for tenths in (1, 5, 9)))
