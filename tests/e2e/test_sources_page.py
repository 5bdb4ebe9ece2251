"""Adding a meter in the network or on a cable as a person does: a real server, meters, and Chromium."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.brokers import free_port
from tests.cables import TELEGRAM, Meter, saying, silent_port, terminal
from tests.e2e.pages import DESK, PHONE, SHOWN_MS, page_of, seen, well_made
from tests.system.programs import Server, serve

REFUSED = "422"


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with serve(tmp_path / "data") as running:
        yield running.ready()


@pytest.fixture
def meter() -> Iterator[Meter]:
    with Meter() as running:
        yield running


def _open(page: Page, server: Server) -> None:
    page.goto(f"{server.http}/#/meters")


def _look(page: Page, address: str, label: str = "Address", unit: str | None = "Unit id") -> None:
    """By keyboard, for unit 7."""
    page.get_by_label(label, exact=True).fill(address)
    if unit is not None:
        page.get_by_role("button", name=re.compile("If you know more|더 알고 있다면")).click()
        page.get_by_label(unit).fill("7")
    page.get_by_label(label, exact=True).focus()
    page.keyboard.press("Enter")


def _sum(page: Page):
    return page.locator("article form .sum")


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk"])
def test_a_meter_is_found_named_tried_and_added_by_keyboard(browser, server, meter, size, scheme):
    with page_of(browser, size, "en-GB", scheme) as page:
        _open(page, server)
        _look(page, meter.address)
        expect(seen(page, "2,310 W · 230.5 V · 12,345.7 kWh")).to_be_visible()
        expect(seen(page, "Chowon Works Meter 3P · SN-0042 · unit 7")).to_be_visible()
        well_made(page)
        page.get_by_label("Name", exact=True).fill("Cellar meter")
        page.get_by_role("button", name="Connect Cellar meter").focus()
        page.keyboard.press("Enter")

        expect(page.get_by_role("combobox", name="Site")).to_be_focused()
        expect(_sum(page)).to_have_text("2,310 W")
        meter.power_w = 1870
        expect(_sum(page)).to_have_text("1,870 W")
        well_made(page)
        assert server.get("/sites")["sites"] == []
        page.get_by_label("Turn the sign (main)").focus()
        page.keyboard.press("Space")
        expect(_sum(page)).to_have_text("−1,870 W")
        page.keyboard.press("Space")
        expect(_sum(page)).to_have_text("1,870 W")
        page.get_by_label("Name of the new site").fill("Cottage")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Devices in place")).to_be_visible()
        meter.power_w = 640
        page.get_by_role("link", name="Now").click()
        expect(page.locator("h1.hero-figure .value")).to_have_text("640", timeout=SHOWN_MS)


def test_the_same_in_korean(browser, server, meter):
    with page_of(browser, PHONE, "ko-KR") as page:
        _open(page, server)
        _look(page, meter.address, "주소", "기기 번호 (unit id)")
        expect(seen(page, "1대를 찾았어요")).to_be_visible()
        well_made(page)
        page.get_by_label("이름", exact=True).fill("지하 계량기")
        page.get_by_role("button", name="연결하기").click()
        expect(_sum(page)).to_have_text("2,310 W")
        well_made(page)
        page.get_by_role("button", name="저장").click()
        row = page.get_by_role("button", name=re.compile("지하 계량기"))
        row.click()
        expect(seen(page, f"{meter.address} · 7번 · 1초마다")).to_be_visible()
        well_made(page)


def test_a_row_that_was_opened_stays_open_when_its_meter_speaks_for_the_first_time(browser, server, meter):
    with page_of(browser, DESK) as page:
        silent = server.get("/devices")
        _open(page, server)
        _look(page, meter.address)
        page.get_by_role("button", name=re.compile("^Connect ")).click()
        expect(_sum(page)).to_have_text("2,310 W")

        def unheard(route: Route) -> None:
            told = route.fetch().json()
            for one in told["sources"]:
                one |= {"placed": False, "talking": False}
            route.fulfill(json=told)

        page.route("**/api/v1/devices", lambda route: route.fulfill(json=silent))
        page.route("**/api/v1/sources", unheard)
        page.get_by_role("button", name="Save").click()
        row = page.get_by_role("button", name=re.compile("^Chowon Works Meter 3P"))
        row.click()
        expect(row).to_have_attribute("aria-expanded", "true")
        page.unroute_all(behavior="wait")
        expect(page.get_by_role("row", name=re.compile("^main"))).to_be_visible(timeout=SHOWN_MS)
        expect(row).to_have_attribute("aria-expanded", "true")


def test_a_meter_is_paused_changed_and_removed(browser, server, meter):
    with page_of(browser, DESK, allowed=REFUSED) as page, Meter() as other:
        other.power_w = 50
        _open(page, server)
        _look(page, meter.address)
        page.get_by_role("button", name=re.compile("^Connect ")).click()
        expect(_sum(page)).to_have_text("2,310 W")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name=re.compile("^Chowon Works Meter 3P")).click()
        page.get_by_role("button", name="Pause Chowon Works Meter 3P").click()
        expect(page.get_by_role("button", name="Resume Chowon Works Meter 3P")).to_be_visible()
        page.get_by_role("button", name="Resume Chowon Works Meter 3P").click()
        expect(page.get_by_role("button", name="Pause Chowon Works Meter 3P")).to_be_enabled()
        page.get_by_role("button", name="Change Chowon Works Meter 3P").click()
        form = page.locator("form").filter(has=page.get_by_role("button", name="Save"))
        form.get_by_label("Address").fill("8.8.8.8:502")
        form.get_by_label("Address").press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("an address in the internet")
        well_made(page)
        form.get_by_label("Name").fill("Shed")
        form.get_by_label("Address").fill(other.address)
        form.get_by_label("Address").press("Enter")
        expect(page.get_by_role("row", name=re.compile("^main"))).to_contain_text("50 W")
        expect(page.get_by_role("button", name=re.compile("^Shed"))).to_be_visible()
        expect(page.get_by_role("button", name="Change Shed")).to_be_focused()
        page.get_by_role("button", name=re.compile("^Remove this device")).click()
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_role("heading", name="Devices in place")).to_have_count(0)
        assert server.get("/sources")["sources"] == []


@pytest.mark.parametrize(
    ("locale", "label", "why"),
    [("en-GB", "Address", "connection refused"), ("ko-KR", "주소", "연결을 거절했어요")],
)
def test_a_wrong_address_says_why(browser, server, locale, label, why):
    with page_of(browser, PHONE, locale) as page:
        _open(page, server)
        _look(page, f"127.0.0.1:{free_port()}", label, None)
        expect(seen(page, why)).to_be_visible()
        well_made(page)


def test_a_search_shows_how_far_it_is_and_can_be_stopped(browser, server):
    with page_of(browser) as page, silent_port() as address:
        _open(page, server)
        _look(page, address, unit=None)
        expect(page.get_by_role("progressbar")).to_be_visible()
        expect(seen(page, "Asking unit 2 by Modbus")).to_be_visible()
        well_made(page)
        page.get_by_role("button", name="Stop looking").focus()
        page.keyboard.press("Enter")
        expect(seen(page, "The search was stopped.")).to_be_visible()
        expect(page.get_by_role("button", name="Look for it")).to_be_enabled()


def test_a_p1_port_of_this_machine_is_chosen_and_listened_to(browser, tmp_path):
    with (
        terminal() as (end, name),
        saying(end, TELEGRAM),
        serve(tmp_path / "data", CHOWON_CABLES__SERIAL=name) as server,
        page_of(browser) as page,
    ):
        server.ready()
        _open(page, server)
        page.get_by_label("Where it is").select_option(name)
        page.get_by_role("button", name="Look for it").click()
        page.get_by_role("button", name="Connect P1").click()
        expect(_sum(page)).to_have_text("−1,274 W")
        expect(page.get_by_label("What channel main-l1 is")).to_have_value("aside")
        well_made(page)


def test_a_meter_of_a_file_is_shown_and_not_changed(browser, tmp_path, meter):
    folder = tmp_path / "data" / "meters"
    folder.mkdir(parents=True)
    text = f'kind = "modbus"\nsite = "home"\ntitle = "From a file"\ntcp = "{meter.address}"\nunit = 7\n'
    (folder / "house.toml").write_text(text)
    with serve(tmp_path / "data") as server, page_of(browser) as page:
        server.ready()
        _open(page, server)
        page.get_by_role("button", name=re.compile("^From a file")).click()
        expect(seen(page, "From the file meters/house.toml.")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("^Pause"))).to_have_count(0)
        well_made(page)
