"""What `chowon bill explain` is told of a use, as options."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

from chowon.cli.interval_file import read_prices, read_profile
from chowon.domain.bill import Prices, Profile, Usage
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.tariff import Tariff
from chowon.domain.tariff.terms import ZERO
from chowon.errors import BadInput, shortened


@dataclass(frozen=True, slots=True)
class Told:
    """The options as they were given."""

    kwh: str | None = None
    profile: Path | None = None
    bands: Sequence[str] = ()
    demand_kw: str | None = None
    past_demand: Sequence[str] = ()
    export_kwh: str | None = None
    carried: str | None = None
    prices: Sequence[str] = field(default_factory=tuple)

    def usage(self, tariff: Tariff, period: Period) -> Usage:
        """The use of the period. Errors: BadInput, NotFound."""
        if sum((self.kwh is not None, self.profile is not None, bool(self.bands))) != 1:
            raise BadInput("the use: expected one of --kwh, --profile and --band")
        profile, kwh = None, ZERO
        export_kwh = ZERO if self.export_kwh is None else number("--export-kwh", self.export_kwh)
        bands = {name: number("--band", text) for name, text in pairs("--band", self.bands).items()}
        if self.kwh is not None:
            kwh = number("--kwh", self.kwh)
        elif self.profile is None:
            kwh = sum(bands.values(), ZERO)
        else:
            profile = read_profile(self.profile, ZoneInfo(tariff.timezone))
            kwh, exported = _of_period(self.profile, profile, tariff, period)
            if exported and export_kwh:
                raise BadInput("--export-kwh: the profile tells it already; leave one of them out")
            export_kwh += exported
        past = pairs("--past-demand", self.past_demand)
        return Usage(
            kwh,
            profile,
            bands,
            export_kwh=export_kwh,
            demand_kw=None if self.demand_kw is None else number("--demand-kw", self.demand_kw),
            past_demand_kw={_month(month): number("--past-demand", kw) for month, kw in past.items()},
            carried=ZERO if self.carried is None else number("--carried", self.carried),
        )

    def series(self, tariff: Tariff) -> dict[str, Prices]:
        """The price series by name. Errors: BadInput, NotFound."""
        zone = ZoneInfo(tariff.timezone)
        named = pairs("--prices", self.prices)
        return {name: read_prices(Path(file), zone) for name, file in named.items()}


def period_of_options(start: str, end: str, part_of: str | None) -> Period:
    """The period, with the full one of which it is a part. Errors: BadInput."""
    whole = None
    if part_of is not None:
        first, dots, last = part_of.partition("..")
        if not dots:
            raise BadInput(
                f"--part-of: found {shortened(part_of)}; expected START..END such as 2026-11-01..2026-12-01"
            )
        whole = Period(day("--part-of", first), day("--part-of", last))
    return Period(day("--start", start), day("--end", end), whole)


def day(name: str, text: str) -> date:
    """A date. Errors: BadInput."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{name}: found {shortened(text)}; expected a date as YYYY-MM-DD") from error


def number(name: str, text: str) -> Decimal:
    """A number. Errors: BadInput."""
    try:
        return Decimal(text)
    except InvalidOperation as error:
        what = "a number of kW" if "demand" in name else "a number of kWh"
        raise BadInput(f"{name}: found {shortened(text)}; expected {what}, e.g. 287.104") from error


def pairs(name: str, texts: Sequence[str] | None) -> dict[str, str]:
    """What was given as name=value. Errors: BadInput."""
    found: dict[str, str] = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not equals or key.strip() in found:
            raise BadInput(f"{name}: found {shortened(text)}; expected name=value, each name once")
        found[key.strip()] = value.strip()
    return found


def _of_period(path: Path, profile: Profile, tariff: Tariff, period: Period) -> tuple[Decimal, Decimal]:
    zone = ZoneInfo(tariff.timezone)
    if period.days < 1:
        raise BadInput(f"--end: found {period.end}; expected a day after {period.start}")
    from_ms, to_ms = midnight_ms(period.start, zone), midnight_ms(period.end, zone)
    if profile.start_ms > from_ms or profile.end_ms < to_ms:
        first, last = (datetime.fromtimestamp(ms / 1000, zone) for ms in (profile.start_ms, profile.end_ms))
        raise BadInput(
            f"{path}: found {first.isoformat()} to {last.isoformat()}; expected all of the period, "
            f"{period.start} to {period.end} in {tariff.timezone}"
        )
    return profile.kwh(from_ms, to_ms)


def _month(text: str) -> str:
    return f"{day('--past-demand', f'{text}-01'):%Y-%m}"
