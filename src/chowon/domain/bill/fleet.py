"""Bills of many homes at once: the steps of `prepare`, over arrays of whole numbers, equal to it to the won.

Two kinds of home are handed to the scalar evaluator: those whose sums 64 bits don't hold (KEPCO: beyond
10^8 kWh), and those with an amount exactly on an edge of its rounding that the scalar evaluator knows as a
quotient of 28 digits only (`HomesRun.unsure`). So no answer is ever refused or approximate; such homes only
take longer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Final

import numpy as np

from chowon.domain.bill.fees import CarryOverStep, DemandStep
from chowon.domain.bill.homes_reading import PeriodEnergy, homes_run, period_energy, period_span
from chowon.domain.bill.homes_usage import FleetProfile, FleetUse, Homes
from chowon.domain.bill.outcome import Bill
from chowon.domain.bill.prepared import Plan, Prepared
from chowon.domain.bill.some_uses import bare
from chowon.domain.bill.split import HomesRun, bound_of
from chowon.domain.quantities import I64, Bools
from chowon.domain.tariff.kinds import RoundTotal, Subtotal
from chowon.errors import UsageInvalid

_AT_ONCE: Final = 16_384
"""Homes evaluated together: their arrays stay in the processor's cache."""
_PROFILES_AT_ONCE: Final = 2_048
_MOST_BITS: Final = 62
_TOTAL: Final = ""
"""The total's place among the amounts; no line has this id."""
_CARRIED: Final = " carried"


def prepare_fleet(prepared: Prepared, per_kwh: int = 1000) -> "Fleet":
    """The same tariff, period and options, to answer for arrays of homes.

    per_kwh: how many of the energies that will be handed in are a kWh. 1000: Wh.
    Errors: UsageInvalid for a tariff whose own numbers don't fit 64 bits, and for one of which something is
    known: of many homes each has its own, which stands in their use.
    """
    if prepared.known.changes_bills:
        raise UsageInvalid(
            f"{prepared.tariff.id}: something is known of one home; hand it in with the homes' use"
        )
    fits, too_much = -1, _MOST_BITS
    while too_much - fits > 1:
        bits = (fits + too_much) // 2
        try:
            _Nobody(prepared, per_kwh, 2**bits).per_unit()
        except OverflowError:
            too_much = bits
        else:
            fits = bits
    if fits < 0:
        raise UsageInvalid(f"{prepared.tariff.id}: its numbers don't fit 64 bits; use `prepare` home by home")
    nobody = _Nobody(prepared, per_kwh, 2**fits)
    return Fleet(prepared, per_kwh, nobody.per_unit(), nobody.per_carried(), 2**fits, nobody.ids())


@dataclass(frozen=True, slots=True)
class _Nobody:
    """The bills of no homes: what depends on bounds and denominators alone. Errors: OverflowError."""

    prepared: Prepared
    per_kwh: int
    most: int

    def per_unit(self) -> int:
        """The common denominator of all amounts."""
        found = self._amounts(self.per_carried())
        per_unit = lcm(*(amount.denominator for run in found for amount in run.amounts.values()))
        for run in found:
            for amount in run.amounts.values():
                amount.over(per_unit)
        return per_unit

    def per_carried(self) -> int:
        """The denominator of what is carried on, for which it is the same again in the next period."""
        if self.prepared.tariff.net_kwh:
            return self.per_kwh
        if not any(isinstance(step, CarryOverStep) for step in self.prepared.plans[0].steps):
            return 1
        return lcm(*(run.amounts[_CARRIED].denominator for run in self._amounts(1)))

    def ids(self) -> tuple[str, ...]:
        """Of all amounts."""
        return tuple(dict.fromkeys(id_ for run in self._amounts(1) for id_ in run.amounts))

    def _amounts(self, per_carried: int) -> list[HomesRun]:
        found = []
        for plan in self.prepared.plans:
            for use in self._shapes(plan):
                energy = period_energy(plan.meter, use)
                run = homes_run(plan.meter, use, energy, self.most, per_carried)
                found.append(_evaluated(plan, run))
        return found

    def _shapes(self, plan: Plan) -> Iterator[FleetUse]:
        """What a use may be known as: numbers of the period, and intervals."""
        none = np.zeros(0, np.int64)
        steps = (step for step in map(bare, plan.steps) if isinstance(step, DemandStep))
        past = {month: none for step in steps for month in step.ratchet}
        yield FleetUse(none, None, {}, none, none, past, none, self.per_kwh)
        if plan.meter.measures or plan.meter.tariff.split == "measured":
            profile = FleetProfile(0, 1, none.reshape(0, 0), none.reshape(0, 0))
            yield FleetUse(none, profile, {}, none, none, past, none, self.per_kwh, partial=True)


