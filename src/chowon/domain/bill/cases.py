"""The worked bills that stand in a tariff's own file, recomputed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.bill.engine import bill
from chowon.domain.bill.prices import Prices
from chowon.domain.bill.usage import Profile, Usage
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import I64, QUARTER_MS
from chowon.domain.tariff.definition import Case, HoursOf, Tariff
from chowon.domain.tariff.terms import ZERO
from chowon.errors import UsageInvalid

_PER_HOUR_MIN: Final = 60


@dataclass(frozen=True, slots=True)
class WrongAmount:
    """An amount of a case that the engine computes otherwise."""

    case: Case
    line: str
    expected: Decimal
    computed: Decimal

    def __str__(self) -> str:
        where = f"case of {self.case.start} to {self.case.end} ({self.case.note[:40]})"
        return f"{where}: {self.line} expected {self.expected}, computed {self.computed}"


def wrong_amounts(tariff: Tariff) -> list[WrongAmount]:
    """Every difference between the tariff's cases and the engine; empty when all is well."""
    wrong = []
    for case in tariff.cases:
        found = bill(
            tariff,
            period_of_case(case),
            use_of_case(tariff, case),
            case.options,
            series_of_case(tariff, case),
        )
        for line, expected in case.expect.items():
            computed = {"total": found.total, "carried": found.carried}.get(line, found.amount(line))
            if computed != expected:
                wrong.append(WrongAmount(case, line, expected, computed))
    return wrong


def period_of_case(case: Case) -> Period:
    """The case's period, with the full one of which it is a part."""
    return Period(case.start, case.end, None if case.whole is None else Period(*case.whole))


def use_of_case(tariff: Tariff, case: Case) -> Usage:
    """What is used in the case. Errors: UsageInvalid for hours that a day doesn't have."""
    use, profile = case.use, _profile(tariff, case)
    kwh, export_kwh = use.kwh, use.export_kwh
    if profile is not None:
        kwh, profile_export_kwh = profile.kwh(profile.start_ms, profile.end_ms)
        export_kwh += profile_export_kwh
    return Usage(
        kwh=sum(use.bands.values(), ZERO) if kwh is None else kwh,
        profile=profile,
        bands=use.bands,
        export_kwh=export_kwh,
        demand_kw=use.demand_kw,
        past_demand_kw=use.past_demand_kw,
        carried=use.carried,
    )


def series_of_case(tariff: Tariff, case: Case) -> dict[str, Prices]:
    """The prices that the case hands in, by quarters of an hour."""
    zone, found = ZoneInfo(tariff.timezone), {}
    start_ms, end_ms = midnight_ms(case.start, zone), midnight_ms(case.end, zone)
    for name, entries in case.series.items():
        values: list[Decimal | None] = [None] * ((end_ms - start_ms) // QUARTER_MS)
        for hours in entries:
            for place in _quarters(hours, zone, start_ms, end_ms):
                values[place] = hours.number
        found[name] = Prices(start_ms, QUARTER_MS, values)
    return found


def _profile(tariff: Tariff, case: Case) -> Profile | None:
    """Quarters of an hour, in a unit in which every share of the hours is a whole number."""
    use = case.use
    if not use.import_hours and not use.export_hours:
        return None
    zone = ZoneInfo(tariff.timezone)
    start_ms, end_ms = midnight_ms(case.start, zone), midnight_ms(case.end, zone)
    flows = [
        [(_quarters(hours, zone, start_ms, end_ms), hours.number) for hours in entries]
        for entries in (use.import_hours, use.export_hours)
    ]
    shares = [Fraction(kwh) / len(places) for flow in flows for places, kwh in flow]
    per_kwh = lcm(*(share.denominator for share in shares))
    imported, exported = (_spread(flow, per_kwh, (end_ms - start_ms) // QUARTER_MS) for flow in flows)
    return Profile(start_ms, QUARTER_MS, imported, exported, per_kwh)


def _spread(flow: Sequence[tuple[I64, Decimal]], per_kwh: int, n: int) -> I64:
    energy = np.zeros(n, np.int64)
    for places, kwh in flow:
        energy[places] += int(Fraction(kwh) / len(places) * per_kwh)
    return energy


def _quarters(hours: HoursOf, zone: ZoneInfo, start_ms: int, end_ms: int) -> I64:
    """(n,) the quarters of an hour, counted from `start_ms`, whose wall clock lies in the hours."""
    found: list[int] = []
    day = hours.since
    while day < hours.until:
        found.extend(_quarters_of_day(day, hours.spans, zone))
        day += timedelta(days=1)
    inside = [ms for ms in found if start_ms <= ms < end_ms]
    if not found or len(inside) < len(found):
        raise UsageInvalid(
            f"case: hours of {hours.since} to {hours.until}: expected some that exist, in the case's period"
        )
    return (np.array(inside, np.int64) - start_ms) // QUARTER_MS


def _quarters_of_day(day: date, spans: Sequence[tuple[int, int]], zone: ZoneInfo) -> list[int]:
    found = []
    for ms in range(midnight_ms(day, zone), midnight_ms(day + timedelta(days=1), zone), QUARTER_MS):
        wall = datetime.fromtimestamp(ms / 1000, zone)
        minute = wall.hour * _PER_HOUR_MIN + wall.minute
        if any(first <= minute < end for first, end in spans):
            found.append(ms)
    return found
