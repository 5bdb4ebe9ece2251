"""What no meter tells, written down on the bill page of a real server with stored readings."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from playwright.sync_api import expect

from chowon.domain.clock import local_day, midnight_ms
from chowon.domain.quantities import QUARTER_MS
from tests.e2e.homes import now_ms
from tests.e2e.pages import AXE, DESK, PHONE, SHOWN_MS, page_of, seen
from tests.system.programs import Server, eventually, run, serve
from tests.told import served


@contextmanager
def home(folder: Path, zone: str, tariff: str, options: dict[str, str] | None = None) -> Iterator[Server]:
    """A server over 40 days of 50 kW up to now."""
    until_ms = now_ms()
    from_ms = midnight_ms(local_day(until_ms, ZoneInfo(zone)) - timedelta(days=40), ZoneInfo(zone))
    power = np.full((until_ms - from_ms) // QUARTER_MS, 50_000)
    with served(folder, power, from_ms, until_ms, timezone=zone, tariff=tariff, tariff_options=options or {}):
        pass
    with serve(folder) as server:
        yield server.ready()


def put(server: Server, series: str, prices: list[dict[str, Any]]) -> None:
    body = json.dumps({"step_min": 60, "prices": prices}).encode()
    url = f"{server.http}/api/v1/prices/{series}"
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="PUT")
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_a_demand_that_is_written_down_is_saved_and_the_bill_follows(browser, tmp_path, size):
    with (
        home(tmp_path, "Asia/Seoul", "kr.kepco.general.b", {"contract_kw": "100"}) as server,
        page_of(browser, size) as page,
    ):
        page.goto(f"{server.http}/#/bill")
        expect(seen(page, "earlier months is not known")).to_be_visible()
        section = page.locator("section", has=page.get_by_role("heading", name="What the meter can't tell"))
        expect(section.get_by_role("button", name="Save")).to_be_disabled()
        field = section.get_by_role("textbox").last
        field.fill("much")
        expect(section.get_by_role("alert")).to_contain_text("enter a number of 0 or more")
        field.fill("120.5")
        before = server.get("/sites/1/bill")
        section.get_by_role("button", name="Save").click()
        expect(section.get_by_text("Saved.")).to_be_visible()
        after = server.get("/sites/1/bill")
        assert [p["kw"] for p in after["past_demand"] if p["from"] == "recorded"] == ["120.5"]
        assert Decimal(after["total"]) > Decimal(before["total"])
        expect(seen(page, "Base charge")).to_be_visible()
        page.reload()
        expect(field).to_have_value("120.5")
        field.fill("")
        section.get_by_role("button", name="Save").click()
        expect(section.get_by_text("Saved.")).to_be_visible()
        assert server.get("/sites/1/records")["past_demand"] == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.evaluate(AXE.read_text("utf-8") + "; axe.run().then(r => r.violations)") == []


def test_missing_prices_are_named_with_what_brings_them_and_the_bill_comes_with_them(browser, tmp_path):
    with (
        home(tmp_path, "Europe/Copenhagen", "dk.nrgi.time.n1") as server,
        page_of(browser, locale="ko-KR", allowed="422") as page,
    ):
        page.goto(f"{server.http}/#/bill")
        expect(seen(page, "가격을 알아야 요금을 셈할 수 있어요")).to_be_visible()
        expect(seen(page, "chowon prices import prices.csv --series day_ahead")).to_be_visible()
        expect(seen(page, f"curl -X PUT '{server.http}/api/v1/prices/day_ahead'")).to_be_visible()
        expect(page.get_by_text("서버가 답을 주지 못했어요")).to_have_count(0)
        assert page.evaluate(AXE.read_text("utf-8") + "; axe.run().then(r => r.violations)") == []
        start = server.get("/sites/1/records")["asks"]["period"]["start"]
        start_ms = midnight_ms(date.fromisoformat(start), ZoneInfo("Europe/Copenhagen"))
        put(server, "day_ahead", [{"time": start_ms + n * 3_600_000, "price": "0.5"} for n in range(24 * 32)])
        expect(page.locator("h1.hero-figure .value")).to_be_visible(timeout=SHOWN_MS)  # by itself
        expect(seen(page, "day_ahead 가격은")).to_be_visible()
        assert server.get("/sites/1/now")["no_cost"] is None
        # Another process brings other prices; the running server follows by itself.
        file = tmp_path / "prices.csv"
        rows = (f"{start_ms + n * 3_600_000},9\n" for n in range(24 * 32))
        file.write_text("time,price\n" + "".join(rows))
        before = Decimal(server.get("/sites/1/now")["energy_price"])
        done = run("prices", "import", file, "--series", "day_ahead", "--data", tmp_path)
        assert done.code == 0, done.err
        eventually(lambda: Decimal(server.get("/sites/1/now")["energy_price"]) > before + 8)
