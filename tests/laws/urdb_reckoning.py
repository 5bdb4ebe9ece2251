"""Bills straight from URDB's own fields, hour by hour: the oracle for imported tariffs.

It knows no seasons, bands or lines. Numbers are read as decimals; each charge is rounded to cents.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from tests.urdb_rates import Rate

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Charges:
    """What a month costs; all but the total in the order of URDB's fields."""

    fixed: Decimal
    energy: Decimal
    fuel: Decimal
    demand: Decimal
    timed_demand: Decimal
    export: Decimal
    total: Decimal


def hours_of_month(first: date, zone: ZoneInfo) -> list[datetime]:
    """The hours of a calendar month as the clock on the wall shows them, one each hour that passes."""
    following = (first + timedelta(days=32)).replace(day=1)
    start, end = (datetime(d.year, d.month, d.day, tzinfo=zone).astimezone(UTC) for d in (first, following))
    count = int((end - start) / timedelta(hours=1))
    return [(start + timedelta(hours=n)).astimezone(zone) for n in range(count)]


def reckoned(
    rate: Rate, hours: Sequence[datetime], use_wh: Sequence[int], export_wh: Sequence[int]
) -> Charges:
    """The charges of one calendar month."""
    month = hours[0].month - 1
    days = len({hour.date() for hour in hours})
    fixed = _cents(_number(rate.get("fixedchargefirstmeter", 0)) * _per(rate.get("fixedchargeunits"), days))
    kwh = Decimal(sum(use_wh)) / 1000
    if rate.get("dgrules") == "Net Metering":
        kwh = max(kwh - Decimal(sum(export_wh)) / 1000, Decimal(0))
    fuel = _cents(_number(rate.get("fueladjustmentsmonthly", [0] * 12)[month]) * kwh)
    energy = _cents(_energy(rate, hours, use_wh, kwh, days))
    export = _cents(sum(_sold(rate, hours, export_wh), Decimal(0)))
    monthly = Decimal(0)
    if "flatdemandstructure" in rate:
        tier = rate["flatdemandstructure"][rate["flatdemandmonths"][month]][0]
        monthly = _cents(_price(tier) * max(use_wh) / 1000)
    timed = Decimal(0)
    if "demandratestructure" in rate:
        periods = [_period(rate, "demand", hour) for hour in hours]
        for period in set(periods):
            peak = max(wh for wh, other in zip(use_wh, periods, strict=True) if other == period)
            timed += _cents(_price(rate["demandratestructure"][period][0]) * peak / 1000)
    total = fixed + energy + fuel + monthly + timed - export
    total = max(total, _number(rate.get("mincharge", 0)) if rate.get("mincharge") else total)
    return Charges(fixed, energy, fuel, monthly, timed, export, total)


def _energy(rate: Rate, hours: Sequence[datetime], use_wh: Sequence[int], kwh: Decimal, days: int) -> Decimal:
    periods = [rate["energyratestructure"][_period(rate, "energy", hour)] for hour in hours]
    if all(len(tiers) == 1 for tiers in periods) and rate.get("dgrules") != "Net Metering":
        return sum((_price(t[0]) * wh / 1000 for t, wh in zip(periods, use_wh, strict=True)), Decimal(0))
    left, below, cost = kwh, Decimal(0), Decimal(0)
    for tier in periods[0]:
        bound = _number(tier.get("max", 10**15)) * (days if tier.get("unit") == "kWh daily" else 1)
        block = min(left, bound - below)
        cost, left, below = cost + block * _price(tier), left - block, bound
    return cost


def _sold(rate: Rate, hours: Sequence[datetime], export_wh: Sequence[int]) -> Iterator[Decimal]:
    for hour, wh in zip(hours, export_wh, strict=True):
        tier = rate["energyratestructure"][_period(rate, "energy", hour)][0]
        yield _number(tier.get("sell", 0)) * wh / 1000


def _period(rate: Rate, kind: str, hour: datetime) -> int:
    day = "weekend" if hour.weekday() >= 5 else "weekday"
    period: int = rate[f"{kind}{day}schedule"][hour.month - 1][hour.hour]
    return period


def _price(tier: Rate) -> Decimal:
    return _number(tier.get("rate", 0)) + _number(tier.get("adj", 0))


def _per(units: str | None, days: int) -> Decimal:
    return {"$/day": Decimal(days), "$/year": Decimal(1) / 12}.get(units or "", Decimal(1))


def _number(value: object) -> Decimal:
    return Decimal(str(value))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
