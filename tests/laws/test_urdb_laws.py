"""Laws of imported US rates: every hour in its period, every bill as URDB's own fields say it."""

import json
import re
import tomllib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Bill, Profile, Usage, bill
from chowon.domain.clock import Period
from chowon.domain.tariff import Tariff, parse
from chowon.errors import TariffInvalid
from chowon.tariff_import.urdb import Wishes, imported
from chowon.tariff_import.urdb.known import READ, REFUSED_ABOVE_ZERO
from tests.laws.urdb_reckoning import Charges, hours_of_month, reckoned
from tests.urdb_rates import Rate, demand, every_hour, flat, head, solar, tiered, time_of_use

ZONE = ZoneInfo("America/Denver")
MONTHS = st.dates(date(2024, 1, 1), date(2025, 12, 31)).map(lambda day: day.replace(day=1))
CENTS = st.integers(0, 60_000).map(lambda n: n / 100_000)


def tariff_of(rate: Rate) -> Tariff:
    made = imported(json.dumps(rate).encode(), "rate.json", Wishes(timezone=ZONE.key))
    return parse(tomllib.loads(made.text, parse_float=Decimal), "rate.toml")


def billed(tariff: Tariff, first: date, use_wh: list[int], export_wh: list[int]) -> Bill:
    """The bill of a calendar month from hourly readings."""
    start = hours_of_month(first, ZONE)[0]
    profile = Profile(
        round(start.timestamp() * 1000),
        3_600_000,
        np.array(use_wh, np.int64),
        np.array(export_wh, np.int64),
    )
    period = Period(first, (first + timedelta(days=32)).replace(day=1))
    usage = Usage(Decimal(sum(use_wh)) / 1000, profile, export_kwh=Decimal(sum(export_wh)) / 1000)
    return bill(tariff, period, usage)


def charges_of(found: Bill) -> Charges:
    """The lines of a bill by what they are for."""
    amounts = {line.id: line.amount for line in found.lines}
    timed = sum((a for name, a in amounts.items() if name.startswith("demand_")), Decimal(0))
    fixed, energy, fuel, monthly = (
        amounts.get(name, Decimal(0)) for name in ("fixed", "energy", "fuel", "demand")
    )
    return Charges(fixed, energy, fuel, monthly, timed, -amounts.get("export", Decimal(0)), found.total)


@st.composite
def schedules(draw: st.DrawFn, periods: int, kinds_of_day: int = 4) -> list[list[int]]:
    """12 months of 24 hours: a few kinds of day, each of a few spans, as rates are."""
    days = []
    for _ in range(draw(st.integers(1, kinds_of_day))):
        edges = draw(st.lists(st.integers(0, 23), max_size=5, unique=True).map(sorted))
        day, period = [], draw(st.integers(0, periods - 1))
        for hour in range(24):
            if hour in edges:
                period = draw(st.integers(0, periods - 1))
            day.append(period)
        days.append(day)
    return [draw(st.sampled_from(days)) for _ in range(12)]


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    """Rates with every charge that can be expressed, each perhaps."""
    rate = head("bb01", "Any") | draw(st.sampled_from([timed_energy, tiers_by_month]).flatmap(lambda f: f()))
    if rate["dgrules"] != "Net Metering" and draw(st.booleans()):
        rate |= draw(demand_charges())
    if draw(st.booleans()):
        rate["fueladjustmentsmonthly"] = draw(st.lists(CENTS, min_size=12, max_size=12))
    if draw(st.booleans()):
        units = draw(st.sampled_from(["$/month", "$/day"]))
        rate |= {"fixedchargefirstmeter": draw(CENTS) * 100, "fixedchargeunits": units}
    if draw(st.booleans()):
        rate |= {"mincharge": draw(st.integers(1, 200)), "minchargeunits": "$/month"}
    return rate


@st.composite
def timed_energy(draw: st.DrawFn) -> Rate:
    periods = draw(st.integers(1, 5))
    rules = draw(st.sampled_from([None, "Net Billing Instantaneous"]))
    structure: list[list[Any]] = [[{"rate": draw(CENTS), "adj": draw(CENTS)}] for _ in range(periods)]
    for tiers in structure if rules else ():
        tiers[0]["sell"] = draw(CENTS)
    return {
        "energyratestructure": structure,
        "energyweekdayschedule": draw(schedules(periods)),
        "energyweekendschedule": draw(schedules(periods)),
        "dgrules": rules,
    }


@st.composite
def tiers_by_month(draw: st.DrawFn) -> Rate:
    unit, most = draw(st.sampled_from([("kWh", 900), ("kWh daily", 30)]))
    structure = []
    for _ in range(draw(st.integers(1, 4))):
        bounds = draw(st.lists(st.integers(1, most), min_size=1, max_size=4, unique=True).map(sorted))
        structure.append(
            [*({"max": b, "rate": draw(CENTS), "unit": unit} for b in bounds), {"rate": draw(CENTS)}]
        )
    by_month = [draw(st.integers(0, len(structure) - 1)) for _ in range(12)]
    return {
        "energyratestructure": structure,
        "energyweekdayschedule": every_hour(*by_month),
        "energyweekendschedule": every_hour(*by_month),
        "dgrules": draw(st.sampled_from([None, "Net Metering"])),
    }


