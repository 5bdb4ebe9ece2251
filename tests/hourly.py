"""Small tariffs by the hour for the tests, all made of the same few pieces of TOML."""

import tomllib
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from chowon.domain.tariff import Tariff, parse
from chowon.registry import TariffBook, holiday_dates

WORDS = {
    "night": ("심야", "Night"),
    "day": ("낮", "Day"),
    "evening": ("저녁", "Evening"),
    "base": ("기본요금", "Base"),
    "demand": ("기본요금", "Demand"),
    "energy": ("전력량요금", "Energy"),
    "import": ("수전", "Import"),
    "export": ("상계", "Export"),
    "market": ("시장", "Market"),
    "credit": ("이월", "Credit"),
    "vat": ("부가가치세", "VAT"),
}
"""Of bands and lines"""


def read(text: str) -> Tariff:
    """The tariff that a text defines."""
    return parse(tomllib.loads(text, parse_float=Decimal), "x.toml", holiday_dates)


def head(
    id_: str,
    *,
    name: tuple[str, str] = ("시간대별", "By the hour"),
    country: str = "KR",
    currency: str = "KRW",
    timezone: str = "Asia/Seoul",
    since: str = "2026-01-01",
    top: str = "",
    period: str = "",
) -> str:
    """What stands above everything else. top, period: more keys there."""
    return f"""
id = "{id_}"
name = {{ ko = "{name[0]}", en = "{name[1]}" }}
country = "{country}"
currency = "{currency}"
timezone = "{timezone}"
from = {since}
{top}
[period]
counts_as = "one_month"
source = "made up"
{period}
"""


def season(name: str, months: list[int]) -> str:
    """[season.NAME]"""
    return f"""
[season.{name}]
label = {{ ko = "{name}", en = "{name}" }}
months = {months}
source = "made up"
"""


def hours(*rules: str, since: str = "2026-01-01") -> str:
    """The calendar "hours": `rules` are the bands of a day, with what they are for; and the bands' words."""
    bands = [band for band in WORDS if any(f" {band} =" in rule for rule in rules)]
    words = (f"[band.{band}]\n{_label(band)}" for band in bands)
    each = (f"[[calendar.hours.version.rule]]\n{rule}" for rule in rules)
    version = f'[[calendar.hours.version]]\nfrom = {since}\nsource = "made up"'
    return "\n".join(["", *words, version, *each, ""])


def line(id_: str, kind: str, *prices: str, keys: str = "", since: str = "2026-01-01") -> str:
    """One [[line]]; each of `prices` is the keys of a price."""
    each = (f'[[line.price]]\nfrom = {since}\nsource = "made up"\n{price}' for price in prices)
    return "\n".join(["", "[[line]]", f'id = "{id_}"', f'kind = "{kind}"', keys, _label(id_), *each, ""])


def _label(name: str) -> str:
    ko, en = WORDS[name]
    return f'label = {{ ko = "{ko}", en = "{en}" }}'


def number(name: str, bounds: str = "") -> str:
    """An option that is a number of kW."""
    return f"""
[option.{name}]
label = {{ ko = "계약전력", en = "Contract demand" }}
unit = "kW"
{bounds}
"""


def market(keys: str = "", since: str = "2026-01-01") -> str:
    """A line at the prices of the series "day_ahead"."""
    return line("market", "price_series", "factor = 1", keys=f'series = "day_ahead"\n{keys}', since=since)


def export(won: str, keys: str = "") -> str:
    """A line for what is given to the grid."""
    keys = f'by = "usage_day"\nof = "export"\n{keys}'
    return line("export", "per_kwh", f"price = {won}", keys=keys)


