"""What any set of a site's parts would cost: the bill of what they take from the grid together.

What one part gives is used by the others first; what they don't use goes to the grid, interval by interval.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from chowon.domain.bill import Costs, Fleet, FleetProfile, FleetUse, Prepared, Profile, Usage, prepare_fleet
from chowon.domain.bill.costs import smallest_unit
from chowon.domain.parts import REST, Cut
from chowon.domain.quantities import I64, Bools
from chowon.errors import UsageInvalid

_AT_ONCE: Final = 256
"""Sets whose intervals are summed together: 256 months of quarters are 6 MB."""


def costs_of_parts(prepared: Prepared, parts: Cut, *, closed: bool) -> Costs:
    """The bill of every set of parts; that of all of them is the site's own.

    closed: the period is over and billed as a meter is read: on whole kWh, where the tariff asks for no more
    than how much in all.
    """
    sets = _Sets.of(prepared, parts, closed)
    names = (*(part.name for part in parts.parts), REST)
    net = (sets.taken.sum(axis=1) - sets.given.sum(axis=1)).tolist()
    kwh = {name: Decimal(energy) / parts.use.per_kwh for name, energy in zip(names, net, strict=True)}
    flows = zip(names, sets.taken, sets.given, strict=True)
    idle = (name for name, taken, given in flows if not (taken.any() or given.any()))
    return Costs(kwh, sets.totals, smallest_unit(prepared.tariff.currency), frozenset(idle))


def in_arrays(prepared: Prepared, parts: Cut, *, closed: bool) -> bool:
    """Whether the bills of all sets are quick: whether the vectorised evaluator holds these numbers."""
    sets = _Sets.of(prepared, parts, closed)
    fleet = sets.fleet()
    most = max(int(sets.taken.sum()), int(sets.given.sum()))
    return fleet is not None and most // (parts.use.per_kwh // fleet.per_kwh) <= fleet.most


def takers_only(costs: Costs) -> Costs:
    """The same bill among the parts that took more than they gave; the others are there whenever one is.

    Errors: UsageInvalid where none did.
    """
    takes = np.array([kwh >= 0 for kwh in costs.kwh.values()])

    def totals(present: Bools) -> list[Decimal]:
        everybody = np.zeros((len(present), len(takes)), np.bool_)
        everybody[present.any(axis=1)] = True
        everybody[:, takes] = present
        return list(costs.totals(everybody))

    kwh = {part: used for part, used in costs.kwh.items() if used >= 0}
    return Costs(kwh, totals, costs.unit, costs.idle & kwh.keys())


@dataclass(frozen=True, slots=True, eq=False)
class _Sets:
    prepared: Prepared
    use: Profile
    taken: I64
    """(parts, n)"""
    given: I64
    whole_kwh: bool

    @classmethod
    def of(cls, prepared: Prepared, parts: Cut, closed: bool) -> "_Sets":
        return cls(prepared, parts.use, parts.taken, parts.given, closed and not prepared.by_interval)

    def totals(self, present: Bools) -> list[Decimal]:
        """(sets, parts) → the bill of each set, each different set evaluated once."""
        different, places = np.unique(present, axis=0, return_inverse=True)
        fleet = self.fleet()
        found: list[Decimal] = []
        for start in range(0, len(different), _AT_ONCE):
            found += self._bills(fleet, different[start : start + _AT_ONCE])
        return [found[place] for place in places.reshape(-1).tolist()]

    def fleet(self) -> Fleet | None:
        """The vectorised evaluator, where there is one for this tariff."""
        try:
            return prepare_fleet(self.prepared, 1 if self.whole_kwh else self.use.per_kwh)
        except UsageInvalid:  # its own numbers are too long for arrays; the scalar evaluator answers
            return None

    def _bills(self, fleet: Fleet | None, present: Bools) -> list[Decimal]:
        use = self._use(present)
        if fleet is not None:
            return [Decimal(total) / fleet.per_unit for total in fleet.totals(use).tolist()]
        return [self.prepared.total(_usage(use, n)) for n in range(len(use))]

    def _use(self, present: Bools) -> FleetUse:
        """What each set takes from the grid and gives to it."""
        there = present.astype(np.int64)
        if not self.prepared.by_interval and not self.given.any():
            return self._sums(there @ self.taken.sum(axis=1), np.zeros(len(there), np.int64))
        imported, exported = self._flows(there)
        if not self.prepared.by_interval:
            return self._sums(imported.sum(axis=1), exported.sum(axis=1))
        profile = FleetProfile(self.use.start_ms, self.use.step_ms, imported, exported)
        return FleetUse(profile=profile, per_kwh=self.use.per_kwh, partial=True)

    def _sums(self, imported: I64, exported: I64) -> FleetUse:
        per_kwh = self.use.per_kwh
        if self.whole_kwh:
            imported, exported, per_kwh = imported // per_kwh, exported // per_kwh, 1
        return FleetUse(imported, export_energy=exported, per_kwh=per_kwh, partial=True)

    def _flows(self, there: I64) -> tuple[I64, I64]:
        """(import, export), each (sets, n).

        Within an interval a site may give and take by turns; a set does so as far as it can.
        """
        taken = there @ self.taken
        if not self.given.any():
            return taken, np.zeros_like(taken)
        given = there @ self.given
        exported = 0 if self.use.export_energy is None else self.use.export_energy
        by_turns = np.minimum(np.minimum(self.use.import_energy, exported), np.minimum(taken, given))
        net = taken - given
        return np.maximum(net, 0) + by_turns, np.maximum(-net, 0) + by_turns


def _usage(use: FleetUse, place: int) -> Usage:
    if use.profile is not None:
        n = use.profile.import_energy.shape[1]
        profile: Profile = use.profile.of_home(place, 0, n, use.per_kwh)
        kwh, export_kwh = profile.kwh(profile.start_ms, profile.end_ms)
        return Usage(kwh, profile, export_kwh=export_kwh, partial=True)
    assert use.energy is not None
    assert use.export_energy is not None
    kwh, export_kwh = (Decimal(int(e[place])) / use.per_kwh for e in (use.energy, use.export_energy))
    return Usage(kwh, export_kwh=export_kwh, partial=True)
