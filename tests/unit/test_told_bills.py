"""Bills that rest on what no meter tells, over HTTP and a real data folder; against `bill` with the same."""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from chowon.domain.bill import Prices, Profile, Usage, bill
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import DAY_MS, HOUR_MS, QUARTER_MS
from tests.told import TARIFFS, Served, served

SEOUL, COPENHAGEN, LONDON = (ZoneInfo(z) for z in ("Asia/Seoul", "Europe/Copenhagen", "Europe/London"))
GENERAL = "kr.kepco.general.b"
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
MONTHS = ["2025-12", "2026-01", "2026-02", "2026-07", "2026-08", "2026-09"]
"""That the reading month November 2026 looks back on"""


def quarters(zone: ZoneInfo, start: date, end: date) -> tuple[int, int]:
    """(the first instant, how many quarters of an hour)"""
    from_ms, to_ms = midnight_ms(start, zone), midnight_ms(end, zone)
    return from_ms, (to_ms - from_ms) // QUARTER_MS


def uneven(n: int) -> np.ndarray:
    """W, whole kW that change from quarter to quarter"""
    return (np.arange(n, dtype=np.int64) * 7 % 97 + 4) * 1000


@pytest.fixture
def office(tmp_path):
    """A shop under a KEPCO class with ratchet that has measured since 1 August 2026; it is 5 November."""
    from_ms, n = quarters(SEOUL, date(2026, 8, 1), date(2026, 11, 5))
    power = uneven(n)
    power[: 31 * 96] *= 2  # August
    with served(
        tmp_path,
        power,
        from_ms,
        midnight_ms(date(2026, 11, 5), SEOUL),
        timezone="Asia/Seoul",
        tariff=GENERAL,
        tariff_options={"contract_kw": "100"},
    ) as home:
        yield home, from_ms, power


def explained(power: np.ndarray, from_ms: int, past: dict[str, str]) -> Decimal:
    """The bill of October as `chowon bill explain` makes it."""
    start, n = quarters(SEOUL, OCTOBER.start, OCTOBER.end)
    first = (start - from_ms) // QUARTER_MS
    profile = Profile(start, QUARTER_MS, power[first : first + n], per_kwh=4000)
    kwh = Decimal(int(profile.import_energy.sum())) / 4000
    usage = Usage(kwh, profile, past_demand_kw={m: Decimal(kw) for m, kw in past.items()})
    return bill(TARIFFS.load(GENERAL), OCTOBER, usage, {"contract_kw": "100"}).total


async def october(home: Served) -> dict:
    return await home.ask("GET", "/sites/1/bill?date=2026-10-05")


async def test_an_earlier_months_demand_is_what_was_measured_and_the_rest_is_told_as_unknown(office):
    home, from_ms, power = office
    told = await october(home)
    # August's use is read on 1 September: twice as much as in the other months.
    assert [(p["month"], p["from"]) for p in told["past_demand"]] == [("2026-09", "measured")]
    assert Decimal(told["past_demand"][0]["kw"]) == 200
    assert told["past_demand_unknown"] == MONTHS[:-1]
    assert told["carried"] is None
    assert Decimal(told["total"]) == explained(power, from_ms, {"2026-09": "200"})
    base = next(line for line in told["lines"] if line["id"] == "base")
    assert base["parts"][0]["quantity"] == "200"


async def test_what_is_recorded_wins_and_the_bill_equals_explain_with_the_same(office):
    home, from_ms, power = office
    past = {month: str(150 + 13 * n) for n, month in enumerate(MONTHS)}
    records = await home.ask("PATCH", "/sites/1/records?date=2026-10-05", {"past_demand": past})
    assert {p["month"]: p["kw"] for p in records["past_demand"]} == past
    assert [m["month"] for m in records["asks"]["past_demand"]] == MONTHS[::-1]
    assert records["asks"]["past_demand"][0] == {
        "month": "2026-09",
        "start": "2026-08-01",
        "end": "2026-09-01",
    }
    told = await october(home)
    assert {p["from"] for p in told["past_demand"]} == {"recorded"}
    assert told["past_demand_unknown"] == []
    assert Decimal(told["total"]) == explained(power, from_ms, past)
    again = await home.ask("PATCH", "/sites/1/records?date=2026-10-05", {"past_demand": past})
    assert again == records
    await home.ask("PATCH", "/sites/1/records", {"past_demand": {"2026-09": None}})
    assert Decimal((await october(home))["total"]) == explained(power, from_ms, {**past, "2026-09": "200"})


