"""Adding a meter as a person does: a real server, a real broker, a device that talks, a real Chromium."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.brokers import needs_mosquitto
from tests.e2e.pages import DESK, PHONE, SHOWN_MS, page_of, seen, well_made
from tests.system.programs import Server, serve
from tests.testo import heard, installed, tell

pytestmark = needs_mosquitto
DEVICE = "testo-1a2b"


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    path = installed(tmp_path / "packages")
    with serve(tmp_path / "data", CHOWON_MQTT__BROKER="embedded", PYTHONPATH=path) as running:
        running.ready().listening()
        yield running


def _open(page: Page, server: Server) -> None:
    page.goto(f"{server.http}/#/meters")


def test_when_nothing_is_heard_the_page_says_which_setting_to_change(browser, server):
    with page_of(browser, PHONE, "ko-KR") as page:
        page.goto(server.http)
        page.get_by_role("link", name="지금 소식이 들리는 기기 보기").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("아직 들리는 기기가 없어요")
        expect(seen(page, 'host = "0.0.0.0"')).to_be_visible()
        page.get_by_label("기기 종류").select_option("testo")
        expect(page.locator("pre")).to_have_text(f"127.0.0.1:{server.mqtt_port}")
        well_made(page)
        tell(server, DEVICE, main=812.5)
        expect(page.locator("article")).to_contain_text("813 W")
        well_made(page)


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk"])
def test_a_device_is_added_by_keyboard_with_its_sign_turned_and_removed_again(browser, server, size, scheme):
    heard(server, DEVICE, a=300, b=-200, main=100)
    with page_of(browser, size, "en-GB", scheme, allowed="422") as page:  # a refused choice
        _open(page, server)
        add = page.get_by_role("button", name=f"Add {DEVICE}")
        add.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("combobox", name="Site")).to_be_focused()
        expect(seen(page, "clamp probably sits the wrong way round")).to_be_visible()
        counted = page.locator("form .sum")
        expect(counted).to_have_text("500 W")
        well_made(page)

        turn = page.get_by_label("Turn the sign (b)")
        turn.focus()
        page.keyboard.press("Space")
        expect(counted).to_have_text("100 W")
        page.keyboard.press("Space")
        page.get_by_label("What channel main is").select_option("main")
        expect(page.locator("form [role=alert]")).to_contain_text("would count twice")
        expect(page.get_by_role("button", name="Save")).to_be_disabled()
        page.get_by_label("What channel main is").select_option("skip")
        expect(counted).to_have_text("500 W")

        page.get_by_label("Name of the new site").fill("Cottage")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Devices in place")).to_be_visible()
        expect(page.locator("article")).to_have_count(0)
        tell(server, DEVICE, a=310, b=-200, main=110)
        page.get_by_role("link", name="Now").click()
        expect(page.locator("h1.hero-figure .value")).to_have_text("510", timeout=SHOWN_MS)
        expect(seen(page, "Cottage")).to_be_visible()

        _open(page, server)
        page.get_by_role("button", name=re.compile("Testo meters Cottage")).click()
        expect(
            page.get_by_role("row", name=re.compile(r"^b Phase of the whole \(turned\) 200 W"))
        ).to_be_visible()
        page.get_by_role("button", name=f"Remove this device {DEVICE}").click()
        page.get_by_label("Also take it out of the whole home").check()
        well_made(page)
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_role("heading", name="Devices in place")).to_have_count(0)
        assert {c["role"] for c in server.get("/sites/1")["channels"]} == {"circuit"}


def test_escape_leaves_the_flow_and_nothing_is_changed(browser, server):
    heard(server, DEVICE, main=100)
    with page_of(browser) as page:
        _open(page, server)
        add = page.get_by_role("button", name=f"Add {DEVICE}")
        add.click()
        expect(page.locator("form .sum")).to_have_text("100 W")
        page.keyboard.press("Escape")
        expect(page.locator("article form")).to_have_count(0)
        expect(page.get_by_role("button", name=f"Add {DEVICE}")).to_be_focused()
        assert server.get("/sites")["sites"] == []


def test_the_live_value_runs_on_while_the_flow_is_open_and_choices_stay(browser, server):
    heard(server, DEVICE, x=40, y=7)
    with page_of(browser) as page:
        _open(page, server)
        page.get_by_role("button", name=f"Add {DEVICE}").click()
        expect(seen(page, "so there is no bill")).to_be_visible()
        page.get_by_label("What channel x is").select_option("main")
        expect(page.locator("form .sum")).to_have_text("40 W")
        tell(server, DEVICE, x=1240, y=7)
        expect(page.locator("form .sum")).to_have_text("1,240 W")
        expect(page.get_by_label("What channel x is")).to_have_value("main")
