"""Where a counter was not believed: a real page says so, and a person decides otherwise, and back."""

import json
import re
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
        expect(page.get_by_label("What is right")).to_be_focused()
        expect(page.locator("form .means")).to_contain_text(re.compile(r"Used [\d.]+\skWh → 90\d[\d.]*\skWh"))
        save = page.get_by_role("button", name="Save")
        expect(save).to_be_disabled()
        well_made(page)
        assert _told(server, end_ms) == (["spike"], [])
        page.get_by_label("Yes, this changes a lot: +900.0 kWh").check()
        save.click()
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


def test_a_home_that_is_measured_well_shows_nothing(browser, tmp_path):
    by_the_minute = serve(tmp_path / "data", CHOWON_DEFAULTS__HOLD_S="150")
    with by_the_minute as server, page_of(browser) as page:
        _counters(server.ready(), range(0))
        page.goto(f"{server.http}/#/meters")
        expect(page.get_by_role("button", name="Correct what was measured")).to_be_visible()
        expect(page.get_by_role("heading", name="How well it is measured")).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "size", "scheme"), [("en-GB", DESK, "dark"), ("ko-KR", PHONE, "light")], ids=["en", "ko"]
)
def test_how_much_it_was_is_said_by_keyboard_and_shown_before_it_is_saved(
    browser, server, locale, size, scheme
):
    end_ms = _counters(server, range(0))
    ko = locale == "ko-KR"
    with page_of(browser, size, locale, scheme) as page:
        page.goto(f"{server.http}/#/meters")
        anything = page.get_by_role("button", name="측정한 것 고치기" if ko else "Correct what was measured")
        anything.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_label("채널" if ko else "Channel")).to_be_focused()
        page.get_by_label("kWh").fill("0")
        page.get_by_label("까닭" if ko else "Why").fill("a test load")
        expect(page.locator("form .means strong")).to_have_text(re.compile(r"^[\d.]+\skWh → 0\skWh$"))
        well_made(page)
        assert _told(server, end_ms)[1] == []
        page.keyboard.press("Enter")
        expect(
            page.get_by_role("heading", name="사람이 고친 것" if ko else "What was corrected")
        ).to_be_visible()
        expect(seen(page, "a test load")).to_be_visible()
        assert _told(server, end_ms)[1] == ["energy"]
        well_made(page)


def test_each_kind_of_correction_can_be_made_at_the_decision_at_hand(browser, server):
    end_ms = _counters(server)
    with page_of(browser, DESK, allowed="422") as page:  # the refused power
        page.goto(f"{server.http}/#/meters")
        page.get_by_role("button", name="Correct it otherwise").click()
        kind = page.get_by_label("What is right")
        expect(kind).to_have_value("replaced")
        for name in ("energy", "turned", "connection"):
            kind.select_option(name)
            well_made(page)
        page.get_by_label("kW", exact=True).fill("60000")
        expect(page.locator("form .warn")).to_be_visible()  # more than any connection has
        page.keyboard.press("Escape")
        expect(page.locator("form[aria-label]")).to_have_count(0)
        page.get_by_role("button", name="Correct it otherwise").click()
        kind.select_option("turned")
        page.get_by_label("Why").fill("the clamp sat the wrong way")
        expect(page.locator("form .means")).to_contain_text("Given")
        page.get_by_role("button", name="Save").click()
        expect(seen(page, "Import and export change places.")).to_be_visible()
        assert _told(server, end_ms) == (["spike"], ["turned"])
