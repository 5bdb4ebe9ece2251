"""A year of hourly time of use, one core: many homes in arrays, and home by home."""

import time
import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.bill import Fleet, FleetProfile, FleetUse, Profile, Usage, prepare, prepare_fleet
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import HOUR_MS, I32
from chowon.domain.tariff import Tariff, parse

HOMES: Final = 35_000
_AT_ONCE: Final = 2_500
"""Homes made and billed together: 88 MB of hours."""
_MOST_WH: Final = 2_000
_YEAR: Final = 2025
_SCALAR_HOMES: Final = 20
_TARIFF: Final = """
id = "kr.bench"
name = { ko = "시간대별", en = "Time of use" }
country = "KR"
currency = "KRW"
timezone = "Asia/Seoul"
from = 2020-01-01
period = { counts_as = "one_month", split = "measured", source = "made up for this benchmark" }

[season.summer]
label = { ko = "여름", en = "Summer" }
months = [6, 7, 8]
source = "made up"

[band]
light = { label = { ko = "경부하", en = "Light" } }
mid = { label = { ko = "중간부하", en = "Mid" } }
peak = { label = { ko = "최대부하", en = "Peak" } }

[[calendar.hours.version]]
from = 2020-01-01
source = "made up"
rule = [
  { days = ["sunday"], bands = { light = "00-24" } },
  { days = ["saturday"], bands = { light = "22-08", mid = "08-22" } },
  { season = "summer", bands = { light = "22-08", mid = "08-15,21-22", peak = "15-21" } },
  { bands = { light = "22-08", mid = "08-09,12-16,19-22", peak = "09-12,16-19" } },
]

[[line]]
id = "energy"
kind = "time_of_use"
label = { ko = "전력량요금", en = "Energy" }
calendar = "hours"
round = { unit = 1, mode = "floor" }
price = [
  { from = 2020-01-01, bands = { light = 94.0, mid = 146.9, peak = 188.8 }, source = "made up" },
  { from = 2020-01-01, season = "summer", source = "made up", bands = { light = 94, mid = 182, peak = 239 } },
]

[[line]]
id = "vat"
kind = "percentage"
label = { ko = "부가가치세", en = "VAT" }
of = ["energy"]
round = { unit = 1, mode = "half_up" }
price = [{ from = 2020-01-01, percent = 10, source = "made up" }]
"""


@dataclass(frozen=True, slots=True)
class HourlyFigures:
    """A year of hourly time of use, in 12 bills a home, on one core."""

    homes: int
    bills: int
    intervals: int
    prepare_s: float
    """the year's 12 periods made ready"""
    read_and_bill_s: float
    """from the hours in memory to the totals, checks included"""
    with_making_the_homes_s: float
    fleet_bills_per_s: float
    scalar_bills_per_s: float
    """read and billed home by home, checks included"""
    fleet_to_scalar: float


def measure(homes: int = HOMES) -> HourlyFigures:
    """The figures of this many homes."""
    tariff = parse(tomllib.loads(_TARIFF, parse_float=Decimal), "bench")
    zone, starts = ZoneInfo(tariff.timezone), [date(_YEAR, m, 1) for m in range(1, 13)]
    start_ms = midnight_ms(starts[0], zone)
    hours = (midnight_ms(date(_YEAR + 1, 1, 1), zone) - start_ms) // HOUR_MS
    begun = time.perf_counter()
    fleets = _fleets(tariff, starts)
    prepare_s = time.perf_counter() - begun
    rng, billed_s, begun = np.random.default_rng(1), 0.0, time.perf_counter()
    for first in range(0, homes, _AT_ONCE):
        energy_wh = rng.integers(0, _MOST_WH, (min(_AT_ONCE, homes - first), hours), np.int32)
        before = time.perf_counter()
        use = FleetUse(profile=FleetProfile(start_ms, HOUR_MS, energy_wh))
        for fleet in fleets:
            fleet.totals(use)
        billed_s += time.perf_counter() - before
    whole_s, bills = time.perf_counter() - begun, homes * len(fleets)
    scalar_per_s = _scalar_per_s(
        fleets, start_ms, rng.integers(0, _MOST_WH, (_SCALAR_HOMES, hours), np.int32)
    )
    per_s = bills / billed_s
    return HourlyFigures(
        homes,
        bills,
        homes * hours,
        round(prepare_s, 3),
        round(billed_s, 2),
        round(whole_s, 2),
        round(per_s),
        round(scalar_per_s),
        round(per_s / scalar_per_s, 1),
    )


def _fleets(tariff: Tariff, starts: list[date]) -> list[Fleet]:
    ends = [*starts[1:], date(_YEAR + 1, 1, 1)]
    return [prepare_fleet(prepare(tariff, Period(*span))) for span in zip(starts, ends, strict=True)]


def _scalar_per_s(fleets: list[Fleet], start_ms: int, energy_wh: I32) -> float:
    begun = time.perf_counter()
    for home in energy_wh.astype(np.int64):
        for fleet in fleets:
            period_ms = fleet.prepared.plans[0].meter.instants()
            first, end = ((ms - start_ms) // HOUR_MS for ms in period_ms)
            profile = Profile(period_ms[0], HOUR_MS, home[first:end])
            fleet.prepared.total(Usage(Decimal(int(home[first:end].sum())) / 1000, profile))
    return len(energy_wh) * len(fleets) / (time.perf_counter() - begun)
