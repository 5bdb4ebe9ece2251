"""How long a reading stands: a real page tells who decided, and a person decides otherwise, and back."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from chowon.domain.quantities import MINUTE_MS
from tests.e2e.homes import now_ms
from tests.e2e.pages import DESK, PHONE, page_of, seen, well_made
from tests.system.programs import Server, eventually, serve


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    """A meter that speaks once a minute, from whose rhythm a hold of three minutes was learnt."""
    with serve(tmp_path / "data", CHOWON_DATA__SEAL_EVERY_S="0.1") as running:
        running.ready()
        end_ms = now_ms() // MINUTE_MS * MINUTE_MS
        for minute in range(40):
            time_ms = end_ms - (40 - minute) * MINUTE_MS
            reading = {"site": "home", "meter": "panel", "time": time_ms, "power_w": 1500}
            assert running.post(json.dumps({"readings": [reading]}).encode())[0] == 200
        eventually(lambda: _hold(running) == (180_000, "learnt"))
        yield running


def _hold(server: Server) -> tuple[int, str]:
    (channel,) = server.get("/sites/1")["channels"]
    return channel["hold_ms"], channel["hold_by"]


def _opened(page: Page, server: Server, title: str, change: str) -> None:
    page.goto(f"{server.http}/#/meters")
    page.get_by_role("button", name=title).click()
    page.get_by_role("button", name=change).click()


def test_a_hold_is_set_by_a_person_and_given_back_to_learning(browser, server):
    with page_of(browser, DESK, allowed="422") as page:
        _opened(page, server, "How long a reading stands", "Change how long a reading of panel · main stands")
        expect(seen(page, "3 minutes")).to_be_visible()
        expect(seen(page, "learnt from how often it speaks")).to_be_visible()
        expect(seen(page, "All of its past is counted anew")).to_be_visible()
        amount = page.get_by_label("At most")
        expect(amount).to_be_focused()
        expect(amount).to_have_value("3")
        well_made(page)
        page.get_by_role("combobox", name="Unit").select_option("h")
        amount.fill("25")
        expect(page.get_by_role("button", name="Save")).to_be_disabled()
        expect(seen(page, "From one second to one day.")).to_be_visible()
        amount.fill("0.5")
        page.keyboard.press("Enter")
        expect(seen(page, "set by a person")).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="has been counted anew")).to_be_attached()
        expect(page.locator("main")).to_be_focused()
        assert _hold(server) == (1_800_000, "person")
        well_made(page)
        page.get_by_role("button", name="Change how long").click()
        page.get_by_role("button", name="Have it learnt again").click()
        expect(seen(page, "learnt from how often it speaks")).to_be_visible()
        assert _hold(server) == (180_000, "learnt")


def test_a_meter_that_names_its_place_itself_is_listed_with_when_it_was_heard(browser, server):
    with page_of(browser) as page:
        page.goto(f"{server.http}/#/meters")
        expect(page.get_by_role("heading", level=1)).to_have_text("Meters")
        measured = page.get_by_role("region", name="What is measured").get_by_role("listitem")
        expect(measured).to_have_count(1)
        expect(measured).to_contain_text("panel · main Whole home")
        expect(measured).to_contain_text("heard")
        well_made(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_while_the_past_is_counted_anew_the_page_says_so(browser, server, scheme):
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with page_of(browser, PHONE, "ko-KR", scheme) as page:
        page.route("**/channels/1", hold)
        _opened(
            page, server, "한 번 온 값을 얼마나 오래 믿나요", "panel · main 값을 얼마나 오래 믿을지 바꾸기"
        )
        page.get_by_label("길어도").fill("10")
        well_made(page)
        page.get_by_role("button", name="저장").click()
        counting = page.locator(".busy").filter(has_text="panel · main의 지난 기록을 다시 계산하고 있어요.")
        expect(counting).to_be_visible()
        expect(page.get_by_role("button", name="바꾸기")).to_be_disabled()
        well_made(page)
        assert _hold(server) == (180_000, "learnt")
        held[0].continue_()
        expect(counting).to_have_count(0)
        expect(seen(page, "사람이 정했어요")).to_be_visible()
        assert _hold(server) == (600_000, "person")


def test_a_count_that_another_page_began_is_shown_until_it_is_done(browser, server):
    """The server's own answer, as it stands while a long past is counted."""
    site = server.get("/sites/1")
    site["channels"][0]["recounting"] = True
    with page_of(browser) as page:
        page.route("**/api/v1/sites/1", lambda route: route.fulfill(json=site))
        page.goto(f"{server.http}/#/meters")
        counting = page.locator(".busy").filter(has_text="The past of panel · main is being counted anew.")
        expect(counting).to_be_visible()
        page.unroute("**/api/v1/sites/1")
        expect(counting).to_have_count(0)