# A home in Berlin, in euro: cheap from 22 to 3 h, dearer in July and August.
BERLIN = ZoneInfo("Europe/Berlin")
HEAD = (
    head(
        "xx.hours",
        country="DE",
        currency="EUR",
        timezone="Europe/Berlin",
        top="price_step = 0.001",
        period='split = "measured"',
    )
    + season("summer", [7, 8])
    + hours('bands = { night = "00-03,22-24", day = "03-22" }')
)
BY_BAND = line(
    "energy",
    "time_of_use",
    "bands = { night = 0.1, day = 0.3 }",
    'season = "summer"\nbands = { night = 0.2, day = 0.5 }',
    keys='calendar = "hours"',
)
DEMAND = line("demand", "demand", "per_kw = 10", keys='calendar = "hours"\nbands = ["day"]')
MARKET = market(since="2020-01-01")
EXPORT = (
    line("import", "per_kwh", "price = 0.3", keys='by = "usage_day"')
    + export("0.08")
    + line("credit", "carry_over")
)
NUMBER = number("kw", "least = 1\nmost = 50") + line(
    "base", "demand", "per_kw = 2", keys='measured = false\nkw_option = "kw"'
)

# A home in Korea: night 10, day 100, evening 400 won, export 50, 1,000 a kW of demand; or at market prices.
_FLOORED = 'round = { unit = 1, mode = "floor" }'
_HOURS_ONLY = f'when = [{{ plan = ["hours"] }}]\n{_FLOORED}'
TEXT = (
    head("kr.hours")
    + hours(
        'days = ["weekend"]\nbands = { night = "00-24" }',
        'bands = { night = "22-08", day = "08-17", evening = "17-22" }',
    )
    + """
[option.plan]
label = { ko = "요금제", en = "Plan" }
default = "hours"
[option.plan.values]
hours = { ko = "시간대", en = "Hours" }
market = { ko = "시장", en = "Market" }
"""
    + number("contract_kw", "least = 1\nmost = 500")
    + line(
        "demand",
        "demand",
        "per_kw = 1000",
        keys=f'kw_option = "contract_kw"\nfloor_percent = 30\n{_HOURS_ONLY}',
    )
    + line(
        "energy",
        "time_of_use",
        "bands = { night = 10, day = 100, evening = 400 }",
        keys=f'calendar = "hours"\n{_HOURS_ONLY}',
    )
    + export("50", _HOURS_ONLY)
    + market('when = [{ plan = ["market"] }]')
    + line("vat", "percentage", "percent = 10", keys=_FLOORED)
    + """
[[case]]
note = "1 kWh in the evening of a Monday: 400; demand 1 kW, at least 30 % of 3 kW: 1,000; VAT 140."
use = [{ day = 2026-11-02, hours = "18-19", kwh = 1 }]
options = { contract_kw = 3 }
start = 2026-11-01
end = 2026-12-01
expect = { energy = 400, demand = 1000, total = 1540 }
"""
)
BY_THE_HOUR: Tariff = read(TEXT)
OPTIONS = {"contract_kw": "1"}
"""Of a small customer"""

# Files of residential tariffs: by the hour, flat, at market prices, with something that must be stated.
_SINCE = "2020-01-01"
HOURS = hours('bands = { night = "23-07", day = "07-23" }', since=_SINCE) + line(
    "energy", "time_of_use", "bands = { night = 50, day = 200 }", keys='calendar = "hours"', since=_SINCE
)
FLAT = line("energy", "per_kwh", "price = 100", keys='by = "usage_day"', since=_SINCE)
CONTRACT = number("contract_kw") + line(
    "base", "fixed", "amount = 1000", keys='per = "month"\ntimes = "contract_kw"', since=_SINCE
)


def write(folder: Path, name: str, body: str, since: str = _SINCE, **words: str) -> str:
    """Writes a tariff into the folder; its id."""
    file = folder / "kr" / "test" / f"residential_{name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    id_ = f"kr.test.residential.{name}"
    names = f"{name} 요금", f"Tariff {name}"
    file.write_text(head(id_, name=names, since=since, **words) + body, encoding="utf-8")
    return id_


def book(folder: Path) -> TariffBook:
    """The package's tariffs and these."""
    write(folder, "hours", HOURS)
    write(folder, "flat", FLAT)
    write(folder, "market", MARKET)
    write(folder, "contract", FLAT + CONTRACT)
    write(folder, "late", FLAT, since="2030-01-01")
    write(folder, "abroad", FLAT, country="JP", currency="JPY")
    write(folder, "elsewhere", FLAT, timezone="Asia/Shanghai")
    return TariffBook([folder])