async def test_compare_what_if_and_the_live_cost_rest_on_the_same(office):
    home, _, _ = office
    await home.live.start()
    before = await home.ask("GET", "/sites/1/now")
    await home.ask("PATCH", "/sites/1/records", {"past_demand": {"2026-02": "300"}})
    told = await home.ask("GET", "/sites/1/bill")
    now = await home.ask("GET", "/sites/1/now")
    assert now["period"]["cost"] == told["total"] != before["period"]["cost"]
    compared = await home.ask("GET", f"/sites/1/bill/compare?date=2026-10-05&tariff={GENERAL}")
    closed = await october(home)
    assert compared["rows"][0]["total"] == closed["total"]
    what_if = await home.ask("POST", "/sites/1/bill/what-if?date=2026-10-05", {"without_kwh": 1})
    assert what_if["now"]["total"] == closed["total"]
    assert {"300"} == {
        part["quantity"] for line in closed["lines"] if line["id"] == "base" for part in line["parts"]
    }


async def test_a_month_that_was_measured_in_parts_tells_no_demand(tmp_path):
    from_ms, n = quarters(SEOUL, date(2026, 8, 2), date(2026, 11, 5))
    with served(
        tmp_path,
        uneven(n),
        from_ms,
        midnight_ms(date(2026, 11, 5), SEOUL),
        timezone="Asia/Seoul",
        tariff=GENERAL,
        tariff_options={"contract_kw": "100"},
    ) as home:
        told = await october(home)
        assert told["past_demand"] == []
        assert told["past_demand_unknown"] == MONTHS


async def test_opening_a_bill_again_reads_no_earlier_month(office):
    home, _, _ = office
    await october(home)
    asked = []
    rollup = home.store.history.rollup

    def counted(channels, start_ms, *rest):
        asked.append(start_ms)
        return rollup(channels, start_ms, *rest)

    home.billing._history = type("Counted", (), {"rollup": staticmethod(counted)})()
    told = await october(home)
    assert told["past_demand"]
    assert asked == []


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"past_demand": {"2026-13": "5"}}, "reading month"),
        ({"past_demand": {"2026-01": "-5"}}, "0 or more"),
        ({"past_demand": {"2026-01": "1e12"}}, "below 10^9"),
        ({"carried": {"2026-01-01": "-1"}}, "kWh or money"),
        ({"series": {"day_ahead": "DK 1"}}, "a–z"),
    ],
)
async def test_a_record_that_cannot_be_is_refused_and_changes_nothing(office, patch, words):
    home, _, _ = office
    before = await home.ask("GET", "/sites/1/records")
    answer = await home.ask("PATCH", "/sites/1/records", patch | {}, 422)
    assert words in answer["error"]["message"]
    assert await home.ask("GET", "/sites/1/records") == before


async def test_a_token_that_may_only_read_writes_no_records_and_a_writers_name_is_kept(office):
    home, _, _ = office
    tokens = {
        scope: home.store.tokens.issue(f"the {scope}r", frozenset([scope])) for scope in ("read", "write")
    }
    for scope, status in (("read", 401), ("write", 200)):
        home.http.headers["Authorization"] = f"Bearer {tokens[scope]}"
        told = await home.ask("PATCH", "/sites/1/records", {"past_demand": {"2026-01": "5"}}, status)
    assert told["past_demand"][0]["written_by"] == "the writer"


# Price series


def hourly_prices(from_ms: int, n: int, step_min: int) -> list[dict]:
    return [{"time": from_ms + k * step_min * 60_000, "price": f"{(k * 37 % 400 - 50)}e-3"} for k in range(n)]