@dataclass(frozen=True, slots=True)
class Fleet:
    """A tariff made ready for one period and many homes. Every answer equals the scalar evaluator's.

    A use is a `FleetUse`, or its `energy` alone: int64, `per_kwh` of them a kWh, one a home. Amounts are
    int64 in parts of the tariff's currency, `per_unit` of them make one: 1 where every line is rounded to
    whole won. Every answer has errors: UsageInvalid where the tariff prices what the use doesn't tell.
    """

    prepared: Prepared
    per_kwh: int
    per_unit: int
    per_carried: int
    """Units of `FleetUse.carried`: of a kWh where the tariff carries those, else of its currency."""
    most: int
    """Up to here a home's numbers fit 64 bits; larger ones take the scalar evaluator's time."""
    _ids: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Fleet of {self.prepared!r}>"

    def totals(self, use: I64 | FleetUse) -> I64:
        """(homes,) the total of each home's bill."""
        return self._found(use, (_TOTAL,))[_TOTAL]

    def amounts(self, use: I64 | FleetUse) -> dict[str, I64]:
        """(homes,) of each line and subtotal by id, 0 where a bill has none."""
        return self._found(use, tuple(id_ for id_ in self._ids if id_ not in {_TOTAL, _CARRIED}))

    def carried(self, use: I64 | FleetUse) -> I64:
        """(homes,) credit left for the next period, `per_carried` of them a unit."""
        return self._found(use, (_CARRIED,))[_CARRIED]

    def _found(self, given: I64 | FleetUse, ids: tuple[str, ...]) -> dict[str, I64]:
        use = given if isinstance(given, FleetUse) else FleetUse(given, per_kwh=self.per_kwh)
        if use.per_kwh != self.per_kwh:
            raise UsageInvalid(
                f"uses of homes: found {use.per_kwh} energies a kWh; expected {self.per_kwh}, as the fleet "
                "was prepared for"
            )
        found = {id_: np.zeros(len(use), np.int64) for id_ in ids}
        unsure = np.zeros(len(use), np.bool_)
        at_once = _AT_ONCE if use.profile is None else _PROFILES_AT_ONCE
        for start in range(0, len(use), at_once):
            here = slice(start, start + at_once)
            amounts = {id_: numbers[here] for id_, numbers in found.items()}
            unsure[here] = self._evaluate(use.of(here), amounts)
        if unsure.any():
            self._settle(use.of(np.flatnonzero(unsure)), np.flatnonzero(unsure), found)
        return found

    def _evaluate(self, use: FleetUse, found: Mapping[str, I64]) -> Bools:
        """Writes the amounts; where they are not what the scalar evaluator says, or may not be."""
        energy = period_energy(self.prepared.plans[0].meter, use)
        unsure = ~self._fits(use, energy)
        if self.prepared.tariff.net_kwh:
            use, energy, left = _netted(use, energy)
            if _CARRIED in found:
                found[_CARRIED][:] = left
        plan_of_home = np.searchsorted(self._bounds(), energy.imported, "left")
        for n, plan in enumerate(self.prepared.plans):
            homes = np.flatnonzero((plan_of_home == n) & ~unsure)
            if not len(homes):
                continue
            some: Homes = slice(None) if len(homes) == len(use) else homes
            theirs = PeriodEnergy(energy.imported[some], energy.exported[some])
            run = homes_run(plan.meter, use.of(some), theirs, self.most, self.per_carried)
            _evaluated(plan, run)
            unsure[some] |= run.unsure
            if run.loose:
                unsure[some] |= np.isin(theirs.imported, self._bounds())
            for id_ in found.keys() & run.amounts.keys():
                per_unit = self.per_carried if id_ == _CARRIED else self.per_unit
                found[id_][some] = run.amounts[id_].over(per_unit).numerators
        return unsure

    def _fits(self, use: FleetUse, energy: PeriodEnergy) -> Bools:
        """(homes,) whose numbers 64 bits hold."""
        numbers = [energy.imported, energy.exported, *use.bands.values(), *use.past_demand_w.values()]
        numbers += [given for given in (use.demand_w, use.carried) if given is not None]
        fits: Bools = np.max(numbers, axis=0) <= self.most
        return fits

    def _bounds(self) -> list[int]:
        """Where dearer blocks begin."""
        whole = Fraction(1, self.prepared.plans[0].split.part.denominator)
        return [bound_of(bound, whole, self.per_kwh) for bound in self.prepared.over_bounds]

    def _settle(self, use: FleetUse, homes: I64, found: Mapping[str, I64]) -> None:
        """The scalar evaluator's answers for these homes."""
        bill_of_home, bills = self._bills(use)
        for id_, amounts in found.items():
            per_unit = self.per_carried if id_ == _CARRIED else self.per_unit
            exact = (_amount(bill, id_) for bill in bills)
            parts = [int((amount * per_unit).to_integral_value()) for amount in exact]
            try:
                amounts[homes] = np.array(parts, np.int64)[bill_of_home]
            except OverflowError as error:
                raise UsageInvalid(
                    f"a use of {max(bill.usage.kwh for bill in bills)} kWh: an amount of "
                    f"{id_ or 'its total'} exceeds 64 bits; use `prepare` for it"
                ) from error

    def _bills(self, use: FleetUse) -> tuple[I64, list[Bill]]:
        """(which bill is each home's, the bills); homes that used the same number share one."""
        meter, profile, homes = self.prepared.plans[0].meter, use.profile, np.arange(len(use))
        firsts, bill_of_home = homes, homes
        if use.energy is not None and use.is_a_number:
            _, firsts, bill_of_home = np.unique(use.energy, return_index=True, return_inverse=True)
        energy = period_energy(meter, use)
        span = (0, 0) if profile is None else period_span(meter, profile, use.partial)
        bills = []
        for home in firsts.tolist():
            own = None if profile is None else profile.of_home(home, *span, use.per_kwh)
            imported, exported = (int(e[home]) for e in (energy.imported, energy.exported))
            usage = use.of_home(home, (imported, exported), own, self.per_carried)
            bills.append(self.prepared.bill(usage))
        return bill_of_home, bills


