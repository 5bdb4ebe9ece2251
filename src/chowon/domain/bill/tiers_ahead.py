"""The bounds that a period's use has yet to pass, and what passing each of them costs."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from chowon.domain.bill.prepared import Prepared
from chowon.domain.bill.tiered import EnergyStep, Row
from chowon.domain.bill.usage import Usage

_A_LITTLE_KWH: Final = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class TierAhead:
    """A bound that the use has not passed, and what lies behind it. Money is all in: taxes, fund, discounts.

    In a period that straddles seasons each bound stands by itself, where the bill really jumps; the
    standing's bound is their mean.
    """

    tier: int
    """The one behind the bound, 2 for the second; the dearer block above all tiers counts as one more."""
    over: bool
    """Whether that is the dearer block (KEPCO's super users)."""
    at_kwh: Decimal
    """A use equal to it is still in the tier below."""
    days: int
    """On how many of the period's days the bound holds."""
    jump: Decimal
    """What entering costs at once, to the tariff's `price_step`: more base charge, deductions that end."""
    first_kwh: Decimal
    """What the bill grows by with the first kWh behind the bound: jump, energy and rounding."""
    price_before: Decimal
    """Of a kWh just below the bound."""
    price_after: Decimal
    """Of a kWh behind it, the jump left out."""


def tiers_ahead(
    prepared: Prepared, used_kwh: Decimal, usage_of: Callable[[Decimal], Usage] = Usage
) -> tuple[TierAhead, ...]:
    """The bounds at or above this use, the next one first; none in the last tier or without tiers.

    The tiers are those of the first line of tiered energy. usage_of: the use of a period with so many kWh,
    for tariffs that look at more than them.
    """
    found: dict[Decimal, tuple[int, bool, int]] = {}
    for row in _rows(prepared):
        for n, bound in enumerate(row.bounds):
            if bound >= used_kwh:
                tier, over, days = found.get(bound, (0, False, 0))
                over |= n + 1 >= len(row.version.per_tier)
                found[bound] = max(tier, n + 2), over, days + row.segment.days
    return tuple(_ahead(prepared, usage_of, bound, *found[bound]) for bound in sorted(found))


def _rows(prepared: Prepared) -> tuple[Row, ...]:
    """The segments with every bound there is, those of dearer blocks too."""
    energy = next((s for s in prepared.plans[-1].steps if isinstance(s, EnergyStep)), None)
    return () if energy is None else energy.rows


def _ahead(
    prepared: Prepared, usage_of: Callable[[Decimal], Usage], bound: Decimal, tier: int, over: bool, days: int
) -> TierAhead:
    at, behind, further = (prepared.accrued(usage_of(bound + n * _A_LITTLE_KWH)) for n in range(3))
    return TierAhead(
        tier,
        over,
        bound,
        days,
        jump=(2 * behind - further - at).quantize(prepared.tariff.price_step, ROUND_HALF_UP),
        first_kwh=prepared.total(usage_of(bound + 1)) - prepared.total(usage_of(bound)),
        price_before=prepared.next_kwh(usage_of(bound - _A_LITTLE_KWH)).marginal_price,
        price_after=prepared.next_kwh(usage_of(bound)).marginal_price,
    )