@pytest.mark.parametrize(
    ("tariff", "series", "zone", "step_min"),
    [
        ("dk.nrgi.time.n1", "day_ahead", COPENHAGEN, 60),
        ("dk.nrgi.time.n1", "day_ahead", COPENHAGEN, 15),
        ("gb.octopus.agile", "agile", LONDON, 30),
    ],
)
async def test_a_home_at_market_prices_has_its_bill_as_soon_as_the_prices_are_there(
    tmp_path, tariff, series, zone, step_min
):
    from_ms, n = quarters(zone, OCTOBER.start, OCTOBER.end)
    power = uneven(n)
    with served(
        tmp_path, power, from_ms, from_ms + n * QUARTER_MS + DAY_MS, timezone=zone.key, tariff=tariff
    ) as home:
        missing = await home.ask("GET", "/sites/1/bill?date=2026-10-05", None, 422)
        assert series in missing["error"]["message"]
        asks = (await home.ask("GET", "/sites/1/records?date=2026-10-05"))["asks"]["series"]
        assert asks == [
            {"series": series, "kept_as": series, "missing_ms": n * QUARTER_MS, "known_until_ms": None}
        ]
        rows = hourly_prices(from_ms, n * 15 // step_min, step_min)
        put = {"step_min": step_min, "prices": rows}
        assert await home.ask("PUT", f"/prices/{series}", put) == {"series": series, "accepted": len(rows)}
        told = await home.ask("GET", "/sites/1/bill?date=2026-10-05")
        prices = Prices(from_ms, step_min * 60_000, [Decimal(r["price"]) for r in rows])
        profile = Profile(from_ms, QUARTER_MS, power, per_kwh=4000)
        usage = Usage(Decimal(int(power.sum())) / 4000, profile)
        assert (
            Decimal(told["total"]) == bill(TARIFFS.load(tariff), OCTOBER, usage, {}, {series: prices}).total
        )
        kept = await home.ask("GET", f"/prices/{series}")
        assert [Decimal(p["price"]) for p in kept["prices"]] == list(prices.values)
        await home.ask("PUT", f"/prices/{series}", put)
        assert (await home.ask("GET", f"/prices/{series}"))["prices"] == kept["prices"]
        compared = await home.ask("GET", f"/sites/1/bill/compare?date=2026-10-05&tariff={tariff}")
        assert compared["rows"][0]["total"] == told["total"]
        what_if = await home.ask("POST", "/sites/1/bill/what-if?date=2026-10-05", {"without_kwh": 1})
        assert what_if["now"]["total"] == told["total"]


async def test_prices_that_come_show_in_the_live_cost_without_a_restart(tmp_path):
    from_ms, _ = quarters(COPENHAGEN, date(2026, 11, 1), date(2026, 12, 1))
    now_ms = from_ms + 10 * HOUR_MS
    with served(
        tmp_path,
        np.full(40, 2000),
        from_ms,
        now_ms,
        timezone="Europe/Copenhagen",
        tariff="dk.nrgi.time.n1",
    ) as home:
        await home.live.start()
        now = await home.ask("GET", "/sites/1/now")
        assert "day_ahead" in str(now["no_cost"])
        put = {"step_min": 60, "prices": hourly_prices(from_ms, 24, 60)}
        await home.ask("PUT", "/prices/day_ahead", put)
        now, told = [await home.ask("GET", f"/sites/1/{what}") for what in ("now", "bill")]
        assert now["no_cost"] is None
        assert now["period"]["cost"] == told["total"]
        # Another process writes: it is noticed with a look that comes every two seconds.
        other = [{"time": from_ms + k * HOUR_MS, "price": "9"} for k in range(24)]
        from chowon.domain.records import price_rows

        home.store.prices.put("day_ahead", price_rows(HOUR_MS, [(o["time"], o["price"]) for o in other]), "x")
        home.now_ms += 2000
        await home.live.tick()
        later = await home.ask("GET", "/sites/1/now")
        assert Decimal(later["energy_price"]) > 9 > Decimal(now["energy_price"])


async def test_two_homes_may_have_other_prices_for_a_series_of_the_same_name(tmp_path):
    from_ms, n = quarters(COPENHAGEN, OCTOBER.start, OCTOBER.end)
    with served(
        tmp_path,
        np.full(n, 1000),
        from_ms,
        from_ms + n * QUARTER_MS,
        timezone="Europe/Copenhagen",
        tariff="dk.nrgi.time.n1",
    ) as home:
        for name, price in (("dk1", "1"), ("day_ahead", "2")):
            rows = [{"time": from_ms + k * HOUR_MS, "price": price} for k in range(n // 4)]
            await home.ask("PUT", f"/prices/{name}", {"step_min": 60, "prices": rows})
        dear = await home.ask("GET", "/sites/1/bill?date=2026-10-05")
        records = await home.ask("PATCH", "/sites/1/records", {"series": {"day_ahead": "dk1"}})
        assert records["series"] == [{"series": "day_ahead", "kept_as": "dk1"}]
        cheap = await home.ask("GET", "/sites/1/bill?date=2026-10-05")
        spot = [next(x["amount"] for x in b["lines"] if x["id"] == "spot") for b in (dear, cheap)]
        assert Decimal(spot[0]) == 2 * Decimal(spot[1]) == 2 * Decimal(n) / 4


async def test_a_put_with_bounds_replaces_all_in_them_and_finer_prices_replace_coarser_ones(office):
    home, _, _ = office
    start = 1_790_000_000_000 // HOUR_MS * HOUR_MS

    async def kept() -> list[tuple[int, int, str]]:
        prices = (await home.ask("GET", "/prices/x"))["prices"]
        return [((p["time"] - start) // 60_000, p["step_min"], p["price"]) for p in prices]

    hours = [{"time": start + k * HOUR_MS, "price": str(k)} for k in range(4)]
    await home.ask("PUT", "/prices/x", {"step_min": 60, "prices": hours})
    quarter = [{"time": start + HOUR_MS + k * QUARTER_MS, "price": "7.50"} for k in range(4)]
    await home.ask("PUT", "/prices/x", {"step_min": 15, "prices": quarter})
    fine = [(60 + 15 * k, 15, "7.5") for k in range(4)]
    assert await kept() == [(0, 60, "0"), *fine, (120, 60, "2"), (180, 60, "3")]
    span = f"from={start + HOUR_MS}&to={start + 3 * HOUR_MS}"
    await home.ask("PUT", f"/prices/x?{span}", {"step_min": 60, "prices": [hours[2] | {"price": "-1"}]})
    assert await kept() == [(0, 60, "0"), (120, 60, "-1"), (180, 60, "3")]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/prices/x", {"step_min": 7, "prices": [{"time": 0, "price": 1}]}, "whole part of it"),
        ("/prices/x", {"step_min": 60, "prices": [{"time": 5, "price": 1}]}, "multiple of 60 min"),
        ("/prices/x", {"step_min": 60, "prices": [{"time": 0, "price": 1}] * 2}, "each instant once"),
        ("/prices/x", {"step_min": 60, "prices": [{"time": "noon", "price": 1}]}, "prices[0].time"),
        ("/prices/x", {"step_min": 60, "prices": [{"time": 0, "price": "1e10"}]}, "below 10^9"),
        ("/prices/x", {"step_min": 60, "prices": []}, "found none"),
        ("/prices/x?from=0", {"step_min": 60, "prices": [{"time": 0, "price": 1}]}, "expected both"),
        ("/prices/x?from=0&to=60", {"step_min": 60, "prices": [{"time": 0, "price": 1}]}, "within from"),
        ("/prices/X", {"step_min": 60, "prices": [{"time": 0, "price": 1}]}, "does not fit"),
    ],
)
async def test_prices_that_cannot_be_are_refused_with_what_is_wrong(office, path, body, words):
    home, _, _ = office
    answer = await home.ask("PUT", path, body, 422)
    assert words in answer["error"]["message"]
    assert (await home.ask("GET", "/prices"))["series"] == []
