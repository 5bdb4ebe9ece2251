"""The bill engine: a tariff made ready for one period answers for any number of kWh.

`prepare` looks everything up that depends on dates; `Prepared` then only multiplies and rounds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from chowon.domain.bill import discounts, per_kwh, sums, tiered
from chowon.domain.bill.largest import KeptIfLargest, only_largest
from chowon.domain.bill.outcome import Bill, Line, NextKwh, Subtotal, TierStanding, Usage
from chowon.domain.bill.split import Run, Split, segments_of
from chowon.domain.bill.standing import standing_of
from chowon.domain.bill.steps import Setting, Step
from chowon.domain.bill.wording import rounding_label
from chowon.domain.clock import Period
from chowon.domain.tariff import kinds
from chowon.domain.tariff.definition import Tariff
from chowon.domain.tariff.fields import close_match
from chowon.domain.tariff.terms import ZERO, Text, any_holds
from chowon.errors import UsageInvalid

_LEFT_OUT_AT_ZERO: Final = (*kinds.TAKES_OFF, kinds.Minimum, kinds.RoundTotal)


def bill(tariff: Tariff, period: Period, usage: Usage, options: Mapping[str, str] | None = None) -> Bill:
    """What this use costs. Errors: UsageInvalid as `prepare`."""
    return prepare(tariff, period, options).bill(usage)


def prepare(tariff: Tariff, period: Period, options: Mapping[str, str] | None = None) -> "Prepared":
    """The tariff made ready for one period, to answer quickly for many uses.

    Errors: UsageInvalid for a period without days or before the first day the tariff knows, and for an
    option or a value of it that the tariff doesn't have.
    """
    if period.days < 1:
        raise UsageInvalid(f"period {period.start} to {period.end}: expected an end after its start")
    if period.start < tariff.since:
        raise UsageInvalid(
            f"period {period.start} to {period.end}: {tariff.id} is known from {tariff.since} on; "
            "ask for a period that starts then or later"
        )
    chosen = chosen_options(tariff, options or {})
    had = (line for line in tariff.lines if any_holds(line.when, chosen))
    lines = tuple(with_options(line, chosen) for line in had)
    overs = (line.over for line in lines if isinstance(line, kinds.TieredEnergy) and line.over)
    bounds = tuple(sorted({over.above_kwh for over in overs}))
    rivals = tuple(g.lines for g in tariff.only_largest if any_holds(g.when, chosen))
    plans = tuple(_plan(tariff, period, lines, rivals, frozenset(bounds[:n])) for n in range(len(bounds) + 1))
    return Prepared(tariff, period, chosen, bounds, plans)


def chosen_options(tariff: Tariff, options: Mapping[str, str]) -> dict[str, str]:
    """Every option of the tariff with its value. Errors: UsageInvalid."""
    for name, value in options.items():
        option = tariff.options.get(name)
        if option is None:
            known = close_match(name, list(tariff.options))
            raise UsageInvalid(f"option {name!r}: {tariff.id} has no such option; expected {known}")
        if value not in option.values:
            raise UsageInvalid(
                f"option {name!r}: found {value!r}; expected {close_match(value, list(option.values))}"
            )
    return {name: options.get(name, option.default) for name, option in tariff.options.items()}


def with_options(line: kinds.Line, chosen: Mapping[str, str]) -> kinds.Line:
    """The line as the chosen options make it."""
    changes = {
        name: getattr(choice.line, name)
        for choice in line.choices
        if chosen[choice.option] == choice.value
        for name in choice.fields
    }
    if not changes:
        return line
    return type(line)(**{name: getattr(line, name) for name in line.__dataclass_fields__} | changes)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a period, for uses that exceed the same bounds of dearer blocks."""

    split: Split
    steps: tuple[Step, ...]
    words: tuple[Text | None, ...]
    """How each step's amount is rounded."""
    slopes_need_amounts: bool
    """Whether the slope of a step depends on amounts: a percentage up to a cap, the largest of several."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A tariff made ready for one period. Every answer is exact and depends on nothing but the usage."""

    tariff: Tariff
    period: Period
    options: dict[str, str]
    over_bounds: tuple[Decimal, ...]
    plans: tuple[Plan, ...]
    """The n-th is for uses that exceed n of the bounds of dearer blocks."""

    def __repr__(self) -> str:
        return f"<Prepared {self.tariff.id} {self.period.start} {self.period.end} {self.options}>"

    def bill(self, usage: Usage) -> Bill:
        """The bill with every line explained."""
        plan = self._plan(usage.kwh)
        run = Run(usage.kwh, plan.split.kwh(usage.kwh), {})
        lines: list[Line] = []
        subtotals: list[Subtotal] = []
        for step, words in zip(plan.steps, plan.words, strict=True):
            line, amount = step.line, _rounded(step, run)
            if isinstance(line, kinds.Subtotal):
                subtotals.append(Subtotal(line.id, line.label, amount, len(lines)))
                continue
            parts = step.parts(run)
            if amount or (parts and not isinstance(line, _LEFT_OUT_AT_ZERO)):
                lines.append(Line(line.id, line.label, amount, words, parts))
        tariff = self.tariff
        return Bill(
            tariff.id,
            tariff.name,
            tariff.currency,
            self.period,
            usage,
            self.options,
            tuple(lines),
            tuple(subtotals),
            run.total,
        )

    def total(self, usage: Usage) -> Decimal:
        """`bill(usage).total`, without the explanation."""
        plan = self._plan(usage.kwh)
        run = Run(usage.kwh, plan.split.kwh(usage.kwh), {})
        for step in plan.steps:
            _rounded(step, run)
        return run.total

    def accrued(self, usage: Usage) -> Decimal:
        """The total before any rounding, of money or of the kWh of segments: for cost that grows live.

        It grows evenly within a tier, and jumps only where the tariff does: by the next tier's base
        charge, and where a deduction ends. The difference of two accrued amounts of one period is what
        the use between them has added.
        """
        run = Run(usage.kwh, (), {})
        for step in self._plan(usage.kwh).steps:
            _add(step.line, step.exact(run), run)
        return run.total

    def next_kwh(self, usage: Usage) -> NextKwh:
        """Prices of the next kWh, to the tariff's `price_step`: the slope of `accrued`, jumps left out.

        At a bound the next kWh is in the next tier. A deduction or a minimum that the first kWh of a
        period would only use up is left out, so the price never falls to 0 there. A discount by percent
        counts while it is below its cap, a credit by kWh up to its last kWh.
        """
        plan = self._plan(usage.kwh, next_kwh=True)
        at = Run(usage.kwh, (), {}) if plan.slopes_need_amounts else None
        run = Run(usage.kwh, (), {}, at=at)
        energy = ZERO
        for step in plan.steps:
            slope = step.slope(run)
            _add(step.line, slope, run)
            if isinstance(step.line, kinds.TieredEnergy):
                energy += slope
            if at is not None:
                _add(step.line, step.exact(at), at)
        return NextKwh(*(p.quantize(self.tariff.price_step, ROUND_HALF_UP) for p in (energy, run.total)))

    def standing(self, usage: Usage) -> TierStanding | None:
        """Where the use stands among the tiers; None for a tariff without tiers."""
        return standing_of(self.plans[0].steps, self.plans[-1].steps, usage.kwh)

    def _plan(self, kwh: Decimal, next_kwh: bool = False) -> Plan:
        reached = sum(kwh >= bound if next_kwh else kwh > bound for bound in self.over_bounds)
        return self.plans[reached]


