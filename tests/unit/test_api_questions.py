"""GET bill/compare and POST bill/what-if: every answer follows from what was measured."""

import asyncio
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from chowon.api import answers, compare, what_if
from chowon.api.access import Access
from chowon.domain.bill import Usage, bill
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import DAY_MS, HOUR_MS, QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Site
from chowon.errors import NotFound
from tests.e2e.homes import SEOUL
from tests.hourly import book, write
from tests.memory import MemoryHistory, billing

LOW, HIGH = "kr.kepco.residential.low", "kr.kepco.residential.high"
FLAT, HOURS = "kr.test.residential.flat", "kr.test.residential.hours"
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
START_MS = midnight_ms(OCTOBER.start, SEOUL)
END_MS = midnight_ms(OCTOBER.end, SEOUL)


class Server:
    """The routes, asked in this process."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path))

    def post(self, path: str, json: object) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, json))

    async def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await http.request(method, path, json=body)


def history(power_w: int = 1000, until_ms: int = END_MS) -> MemoryHistory:
    """The same power from the period's start on, a sample a quarter of an hour."""
    found = MemoryHistory(hold_ms=QUARTER_MS)
    times = np.arange(START_MS, until_ms + 1, QUARTER_MS, dtype=np.int64)
    found.append(Readings(np.ones(len(times), np.uint32), times, np.full(len(times), power_w * 10, np.int32)))
    return found


def client(
    tmp_path,
    measured: MemoryHistory,
    tariff: str = LOW,
    now_ms: int = END_MS + DAY_MS,
    timezone: str = "Asia/Seoul",
    options: dict[str, str] | None = None,
) -> Server:
    tariffs = book(tmp_path)
    channel = Channel(1, ChannelKey("home", "main", "main"))
    home = Site(1, "home", "우리집", timezone, 1, tariff, options or {}, (channel,))

    def site(site_id: int) -> Site:
        if site_id != 1:
            raise NotFound(f"no site {site_id}")
        return home

    app = FastAPI()
    app.state.parts = SimpleNamespace(
        access=Access(SimpleNamespace(names=list), None),
        sites=SimpleNamespace(site=site),
        history=measured,
        billing=billing(measured, tariffs.load),
        tariff=tariffs.load,
        tariff_ids=tariffs.ids,
        now_ms=lambda: now_ms,
    )
    app.include_router(compare.router)
    app.include_router(what_if.router)
    answers.install(app)
    return Server(app)


def compared(server: Server, query: str = "") -> dict:
    answer = server.get(f"/sites/1/bill/compare?date=2026-10-05{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def asked(server: Server, **body: object) -> dict:
    answer = server.post("/sites/1/bill/what-if?date=2026-10-05", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_tariff_is_billed_or_says_why_not(tmp_path) -> None:
    told = compared(client(tmp_path, history()))
    assert (told["kwh"], told["coverage"], told["currency"]) == (744.0, 1.0, "KRW")
    totals = {row["tariff"]["id"]: Decimal(row["total"]) for row in told["rows"]}
    # 744 kWh: flat × 100; night 8 of 24 hours at 50, day 16 at 200
    assert (totals[FLAT], totals[HOURS]) == (74_400, 248 * 50 + 496 * 200)
    low = book(tmp_path).load(LOW)
    assert totals[LOW] == bill(low, OCTOBER, Usage(Decimal(744))).total
    assert list(totals.values()) == sorted(totals.values())
    why = {out["tariff"]["id"]: out["why"] for out in told["left_out"]}
    assert "day_ahead" in why["kr.test.residential.market"]["en"]
    assert "계약전력" in why["kr.test.residential.contract"]["ko"]
    assert "2030-01-01" in why["kr.test.residential.late"]["en"]
    assert "Asia/Shanghai" in why["kr.test.residential.elsewhere"]["en"]
    assert "kr.test.residential.abroad" not in totals.keys() | why.keys()


def test_the_tariff_in_force_differs_from_itself_by_0(tmp_path) -> None:
    told = compared(client(tmp_path, history(), HOURS), f"&tariff={HOURS}&tariff={FLAT}")
    assert [(row["in_force"], row["difference"]) for row in told["rows"]] == [(False, "-37200"), (True, "0")]
    assert told["left_out"] == []


def test_one_that_is_named_is_never_left_out_in_silence(tmp_path) -> None:
    told = compared(client(tmp_path, history()), "&tariff=kr.test.residential.abroad")
    assert [row["tariff"]["id"] for row in told["rows"]] == [LOW]
    assert "JPY" in told["left_out"][0]["why"]["en"]


def test_a_broken_file_hides_no_other_tariff(tmp_path) -> None:
    server = client(tmp_path, history())
    write(tmp_path, "flat", "nonsense = 1")
    told = compared(server)
    assert HOURS in {row["tariff"]["id"] for row in told["rows"]}
    assert "cannot be used" in next(o for o in told["left_out"] if o["tariff"]["id"] == FLAT)["why"]["en"]


def test_without_its_own_tariff_there_is_no_difference(tmp_path) -> None:
    told = compared(client(tmp_path, history(), "kr.test.residential.market"), f"&tariff={FLAT}")
    assert [(row["tariff"]["id"], row["difference"]) for row in told["rows"]] == [(FLAT, None)]


def test_months_add_up_closed_periods_with_a_measurement(tmp_path) -> None:
    server = client(tmp_path, history())
    told = server.get(f"/sites/1/bill/compare?months=12&tariff={FLAT}").json()
    assert (told["periods"], told["period"]) == (1, {"start": "2026-10-01", "end": "2026-11-01", "days": 31})
    assert told["rows"] == compared(server, f"&tariff={FLAT}")["rows"]


def test_gaps_are_billed_under_no_tariff_and_told(tmp_path) -> None:
    told = compared(client(tmp_path, history(until_ms=START_MS + 10 * DAY_MS)), f"&tariff={HOURS}")
    assert told["coverage"] == pytest.approx(10 / 31, abs=1e-4)
    hours = next(row for row in told["rows"] if row["tariff"]["id"] == HOURS)
    assert Decimal(hours["total"]) == 80 * 50 + 160 * 200


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("?date=2020-03-05", 422, "nothing was measured"),
        ("?date=2026-10-05&tariff=kr.kepco.residental.low", 404, "did you mean"),
        ("?months=0", 422, ""),
        ("?months=37", 422, ""),
    ],
)
def test_a_comparison_that_makes_no_sense_says_what_to_do(tmp_path, query, status, said) -> None:
    answer = client(tmp_path, history()).get(f"/sites/1/bill/compare{query}")
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]


