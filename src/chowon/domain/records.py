"""What a person writes down of a site because no meter tells it, and prices by interval as they are kept."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from math import gcd
from typing import Final

from chowon.domain.bill import Prices
from chowon.domain.clock import Period, period_of, reading_date
from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from chowon.domain.tariff.terms import ZERO
from chowon.errors import BadInput, Problem, shortened

MOST_INTERVALS: Final = 40_000
"""Taken at once: a year of quarters of an hour has 35,136 at most."""
SERIES_NAME: Final = re.compile(r"[a-z0-9_.-]{1,64}")
_MONTH: Final = re.compile(r"(19[7-9]|20[0-9])[0-9]-(0[1-9]|1[0-2])")
_MOST: Final = Decimal(10**9)
_MOST_DIGITS: Final = 12
"""After the point"""
_SHOWN: Final = 20
_EARLIEST_MS: Final = 0
_LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01"""


@dataclass(frozen=True, slots=True)
class Written:
    """When something was written down, and by whom."""

    at_ms: int
    by: str
    """A token's name, "local" without one, "command" for the command line"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A number that a person has written down."""

    value: Decimal
    written: Written


@dataclass(frozen=True, slots=True)
class Records:
    """A site's billing records."""

    past_demand_kw: Mapping[str, Recorded] = field(default_factory=dict)
    """The greatest demand by reading month: "2026-01\""""
    carried: Mapping[date, Recorded] = field(default_factory=dict)
    """Credit by start of the period that began with it: kWh or money, as the tariff carries it"""
    series: Mapping[str, str] = field(default_factory=dict)
    """Under which name the prices are kept that the tariff calls by the first name"""


@dataclass(frozen=True, slots=True)
class RecordsChange:
    """What changes in a site's records: None takes a record away, what is not named stays."""

    past_demand_kw: Mapping[str, Decimal | None] = field(default_factory=dict)
    carried: Mapping[date, Decimal | None] = field(default_factory=dict)
    series: Mapping[str, str | None] = field(default_factory=dict)

    def check(self) -> None:
        """Errors: BadInput with every problem."""
        problems = [
            Problem("past_demand", shortened(month), "a reading month such as 2026-01")
            for month in self.past_demand_kw
            if not _MONTH.fullmatch(month)
        ]
        for what, unit, numbers in (
            ("past_demand", "kW", self.past_demand_kw),
            ("carried", "kWh or money", self.carried),
        ):
            expected = f"{unit} of 0 or more, below 10^9, or null to take it away"
            problems += [
                Problem(f"{what}.{key}", shortened(str(number)), expected)
                for key, number in numbers.items()
                if number is not None and not (_is_exact(number) and number >= 0)
            ]
        problems += [
            Problem(f"series.{name}", shortened(kept), "1–64 characters of a–z, 0–9, _ . -")
            for name, kept in self.series.items()
            if not all(SERIES_NAME.fullmatch(n) for n in (name, kept or name))
        ]
        if problems:
            raise BadInput(_listed("records", problems))


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The price of one interval."""

    start_ms: int
    step_ms: int
    """An hour or a whole part of it"""
    price: Decimal
    """Per kWh, in the currency and unit that the tariff asks for"""

    @property
    def end_ms(self) -> int:
        """Where the interval ends."""
        return self.start_ms + self.step_ms


@dataclass(frozen=True, slots=True)
class KeptSeries:
    """A price series as it is kept."""

    name: str
    from_ms: int
    to_ms: int
    intervals: int
    written: Written
    """The newest of them"""


def check_series_name(name: str) -> None:
    """Errors: BadInput."""
    if not SERIES_NAME.fullmatch(name):
        raise BadInput(f"series {shortened(name)}: expected 1–64 characters of a–z, 0–9, _ . -")


def price_rows(
    step_ms: int,
    prices: Sequence[tuple[int, str | Decimal]],
    where: Callable[[int], str] = "prices[{}]".format,
) -> list[PriceRow]:
    """Intervals of one length in order of time. where: names the n-th one in messages.

    Errors: BadInput with every problem: a step that is no whole part of an hour, an instant that is not at a
    multiple of it or comes twice, something that is no price.
    """
    if step_ms < MINUTE_MS or HOUR_MS % step_ms:
        raise BadInput(
            f"prices: found intervals of {step_ms / MINUTE_MS:g} min; expected 60 min or a whole part of it"
        )
    if len(prices) > MOST_INTERVALS:
        raise BadInput(f"prices: found {len(prices)} intervals; expected {MOST_INTERVALS} at most at once")
    problems, rows, seen = [], [], set()
    for n, (start_ms, text) in enumerate(prices):
        price = _number(text)
        if price is None:
            problems.append(Problem(f"{where(n)}.price", shortened(str(text)), "a number, below 10^9"))
        if start_ms % step_ms or not _EARLIEST_MS <= start_ms < _LATEST_MS:
            expected = f"an instant at a multiple of {step_ms // MINUTE_MS} min, 1970 to 2099"
            problems.append(Problem(f"{where(n)}.time", str(start_ms), expected))
        elif start_ms in seen:
            problems.append(Problem(f"{where(n)}.time", str(start_ms), "each instant once"))
        seen.add(start_ms)
        rows.append(PriceRow(start_ms, step_ms, ZERO if price is None else price))
    if problems:
        raise BadInput(_listed("prices", problems))
    return sorted(rows, key=lambda row: row.start_ms)


def as_prices(rows: Sequence[PriceRow]) -> Prices | None:
    """Intervals in order of time as one course of prices, None where none is known; None without any.

    Where lengths differ, the longer ones are cut: the price of an hour is that of each of its quarters.
    """
    if not rows:
        return None
    start_ms = rows[0].start_ms
    step_ms = gcd(*(row.step_ms for row in rows), *(row.start_ms - start_ms for row in rows))
    values: list[Decimal | None] = [None] * ((rows[-1].end_ms - start_ms) // step_ms)
    for row in rows:
        first = (row.start_ms - start_ms) // step_ms
        for n in range(first, first + row.step_ms // step_ms):
            values[n] = row.price
    return Prices(start_ms, step_ms, values)


def period_of_month(month: str, reading_day: int) -> Period:
    """The period that is read in this month, "2026-01"."""
    year, number = (int(part) for part in month.split("-"))
    end = reading_date(year, number, reading_day)
    return period_before(period_of(end, reading_day), reading_day)


def period_before(period: Period, reading_day: int) -> Period:
    """The period that ends where this one starts."""
    return period_of(date.fromordinal(period.start.toordinal() - 1), reading_day)


def _number(text: str | Decimal) -> Decimal | None:
    try:
        number = Decimal(str(text).strip())
    except InvalidOperation:
        return None
    return number if _is_exact(number) else None


def _is_exact(number: Decimal) -> bool:
    if not number.is_finite() or abs(number) >= _MOST:
        return False
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_MOST_DIGITS


def _listed(what: str, problems: Sequence[Problem]) -> str:
    shown = [f"  {problem}" for problem in problems[:_SHOWN]]
    more = [f"  and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    return "\n".join([f"{what}: {len(problems)} unusable", *shown, *more])
