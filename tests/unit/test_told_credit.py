"""Credit that goes from one period into the next: recorded, else reckoned from our own bills."""

import tomllib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from chowon.domain.bill import Usage, bill
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.records import RecordsChange
from chowon.domain.sites import Channel, ChannelKey, Site
from chowon.domain.tariff import parse
from chowon.jobs import billing as jobs
from chowon.jobs.statement import statement
from chowon.registry import holiday_dates
from tests.memory import MemoryHistory, billing
from tests.told import TARIFFS, Served, served

PACIFIC = ZoneInfo("America/Los_Angeles")
NET = "us.pse.schedule.7"
JULY, AUGUST, SEPTEMBER, OCTOBER = (
    Period(date(2026, month, 1), date(2026, month + 1, 1)) for month in range(7, 11)
)
START_MS = midnight_ms(JULY.start, PACIFIC)
NOW_MS = midnight_ms(date(2026, 11, 2), PACIFIC)
KW = {JULY: -2, AUGUST: 1, SEPTEMBER: 3, OCTOBER: 1}
"""All through the month. July gives 1,488 kWh to the grid, of which August needs 744, September the rest."""


def used() -> np.ndarray:
    """W by quarter of an hour."""
    return np.concatenate([np.full(p.days * 96, 1000 * kw, np.int64) for p, kw in KW.items()])


@pytest.fixture
def home(tmp_path):
    with served(tmp_path, used(), START_MS, NOW_MS, timezone="America/Los_Angeles", tariff=NET) as found:
        yield found


async def carried(home: Served, month: int) -> dict:
    return (await home.ask("GET", f"/sites/1/bill?date=2026-{month:02}-05"))["carried"]


async def test_credit_is_followed_from_the_first_period_with_a_reading(home):
    july, august, september, october = [await carried(home, month) for month in (7, 8, 9, 10)]
    assert july == {"amount": "0", "unit": "kWh", "from": "reckoned", "since": "2026-07-01", "left": "1488"}
    assert august == july | {"amount": "1488", "left": "744"}
    assert september == july | {"amount": "744", "left": "0"}
    assert october["amount"] == "0"
    told = await home.ask("GET", "/sites/1/bill?date=2026-09-05")
    by_hand = bill(TARIFFS.load(NET), SEPTEMBER, Usage(Decimal(2160), carried=Decimal(744)))
    assert Decimal(told["total"]) == by_hand.total
    assert told["usage"]["billed_kwh"] == "2160"


async def test_what_is_recorded_wins_and_goes_on_from_there(home):
    patch = {"carried": {"2026-08-01": "1000.5"}}
    records = await home.ask("PATCH", "/sites/1/records?date=2026-08-05", patch)
    assert records["asks"]["carried"] == "kWh"
    assert records["carried"][0]["start"] == "2026-08-01"
    recorded = {"amount": "1000.5", "unit": "kWh", "from": "recorded", "since": "2026-08-01", "left": "256.5"}
    assert await carried(home, 8) == recorded
    assert await carried(home, 9) == recorded | {"amount": "256.5", "from": "reckoned", "left": "0"}
    assert (await carried(home, 7))["from"] == "reckoned"
    await home.ask("PATCH", "/sites/1/records", {"carried": {"2026-08-01": None}})
    assert (await carried(home, 8))["amount"] == "1488"


async def test_a_recorded_0_is_a_record_too(home):
    await home.ask("PATCH", "/sites/1/records", {"carried": {"2026-08-01": 0}})
    told = await carried(home, 8)
    assert (told["amount"], told["from"]) == ("0", "recorded")


async def test_a_period_without_a_reading_ends_the_chain(tmp_path):
    n = JULY.days * 96
    with served(tmp_path, used()[:n], START_MS, NOW_MS, timezone="America/Los_Angeles", tariff=NET) as home:
        assert (await carried(home, 8))["amount"] == "1488"
        october = await carried(home, 10)
        assert (october["amount"], october["since"]) == ("0", "2026-10-01")