def test_without_an_appliance_the_bill_is_that_of_the_rest(tmp_path) -> None:
    told = asked(client(tmp_path, history()), without_kwh=44)
    low = book(tmp_path).load(LOW)
    now, then = (bill(low, OCTOBER, Usage(Decimal(kwh))).total for kwh in (744, 700))
    assert told["now"] == {"kwh": 744.0, "total": str(now)}
    assert told["then"] == {"kwh": 700.0, "export_kwh": 0.0, "total": str(then)}
    assert told["difference"] == str(then - now)
    for side in ("now", "then"):
        assert sum(Decimal(line[side]) for line in told["lines"]) == Decimal(told[side]["total"])
    assert told["assumes"]


def test_a_car_adds_its_kwh_each_day_at_the_price_of_its_hours(tmp_path) -> None:
    car = {"kwh_a_day": 8, "from": "23:00", "until": "06:00", "kw": 7}
    told = asked(client(tmp_path, history(), HOURS), ev=car)
    assert told["then"]["kwh"] == 744 + 8 * 31
    assert Decimal(told["difference"]) == 8 * 31 * 50


def test_in_an_open_period_a_car_has_charged_on_the_days_gone_by(tmp_path) -> None:
    now_ms = START_MS + 3 * DAY_MS + 5 * HOUR_MS
    server = client(tmp_path, history(until_ms=now_ms), HOURS, now_ms)
    car = {"kwh_a_day": 8, "from": "23:00", "until": "06:00", "kw": 7}
    assert asked(server, ev=car)["then"]["kwh"] == 77 + 24


def test_solar_is_used_first_and_the_rest_is_given(tmp_path) -> None:
    told = asked(client(tmp_path, history()), solar={"kwp": 3})
    used, given = 744 - told["then"]["kwh"], told["then"]["export_kwh"]
    assert given > 0
    assert 31 * 3 * 2.5 < used + given < 31 * 3 * 5  # kWh/kWp and day of an October in Seoul
    assert any("principal city (37." in words["en"] for words in told["assumes"])
    there = asked(client(tmp_path, history()), solar={"kwp": 3, "latitude": -37.5, "longitude": 127})
    assert there["then"] != told["then"]
    assert not any("principal city" in words["en"] for words in there["assumes"])


def test_where_the_sunshine_is_not_known_it_is_half_the_daylight_and_the_answer_says_so(tmp_path) -> None:
    def words(timezone: str) -> str:
        server = client(tmp_path, history(), timezone=timezone)
        return " ".join(assumed["en"] for assumed in asked(server, solar={"kwp": 3})["assumes"])

    assert "half the daylight" in words("Asia/Tokyo")  # whose days begin as those of the tariff
    assert "half the daylight" not in words("Asia/Seoul")


