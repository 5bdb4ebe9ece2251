"""One use, read: a number for each measure of a prepared period."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np

from chowon.domain.bill.meter import Energy, Measure, Meter, Peak, Priced
from chowon.domain.bill.usage import Profile, Usage
from chowon.domain.quantities import HOUR_MS, I64, MINUTE_MS
from chowon.domain.tariff.kinds import Flow
from chowon.domain.tariff.terms import ZERO
from chowon.errors import UsageInvalid

_BOTH: Final[tuple[Flow, Flow]] = ("import", "export")


def read(meter: Meter, usage: Usage, exact: bool = False) -> tuple[Decimal, ...]:
    """Every measure of a use, in their order; exact: without rounding the kWh of segments.

    Errors: UsageInvalid where the use doesn't tell what the tariff prices.
    """
    if not meter.measures:
        return ()
    reading = _Reading(meter, usage, exact)
    if usage.profile is not None and not usage.partial:
        reading.check_whole(usage.profile)
    return tuple(reading.of(measure) for measure in meter.measures)


def segment_kwh(meter: Meter, usage: Usage) -> tuple[Decimal, ...]:
    """What was taken from the grid in each segment, as tiers see it. Errors: UsageInvalid."""
    if meter.tariff.split == "measured" and usage.profile is not None:
        reading = _Reading(meter, usage, exact=False)
        return tuple(reading.of_profile(usage.profile, Energy("import", n)) for n in _places(meter))
    return meter.split.kwh(usage.kwh)


def _places(meter: Meter) -> range:
    return range(len(meter.split.segments))


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
            imported, exported = (self.of(_with_flow(measure, flow)) for flow in _BOTH)
            return imported - exported
        if isinstance(measure, Priced):
            return self._priced(measure)
        return self._energy(measure)

    def of_profile(self, profile: Profile, measure: Energy) -> Decimal:
        """kWh of the profile in a segment and band."""
        key = measure.flow, measure.calendar
        if key not in self._found:
            self._found[key] = self._by_kind(profile, *key)
        return self._found[key].get((measure.place, measure.band), ZERO)

    def check_whole(self, profile: Profile) -> None:
        """Errors: UsageInvalid for a profile that lacks a part of the period."""
        start_ms, end_ms = self.meter.instants()
        if profile.start_ms > start_ms or profile.end_ms < end_ms:
            raise UsageInvalid(
                f"profile: found {profile.start_ms} to {profile.end_ms} ms UTC; expected all of the period, "
                f"{start_ms} to {end_ms}, or partial=True where the rest is not measured"
            )

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
        bands = self.meter.tariff.calendars[calendar].bands
        if measure.flow == "export" or not usage.bands or not set(usage.bands) <= set(bands):
            registers = f", or the meter's reading of each band: {', '.join(bands)}"
            raise UsageInvalid(
                f"{self.meter.tariff.id} prices {measure.flow} by the hour; expected it by interval (profile)"
                + (registers if measure.flow == "import" else "")
            )
        return usage.bands.get(measure.band, ZERO)

    def _by_kind(self, profile: Profile, flow: Flow, calendar: str | None) -> dict[tuple[int, str], Decimal]:
        runs = self.meter.runs(calendar)
        energy = profile.import_energy if flow == "import" else profile.export_energy
        if energy is None:
            return {}
        edges = profile.places(runs.edges_ms, _edge(calendar))
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(energy)])[edges]
        by_kind = np.zeros(len(runs.kinds), np.int64)
        np.add.at(by_kind, runs.kind, np.diff(sums))
        return {k: Decimal(n) / profile.per_kwh for k, n in zip(runs.kinds, by_kind.tolist(), strict=True)}

    def _priced(self, measure: Priced) -> Decimal:
        tariff, usage = self.meter.tariff, self.usage
        profile, prices = usage.profile, self.meter.series.get(measure.series)
        if not (usage.kwh if measure.flow == "import" else usage.export_kwh):
            return ZERO
        if profile is None or prices is None:
            what = "the use by interval (a profile)" if profile is None else f"prices {measure.series!r}"
            raise UsageInvalid(f"{tariff.id} prices each interval by itself; expected {what}")
        if prices.step_ms % profile.step_ms:
            raise UsageInvalid(
                f"profile: found intervals of {profile.step_ms // MINUTE_MS} min; expected "
                f"{prices.step_ms // MINUTE_MS} min or finer, as the prices {measure.series!r} are"
            )
        energy = profile.import_energy if measure.flow == "import" else profile.export_energy
        if energy is None:
            return ZERO
        first, end = profile.places(np.array(self.meter.instants(measure.place), np.int64), _edge(None))
        sum_ = ZERO
        for n in (np.flatnonzero(energy[first:end]) + first).tolist():
            when_ms = profile.start_ms + n * profile.step_ms
            price = prices.at(when_ms)
            if price is None:
                raise UsageInvalid(
                    f"prices {measure.series!r}: found none at {when_ms} ms UTC, when energy flowed; "
                    "expected one for each interval of the use"
                )
            sum_ += int(energy[n]) * price
        return sum_ / profile.per_kwh

    def _peak(self, measure: Peak) -> Decimal:
        usage, tariff, minutes = self.usage, self.meter.tariff, measure.interval_min
        if usage.demand_kw is not None:
            return usage.demand_kw
        profile = usage.profile
        if profile is None and not usage.kwh:
            return ZERO
        if profile is None or minutes * MINUTE_MS % profile.step_ms:
            found = "" if profile is None else f"found intervals of {profile.step_ms // MINUTE_MS} min; "
            raise UsageInvalid(
                f"{tariff.id} prices demand: {found}expected the period's greatest demand in kW, or the use "
                f"by interval (a profile) of {minutes} min or finer"
            )
        greatest = max(
            (_greatest(profile, *span, minutes) for span in self._spans(measure, profile)), default=0
        )
        return Decimal(greatest) * HOUR_MS / (minutes * MINUTE_MS) / profile.per_kwh

    def _spans(self, measure: Peak, profile: Profile) -> list[tuple[int, int]]:
        """[first, end) places of the profile between which the demand counts."""
        runs = self.meter.runs(measure.calendar)
        if (runs.edges_ms % (measure.interval_min * MINUTE_MS)).any():
            raise UsageInvalid(
                f"{self.meter.tariff.id}: a band or a day begins inside an interval of "
                f"{measure.interval_min} min, over which demand is measured"
            )
        counts = [not measure.bands or band in measure.bands for _, band in runs.kinds]
        places = profile.places(runs.edges_ms, _edge(measure.calendar)).tolist()
        return [(places[n], places[n + 1]) for n, kind in enumerate(runs.kind.tolist()) if counts[kind]]


def _with_flow(measure: Energy | Priced, flow: Flow) -> Energy | Priced:
    if isinstance(measure, Priced):
        return Priced(flow, measure.place, measure.series)
    return Energy(flow, measure.place, measure.calendar, measure.band)


def _edge(calendar: str | None) -> str:
    return "a day begins" if calendar is None else f"a band of {calendar!r} begins"


def _greatest(profile: Profile, first: int, end: int, minutes: int) -> int:
    """The greatest energy of a demand interval between two places; one that is cut counts as it is."""
    if end <= first:
        return 0
    per = minutes * MINUTE_MS // profile.step_ms
    into = (profile.start_ms // profile.step_ms + first) % per
    starts = np.maximum(np.arange(first - into, end, per), first)
    sums: I64 = np.add.reduceat(profile.import_energy[:end], starts)
    return int(sums.max())