def _rounded(step: Step, run: Run) -> Decimal:
    line, amount = step.line, step.charge(run)
    if line.round is not None and not isinstance(line, kinds.RoundTotal):  # that one rounds by itself
        amount = line.round.apply(amount)
    _add(line, amount, run)
    return amount


def _add(line: kinds.Line, amount: Decimal, run: Run) -> None:
    run.amounts[line.id] = amount
    if not isinstance(line, kinds.Subtotal):
        run.total += amount


def _plan(
    tariff: Tariff,
    period: Period,
    lines: tuple[kinds.Line, ...],
    rivals: tuple[tuple[str, ...], ...],
    reached: frozenset[Decimal],
) -> Plan:
    whole = Split((), period.days, tariff.kwh_round)
    setting = Setting(tariff, period, whole, reached)
    segments = segments_of(period, lambda day: _cut_key(lines, setting, day))
    split = Split(segments, period.days, tariff.kwh_round)
    steps: tuple[Step, ...] = ()
    for line in lines:
        steps = (*steps, _step(line, Setting(tariff, period, split, reached, steps)))
    for ids in rivals:
        steps = only_largest(steps, ids)
    words = tuple(rounding_label(s.line.round, tariff.currency) if s.line.round else None for s in steps)
    return Plan(
        split, steps, words, any(isinstance(s, discounts.DiscountStep | KeptIfLargest) for s in steps)
    )


def _cut_key(lines: tuple[kinds.Line, ...], setting: Setting, day: date) -> tuple[object, ...]:
    """What lines split by usage day depend on, on this day."""
    key: list[object] = []
    for line in lines:
        if isinstance(line, kinds.TieredFixed | kinds.TieredEnergy):
            key.append(tiered.cut_key(line, setting, day))
        elif isinstance(line, kinds.PerKwh):
            key.append(per_kwh.cut_key(line, day))
        elif isinstance(line, kinds.Discount):
            key.append(discounts.cut_key(line, setting, day))
    return tuple(key)


def _step(line: kinds.Line, setting: Setting) -> Step:
    return _MAKERS[type(line)](line, setting)


_MAKERS: Final[dict[type[kinds.Line], Callable[[Any, Setting], Step]]] = {
    kinds.TieredFixed: tiered.fixed_step,
    kinds.TieredEnergy: tiered.energy_step,
    kinds.PerKwh: per_kwh.step_of,
    kinds.Deduction: sums.deduction_step,
    kinds.Discount: discounts.discount_step,
    kinds.PerKwhCredit: discounts.credit_step,
    kinds.Minimum: sums.minimum_step,
    kinds.Subtotal: sums.subtotal_step,
    kinds.Percentage: sums.percentage_step,
    kinds.RoundTotal: sums.round_total_step,
}
"""How each kind of line becomes a step; a new kind of the language needs its row here.

A step has its arithmetic twice, side by side: `charge` for one use, `charges` for many homes.
"""
