"""Where a use stands among the tiers of a period, its segments weighted by days."""

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal

from chowon.domain.bill.outcome import OverBlock, Tier, TierStanding
from chowon.domain.bill.steps import Step
from chowon.domain.bill.tiered import EnergyStep, FixedStep, Row
from chowon.domain.tariff.terms import ZERO


def standing_of(steps: Sequence[Step], steps_with_over: Sequence[Step], kwh: Decimal) -> TierStanding | None:
    """The standing by the first line of tiered energy; None if there is none.

    steps: for a use that reaches no dearer block; steps_with_over: for one that reaches all of them.
    """
    energy = _first_energy(steps)
    if energy is None or not energy.rows:
        return None
    part = energy.split.part
    limits = _weighted(energy.rows, [row.limits for row in energy.rows])
    bounds = tuple(limit / part.denominator for limit in limits)
    prices = _weighted(energy.rows, [row.prices for row in energy.rows])
    index = bisect_left(bounds, kwh)
    to_kwh = bounds[index] if index < len(bounds) else None
    return TierStanding(
        index=index + 1,
        count=len(prices),
        from_kwh=bounds[index - 1] if index else ZERO,
        to_kwh=to_kwh,
        distance_kwh=None if to_kwh is None else to_kwh - kwh,
        tiers=tuple(Tier(b, p) for b, p in zip((*bounds, None), prices, strict=True)),
        base_jump=None if to_kwh is None else _base_jump(steps, index),
        over=_over(_first_energy(steps_with_over), kwh),
    )


def _first_energy(steps: Sequence[Step]) -> EnergyStep | None:
    return next((s for s in steps if isinstance(s, EnergyStep)), None)


def _weighted(rows: Sequence[Row], values: Sequence[Sequence[Decimal]]) -> tuple[Decimal, ...]:
    """Means of the rows' n-th values, weighted by their days."""
    days = sum(row.segment.days for row in rows)
    return tuple(
        sum((v * row.segment.days for v, row in zip(nth, rows, strict=True)), ZERO) / days
        for nth in zip(*values, strict=True)
    )


def _base_jump(steps: Sequence[Step], index: int) -> Decimal:
    jump = ZERO
    for step in steps:
        if isinstance(step, FixedStep) and step.rows:
            base = _weighted(step.rows, [row.prices for row in step.rows])
            jump += base[index + 1] - base[index] if index + 1 < len(base) else ZERO
    return jump


def _over(energy: EnergyStep | None, kwh: Decimal) -> OverBlock | None:
    """The dearer block, its price weighted by days with that of the last tier on days outside its season."""
    if energy is None:
        return None
    bounds = [row.over_kwh for row in energy.rows if row.over_kwh is not None]
    if not bounds:
        return None
    (price,) = _weighted(energy.rows, [row.prices[-1:] for row in energy.rows])
    above = bounds[0] * energy.split.part.numerator / energy.split.part.denominator
    return OverBlock(above, price, max(ZERO, above - kwh))
