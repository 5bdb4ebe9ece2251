"""What people say ran: a home whose kettle is recognised, a real Chromium, and answers as the API's."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from tests.e2e.homes import HOLD_MS, SEOUL, boil, now_ms
from tests.e2e.pages import DESK, PHONE, SHOWN_MS, page_of, well_made
from tests.e2e.witnessed_answers import PLACE, Witnessed
from tests.system.programs import Server, eventually, serve

TITLE = re.compile("Recognised in the last 24 hours|알아본 가전, 지난 24시간")
KETTLE = re.compile("Kettle|전기 주전자")
TIMES = re.compile(r"(\d\d:\d\d)–(\d\d:\d\d)")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """A home whose kettle boils three times a day."""
    folder = tmp_path_factory.mktemp("boiling")
    boil(folder, now_ms() // 1000 * 1000 - 60_000, HOLD_MS)
    with serve(folder) as running:
        running.ready()
        eventually(lambda: running.get("/sites/1/now")["parts"]["kinds"])
        yield running


def _said(page: Page) -> list[dict]:
    """What the page sends from now on."""
    sent: list[dict] = []

    def keep(request: Request) -> None:
        if request.method == "POST" and PLACE.search(request.url):
            sent.append(json.loads(request.post_data or ""))

    page.on("request", keep)
    return sent


def _section(page: Page, server: Server, answers: Witnessed) -> Locator:
    answers.serve(page)
    page.goto(f"{server.http}/#/now")
    part = page.get_by_role("region", name=TITLE)
    expect(part.locator(".bar").first).to_be_visible(timeout=SHOWN_MS)
    return part


def _row(part: Locator) -> Locator:
    return part.get_by_role("listitem").filter(has=part.page.locator(".strip")).filter(has_text=KETTLE)


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def test_a_run_is_said_to_be_right_by_keyboard_and_its_times_can_be_changed(browser, server):
    with page_of(browser) as page:
        part, said = _section(page, server, Witnessed(now_ms())), _said(page)
        row = _row(part)
        row.get_by_role("button").first.press("Enter")
        run = row.get_by_role("button", name=re.compile(r"\d\d:\d\d to \d\d:\d\d")).nth(1)
        times = TIMES.search(run.inner_text())
        assert times is not None
        run.press("Enter")
        panel = row.get_by_role("group", name=re.compile(f"Kettle, .*{times[1]} to {times[2]}"))
        expect(panel.locator(".what")).to_be_focused()
        expect(panel.get_by_label("From", exact=True)).to_have_value(times[1])
        expect(panel.get_by_label("To", exact=True)).to_have_value(times[2])
        earlier = _minutes(times[1]) - 1  # it boils at 3, 9 and 15
        panel.get_by_label("From", exact=True).fill(f"{earlier // 60:02}:{earlier % 60:02}")
        right = panel.get_by_role("button", name="Right")
        right.press("Enter")
        expect(right).to_have_attribute("aria-pressed", "true")
        expect(right).to_be_focused()
        expect(panel.get_by_role("status").filter(has_text="within ten minutes")).to_be_visible()
        expect(run).to_contain_text("you said that it is right")
        [sent] = said
        length_ms = (_minutes(times[2]) - earlier) * MINUTE_MS
        assert (sent["kind"], sent["ran"], sent["end_ms"] - sent["start_ms"]) == ("kettle", True, length_ms)
        assert datetime.fromtimestamp(sent["end_ms"] / 1000, SEOUL).strftime("%H:%M") == times[2]
        well_made(page)
        panel.get_by_role("button", name="Take back").press("Enter")
        expect(right).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("Escape")
        expect(panel).to_have_count(0)
        expect(run).to_be_focused()


def test_a_press_on_the_strip_opens_its_run_which_may_be_something_else(browser, server):
    answers = Witnessed(now_ms())
    for hours in (3, 9):
        answers.say("oven", answers.now_ms - hours * HOUR_MS, answers.now_ms - hours * HOUR_MS + MINUTE_MS)
    with page_of(browser, PHONE, "ko-KR") as page:
        part, said = _section(page, server, answers), _said(page)
        row = _row(part)
        row.scroll_into_view_if_needed()
        bar = row.locator(".bar").nth(1).bounding_box()
        assert bar is not None
        assert bar["width"] < 5, "thinner than a finger"
        page.mouse.click(bar["x"] + 12, bar["y"] + 6)
        panel = row.get_by_role("group", name=re.compile(r"전기 주전자, .*\d\d:\d\d부터 \d\d:\d\d까지"))
        expect(panel.get_by_role("button", name="전기 주전자가 아니에요")).to_be_visible()
        panel.get_by_role("button", name="다른 것이에요").click()
        kind = panel.get_by_role("combobox", name="무엇인가요")
        expect(kind).to_be_focused()
        kind.select_option(label="오븐")
        panel.get_by_role("button", name="저장").press("Enter")
        expect(panel.get_by_role("button", name="다른 것이에요")).to_be_focused()
        expect(panel.get_by_role("button", name="전기 주전자가 아니에요")).to_have_attribute(
            "aria-pressed", "true"
        )
        assert [(one["kind"], one["ran"]) for one in said] == [("oven", True), ("kettle", False)]
        assert len({(one["start_ms"], one["end_ms"]) for one in said}) == 1
        expect(panel.get_by_role("status").filter(has_text="지난 한 달을 다시")).to_be_visible()
        well_made(page)


@pytest.mark.parametrize(
    ("size", "scheme"), [(PHONE, "light"), (PHONE, "dark"), (DESK, "light")], ids=["360", "360-dark", "1440"]
)
def test_what_nobody_recognised_is_said_and_taken_back(browser, server, size, scheme):
    answers = Witnessed(now_ms())
    with page_of(browser, size, "en-GB", scheme, allowed="422") as page:
        part, said = _section(page, server, answers), _said(page)
        opener = part.get_by_role("button", name="Say what ran")
        opener.press("Enter")
        form = part.get_by_role("form", name="Say what ran")
        expect(form.get_by_role("combobox", name="What is it")).to_be_focused()
        form.get_by_role("combobox", name="What is it").select_option(label="Microwave")
        form.get_by_role("combobox", name="It began").select_option(label="Yesterday")
        form.get_by_label("From", exact=True).fill("08:01")
        form.get_by_label("To", exact=True).fill("08:00")
        expect(form.get_by_role("status").filter(has_text="12 hours at most")).to_be_visible()
        expect(form.get_by_role("button", name="Save")).to_be_disabled()
        form.get_by_label("To", exact=True).fill("08:05")
        well_made(page)
        answers.refuses = "kind: microwave; expected one of kettle"
        form.get_by_role("button", name="Save").click()
        expect(form.get_by_role("alert")).to_have_text(answers.refuses)
        answers.refuses = "start_ms: 1; expected the first reading or later, which is at 2"
        form.get_by_role("button", name="Save").click()
        expect(form.get_by_role("alert")).to_contain_text("The meter was not heard yet then")
        answers.refuses = None
        form.get_by_role("button", name="Save").click()
        expect(part.get_by_text("2 more runs, and the microwave is told here.")).to_be_visible()
        expect(opener).to_be_focused()
        sent = said[-1]
        assert (sent["kind"], sent["ran"], sent["end_ms"] - sent["start_ms"]) == (
            "microwave",
            True,
            4 * MINUTE_MS,
        )
        begun = datetime.fromtimestamp(sent["start_ms"] / 1000, SEOUL)
        yesterday = datetime.fromtimestamp(now_ms() / 1000, SEOUL) - timedelta(days=1)
        assert (begun.date(), begun.strftime("%H:%M")) == (yesterday.date(), "08:01")
        part.get_by_role("button", name="What was said (1)").press("Enter")
        expect(part).to_contain_text("Microwave 1 of 3 runs: 2 more, and it is told here.")
        expect(part).to_contain_text("The microwave ran yesterday, 08:01 to 08:05")
        well_made(page)
        part.get_by_role("button", name="Take back").press("Enter")
        expect(part.get_by_role("button", name="What was said")).to_have_count(0)
        expect(part.get_by_text("Taken back.")).to_be_visible()
        expect(opener).to_be_focused()


def test_what_became_of_it_stands_beside_what_was_said(browser, server):
    answers = Witnessed(now_ms() - HOUR_MS)
    day_ago_ms = answers.now_ms // MINUTE_MS * MINUTE_MS - 24 * HOUR_MS
    for told, kind in ((True, "dishwasher"), (False, "kettle")):
        answers.told = told
        answers.say(kind, day_ago_ms, day_ago_ms + HOUR_MS)
    answers.say("kettle", day_ago_ms - HOUR_MS, day_ago_ms, False)
    with page_of(browser) as page:
        part = _section(page, server, answers)
        part.get_by_role("button", name="What was said (3)").click()
        kettle_not, kettle, dishwasher = (
            part.get_by_role("listitem").filter(has_text=re.compile("The (kettle|dishwasher)")).all()
        )
        expect(dishwasher).to_contain_text(re.compile(r"found\s"))
        expect(kettle).to_contain_text("not found")
        expect(kettle_not).to_contain_text("no longer told")


def test_a_server_that_asks_nobody_shows_no_question(browser, server):
    with page_of(browser, allowed="404") as page:
        page.route(PLACE, lambda route: route.fulfill(status=404, json={"error": {"message": "not found"}}))
        page.goto(f"{server.http}/#/now")
        part = page.get_by_role("region", name=TITLE)
        expect(part.locator(".bar").first).to_be_visible(timeout=SHOWN_MS)
        row = _row(part)
        row.get_by_role("button").press("Enter")
        expect(row.get_by_role("button")).to_have_count(1)
        expect(part.get_by_role("button", name="Say what ran")).to_have_count(0)


def test_what_is_said_stands_in_the_server_and_is_gone_when_it_is_taken_back(browser, server):
    def kept() -> list[dict]:
        return server.get("/sites/1/appliances/witnessed")["runs"]

    with page_of(browser) as page:
        page.goto(f"{server.http}/#/now")
        row = _row(page.get_by_role("region", name=TITLE))
        row.get_by_role("button").first.click(timeout=SHOWN_MS)
        row.get_by_role("button", name=re.compile(r"\d\d:\d\d to \d\d:\d\d")).nth(1).click()
        panel = row.get_by_role("group", name=re.compile("Kettle, "))
        panel.get_by_role("button", name="Right").click()
        expect(panel.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true")
        [said] = kept()
        assert (said["kind"], said["ran"]) == ("kettle", True)
        page.reload()
        section = page.get_by_role("region", name=TITLE)
        section.get_by_role("button", name="What was said (1)").click(timeout=SHOWN_MS)
        section.get_by_role("button", name=re.compile("Take back")).first.click()
        expect(section.get_by_role("button", name="What was said")).to_have_count(0)
        assert kept() == []
