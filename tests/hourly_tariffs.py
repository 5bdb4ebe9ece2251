"""Small tariffs for a home in Korea, by the hour, at market prices, with something that must be stated."""

from pathlib import Path

from chowon.registry import TariffBook

HEAD = """
id = "kr.test.residential.{name}"
name = {{ ko = "{name} 요금", en = "Tariff {name}" }}
country = "{country}"
currency = "{currency}"
timezone = "{timezone}"
from = {since}
[period]
counts_as = "one_month"
source = "test"
"""
HOURS = """
[band.night]
label = { ko = "밤", en = "Night" }
[band.day]
label = { ko = "낮", en = "Day" }
[[calendar.hours.version]]
from = 2020-01-01
source = "test"
[[calendar.hours.version.rule]]
bands = { night = "23-07", day = "07-23" }
[[line]]
id = "energy"
kind = "time_of_use"
label = { ko = "전력량요금", en = "Energy" }
calendar = "hours"
of = "import"
[[line.price]]
from = 2020-01-01
bands = { night = 50, day = 200 }
source = "test"
"""
FLAT = """
[[line]]
id = "energy"
kind = "per_kwh"
by = "usage_day"
label = { ko = "전력량요금", en = "Energy" }
[[line.price]]
from = 2020-01-01
price = 100
source = "test"
"""
MARKET = """
[[line]]
id = "market"
kind = "price_series"
label = { ko = "시장", en = "Market" }
series = "day_ahead"
[[line.price]]
from = 2020-01-01
factor = 1
source = "test"
"""
CONTRACT = """
[option.contract_kw]
label = { ko = "계약전력", en = "Contract demand" }
unit = "kW"
[[line]]
id = "base"
kind = "fixed"
per = "month"
times = "contract_kw"
label = { ko = "기본요금", en = "Base" }
[[line.price]]
from = 2020-01-01
amount = 1000
source = "test"
"""


def write(folder: Path, name: str, body: str, **head: str) -> str:
    """Writes a tariff into the folder; its id."""
    words = {"country": "KR", "currency": "KRW", "timezone": "Asia/Seoul", "since": "2020-01-01"} | head
    file = folder / "kr" / "test" / f"residential_{name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEAD.format(name=name, **words) + body, encoding="utf-8")
    return f"kr.test.residential.{name}"


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
