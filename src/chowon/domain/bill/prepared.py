"""A tariff made ready for one period answers for any use: it only multiplies and rounds."""

from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final

from chowon.domain.bill.fees import CarryOverStep, DemandStep
from chowon.domain.bill.meter import Meter, Peak, Priced
from chowon.domain.bill.outcome import BandUse, Bill, Line, NextKwh, Note, Subtotal, TierStanding
from chowon.domain.bill.past import NOTHING_KNOWN, CreditUnit, Known
from chowon.domain.bill.reading import band_kwh, read, read_one, segment_kwh
from chowon.domain.bill.some_uses import bare
from chowon.domain.bill.split import Run, Split
from chowon.domain.bill.standing import standing_of
from chowon.domain.bill.steps import Step
from chowon.domain.bill.usage import Usage
from chowon.domain.clock import Period
from chowon.domain.tariff import kinds
from chowon.domain.tariff.definition import Tariff
from chowon.domain.tariff.terms import ZERO, Text

_LEFT_OUT_AT_ZERO: Final = (*kinds.TAKES_OFF, kinds.Minimum, kinds.RoundTotal, kinds.CarryOver)
_PRICES_ENERGY: Final = (kinds.TieredEnergy, kinds.TimeOfUse, kinds.TieredTimeOfUse, kinds.PriceSeries)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a period, for uses that exceed the same bounds of dearer blocks."""

    split: Split
    meter: Meter
    steps: tuple[Step, ...]
    words: tuple[Text | None, ...]
    """How each step's amount is rounded."""
    slopes_need_amounts: bool
    """Whether the slope of a step depends on amounts: a percentage up to a cap, the largest of several."""

    def run(self, usage: Usage) -> Run:
        """The start of an evaluation. Errors: UsageInvalid."""
        return Run(usage, segment_kwh(self.meter, usage), read(self.meter, usage))

    def exact_run(self, usage: Usage, when_ms: int | None = None, at: Run | None = None) -> Run:
        """The start of an evaluation that rounds nothing. Errors: UsageInvalid."""
        return Run(usage, (), read(self.meter, usage, exact=True), when_ms=when_ms, at=at)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A tariff made ready for one period. Every answer is exact and depends on nothing but the usage.

    Every answer has errors: UsageInvalid where the tariff prices what the usage doesn't tell.
    """

    tariff: Tariff
    period: Period
    options: dict[str, str]
    over_bounds: tuple[Decimal, ...]
    """kWh × the denominator of `Split.part` are compared with them."""
    plans: tuple[Plan, ...]
    """The n-th is for uses that exceed n of the bounds of dearer blocks."""
    notes: tuple[Note, ...] = ()
    """What bills of the period say of prices that aren't known"""
    known: Known = NOTHING_KNOWN
    """Comes to every use"""

    def __repr__(self) -> str:
        return f"<Prepared {self.tariff.id} {self.period.start} {self.period.end} {self.options}>"

    @property
    def by_interval(self) -> bool:
        """Whether a bill needs the use by interval: what is asked is when, not only how much in all."""
        return self.tariff.split == "measured" or any(plan.meter.measures for plan in self.plans)

    @property
    def series(self) -> tuple[str, ...]:
        """The price series that a bill needs."""
        asked = (m.series for plan in self.plans for m in plan.meter.measures if isinstance(m, Priced))
        return tuple(dict.fromkeys(asked))

    @property
    def credit_unit(self) -> CreditUnit | None:
        """Of what is carried from one period into the next; None for nothing."""
        if self.tariff.net_kwh:
            return "kWh"
        return "money" if any(isinstance(bare(s), CarryOverStep) for s in self.plans[0].steps) else None

    @property
    def months_of_demand(self) -> tuple[str, ...]:
        """The earlier reading months whose demand counts, in order."""
        return tuple(sorted({month for step in self._ratchets for month in step.ratchet}))

    def demand_kw(self, usage: Usage) -> Decimal | None:
        """The greatest demand in the hours that later months look back on; None where lines differ in them.

        Errors: UsageInvalid where the use doesn't tell it.
        """
        places = {step.peak for step in self._ratchets}
        if len(places) != 1 or None in places:
            return None
        meter = self.plans[0].meter
        peaks = [m for m, place in meter.measures.items() if place in places and isinstance(m, Peak)]
        return read_one(meter, usage, peaks[0])

    @property
    def _ratchets(self) -> list[DemandStep]:
        steps = (bare(step) for step in self.plans[0].steps)
        return [s for s in steps if isinstance(s, DemandStep) and s.line.ratchet_months]

    def as_read(self, usage: Usage) -> Usage:
        """The use of a closed period as it is billed: whole kWh rounded down, as a meter is read.

        What is billed by interval is billed as it was measured.
        """
        if self.by_interval:
            return usage
        kwh, export_kwh = (n.to_integral_value(ROUND_FLOOR) for n in (usage.kwh, usage.export_kwh))
        return replace(usage, kwh=kwh, export_kwh=export_kwh)

    def bill(self, usage: Usage) -> Bill:
        """The bill with every line explained."""
        usage = self.known.on(usage)
        billed, carried = self._billed(usage)
        plan = self._plan(billed.kwh)
        run = plan.run(billed)
        lines: list[Line] = []
        subtotals: list[Subtotal] = []
        for step, words in zip(plan.steps, plan.words, strict=True):
            line, amount = step.line, _rounded(step, run)
            if isinstance(line, kinds.Subtotal):
                subtotals.append(Subtotal(line.id, line.label, amount, len(lines)))
                continue
            if isinstance(step, CarryOverStep):
                carried = step.left(run)
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
            carried,
            self.notes,
        )

    def total(self, usage: Usage) -> Decimal:
        """`bill(usage).total`, without the explanation."""
        billed, _ = self._billed(usage)
        plan = self._plan(billed.kwh)
        run = plan.run(billed)
        for step in plan.steps:
            _rounded(step, run)
        return run.total

    def accrued(self, usage: Usage) -> Decimal:
        """The total before any rounding, of money or of the kWh of segments: for cost that grows live.

        It grows evenly within a tier, and jumps only where the tariff does: by the next tier's base
        charge, and where a deduction ends. The difference of two accrued amounts of one period is what
        the use between them has added.
        """
        billed, _ = self._billed(usage)
        plan = self._plan(billed.kwh)
        run = plan.exact_run(billed)
        for step in plan.steps:
            _add(step.line, step.exact(run), run)
        return run.total

    def next_kwh(self, usage: Usage, when_ms: int | None = None) -> NextKwh:
        """Prices of the next kWh: at a bound those of the next tier.

        when_ms: the instant of its use; without it a price by the hour counts as its mean over the period.
        """
        billed, _ = self._billed(usage)
        plan = self._plan(billed.kwh, next_kwh=True)
        at = plan.exact_run(billed) if plan.slopes_need_amounts else None
        run = plan.exact_run(billed, when_ms, at)
        energy = ZERO
        for step in plan.steps:
            slope = step.slope(run)
            _add(step.line, slope, run)
            if isinstance(step.line, _PRICES_ENERGY):
                energy += slope
            if at is not None:
                _add(step.line, step.exact(at), at)
        return NextKwh(*(p.quantize(self.tariff.price_step, ROUND_HALF_UP) for p in (energy, run.total)))

    def standing(self, usage: Usage) -> TierStanding | None:
        """Where the use stands among the tiers; None for a tariff without tiers."""
        billed, _ = self._billed(usage)
        return standing_of(self.plans[0].steps, self.plans[-1].steps, billed.kwh)

    def use_by_band(self, usage: Usage, now_ms: int) -> tuple[BandUse, ...] | None:
        """By bands of the first line that prices import by time of use; None without such a line.

        now_ms: marks the band that holds then; none outside the period.
        """
        plan, bands = self.plans[0], self.tariff.bands
        lines = (step.line for step in plan.steps)
        by_band = (line for line in lines if isinstance(line, kinds.TimeOfUse | kinds.TieredTimeOfUse))
        line = next((line for line in by_band if line.of not in kinds.GIVEN), None)
        if line is None:
            return None
        found = band_kwh(plan.meter, usage, line.calendar)
        _, holds = plan.meter.runs(line.calendar).at(now_ms) or (0, None)
        return tuple(BandUse(band, bands[band], kwh, band == holds) for band, kwh in found.items())

    def _billed(self, usage: Usage) -> tuple[Usage, Decimal]:
        """(what is billed, kWh carried on): where the tariff nets kWh, import less export and credit."""
        usage = self.known.on(usage)
        if not self.tariff.net_kwh:
            return usage, ZERO
        net = usage.kwh - usage.export_kwh - usage.carried
        return Usage(max(net, ZERO), partial=usage.partial), max(-net, ZERO)

    def _plan(self, kwh: Decimal, next_kwh: bool = False) -> Plan:
        if not self.over_bounds:
            return self.plans[0]
        reach = kwh * self.plans[0].split.part.denominator
        return self.plans[sum(reach >= b if next_kwh else reach > b for b in self.over_bounds)]


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
