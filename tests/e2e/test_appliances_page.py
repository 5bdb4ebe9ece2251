"""What runs behind one meter: a home that switches, its real server, a real Chromium."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.homes import (
    BASE_W,
    BEHIND_MS,
    HEATER_W,
    HOLD_MS,
    KETTLE_W,
    SEOUL,
    Meter,
    boil,
    fill,
    measure,
    now_ms,
    switch,
)
from tests.e2e.pages import DESK, PHONE, SHOWN_MS, page_of, seen, well_made
from tests.system.programs import Server, eventually, serve

CHIP = "button.chip"
OTHER_W = 1200
"""Of something that this home never had"""


@dataclass
class Home:
    server: Server
    meter: Meter

    def takes(self, power_w: int, seconds: int = 20) -> None:
        self.meter.takes(self.server, power_w, seconds)

    def known(self) -> list[dict[str, Any]]:
        return self.server.get("/sites/1/appliances")["appliances"]

    def appliance(self, power_w: int) -> dict[str, Any]:
        return min(self.known(), key=lambda one: abs(one["power_w"] - power_w))

    def parts(self) -> dict[str, Any]:
        return self.server.get("/sites/1/now")["parts"]

    def says(self, **tap: str | int) -> None:
        status, answer = self.server.tell("POST", "/api/v1/sites/1/appliances/taps", tap)
        assert status == 200, answer


def _home(folder: Path) -> Iterator[Home]:
    until_ms = now_ms() // 1000 * 1000 - BEHIND_MS
    switch(folder, until_ms)
    with serve(folder) as running:
        home = Home(running.ready(), Meter(until_ms))
        home.takes(BASE_W)
        eventually(lambda: home.parts()["why"] is None)
        yield home


@pytest.fixture
def home(tmp_path) -> Iterator[Home]:
    yield from _home(tmp_path)


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory) -> Iterator[Home]:
    """With a named kettle that is on and something unknown."""
    for home in _home(tmp_path_factory.mktemp("lived-in")):
        home.says(tap="name", appliance=home.appliance(KETTLE_W)["id"], name="kettle")
        home.takes(BASE_W + KETTLE_W)
        home.takes(BASE_W + KETTLE_W + OTHER_W)
        yield home


def opened(page: Page, home: Home, page_name: str = "now") -> None:
    page.goto(f"{home.server.http}/#/{page_name}")
    expect(page.locator(CHIP).first).to_be_visible(timeout=SHOWN_MS)


def chip(page: Page, text: str) -> Locator:
    return page.locator(CHIP).filter(has_text=text)


def question(page: Page) -> Locator:
    return page.locator(".question")


def kinds(page: Page) -> Locator:
    return page.get_by_role("combobox", name="What is it")


def test_the_chips_are_the_parts_that_the_server_tells(browser, lived_in):
    with page_of(browser) as page:
        opened(page, lived_in)
        expect(page.locator(CHIP)).to_have_count(4)
        parts = lived_in.parts()
        watts = {
            "Always on": parts["always_on_w"],
            "The rest": parts["rest_w"],
            "Kettle": KETTLE_W,
            "?": OTHER_W,
        }
        for name, power_w in watts.items():
            expect(chip(page, name)).to_contain_text(f"{power_w:,.0f}\u00a0W")
        [unknown] = [one for one in parts["running"] if not one["label"]]
        began = datetime.fromtimestamp(unknown["since_ms"] / 1000, SEOUL).strftime("%H:%M")
        expect(chip(page, "?")).to_contain_text(f" {began}")


def test_a_chip_opens_to_what_it_is_by_keyboard_and_closes_again(browser, lived_in):
    kettle = next(one for one in lived_in.parts()["running"] if one["label"])
    with page_of(browser) as page:
        opened(page, lived_in)
        chip(page, "Kettle").press("Enter")
        panel = page.get_by_role("region", name="What you chose")
        expect(panel.get_by_role("heading", name="Kettle")).to_be_focused()
        expect(panel).to_contain_text("+2,000\u00a0W when it switched on")
        expect(panel).to_contain_text(f"{float(kettle['cost_per_hour']):,.0f}\u00a0won")
        expect(panel).to_contain_text(re.compile(r"about \d in 10"))
        expect(panel).to_contain_text(re.compile(r"So far\s*\d+\u00a0Wh · \d+\u00a0won"))
        panel.get_by_role("button", name="Close").press("Enter")
        expect(panel).to_have_count(0)
        expect(chip(page, "Kettle")).to_be_focused()


def test_a_question_is_answered_with_a_name_from_the_list(browser, home):
    home.takes(BASE_W + OTHER_W)
    with page_of(browser) as page:
        opened(page, home)
        expect(question(page)).to_contain_text(f"+{OTHER_W:,}\u00a0W")
        question(page).get_by_role("button", name="Name it").press("Enter")
        expect(kinds(page)).to_be_focused()
        kinds(page).select_option(label="Iron")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(seen(page, "Thank you.")).to_be_visible()
        expect(question(page)).to_have_count(0)
        expect(chip(page, "Iron")).to_be_visible()
        home.takes(BASE_W)
        eventually(lambda: home.appliance(OTHER_W)["name"] == "iron")
        expect(chip(page, "Iron")).to_have_count(0)
        expect(page.get_by_role("region", name="Appliances")).to_contain_text("Iron")


def test_a_likely_guess_is_confirmed_with_one_press(browser, home):
    home.says(tap="name", appliance=home.appliance(HEATER_W)["id"], name="heater")
    home.takes(BASE_W + 945)  # much like the heater, not quite
    running = home.parts()["running"][0]
    assert (running["ask"], running["label"], running["guesses"][0]["name"]) == (True, None, "heater"), (
        running
    )
    with page_of(browser) as page:
        opened(page, home)
        expect(question(page)).to_contain_text("Heater?")
        expect(chip(page, "Heater?")).to_be_visible()
        question(page).get_by_role("button", name="Yes").click()
        expect(chip(page, "Heater?")).to_have_count(0)
        expect(chip(page, "Heater")).to_be_visible()
        assert home.parts()["running"][0]["label"]["en"] == "Heater"


def test_what_a_model_suggests_is_a_question_and_stands_in_the_list(browser, tmp_path):
    until_ms = now_ms() // 1000 * 1000 - BEHIND_MS
    boil(tmp_path, until_ms, HOLD_MS)
    with serve(tmp_path) as running:
        home = Home(running.ready(), Meter(until_ms))
        eventually(lambda: home.known() and home.known()[0]["suggested"])
        home.takes(150)
        home.takes(150 + 2400)
        with page_of(browser) as page:
            opened(page, home)
            expect(question(page)).to_contain_text("Kettle?")
            row = row_of(page, "Kettle?")
            row.get_by_role("button").first.click()
            expect(row).to_contain_text("a network's guess")
            row.get_by_role("button", name="Yes: Kettle").press("Enter")
            expect(row_of(page, "Kettle?")).to_have_count(0)
            expect(row_of(page, "Kettle")).to_be_visible()
            expect(question(page)).to_have_count(0)
            assert home.known()[0]["name"] == "kettle"


def test_what_a_model_recognised_stands_with_its_day_and_opens_to_what_it_took(browser, tmp_path):
    until_ms = now_ms() // 1000 * 1000 - BEHIND_MS
    boil(tmp_path, until_ms, HOLD_MS)
    with serve(tmp_path) as running, page_of(browser) as page:
        home = Home(running.ready(), Meter(until_ms))
        eventually(lambda: home.parts()["kinds"])
        health = home.server.get("/health")
        assert health["appliances"] == {"problem": None, "failed_rounds": 0, "nights": {}}
        opened(page, home)
        recognised = page.get_by_role("region", name="Recognised in the last 24 hours")
        told = home.server.get("/sites/1/appliances/kinds")["kinds"]
        (kettle,) = (one for one in told if one["kind"] == "kettle")
        row = recognised.get_by_role("listitem").filter(has_text="Kettle")
        expect(row.locator(".won")).to_have_text(f"{round(float(kettle['cost'])):,}\u00a0won")
        expect(row.locator(".bar").first).to_be_visible()
        row.get_by_role("button").press("Enter")
        expect(row).to_contain_text("right about 81\u00a0% of the time on")
        well_made(page)


def test_only_the_largest_is_asked_about_and_what_is_put_off_stays_away(browser, home):
    home.takes(BASE_W + 500)
    home.takes(BASE_W + 500 + OTHER_W)
    with page_of(browser) as page:
        opened(page, home)
        expect(question(page)).to_have_count(1)
        expect(question(page)).to_contain_text("+1,200\u00a0W")
        question(page).get_by_role("button", name="Don't answer this time").click()
        expect(question(page)).to_contain_text("+500\u00a0W")
        page.reload()
        expect(question(page)).to_contain_text("+500\u00a0W", timeout=SHOWN_MS)
        question(page).get_by_role("button", name="Don't answer this time").click()
        expect(question(page)).to_have_count(0)
        expect(chip(page, "?")).to_have_count(2)


def test_nothing_below_moves_when_things_come_and_go(browser, home):
    def below(page: Page) -> float:
        return page.locator("[aria-label=Today]").evaluate("e => e.getBoundingClientRect().y + scrollY")

    with page_of(browser) as page:
        opened(page, home)
        expect(page.locator(CHIP)).to_have_count(2)
        before = below(page)
        home.takes(BASE_W + OTHER_W)
        expect(page.locator(CHIP)).to_have_count(3)
        expect(question(page)).to_be_visible()
        assert below(page) == before
        at = chip(page, "?").bounding_box()
        home.takes(BASE_W + OTHER_W + 500)
        expect(page.locator(CHIP)).to_have_count(4)
        assert chip(page, "1,200").bounding_box() == at
        home.takes(BASE_W)
        expect(page.locator(CHIP)).to_have_count(2)
        assert below(page) == before
        expect(seen(page, re.compile("off"))).to_be_visible()


def test_the_line_has_a_dot_where_something_switched_which_the_keyboard_finds(browser, lived_in):
    with page_of(browser) as page:
        opened(page, lived_in)
        line = page.get_by_role("slider", name="Pick a time")
        line.focus()
        page.keyboard.press("ArrowDown")
        expect(line).to_have_attribute("aria-valuetext", re.compile("Something on$"))
        page.keyboard.press("ArrowDown")
        expect(line).to_have_attribute("aria-valuetext", re.compile("Kettle on$"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Kettle")).to_be_focused()


def test_a_dot_opens_at_a_tap_what_is_over_too(browser, home):
    home.takes(BASE_W + OTHER_W, 30)
    home.takes(BASE_W)
    eventually(lambda: not home.parts()["running"])
    [run] = [r for r in home.server.get("/sites/1/appliances/runs")["runs"] if r["power_w"] == OTHER_W]
    with page_of(browser) as page:
        opened(page, home)
        expect(seen(page, re.compile("off"))).to_be_visible()
        box = page.get_by_role("slider").bounding_box()
        age_s = (now_ms() - 1500 - run["end_ms"]) / 1000
        page.mouse.click(box["x"] + (box["width"] - 16) * (1 - age_s / 900), box["y"] + 100)
        panel = page.get_by_role("region", name="What you chose")
        expect(panel).to_contain_text("Was on")
        expect(panel).to_contain_text(f"{run['kwh'] * 1000:.0f}\u00a0Wh")


def test_the_last_day_is_what_the_server_tells_and_has_its_table(browser, lived_in):
    runs = lived_in.server.get("/sites/1/appliances/runs")["runs"]
    boiled = [run for run in runs if run["name"] == "kettle"]
    with page_of(browser, DESK) as page:
        opened(page, lived_in)
        part = page.get_by_role("region", name="Switched in the last 24 hours")
        first = part.get_by_role("listitem").first
        expect(first).to_contain_text("Kettle")
        expect(first.locator(".bar")).to_have_count(len(boiled))
        expect(part.get_by_role("listitem").nth(1)).to_contain_text("Unnamed, about 800\u00a0W")
        part.get_by_role("button", name="As a table").press("Enter")
        row = part.get_by_role("row").filter(has_text="Kettle")
        expect(row.get_by_role("cell").first).to_have_text(str(len(boiled)))
        won = sum(float(run["cost"]) for run in boiled if run["end_ms"])
        shown = int(re.sub(r"\D", "", row.get_by_role("cell").last.inner_text()))
        assert won <= shown <= won + 200  # the kettle goes on boiling


def row_of(page: Page, text: str) -> Locator:
    rows = page.get_by_role("region", name="Appliances").locator("li")
    return rows.filter(has=page.locator("strong").get_by_text(text))


def test_the_list_names_puts_together_splits_and_asks_again(browser, home):
    with page_of(browser) as page:
        opened(page, home)
        kettle = row_of(page, "Unnamed, about 2,000")
        expect(kettle).to_contain_text(
            re.compile(r"for about 2 minutes · about every \d+ minutes · last \d\d:\d\d")
        )
        expect(seen(page, "Worth a name: 2.")).to_be_visible()
        kettle.get_by_role("button").first.press("Enter")
        kettle.get_by_role("button", name="Name it").press("Enter")
        kinds(page).select_option(label="A name of your own")
        page.get_by_label("Name", exact=True).fill("할머니 주전자")
        page.keyboard.press("Enter")
        named = row_of(page, "할머니 주전자")
        expect(named).to_be_visible()
        assert home.appliance(KETTLE_W)["name"] == "할머니 주전자"

        named.get_by_label("It is the same appliance as").select_option(index=1)
        named.get_by_role("button", name="Put together").press("Enter")
        expect(row_of(page, "Unnamed")).to_have_count(0)
        expect(page.locator(":focus")).to_have_count(1)
        assert len(home.known()[0]["clusters"]) == 2
        named.get_by_role("button", name=re.compile("^By itself about 800")).press("Enter")
        expect(row_of(page, "Unnamed")).to_have_count(1)
        assert [len(one["clusters"]) for one in home.known()] == [1, 1]

        named.get_by_role("button", name="It is not that").press("Enter")
        expect(named).to_have_count(0)
        assert home.appliance(KETTLE_W)["name"] is None
        expect(page.locator(":focus")).to_have_count(1)
        kettle.get_by_role("button", name="Not mine").press("Enter")
        expect(kettle).to_contain_text("not mine")
        assert home.appliance(KETTLE_W)["not_mine"]
        kettle.get_by_role("button", name="Ask again").press("Enter")
        expect(kettle.locator(".head")).not_to_contain_text("not mine")
        assert not home.appliance(KETTLE_W)["not_mine"]


@pytest.mark.parametrize(
    ("locale", "none", "again"),
    [
        ("ko-KR", "없다고 하신 가전", "없다고 하셨던 가전이에요"),
        ("en-GB", "You said that there is none", "Saving this says that there is one"),
    ],
)
def test_a_kind_that_there_was_none_of_comes_last_and_naming_it_says_that_there_is_one(
    browser, home, locale, none, again
):
    status, _ = home.server.tell("PATCH", "/api/v1/sites/1", {"without": ["dishwasher", "iron"]})
    assert status == 200
    home.takes(BASE_W + OTHER_W)
    with page_of(browser, locale=locale) as page:
        opened(page, home)
        question(page).get_by_role("button").first.click()
        choice = question(page).get_by_role("combobox")
        last = choice.locator("optgroup")
        assert last.get_attribute("label") == none
        assert last.locator("option").evaluate_all("all => all.map(one => one.value)") == [
            "dishwasher",
            "iron",
        ]
        expect(question(page)).not_to_contain_text(again)
        choice.select_option(value="iron")
        expect(question(page).get_by_role("status")).to_contain_text(again)
        well_made(page)
        choice.press("Tab")
        page.keyboard.press("Enter")
        expect(question(page)).to_have_count(0)
        assert home.server.get("/sites/1")["without"] == ["dishwasher"]


def test_what_is_refused_is_said_and_the_form_stays(browser, home):
    home.takes(BASE_W + OTHER_W)
    with page_of(browser, allowed="404") as page:
        opened(page, home)
        page.route(
            "**/appliances/taps", lambda route: route.fulfill(status=404, json={"error": {"message": "gone"}})
        )
        question(page).get_by_role("button", name="Name it").click()
        kinds(page).select_option(label="Iron")
        page.get_by_role("button", name="Save").click()
        expect(question(page).get_by_role("alert")).to_have_text("gone")
        page.keyboard.press("Escape")
        expect(kinds(page)).to_have_count(0)


def test_silence_is_said_in_place_of_parts(browser, tmp_path):
    fill(tmp_path, now_ms() - 60_000)
    with serve(tmp_path) as running, page_of(browser) as page:
        page.goto(running.ready().http)
        expect(seen(page, "what is on cannot be told")).to_be_visible(timeout=SHOWN_MS)
        expect(page.get_by_text("Nothing switched")).to_have_count(0)
        expect(page.locator(CHIP)).to_have_count(0)


def test_a_meter_that_speaks_too_seldom_is_said_in_place_of_parts(browser, tmp_path):
    switch(tmp_path, now_ms(), step_s=120)
    with serve(tmp_path) as running, page_of(browser) as page:
        page.goto(running.ready().http)
        expect(seen(page, "speaks too seldom")).to_be_visible(timeout=SHOWN_MS)
        expect(page.locator(CHIP)).to_have_count(0)


def test_a_home_where_nothing_is_told_has_none_of_it(browser, tmp_path):
    fill(tmp_path, now_ms() - 60_000)
    with serve(tmp_path, CHOWON_APPLIANCES__TELL="false") as running, page_of(browser) as page:
        measure(running.ready(), 1000)
        page.goto(running.http)
        expect(page.locator("h1.hero-figure .value")).to_have_text("1,000", timeout=SHOWN_MS)
        expect(
            page.get_by_role("region", name=re.compile("last 24 hours|Appliances|What is on now"))
        ).to_have_count(0)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["360", "1440"])
@pytest.mark.parametrize("locale", ["ko-KR", "en-GB"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_speaks_the_language_and_is_accessible(browser, lived_in, size, locale, scheme):
    day, kettle, name_it, appliances = {
        "ko-KR": ("켜지고 꺼진 것, 지난 24시간", "전기 주전자", "이름 붙이기", "우리 집 가전"),
        "en-GB": ("Switched in the last 24 hours", "Kettle", "Name it", "Appliances"),
    }[locale]
    with page_of(browser, size, locale, scheme) as page:
        opened(page, lived_in)
        timeline = page.get_by_role("region", name=day)
        expect(timeline).to_contain_text(kettle)
        well_made(page)
        chip(page, kettle).click()
        question(page).get_by_role("button", name=name_it).click()
        page.get_by_role("region", name=appliances).get_by_role("button", expanded=False).first.click()
        well_made(page)
        timeline.get_by_role("button").first.click()
        expect(timeline.get_by_role("table")).to_be_visible()
        well_made(page)
