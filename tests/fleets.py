"""Uses of single homes as the arrays that the fleet evaluator reads."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm

import numpy as np

from chowon.domain.bill import Fleet, FleetProfile, FleetUse, Usage
from chowon.domain.quantities import I64


def energies_per_kwh(usages: Sequence[Usage]) -> int:
    """How many to a kWh make every energy of these uses a whole number."""
    kwh = [number for usage in usages for number in (usage.kwh, usage.export_kwh, *usage.bands.values())]
    profiles = [usage.profile.per_kwh for usage in usages if usage.profile is not None]
    return lcm(1000, *profiles, *(Fraction(number).denominator for number in kwh))


def fleet_use(fleet: Fleet, usages: Sequence[Usage]) -> FleetUse:
    """The same uses; all of them know the same things, and their profiles stand on one clock."""
    one, per_kwh = usages[0], fleet.per_kwh
    profile = None
    if one.profile is not None:
        profiles = [usage.profile for usage in usages if usage.profile is not None]
        flows = [
            np.array([getattr(p, name) * (per_kwh // p.per_kwh) for p in profiles], np.int64)
            for name in ("import_energy", "export_energy")
            if getattr(one.profile, name) is not None
        ]
        profile = FleetProfile(one.profile.start_ms, one.profile.step_ms, *flows)

    def of(numbers: Sequence[Decimal | None], per_unit: int) -> I64:
        # `round`: credit in units without end as decimals, such as ninths, has 28 digits of them
        return np.array([round(Fraction(number or 0) * per_unit) for number in numbers], np.int64)

    return FleetUse(
        energy=of([u.kwh for u in usages], per_kwh),
        profile=profile,
        bands={band: of([u.bands[band] for u in usages], per_kwh) for band in one.bands},
        export_energy=of([u.export_kwh for u in usages], per_kwh),
        demand_w=None if one.demand_kw is None else of([u.demand_kw for u in usages], 1000),
        past_demand_w={m: of([u.past_demand_kw[m] for u in usages], 1000) for m in one.past_demand_kw},
        carried=of([u.carried for u in usages], fleet.per_carried),
        per_kwh=per_kwh,
        partial=one.partial,
    )


def differences(fleet: Fleet, use: FleetUse, usages: Sequence[Usage]) -> list[tuple[object, ...]]:
    """(home, line, the scalar evaluator's amount, the fleet's) where they aren't the same."""
    amounts = fleet.amounts(use) | {"total": fleet.totals(use)}
    per_unit = dict.fromkeys(amounts, fleet.per_unit) | {"carried": fleet.per_carried}
    amounts["carried"] = fleet.carried(use)
    ids = {step.line.id for plan in fleet.prepared.plans for step in plan.steps}
    assert set(amounts) == ids | {"total", "carried"}
    found = []
    for n, usage in enumerate(usages):
        bill = fleet.prepared.bill(usage)
        scalar = {id_: bill.amount(id_) for id_ in ids} | {"total": bill.total, "carried": bill.carried}
        for id_, amount in scalar.items():
            # An amount that no line rounds may have no end as a decimal: the scalar keeps 28 digits of it.
            if abs(Fraction(amount) - Fraction(int(amounts[id_][n]), per_unit[id_])) > Fraction(1, 10**12):
                found.append((n, id_, amount, Decimal(int(amounts[id_][n])) / per_unit[id_]))
    return found
