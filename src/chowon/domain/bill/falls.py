"""Where a bill falls though more was used: by a rule of the tariff, or by a mistake in its file."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from chowon.domain.bill.engine import prepare
from chowon.domain.bill.fleet import prepare_fleet
from chowon.domain.bill.prepared import Prepared
from chowon.domain.clock import Period, reading_date
from chowon.domain.tariff.definition import Tariff

_WH: Final = 1000


@dataclass(frozen=True, slots=True)
class Fall:
    """A bill that is lower than the one of a kWh less."""

    period: Period
    options: dict[str, str]
    kwh: int
    """Of the lower bill"""
    before: Decimal
    """The bill of a kWh less"""
    after: Decimal

    def __str__(self) -> str:
        chosen = "".join(f", {name}={value}" for name, value in self.options.items())
        where = f"{self.period.start} to {self.period.end}{chosen}"
        return f"{where}: {self.kwh - 1} kWh cost {self.before}, {self.kwh} kWh only {self.after}"


def falls(prepared: Prepared, upto_kwh: int) -> list[Fall]:
    """Every fall from one whole kWh to the next. Errors: UsageInvalid for a tariff that prices hours."""
    fleet = prepare_fleet(prepared)
    totals = fleet.totals(np.arange(upto_kwh + 1, dtype=np.int64) * _WH)
    unit, chosen = fleet.per_unit, _unusual(prepared)
    return [
        Fall(
            prepared.period,
            chosen,
            kwh + 1,
            Decimal(int(totals[kwh])) / unit,
            Decimal(int(totals[kwh + 1])) / unit,
        )
        for kwh in np.flatnonzero(np.diff(totals) < 0).tolist()
    ]


def falls_of(tariff: Tariff, years: range, upto_kwh: int = 1500) -> list[Fall]:
    """Of every full month of these years that the tariff knows, with its options as they are by default.

    Errors: UsageInvalid for a tariff that prices hours, or that needs a number of the customer.
    """
    found: list[Fall] = []
    for year in years:
        for month in range(1, 13):
            start = reading_date(year, month, 1)
            if start >= tariff.since:
                end = reading_date(year + month // 12, month % 12 + 1, 1)
                found += falls(prepare(tariff, Period(start, end)), upto_kwh)
    return found


def _unusual(prepared: Prepared) -> dict[str, str]:
    """The options that aren't as by default."""
    known = prepared.tariff.options
    return {name: value for name, value in prepared.options.items() if value != known[name].default}
