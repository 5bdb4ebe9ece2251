"""One use, read: a number for each measure of a prepared period."""

from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np

from chowon.domain.bill.hours import Runs
from chowon.domain.bill.meter import Energy, Measure, Meter, Peak, Priced
from chowon.domain.bill.prices import Prices
from chowon.domain.bill.usage import Grid, Profile, Usage
from chowon.domain.quantities import HOUR_MS, I64, MINUTE_MS
from chowon.domain.tariff.kinds import Flow
from chowon.domain.tariff.terms import ZERO
from chowon.errors import UsageInvalid

_MOST: Final = 2**63 - 1
BOTH_FLOWS: Final[tuple[Flow, Flow]] = ("import", "export")


def read(meter: Meter, usage: Usage, exact: bool = False) -> tuple[Decimal, ...]:
    """Every measure of a use, in their order; exact: without rounding the kWh of segments.

    Errors: UsageInvalid where the use doesn't tell what the tariff prices.
    """
    if not meter.measures:
        return ()
    reading = _Reading(meter, usage, exact)
    if usage.profile is not None and not usage.partial:
        check_whole(meter, usage.profile.grid)
    return tuple(reading.of(measure) for measure in meter.measures)


def read_one(meter: Meter, usage: Usage, measure: Measure) -> Decimal:
    """One measure of a use. Errors: as `read`."""
    return _Reading(meter, usage, exact=False).of(measure)


def segment_kwh(meter: Meter, usage: Usage) -> tuple[Decimal, ...]:
    """What was taken from the grid in each segment, as tiers see it. Errors: UsageInvalid."""
    if meter.tariff.split == "measured" and usage.profile is not None:
        reading = _Reading(meter, usage, exact=False)
        return tuple(reading.of_profile(usage.profile, Energy("import", n)) for n in _places(meter))
    return meter.split.kwh(usage.kwh)


def band_kwh(meter: Meter, usage: Usage, calendar: str) -> dict[str, Decimal]:
    """What was taken from the grid in each band of a calendar, in its order. Errors: UsageInvalid."""
    reading, places = _Reading(meter, usage, exact=True), _places(meter)
    return {
        band: sum((reading.of(Energy("import", n, calendar, band)) for n in places), ZERO)
        for band in meter.tariff.calendars[calendar].bands
    }


def _places(meter: Meter) -> range:
    return range(len(meter.split.segments))


def check_whole(meter: Meter, grid: Grid) -> None:
    """Errors: UsageInvalid for intervals that lack a part of the period."""
    start_ms, end_ms = meter.instants()
    if grid.start_ms > start_ms or grid.end_ms < end_ms:
        raise UsageInvalid(
            f"profile: found {grid.start_ms} to {grid.end_ms} ms UTC; expected all of the period, "
            f"{start_ms} to {end_ms}, or partial=True where the rest is not measured"
        )


def check_registers(meter: Meter, measure: Energy, calendar: str, registers: Collection[str]) -> None:
    """Errors: UsageInvalid where the meter's registers don't tell the energy of the calendar's bands."""
    bands = meter.tariff.calendars[calendar].bands
    if measure.flow == "export" or not registers or not set(registers) <= set(bands):
        hint = f", or the meter's reading of each band: {', '.join(bands)}"
        raise UsageInvalid(
            f"{meter.tariff.id} prices {measure.flow} by the hour; expected it by interval (profile)"
            + (hint if measure.flow == "import" else "")
        )


def prices_of(meter: Meter, measure: Priced, grid: Grid | None) -> Prices:
    """The series that prices these intervals. Errors: UsageInvalid."""
    prices = meter.series.get(measure.series)
    if grid is None or prices is None:
        what = "the use by interval (a profile)" if grid is None else f"prices {measure.series!r}"
        raise UsageInvalid(f"{meter.tariff.id} prices each interval by itself; expected {what}")
    if prices.step_ms % grid.step_ms:
        raise UsageInvalid(
            f"profile: found intervals of {grid.step_ms // MINUTE_MS} min; expected "
            f"{prices.step_ms // MINUTE_MS} min or finer, as the prices {measure.series!r} are"
        )
    return prices


