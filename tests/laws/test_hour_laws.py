"""Energy by band against a plain count, quarter by quarter, of what the clock on the wall shows."""

import tomllib
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Prepared, Profile, Usage, prepare
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import QUARTER_MS
from chowon.domain.tariff import parse
from tests.hourly import BY_BAND, DEMAND, HEAD

ZONES = ["Europe/Berlin", "Europe/London", "America/Los_Angeles", "Asia/Seoul", "Australia/Lord_Howe"]
PRICES = {False: (Decimal("0.1"), Decimal("0.3")), True: (Decimal("0.2"), Decimal("0.5"))}
zones = st.sampled_from(ZONES)
starts = st.dates(date(2026, 1, 1), date(2027, 6, 1))
lengths = st.integers(1, 40)
edges = st.tuples(st.integers(0, 46), st.integers(1, 47)).filter(lambda e: e[0] < e[1])
seeds = st.integers(0, 2**32 - 1)


def _hour(half: int) -> str:
    return f"{half // 2:02d}:{half % 2 * 30:02d}"


def _ready(zone: str, start: date, days: int, day_from: int, day_until: int, lines: str) -> Prepared:
    """Day lasts between two half hours; the rest is night, also on weekends all day."""
    first, last = _hour(day_from), _hour(day_until)
    night = ",".join(s for s in (f"00:00-{first}", f"{last}-24:00") if s[:5] != s[6:])
    rule = f'bands = {{ night = "{night}", day = "{first}-{last}" }}'
    head = HEAD.replace("Europe/Berlin", zone).replace(
        'bands = { night = "00-03,22-24", day = "03-22" }',
        'days = ["weekend"]\nbands = { night = "00-24" }\n[[calendar.hours.version.rule]]\n' + rule,
    )
    tariff = parse(tomllib.loads(head + lines, parse_float=Decimal), "x.toml")
    return prepare(tariff, Period(start, start + timedelta(days=days)))


def _profile(zone: str, start: date, days: int, seed: int) -> Profile:
    first, last = (midnight_ms(d, ZoneInfo(zone)) for d in (start, start + timedelta(days=days)))
    n = (last - first) // QUARTER_MS
    return Profile(first, QUARTER_MS, np.random.default_rng(seed).integers(0, 3000, n))


def _is_day(wall: datetime, day_from: int, day_until: int) -> bool:
    return wall.weekday() < 5 and day_from * 30 <= wall.hour * 60 + wall.minute < day_until * 30


@settings(deadline=None)
@given(zones, starts, lengths, edges, seeds)
def test_each_quarter_is_billed_at_the_price_of_its_wall_clock(zone, start, days, edge, seed) -> None:
    profile = _profile(zone, start, days, seed)
    kwh = Decimal(int(profile.import_energy.sum())) / 1000
    bill = _ready(zone, start, days, *edge, BY_BAND).bill(Usage(kwh, profile))
    expected = Fraction(0)
    for n, wh in enumerate(profile.import_energy.tolist()):
        wall = datetime.fromtimestamp((profile.start_ms + n * QUARTER_MS) / 1000, ZoneInfo(zone))
        night, day = PRICES[wall.month in (7, 8)]
        expected += Fraction(wh, 1000) * Fraction(day if _is_day(wall, *edge) else night)
    assert Fraction(bill.total) == expected
    assert sum(part.quantity for line in bill.lines for part in line.parts) == kwh


@settings(deadline=None)
@given(zones, starts, lengths, edges, seeds)
def test_demand_is_the_greatest_quarter_that_counts(zone, start, days, edge, seed) -> None:
    profile = _profile(zone, start, days, seed)
    kwh = Decimal(int(profile.import_energy.sum())) / 1000
    bill = _ready(zone, start, days, *edge, DEMAND).bill(Usage(kwh, profile))
    greatest = 0
    for n, wh in enumerate(profile.import_energy.tolist()):
        wall = datetime.fromtimestamp((profile.start_ms + n * QUARTER_MS) / 1000, ZoneInfo(zone))
        if _is_day(wall, *edge):
            greatest = max(greatest, wh)
    assert bill.total == Decimal(greatest) * 4 / 1000 * 10


@settings(deadline=None)
@given(zones, starts, lengths, edges, seeds, st.integers(1, 90))
def test_a_use_in_two_parts_costs_what_it_costs_at_once(zone, start, days, edge, seed, at) -> None:
    profile = _profile(zone, start, days, seed)
    prepared = _ready(zone, start, days, *edge, BY_BAND)
    halves = []
    for part in (slice(0, at), slice(at, None)):
        energy = np.zeros_like(profile.import_energy)
        energy[part] = profile.import_energy[part]
        kwh = Decimal(int(energy.sum())) / 1000
        halves.append(prepared.total(Usage(kwh, Profile(profile.start_ms, QUARTER_MS, energy))))
    kwh = Decimal(int(profile.import_energy.sum())) / 1000
    assert sum(halves) == prepared.total(Usage(kwh, profile))