@st.composite
def demand_charges(draw: st.DrawFn) -> Rate:
    periods = draw(st.integers(1, 4))
    kw_price = st.integers(0, 2_500).map(lambda n: n / 100)
    return {
        "flatdemandstructure": [[{"rate": draw(kw_price)}], [{"rate": draw(kw_price), "adj": 0.25}]],
        "flatdemandmonths": draw(st.lists(st.integers(0, 1), min_size=12, max_size=12)),
        "flatdemandunit": "kW",
        "demandratestructure": [[{"rate": draw(kw_price)}] for _ in range(periods)],
        "demandweekdayschedule": draw(schedules(periods)),
        "demandweekendschedule": draw(schedules(periods)),
        "demandrateunit": "kW",
        "demandwindow": 60,
    }


def _random_wh(draw: st.DrawFn, hours: int, most: int) -> list[int]:
    """Use by hour; drawn by seed, as 744 numbers are too many to draw one by one."""
    found: list[int] = np.random.default_rng(draw(st.integers(0, 2**32))).integers(0, most, hours).tolist()
    return found


@st.composite
def months_of_use(draw: st.DrawFn) -> tuple[date, list[int], list[int]]:
    first = draw(MONTHS)
    hours = len(hours_of_month(first, ZONE))
    most = draw(st.sampled_from([2, 500, 3_000, 80_000]))  # export is at most 2,000: net use may be negative
    return first, _random_wh(draw, hours, most), _random_wh(draw, hours, 2_000)


@st.composite
def any_matrices(draw: st.DrawFn, periods: int) -> list[list[int]]:
    """12 months of 24 hours without any order; drawn by seed, as 288 numbers are too many to draw."""
    seed = draw(st.integers(0, 2**32))
    found: list[list[int]] = np.random.default_rng(seed).integers(0, periods, (12, 24)).tolist()
    return found


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 6))
def test_every_hour_of_a_year_is_in_the_period_of_its_schedule(data: st.DataObject, periods: int) -> None:
    matrices = st.one_of(schedules(periods, 12), any_matrices(periods))
    weekday, weekend = data.draw(matrices), data.draw(matrices)
    rate = head("bb02", "Hours") | {
        "energyratestructure": [[{"rate": (period + 1) / 10}] for period in range(periods)],
        "energyweekdayschedule": weekday,
        "energyweekendschedule": weekend,
    }
    tariff = tariff_of(rate)
    (line,) = tariff.lines
    for n in range(366):
        day = date(2024, 1, 1) + timedelta(days=n)
        expected = (weekend if day.weekday() >= 5 else weekday)[day.month - 1]
        assert _prices_by_hour(tariff, line, day) == [Decimal(period + 1) / 10 for period in expected]


def _prices_by_hour(tariff: Tariff, line: Any, day: date) -> list[Decimal]:
    if line.__class__.__name__ == "PerKwh":  # every month is in one period
        season = [p for p in line.prices if p.season and tariff.seasons[p.season].holds(day)]
        return [(season or line.prices)[0].value] * 24
    rule = tariff.calendars[line.calendar].rule_on(day, False, tariff.seasons)
    prices = dict(line.prices[0].per_band)
    return [prices[rule.band_at(hour * 60)] for hour in range(24)]


@settings(max_examples=60)
@given(st.decimals(0, 9_999_999, allow_nan=False, places=20), st.decimals(-1, 1, places=20))
def test_a_number_of_a_rate_is_kept_exactly(fixed: Decimal, rate: Decimal) -> None:
    content = json.dumps(flat()).replace("14.5", f"{fixed:f}").replace("0.0921", f"{rate:f}")
    made = imported(content.encode(), "rate.json", Wishes(timezone=ZONE.key))
    lines = {line["id"]: line["price"][0] for line in tomllib.loads(made.text, parse_float=Decimal)["line"]}
    amounts = (lines.get("fixed", {"amount": 0})["amount"], lines["energy"]["price"])
    assert amounts == (fixed, rate + Decimal("0.0045"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 30) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["rate", "max", "x"]), inner),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.sampled_from([flat, tiered, time_of_use, demand, solar]), st.data())
def test_whatever_stands_in_a_field_the_answer_is_a_tariff_or_the_names_of_fields(
    make: Any, data: st.DataObject
) -> None:
    rate: Rate = make()
    key = data.draw(st.sampled_from(sorted((READ | set(REFUSED_ABOVE_ZERO)) - {"label"})))
    content = json.dumps(rate | {key: data.draw(JSON)}).encode()
    try:
        imported(content, "rate.json", Wishes(timezone=ZONE.key))
    except TariffInvalid as error:
        places = {re.split(r"[\[. ]", problem.where)[0] for problem in error.problems}
        assert places <= READ | REFUSED_ABOVE_ZERO.keys() | {"rate"}
        assert "rate" not in places or b"NaN" in content or b"Infinity" in content


@settings(max_examples=60, deadline=None)
@given(rates(), months_of_use())
def test_a_bill_is_what_the_fields_of_the_rate_say(
    rate: Rate, use: tuple[date, list[int], list[int]]
) -> None:
    first, use_wh, export_wh = use
    if not rate.get("dgrules"):
        export_wh = [0] * len(export_wh)
    found = charges_of(billed(tariff_of(rate), first, use_wh, export_wh))
    assert found == reckoned(rate, hours_of_month(first, ZONE), use_wh, export_wh)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([flat, tiered, time_of_use, demand, solar]), months_of_use())
def test_realistic_rates_are_billed_as_their_fields_say(
    make: Any, use: tuple[date, list[int], list[int]]
) -> None:
    first, use_wh, export_wh = use
    rate = make()
    if not rate.get("dgrules"):
        export_wh = [0] * len(export_wh)
    found = charges_of(billed(tariff_of(rate), first, use_wh, export_wh))
    assert found == reckoned(rate, hours_of_month(first, ZONE), use_wh, export_wh)
