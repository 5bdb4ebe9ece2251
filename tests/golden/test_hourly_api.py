"""What the API answers for a home under a tariff by the hour; the whole answer stands in hourly_bill.json.

1 kW from 1 November 0:00 to 11 November 18:00, without 4 November 8:55 to 20:05. Night: two Sundays and a
Saturday, 7 working days of 10 h and one of 8 h, 150 kWh. Day: 8 × 9 h less 8 h 5 min. Evening: 7 × 5 h and
1 h less 3 h 5 min. 1,500 + 6,391.67 + 13,166.67 = 21,058; 1 kW × 1,000; VAT 2,205. The gap would have added
808.33 + 1,233.33: 23,100 + 1,000 + 2,410.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from chowon.api.access import Access
from chowon.api.parts import Limits, Parts
from chowon.api.server import create_app
from chowon.domain.bill import prepare
from chowon.domain.quantities import DAY_MS, HOUR_MS
from chowon.domain.sites import Site
from chowon.jobs.billing import Books
from chowon.live.service import Live, Priced
from tests.hourly import BY_THE_HOUR, OPTIONS
from tests.memory import MemoryPrices, MemoryRecords, billing
from tests.unit.test_hourly_statement import HOME, START_MS, MemoryHistory, constant

GOLDEN = Path(__file__).with_name("hourly_bill.json")
NOW_MS = START_MS + 10 * DAY_MS + 18 * HOUR_MS


class Book:
    """Implements the part of ports.SiteBook that these routes use."""

    def __init__(self) -> None:
        self.home = HOME

    def sites(self) -> list[Site]:
        return [self.home]

    def site(self, site_id: int) -> Site:
        return self.home

    def configure(self, site: Site) -> None:
        self.home = site


class NoTokens:
    def scopes(self, token: str) -> None:
        return None

    def names(self) -> list[str]:
        return []


def client(history: MemoryHistory, book: Book) -> httpx.AsyncClient:
    def pricing(site: Site, period: Any) -> Priced:
        return Priced("KRW", prepare(BY_THE_HOUR, period, site.tariff_options))

    books = Books(MemoryPrices(), MemoryRecords())
    parts = Parts(
        live=Live(history, book, pricing, lambda: NOW_MS),
        history=history,
        sites=book,
        devices=SimpleNamespace(),
        corrections=SimpleNamespace(),
        doubts=SimpleNamespace(),
        door=SimpleNamespace(),
        cables=SimpleNamespace(),
        access=Access(NoTokens(), None),
        tariff=lambda _: BY_THE_HOUR,
        tariff_ids=lambda: [BY_THE_HOUR.id],
        billing=billing(history, lambda _: BY_THE_HOUR, books.prices, books.records),
        prices=books.prices,
        records=books.records,
        now_ms=lambda: NOW_MS,
        pulse=SimpleNamespace(),
        limits=Limits(10**6, 10),
        dashboard=None,
    )
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(parts)), base_url="http://127.0.0.1/api/v1"
    )


@pytest.fixture
async def home():
    gap = START_MS + 3 * DAY_MS + 9 * HOUR_MS, START_MS + 3 * DAY_MS + 20 * HOUR_MS
    async with client(constant(1000, NOW_MS, gap), Book()) as asked:
        yield asked


async def test_the_bill_by_the_hour(home):
    answer = (await home.get("/sites/1/bill")).json()
    assert answer == json.loads(GOLDEN.read_text("utf-8"))


async def test_now_and_the_bill_tell_the_same(home):
    now, bill = [(await home.get(f"/sites/1/{what}")).json() for what in ("now", "bill")]
    assert now["period"]["cost"] == bill["total"]
    assert now["period"]["kwh"] == bill["usage"]["kwh"]
    assert (now["marginal_price"], now["energy_price"]) == (bill["marginal_price"], bill["energy_price"])
    assert now["no_cost"] is None


async def test_a_number_is_taken_as_an_option_and_a_wrong_or_missing_one_is_refused_with_what_to_set(home):
    async def patch(options: dict[str, Any]) -> tuple[int, Any]:
        answer = await home.patch("/sites/1", json={"tariff_options": options})
        return answer.status_code, answer.json()

    assert (await patch({"contract_kw": 5.5}))[1]["tariff_options"] == {"contract_kw": "5.5"}
    assert (await patch({"contract_kw": "10"}))[1]["tariff_options"] == {"contract_kw": "10"}
    for wrong in (0, 501, "many", "NaN"):
        status, answer = await patch({"contract_kw": wrong})
        assert status == 422
        told = answer["error"]["message"]
        assert f"option 'contract_kw': found '{wrong}'" in told
        assert "a number of kW, at least 1, at most 500" in told
    status, answer = await patch({})
    assert status == 422
    assert "needs it (Contract demand, kW); set a number of kW, at least 1" in answer["error"]["message"]
    assert (await home.get("/sites/1")).json()["tariff_options"] == {"contract_kw": "10"}


async def test_a_tariff_without_its_prices_leaves_now_standing_and_says_what_the_bill_lacks():
    book = Book()
    book.home = replace(HOME, tariff_options={"plan": "market"})
    async with client(constant(1000, NOW_MS), book) as asked:
        now, bill = await asyncio.gather(asked.get("/sites/1/now"), asked.get("/sites/1/bill"))
    assert now.status_code == 200
    assert now.json()["period"]["cost"] is None
    assert all("day_ahead" in now.json()["no_cost"][language] for language in ("ko", "en"))
    assert bill.status_code == 422
    assert "day_ahead" in bill.json()["error"]["message"]


def test_the_options_are_those_of_the_answer():
    assert json.loads(GOLDEN.read_text("utf-8"))["options"] == {"plan": "hours"} | OPTIONS
