"""Where a counter was not believed: a real page says so, and a person decides otherwise, and back."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from chowon.domain.quantities import MINUTE_MS
from tests.e2e.homes import now_ms
from tests.e2e.pages import DESK, PHONE, page_of, seen, well_made
from tests.system.programs import Server, serve

MINUTES = 40
"""So few readings that nothing is said yet of clocks and the like."""
SPIKE = range(30, 33)


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with serve(tmp_path / "data") as running:
        yield running.ready()


def _counters(server: Server, spiked: range = SPIKE) -> int:
    """1,500 W by the minute, and when they end; in a spike the counter shows 900 kWh too much."""
    end_ms = now_ms() // MINUTE_MS * MINUTE_MS
    readings = [
        {
            "site": "home",
            "meter": "panel",
            "time": end_ms - (MINUTES - minute) * MINUTE_MS,
            "power_w": 1500,
            "import_wh": 55_000 + 25 * minute + (900_000 if minute in spiked else 0),
        }
        for minute in range(MINUTES)
    ]
    status, answer = server.post(json.dumps({"readings": readings}).encode())
    assert (status, answer["accepted"]) == (200, MINUTES)
    return end_ms


def _told(server: Server, end_ms: int) -> tuple[list[str], list[str]]:
    span = f"from={end_ms - 180 * MINUTE_MS}&to={end_ms}"
    found = server.get(f"/sites/1/corrections?{span}")
    return [d["kind"] for d in found["decisions"]], [c["kind"] for c in found["corrections"]]


def test_a_decision_is_told_taken_back_and_holds_again(browser, server):
    end_ms = _counters(server)
    with page_of(browser, DESK, "en-GB") as page:
        page.goto(f"{server.http}/#/meters")
        expect(page.get_by_role("heading", name="Where a counter was not believed")).to_be_visible()
        expect(seen(page, "leapt from 55.7 kWh to 955.8 kWh and came back at 55.8 kWh")).to_be_visible()
        well_made(page)
        page.get_by_role("button", name="The counter is right: count 900.1 kWh").click()
        expect(page.get_by_role("heading", name="What was corrected")).to_be_visible()
        expect(page.get_by_role("heading", name="Where a counter was not believed")).to_have_count(0)
        assert _told(server, end_ms) == ([], ["trusted"])
        well_made(page)
    with page_of(browser, PHONE, "ko-KR", "dark") as page:
        page.goto(f"{server.http}/#/meters")
        back = page.get_by_role("button", name="되돌리기")
        expect(back).to_be_visible()
        well_made(page)
        back.focus()
        page.keyboard.press("Enter")
        expect(seen(page, "955.8 kWh로 튀었다가")).to_be_visible()
        expect(back).to_have_count(0)
        expect(page.locator("main")).to_be_focused()
        assert _told(server, end_ms) == (["spike"], [])


def test_a_home_that_is_measured_well_shows_nothing(browser, server):
    _counters(server, range(0))
    with page_of(browser) as page:
        with page.expect_response("**/quality"), page.expect_response("**/corrections?*"):
            page.goto(f"{server.http}/#/meters")
        expect(page.get_by_role("heading", name="Bring a device")).to_be_visible()
        expect(page.get_by_role("heading", name="How well it is measured")).to_have_count(0)