def test_the_options_of_a_row_are_told_in_the_tariffs_own_words(tmp_path) -> None:
    contract = client(tmp_path, history(), "kr.test.residential.contract", options={"contract_kw": "3"})
    row = next(row for row in compared(contract)["rows"] if row["in_force"])
    assert row["options"] == {"contract_kw": "3"}
    assert row["option_words"]["contract_kw"] == {
        "label": {"ko": "계약전력", "en": "Contract demand"},
        "value": {"ko": "3 kW", "en": "3 kW"},
    }
    low = next(row for row in compared(client(tmp_path, history()))["rows"] if row["in_force"])
    assert low["option_words"].keys() == low["options"].keys()
    assert low["option_words"]["family"]["value"]["en"] != low["options"]["family"]


def test_no_sun_shines_into_a_gap(tmp_path) -> None:
    measured = history(until_ms=START_MS + DAY_MS)
    told = asked(client(tmp_path, measured), solar={"kwp": 100})
    assert told["then"]["export_kwh"] < 100 * 6
    assert any("without measurement" in words["en"] for words in told["assumes"])


def test_a_battery_by_price_moves_the_day_into_the_night(tmp_path) -> None:
    battery = {"kwh": 10, "kw": 5, "efficiency": 1, "plan": "by_price"}
    told = asked(client(tmp_path, history(), HOURS), battery=battery)
    # every day 10 kWh flow at 50 instead of 200; the last evening's 5 kWh are paid and not given yet
    assert told["then"]["kwh"] == 744 + 5
    assert Decimal(told["difference"]) == 31 * -10 * 150 + 5 * 50
    assert any("5.0 kWh are left in it" in words["en"] for words in told["assumes"])


def test_a_battery_by_price_has_nothing_to_move_where_all_hours_cost_the_same(tmp_path) -> None:
    told = asked(client(tmp_path, history()), battery={"kwh": 10, "kw": 5, "plan": "by_price"})
    assert told["difference"] == "0"
    assert any("all hours cost the same" in words["en"] for words in told["assumes"])


def test_a_battery_keeps_surplus_for_the_evening(tmp_path) -> None:
    server = client(tmp_path, history())
    roof = {"kwp": 5}
    alone = asked(server, solar=roof)
    both = asked(server, solar=roof, battery={"kwh": 10, "kw": 5, "plan": "self_use"})
    assert both["then"]["kwh"] < alone["then"]["kwh"]
    assert both["then"]["export_kwh"] < alone["then"]["export_kwh"]


def test_another_tariff_is_a_part_like_the_others(tmp_path) -> None:
    told = asked(client(tmp_path, history()), tariff=FLAT)
    assert told["then"]["total"] == "74400"
    told = asked(
        client(tmp_path, history()), tariff="kr.test.residential.contract", options={"contract_kw": "3"}
    )
    assert told["then"]["total"] == "77400"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "at least one of"),
        ({"without_kwh": 745}, 422, "no more than"),
        ({"without_kwh": -1}, 422, "0 or more"),
        ({"without_kwh": "1e9999999"}, 422, ""),
        ({"battery": {"kwh": 1e300, "kw": 1}}, 422, ""),
        ({"solar": {"kwp": -1}}, 422, ""),
        ({"solar": {"kwp": 1, "tilt": 91}}, 422, "tilt"),
        ({"solar": {"kwp": 1, "latitude": 37}}, 422, "both in degrees"),
        ({"battery": {"kwh": 1, "kw": 1, "efficiency": 0}}, 422, "efficiency"),
        ({"battery": {"kwh": 1, "kw": 1, "plan": "magic"}}, 422, ""),
        ({"ev": {"kwh_a_day": 8, "from": "23:00", "until": "24:00", "kw": 7}}, 422, "a longer time"),
        ({"ev": {"kwh_a_day": 8, "from": "25:00", "until": "06:00", "kw": 7}}, 422, ""),
        ({"tariff": "kr.test.residential.abroad"}, 422, "expected one in KRW"),
        ({"tariff": "kr.test.residential.elsewhere"}, 422, "whose days begin as the site's"),
        ({"tariff": "kr.test.residential.contract"}, 422, "contract_kw"),
        ({"options": {"nonsense": "1"}}, 422, "no such option"),
        ({"tariff": "zz"}, 404, "no tariff"),
        ({"sollar": {}}, 422, ""),
    ],
)
def test_a_question_that_has_no_answer_says_why(tmp_path, body, status, said) -> None:
    answer = client(tmp_path, history()).post("/sites/1/bill/what-if?date=2026-10-05", json=body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]["message"]