async def test_the_chain_is_followed_over_a_bounded_number_of_periods(home, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_PERIODS", 1)
    assert (await carried(home, 8))["amount"] == "1488"
    september = await carried(home, 9)
    assert (september["amount"], september["since"]) == ("0", "2026-08-01")


async def test_the_running_period_and_the_live_cost_begin_with_the_credit(home):
    await home.ask("PATCH", "/sites/1/records", {"carried": {"2026-11-01": "12"}})
    await home.live.start()
    now, told = [await home.ask("GET", f"/sites/1/{what}") for what in ("now", "bill")]
    assert told["carried"]["amount"] == "12"
    assert now["period"]["cost"] == told["total"]


async def test_a_comparison_of_months_hands_credit_on_and_equals_the_bills(home):
    told = await home.ask("GET", f"/sites/1/bill/compare?date=2026-11-02&months=4&tariff={NET}")
    bills = [await home.ask("GET", f"/sites/1/bill?date=2026-{month:02}-05") for month in (7, 8, 9, 10)]
    assert Decimal(told["rows"][0]["total"]) == sum(Decimal(b["total"]) for b in bills)


async def test_a_bill_that_was_opened_lately_reads_only_its_own_period(home):
    await carried(home, 10)
    asked = []
    rollup = home.store.history.rollup

    def counted(channels, start_ms, end_ms, *rest):
        asked.append(start_ms)
        return rollup(channels, start_ms, end_ms, *rest)

    home.billing._history = type("Counted", (), {"rollup": staticmethod(counted)})()
    home.billing.prepared(home.store.sites.site(1), OCTOBER, NOW_MS)
    assert asked == []
    # What came late is seen after a while.
    home.billing.prepared(home.store.sites.site(1), OCTOBER, NOW_MS + jobs.REMEMBERED_MS)
    assert asked


def test_recording_the_same_twice_changes_nothing(home):
    change = RecordsChange(carried={date(2026, 8, 1): Decimal("1000.50")})
    first = home.store.records.change(1, change, "a")
    revision = home.store.records.revision()
    assert home.store.records.change(1, change, "b") == first
    assert home.store.records.revision() == revision
    assert first.carried[date(2026, 8, 1)].written.by == "a"


MONEY = """
id = "xx.money"
name = { ko = "돈 이월", en = "Money carried" }
country = "US"
currency = "USD"
timezone = "America/Los_Angeles"
from = 2026-08-01
[period]
counts_as = "one_month"
source = "made up"
[option.solar]
label = { ko = "태양광", en = "Solar" }
default = "yes"
[option.solar.values]
yes = { ko = "있음", en = "Yes" }
no = { ko = "없음", en = "No" }
[[line]]
id = "energy"
kind = "per_kwh"
by = "usage_day"
label = { ko = "전력량", en = "Energy" }
price = [{ from = 2026-08-01, price = 0.5, source = "made up" }]
[[line]]
id = "export"
kind = "per_kwh"
by = "usage_day"
of = "export"
label = { ko = "판매", en = "Export" }
price = [{ from = 2026-08-01, price = 0.25, source = "made up" }]
[[line]]
id = "credit"
kind = "carry_over"
label = { ko = "이월", en = "Carried" }
when = [{ solar = ["yes"] }]
[[case]]
note = "100 × 0.5 − 300 × 0.25 = −25 is lifted to 0 and carried."
kwh = 100
export_kwh = 300
start = 2026-08-01
end = 2026-09-01
expect = { total = 0, carried = 25 }
"""


def test_money_is_carried_from_the_tariffs_first_period_on_and_only_for_customers_with_the_line():
    tariff = parse(tomllib.loads(MONEY, parse_float=Decimal), "money.toml", holiday_dates)
    history = MemoryHistory(QUARTER_MS)
    power_w = np.concatenate(
        [np.full(31 * 96, -2000), np.full(61 * 96 + 1, 1000)]
    )  # August, then to November
    times = midnight_ms(AUGUST.start, PACIFIC) + QUARTER_MS * np.arange(len(power_w), dtype=np.int64)
    history.append(Readings(np.ones(len(times), np.uint32), times, (power_w * 10).astype(np.int32)))
    channel = Channel(1, ChannelKey("home", "main", "main"))
    site = Site(1, "home", "Home", "America/Los_Angeles", 1, tariff.id, {}, (channel,))
    bills = billing(history, lambda _: tariff)

    def told(period: Period, site: Site = site):
        return statement(history, site, bills.prepared(site, period, NOW_MS), NOW_MS)

    # August gives 1,488 kWh: 372. September uses 720 kWh: 360. October 744: 372 less what is left, 12.
    assert [told(p).bill.carried for p in (AUGUST, SEPTEMBER, OCTOBER)] == [372, 12, 0]
    assert [told(p).bill.total for p in (AUGUST, SEPTEMBER, OCTOBER)] == [0, 0, 360]
    october = told(OCTOBER)
    assert (october.known.carried.amount, october.known.carried.since) == (12, AUGUST.start)
    assert october.credit_unit == "money"
    without = told(OCTOBER, replace(site, tariff_options={"solar": "no"}))
    assert (without.known.carried, without.credit_unit, without.bill.total) == (None, None, 372)
