"""A tariff by the hour for the tests: night 10, day 100, evening 400 won, export 50, 1,000 a kW of demand."""

import tomllib
from decimal import Decimal

from chowon.domain.tariff import Tariff, parse
from chowon.registry import holiday_dates

TEXT = """
id = "kr.hours"
name = { ko = "시간대별", en = "By the hour" }
country = "KR"
currency = "KRW"
timezone = "Asia/Seoul"
from = 2026-01-01
[period]
counts_as = "one_month"
source = "made up"
[band.night]
label = { ko = "심야", en = "Night" }
[band.day]
label = { ko = "낮", en = "Day" }
[band.evening]
label = { ko = "저녁", en = "Evening" }
[[calendar.hours.version]]
from = 2026-01-01
source = "made up"
[[calendar.hours.version.rule]]
days = ["weekend"]
bands = { night = "00-24" }
[[calendar.hours.version.rule]]
bands = { night = "22-08", day = "08-17", evening = "17-22" }

[option.plan]
label = { ko = "요금제", en = "Plan" }
default = "hours"
[option.plan.values]
hours = { ko = "시간대", en = "Hours" }
market = { ko = "시장", en = "Market" }
[option.contract_kw]
label = { ko = "계약전력", en = "Contract demand" }
unit = "kW"
least = 1
most = 500

[[line]]
id = "demand"
kind = "demand"
label = { ko = "기본요금", en = "Demand" }
kw_option = "contract_kw"
floor_percent = 30
when = [{ plan = ["hours"] }]
round = { unit = 1, mode = "floor" }
[[line.price]]
from = 2026-01-01
per_kw = 1000
source = "made up"

[[line]]
id = "energy"
kind = "time_of_use"
calendar = "hours"
label = { ko = "전력량요금", en = "Energy" }
when = [{ plan = ["hours"] }]
round = { unit = 1, mode = "floor" }
[[line.price]]
from = 2026-01-01
bands = { night = 10, day = 100, evening = 400 }
source = "made up"

[[line]]
id = "export"
kind = "per_kwh"
by = "usage_day"
of = "export"
label = { ko = "상계", en = "Export" }
when = [{ plan = ["hours"] }]
round = { unit = 1, mode = "floor" }
[[line.price]]
from = 2026-01-01
price = 50
source = "made up"

[[line]]
id = "market"
kind = "price_series"
series = "day_ahead"
label = { ko = "시장", en = "Market" }
when = [{ plan = ["market"] }]
[[line.price]]
from = 2026-01-01
factor = 1
source = "made up"

[[line]]
id = "vat"
kind = "percentage"
label = { ko = "부가가치세", en = "VAT" }
round = { unit = 1, mode = "floor" }
[[line.price]]
from = 2026-01-01
percent = 10
source = "made up"

[[case]]
note = "1 kWh in the evening of a Monday: 400; demand 1 kW, at least 30 % of 3 kW: 1,000; VAT 140."
use = [{ day = 2026-11-02, hours = "18-19", kwh = 1 }]
options = { contract_kw = 3 }
start = 2026-11-01
end = 2026-12-01
expect = { energy = 400, demand = 1000, total = 1540 }
"""
BY_THE_HOUR: Tariff = parse(tomllib.loads(TEXT, parse_float=Decimal), "hourly.toml", holiday_dates)
OPTIONS = {"contract_kw": "1"}
"""Of a small customer"""