def no_price(measure: Priced, when_ms: int) -> UsageInvalid:
    """What to say where energy flowed in an interval without a price."""
    return UsageInvalid(
        f"prices {measure.series!r}: found none at {when_ms} ms UTC, when energy flowed; "
        "expected one for each interval of the use"
    )


def check_demand(meter: Meter, measure: Peak, grid: Grid | None) -> None:
    """Errors: UsageInvalid where intervals don't tell the demand."""
    minutes = measure.interval_min
    if grid is None or minutes * MINUTE_MS % grid.step_ms:
        found = "" if grid is None else f"found intervals of {grid.step_ms // MINUTE_MS} min; "
        raise UsageInvalid(
            f"{meter.tariff.id} prices demand: {found}expected the period's greatest demand in kW, or the "
            f"use by interval (a profile) of {minutes} min or finer"
        )


def demand_runs(meter: Meter, measure: Peak) -> tuple[Runs, list[int]]:
    """(the runs, the places of those in which demand counts). Errors: UsageInvalid."""
    runs = meter.runs(measure.calendar)
    if (runs.edges_ms % (measure.interval_min * MINUTE_MS)).any():
        raise UsageInvalid(
            f"{meter.tariff.id}: a band or a day begins inside an interval of "
            f"{measure.interval_min} min, over which demand is measured"
        )
    counts = [not measure.bands or band in measure.bands for _, band in runs.kinds]
    return runs, [n for n, kind in enumerate(runs.kind.tolist()) if counts[kind]]


@dataclass(slots=True)
class _Reading:
    meter: Meter
    usage: Usage
    exact: bool
    _found: dict[tuple[Flow, str | None], dict[tuple[int, str], Decimal]] = field(default_factory=dict)
    """kWh of the profile by (segment, band)"""

    def of(self, measure: Measure) -> Decimal:
        """The measure's number."""
        if isinstance(measure, Peak):
            return self._peak(measure)
        if measure.flow == "net":
            imported, exported = (self.of(with_flow(measure, flow)) for flow in BOTH_FLOWS)
            return imported - exported
        if measure.flow in ("net_import", "net_export"):
            net = self.of(with_flow(measure, "net"))
            return max(net if measure.flow == "net_import" else -net, ZERO)
        if isinstance(measure, Priced):
            return self._priced(measure)
        return self._energy(measure)

    def of_profile(self, profile: Profile, measure: Energy) -> Decimal:
        """kWh of the profile in a segment and band."""
        key = measure.flow, measure.calendar
        if key not in self._found:
            self._found[key] = self._by_kind(profile, *key)
        return self._found[key].get((measure.place, measure.band), ZERO)

    def _energy(self, measure: Energy) -> Decimal:
        usage, split = self.usage, self.meter.split
        measured = measure.calendar or measure.flow == "export" or self.meter.tariff.split == "measured"
        if usage.profile is not None and measured:
            return self.of_profile(usage.profile, measure)
        if measure.calendar is not None:
            kwh = self._register(measure, measure.calendar)
        else:
            kwh = usage.kwh if measure.flow == "import" else usage.export_kwh
        return split.kwh(kwh, self.exact)[measure.place]

    def _register(self, measure: Energy, calendar: str) -> Decimal:
        """What the meter's register of a band says for the period."""
        usage = self.usage
        if not (usage.kwh if measure.flow == "import" else usage.export_kwh):
            return ZERO
        check_registers(self.meter, measure, calendar, usage.bands)
        return usage.bands.get(measure.band, ZERO)

    def _by_kind(self, profile: Profile, flow: Flow, calendar: str | None) -> dict[tuple[int, str], Decimal]:
        runs = self.meter.runs(calendar)
        energy = profile.import_energy if flow == "import" else profile.export_energy
        if energy is None:
            return {}
        edges = profile.places(runs.edges_ms, edge_words(calendar))
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(energy)])[edges]
        by_kind = np.zeros(len(runs.kinds), np.int64)
        np.add.at(by_kind, runs.kind, np.diff(sums))
        return {k: Decimal(n) / profile.per_kwh for k, n in zip(runs.kinds, by_kind.tolist(), strict=True)}

    def _priced(self, measure: Priced) -> Decimal:
        usage = self.usage
        if not (usage.kwh if measure.flow == "import" else usage.export_kwh):
            return ZERO
        profile = usage.profile
        prices = prices_of(self.meter, measure, None if profile is None else profile.grid)
        assert profile is not None  # or there had been an error
        energy = profile.import_energy if measure.flow == "import" else profile.export_energy
        if energy is None:
            return ZERO
        instants_ms = np.array(self.meter.instants(measure.place), np.int64)
        first, end = profile.places(instants_ms, edge_words(None)).tolist()
        flowing = np.flatnonzero(energy[first:end]) + first
        starts_ms = profile.start_ms + flowing * profile.step_ms
        try:
            return _sum_priced(energy[flowing], prices, starts_ms, measure) / profile.per_kwh
        except OverflowError:  # prices or sums that 64 bits don't hold, one by one
            return _sum_priced_slowly(energy[flowing], prices, starts_ms, measure) / profile.per_kwh

    def _peak(self, measure: Peak) -> Decimal:
        usage, minutes = self.usage, measure.interval_min
        if usage.demand_kw is not None:
            if sum(isinstance(m, Peak) for m in self.meter.measures) > 1:
                raise UsageInvalid(
                    f"{self.meter.tariff.id} prices the demand of several kinds of hours; expected the use "
                    "by interval (a profile) instead of one demand in kW"
                )
            return usage.demand_kw
        profile = usage.profile
        if profile is None and not usage.kwh:
            return ZERO
        check_demand(self.meter, measure, None if profile is None else profile.grid)
        assert profile is not None  # or there had been an error
        runs, counted = demand_runs(self.meter, measure)
        places = profile.places(runs.edges_ms, edge_words(measure.calendar)).tolist()
        spans = ((places[n], places[n + 1]) for n in counted)
        greatest = max((_greatest(profile, *span, minutes) for span in spans), default=0)
        return Decimal(greatest) * HOUR_MS / (minutes * MINUTE_MS) / profile.per_kwh


