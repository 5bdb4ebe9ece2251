"""Many uses, read: what `reading` makes of one use, as an array for each measure, equal to it.

Sums are of whole numbers over the edges of runs, so nothing is looked up interval by interval and nothing
is rounded on the way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.homes_usage import FleetProfile, FleetUse
from chowon.domain.bill.meter import Energy, Measure, Meter, Peak, Priced
from chowon.domain.bill.reading import (
    BOTH_FLOWS,
    check_demand,
    check_registers,
    check_whole,
    demand_runs,
    edge_words,
    no_price,
    prices_of,
    with_flow,
)
from chowon.domain.bill.split import HomesRun
from chowon.domain.bill.usage import PERIOD_EDGE
from chowon.domain.quantities import I32, I64, MINUTE_MS
from chowon.domain.tariff.kinds import Flow

_HOUR_MIN: Final = 60
_W_PER_KW: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class PeriodEnergy:
    """(homes,) what was taken from the grid in a period, and given to it."""

    imported: I64
    exported: I64


def period_span(meter: Meter, profile: FleetProfile, partial: bool) -> tuple[int, int]:
    """The first interval of the period and the one after its last. Errors: UsageInvalid."""
    if not partial:
        check_whole(meter, profile.grid)
    first, end = profile.grid.places(np.array(meter.instants(), np.int64), PERIOD_EDGE).tolist()
    return first, end


def period_energy(meter: Meter, use: FleetUse) -> PeriodEnergy:
    """The kWh that are billed. Errors: UsageInvalid for a profile that lacks a part of the period."""
    profile, imported, exported = use.profile, use.energy, use.export_energy
    if imported is None and use.bands:
        imported = np.sum(list(use.bands.values()), axis=0, dtype=np.int64)
    if profile is not None:
        first, end = period_span(meter, profile, use.partial)
        if imported is None:
            imported = profile.import_energy[:, first:end].sum(axis=1, dtype=np.int64)
        if exported is None and profile.export_energy is not None:
            exported = profile.export_energy[:, first:end].sum(axis=1, dtype=np.int64)
    assert imported is not None  # a FleetUse has one of the three
    return PeriodEnergy(imported, np.zeros(len(imported), np.int64) if exported is None else exported)


def homes_run(meter: Meter, use: FleetUse, energy: PeriodEnergy, most: int, per_carried: int) -> HomesRun:
    """Every measure of every use: the start of an evaluation. No number of the use may exceed `most`.

    Errors: UsageInvalid where the uses don't tell what the tariff prices; OverflowError where 64 bits
    don't hold sums of `most`.
    """
    run = HomesRun.of(energy.imported, use.per_kwh, most, meter.split.part)
    reading = _HomesReading(meter, use, energy, run)
    run.segment_kwh = reading.segment_kwh()
    run.measures = tuple(reading.of(measure) for measure in meter.measures)
    run.past_demand_kw = {month: Exact(w, _W_PER_KW, most) for month, w in use.past_demand_w.items()}
    if use.carried is not None:
        run.carried = run.quotient(Exact(use.carried, per_carried, most))
    return run


@dataclass(slots=True)
class _HomesReading:
    meter: Meter
    use: FleetUse
    energy: PeriodEnergy
    run: HomesRun
    _sums: dict[tuple[Flow, str | None], Mapping[tuple[int, str], I64]] = field(default_factory=dict)
    """Energy of the profile by (segment, band)"""
    _shares: dict[tuple[Flow, str | None, str], tuple[Exact, ...]] = field(default_factory=dict)
    """kWh of segments by days"""

    def segment_kwh(self) -> tuple[Exact, ...]:
        """What was taken from the grid in each segment, as tiers see it."""
        profile = self.use.profile
        if self.meter.tariff.split == "measured" and profile is not None:
            places = range(len(self.meter.split.segments))
            return tuple(self._of_profile(profile, Energy("import", place)) for place in places)
        return self._by_days(Energy("import", 0))

    def of(self, measure: Measure) -> Exact:
        """The measure's numbers."""
        if isinstance(measure, Peak):
            return self._peak(measure)
        if measure.flow == "net":
            imported, exported = (self.of(with_flow(measure, flow)) for flow in BOTH_FLOWS)
            return imported - exported
        if measure.flow in ("net_import", "net_export"):
            net = self.of(with_flow(measure, "net"))
            return (net if measure.flow == "net_import" else -net).at_least(0)
        if isinstance(measure, Priced):
            return self._priced(measure)
        return self._energy(measure)

    def _energy(self, measure: Energy) -> Exact:
        profile = self.use.profile
        measured = measure.calendar or measure.flow == "export" or self.meter.tariff.split == "measured"
        if profile is not None and measured:
            return self._of_profile(profile, measure)
        if measure.calendar is not None and self._of_period(measure.flow).any():
            check_registers(self.meter, measure, measure.calendar, self.use.bands)
        return self._by_days(measure)[measure.place]

    def _of_period(self, flow: Flow) -> I64:
        return self.energy.imported if flow == "import" else self.energy.exported

    def _by_days(self, measure: Energy) -> tuple[Exact, ...]:
        """What the meter, or its register of a band, says for the period: each segment's share."""
        key = measure.flow, measure.calendar, measure.band
        if key not in self._shares:
            energy = self._of_period(measure.flow)
            if measure.calendar is not None:
                energy = self.use.bands.get(measure.band, np.zeros_like(energy))
            self._shares[key] = self.meter.split.homes_kwh(self.run.in_kwh(energy), self.run)
        return self._shares[key]

    def _of_profile(self, profile: FleetProfile, measure: Energy) -> Exact:
        """kWh of the profile in a segment and band."""
        key = measure.flow, measure.calendar
        if key not in self._sums:
            self._sums[key] = self._by_kind(profile, *key)
        sums = self._sums[key].get((measure.place, measure.band))
        return self.run.in_kwh(np.zeros(len(self.use), np.int64) if sums is None else sums)

    def _by_kind(
        self, profile: FleetProfile, flow: Flow, calendar: str | None
    ) -> Mapping[tuple[int, str], I64]:
        runs = self.meter.runs(calendar)
        energy = _flow_of(profile, flow)
        edges = profile.grid.places(runs.edges_ms, edge_words(calendar))
        there = np.flatnonzero(np.diff(edges))
        if energy is None or not len(there):
            return {}
        sums: I64 = _sums_from(energy, edges[there], int(edges[-1]))
        order = np.argsort(runs.kind[there], kind="stable")
        kinds, starts = np.unique(runs.kind[there][order], return_index=True)
        by_kind: I64 = np.add.reduceat(sums[:, order], starts, axis=1)
        return {runs.kinds[kind]: by_kind[:, n] for n, kind in enumerate(kinds.tolist())}

    def _priced(self, measure: Priced) -> Exact:
        of_period, profile = self._of_period(measure.flow), self.use.profile
        asked = of_period.any() or (not len(of_period) and measure.series in self.meter.series)
        if not asked or (profile is None and not len(of_period)):
            return self.run.nothing
        prices = prices_of(self.meter, measure, None if profile is None else profile.grid)
        assert profile is not None  # or there had been an error
        known, energy = prices.scaled(), _flow_of(profile, measure.flow)
        instants_ms = np.array(self.meter.instants(measure.place), np.int64)
        first, end = profile.grid.places(instants_ms, edge_words(None)).tolist()
        sums = np.zeros(len(self.use), np.int64)
        if energy is not None:
            starts_ms = profile.start_ms + np.arange(first, end) * profile.step_ms
            scaled, lacking = prices.of_intervals(starts_ms)
            flowing = of_period > 0
            if lacking.any() and (energy[:, first:end][flowing][:, lacking] > 0).any():
                flows = (energy[:, first:end][flowing] > 0).any(axis=0)
                raise no_price(measure, int(starts_ms[lacking & flows][0]))
            sums = np.einsum("hi,i->h", energy[:, first:end], scaled, dtype=np.int64) * flowing
        run, per_unit = self.run, self.run.per_kwh * 10**known.digits
        return Exact.bounded(sums, per_unit, run.most * known.most, loose=run.loose)

    def _peak(self, measure: Peak) -> Exact:
        """One of both is 0; their sum has one bound and denominator, whichever tells it."""
        profile, demand_w = self.use.profile, self.use.demand_w
        zeros = greatest = np.zeros(len(self.use), np.int64)
        if demand_w is None and (profile is not None or self.energy.imported.any()):
            check_demand(self.meter, measure, None if profile is None else profile.grid)
            assert profile is not None  # or there had been an error
            greatest = self._greatest(profile, measure)
        intervals = self.run.in_kwh(greatest).times(Fraction(_HOUR_MIN, measure.interval_min))
        stated = Exact(zeros if demand_w is None else demand_w, _W_PER_KW, self.run.most)
        return self.run.quotient(intervals) + stated

    def _greatest(self, profile: FleetProfile, measure: Peak) -> I64:
        """(homes,) the greatest energy of a demand interval; one that is cut counts as it is."""
        runs, counted = demand_runs(self.meter, measure)
        edges = profile.grid.places(runs.edges_ms, edge_words(measure.calendar))
        first, end = int(edges[0]), int(edges[-1])
        there = np.array([n for n in counted if edges[n] < edges[n + 1]], np.int64)
        if not len(there):
            return np.zeros(len(self.use), np.int64)
        per = measure.interval_min * MINUTE_MS // profile.step_ms
        into = (profile.start_ms // profile.step_ms + first) % per
        energy = profile.import_energy
        starts = np.maximum(np.arange(first - into, end, per), first)
        sums = energy[:, first:end] if per == 1 else _sums_from(energy, starts, end)
        groups = (edges - (first - into)) // per
        filled = np.flatnonzero(np.diff(edges))
        peaks = np.maximum.reduceat(sums, groups[filled], axis=1)
        greatest: I64 = peaks[:, np.isin(filled, there)].max(axis=1).astype(np.int64)
        return greatest


def _flow_of(profile: FleetProfile, flow: Flow) -> I64 | I32 | None:
    return profile.import_energy if flow == "import" else profile.export_energy


def _sums_from(energy: I64 | I32, starts: I64, end: int) -> I64:
    """(homes, starts) the energy from each start to the next, and from the last one to the end."""
    first = int(starts[0])  # reduceat casts all that it is handed, so it gets no more than the period
    sums: I64 = np.add.reduceat(energy[:, first:end], starts - first, axis=1, dtype=np.int64)
    return sums