def _netted(use: FleetUse, energy: PeriodEnergy) -> tuple[FleetUse, PeriodEnergy, I64]:
    """As `Prepared` nets kWh: (what is billed, twice, and what is carried on)."""
    net = energy.imported - energy.exported
    if use.carried is not None:
        net -= use.carried
    billed = np.maximum(net, 0)
    return (
        FleetUse(billed, per_kwh=use.per_kwh, partial=use.partial),
        PeriodEnergy(billed, np.zeros_like(billed)),
        np.maximum(-net, 0),
    )


def _amount(bill: Bill, id_: str) -> Decimal:
    if id_ == _CARRIED:
        return bill.carried
    return bill.total if id_ == _TOTAL else bill.amount(id_)


def _evaluated(plan: Plan, run: HomesRun) -> HomesRun:
    """As `Prepared.total`; the total and what is carried stand among the amounts."""
    for step in plan.steps:
        line, amount = step.line, step.charges(run)
        if line.round is None:
            amount = run.quotient(amount)
        elif not isinstance(line, RoundTotal):  # that one rounds by itself
            amount = run.rounded(amount, line.round)
        run.amounts[line.id] = amount
        if not isinstance(line, Subtotal):
            run.total += amount
        if isinstance(step, CarryOverStep):
            run.amounts[_CARRIED] = run.carried + amount
    run.amounts[_TOTAL] = run.total
    return run