def with_flow(measure: Energy | Priced, flow: Flow) -> Energy | Priced:
    """The same of another flow."""
    if isinstance(measure, Priced):
        return Priced(flow, measure.place, measure.series)
    return Energy(flow, measure.place, measure.calendar, measure.band)


def edge_words(calendar: str | None) -> str:
    """What happens where runs begin, for messages."""
    return "a day begins" if calendar is None else f"a band of {calendar!r} begins"


def _sum_priced(energy: I64, prices: Prices, starts_ms: I64, measure: Priced) -> Decimal:
    """Energy × price. Errors: OverflowError, UsageInvalid for an interval without a price."""
    numbers, lacking = prices.of_intervals(starts_ms)
    if lacking.any():
        raise no_price(measure, int(starts_ms[lacking][0]))
    scaled = prices.scaled()
    if int(energy.sum()) * scaled.most > _MOST:
        raise OverflowError("energy × price: more than 64 bits hold")
    return Decimal(int(np.dot(energy, numbers))).scaleb(-scaled.digits)


def _sum_priced_slowly(energy: I64, prices: Prices, starts_ms: I64, measure: Priced) -> Decimal:
    """As `_sum_priced`, of any numbers."""
    sum_ = ZERO
    for n, when_ms in zip(energy.tolist(), starts_ms.tolist(), strict=True):
        price = prices.at(when_ms)
        if price is None:
            raise no_price(measure, when_ms)
        sum_ += n * price
    return sum_


def _greatest(profile: Profile, first: int, end: int, minutes: int) -> int:
    """The greatest energy of a demand interval between two places; one that is cut counts as it is."""
    if end <= first:
        return 0
    per = minutes * MINUTE_MS // profile.step_ms
    into = (profile.start_ms // profile.step_ms + first) % per
    starts = np.maximum(np.arange(first - into, end, per), first)
    sums: I64 = np.add.reduceat(profile.import_energy[:end], starts)
    return int(sums.max())
