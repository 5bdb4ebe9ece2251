"""Making a tariff ready for a period: what depends on dates and options is looked up once, here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

from chowon.domain.bill import band_tiers, discounts, fees, flows, per_kwh, sums, tiered
from chowon.domain.bill.known import notes_of
from chowon.domain.bill.largest import KeptIfLargest, only_largest
from chowon.domain.bill.meter import Meter
from chowon.domain.bill.outcome import Bill, Segment
from chowon.domain.bill.prepared import Plan, Prepared
from chowon.domain.bill.prices import Prices
from chowon.domain.bill.some_uses import bare, for_some_uses
from chowon.domain.bill.split import Split, segments_of
from chowon.domain.bill.steps import Setting, Step
from chowon.domain.bill.usage import Usage
from chowon.domain.bill.wording import rounding_label
from chowon.domain.clock import Period
from chowon.domain.tariff import kinds
from chowon.domain.tariff.definition import Tariff
from chowon.domain.tariff.fields import close_match
from chowon.domain.tariff.terms import NumberOption, any_holds
from chowon.errors import UsageInvalid

_ONE: Final = Decimal(1)


def bill(
    tariff: Tariff,
    period: Period,
    usage: Usage,
    options: Mapping[str, str] | None = None,
    series: Mapping[str, Prices] | None = None,
) -> Bill:
    """What this use costs. Errors: UsageInvalid as `prepare` and `Prepared.bill`."""
    return prepare(tariff, period, options, series).bill(usage)


def prepare(
    tariff: Tariff,
    period: Period,
    options: Mapping[str, str] | None = None,
    series: Mapping[str, Prices] | None = None,
) -> Prepared:
    """The tariff made ready for one period, to answer quickly for many uses.

    series: prices by interval, by the names that the tariff gives them.
    Errors: UsageInvalid for a period without days or outside the days that the tariff knows, and for an
    option or a value of it that the tariff doesn't have.
    """
    if period.days < 1:
        raise UsageInvalid(f"period {period.start} to {period.end}: expected an end after its start")
    if period.start < tariff.since:
        raise UsageInvalid(
            f"period {period.start} to {period.end}: {tariff.id} is known from {tariff.since} on; "
            "ask for a period that starts then or later"
        )
    if tariff.until is not None and period.end > tariff.until:
        raise UsageInvalid(
            f"period {period.start} to {period.end}: {tariff.id} is known until {tariff.until}; "
            "ask for a period that ends then or earlier, or name the tariff that follows"
        )
    whole = period.whole
    if whole is not None and not whole.start <= period.start < period.end <= whole.end:
        raise UsageInvalid(
            f"period {period.start} to {period.end}: expected a part of {whole.start} to {whole.end}"
        )
    chosen = chosen_options(tariff, options or {})
    had = (line for line in tariff.lines if any_holds(line.when, chosen))
    lines = tuple(with_options(line, chosen) for line in had)
    rivals = tuple(g.lines for g in tariff.only_largest if any_holds(g.when, chosen))
    numbers = {n: Decimal(v) for n, v in chosen.items() if tariff.options[n].number is not None}
    asked = _Asked(tariff, period, lines, rivals, numbers, series or {})
    part = Fraction(period.days, period.whole_days)
    bounds = _over_bounds(lines, numbers)
    plans = tuple(_plan(asked, frozenset(list(bounds)[:n])) for n in range(len(bounds) + 1))
    limits = tuple(limit * part.numerator for limit in bounds.values())
    notes = notes_of(tariff, lines, period)
    return Prepared(tariff, period, chosen, limits, plans, notes=notes)


def _over_bounds(lines: Sequence[kinds.Line], numbers: Mapping[str, Decimal]) -> dict[Decimal, Decimal]:
    """Where dearer blocks begin, in order: as written, and for as many times as the customer counts."""
    found = {}
    for line in lines:
        if isinstance(line, kinds.TieredEnergy) and line.over:
            times = numbers.get(line.times, _ONE) if line.times is not None else _ONE
            found[line.over.above_kwh] = line.over.above_kwh * times
    return dict(sorted(found.items()))


def chosen_options(tariff: Tariff, options: Mapping[str, str]) -> dict[str, str]:
    """Every option of the tariff with its value. Errors: UsageInvalid."""
    for name, value in options.items():
        option = tariff.options.get(name)
        if option is None:
            known = close_match(name, list(tariff.options))
            raise UsageInvalid(f"option {name!r}: {tariff.id} has no such option; expected {known}")
        if option.number is not None:
            _check_number(name, option.number, value)
        elif value not in option.values:
            raise UsageInvalid(
                f"option {name!r}: found {value!r}; expected {close_match(value, list(option.values))}"
            )
    chosen = ((name, options.get(name, option.default)) for name, option in tariff.options.items())
    return {name: value for name, value in chosen if value is not None}


def _check_number(name: str, option: NumberOption, value: str) -> None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    wrong = not number.is_finite() or (option.least is not None and number < option.least)
    if wrong or (option.most is not None and number > option.most):
        raise UsageInvalid(f"option {name!r}: found {value!r}; expected {option.expected}")


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
class _Asked:
    """What the plans of a period have in common."""

    tariff: Tariff
    period: Period
    lines: tuple[kinds.Line, ...]
    rivals: tuple[tuple[str, ...], ...]
    numbers: Mapping[str, Decimal]
    series: Mapping[str, Prices]

    def setting(
        self, split: Split, meter: Meter, reached: frozenset[Decimal], above: tuple[Step, ...] = ()
    ) -> Setting:
        """What a line may know."""
        return Setting(self.tariff, self.period, split, reached, meter, self.numbers, above)


def _plan(asked: _Asked, reached: frozenset[Decimal]) -> Plan:
    tariff, period = asked.tariff, asked.period

    def split_into(segments: tuple[Segment, ...]) -> tuple[Split, Meter]:
        split = Split(segments, period.days, period.whole_days, tariff.kwh_round)
        return split, Meter(tariff, period, split, asked.series)

    uncut = asked.setting(*split_into(()), reached)
    segments = segments_of(period, lambda day: _cut_key(asked.lines, uncut, day))
    split, meter = split_into(segments)
    steps: tuple[Step, ...] = ()
    for line in asked.lines:
        step = _MAKERS[type(line)](line, asked.setting(split, meter, reached, steps))
        steps = (*steps, for_some_uses(step, split.part))
    for ids in asked.rivals:
        steps = only_largest(steps, ids)
    words = tuple(rounding_label(s.line.round, tariff.currency) if s.line.round else None for s in steps)
    need_amounts = any(
        isinstance(s, KeptIfLargest) or isinstance(bare(s), discounts.DiscountStep) for s in steps
    )
    return Plan(split, meter, steps, words, need_amounts)


def _cut_key(lines: tuple[kinds.Line, ...], setting: Setting, day: date) -> tuple[object, ...]:
    """What lines split by usage day depend on, on this day."""
    key: list[object] = []
    for line in lines:
        if isinstance(line, kinds.TieredFixed | kinds.TieredEnergy):
            key.append(tiered.cut_key(line, setting, day))
        elif isinstance(line, kinds.PerKwh):
            key.append(per_kwh.cut_key(line, setting.tariff.seasons, day))
        elif isinstance(line, kinds.TimeOfUse | kinds.PriceSeries):
            key.append(flows.cut_key(line, setting, day))
        elif isinstance(line, kinds.TieredTimeOfUse):
            key.append(band_tiers.cut_key(line, setting, day))
        elif isinstance(line, kinds.Discount):
            key.append(discounts.cut_key(line, setting, day))
    return tuple(key)


def _per_kwh(line: kinds.PerKwh, setting: Setting) -> Step:
    return per_kwh.step_of(line, setting) if line.of == "import" else flows.per_kwh_step(line, setting)


_MAKERS: Final[dict[type[kinds.Line], Callable[[Any, Setting], Step]]] = {
    kinds.TieredFixed: tiered.fixed_step,
    kinds.TieredEnergy: tiered.energy_step,
    kinds.PerKwh: _per_kwh,
    kinds.TimeOfUse: flows.time_of_use_step,
    kinds.TieredTimeOfUse: band_tiers.band_tiers_step,
    kinds.PriceSeries: flows.price_series_step,
    kinds.Demand: fees.demand_step,
    kinds.Fixed: fees.fixed_step,
    kinds.Deduction: sums.deduction_step,
    kinds.Discount: discounts.discount_step,
    kinds.PerKwhCredit: discounts.credit_step,
    kinds.Minimum: sums.minimum_step,
    kinds.Subtotal: sums.subtotal_step,
    kinds.Percentage: sums.percentage_step,
    kinds.PerPoint: fees.per_point_step,
    kinds.CarryOver: fees.carry_over_step,
    kinds.RoundTotal: sums.round_total_step,
}
"""How each kind of line becomes a step; a new kind of the language needs its row here.

A step has its arithmetic twice, side by side: `charge` for one use, `charges` for many homes.
"""
