"""The bill page's outlook, hours, what-if and comparison, with answers of its own instead of the server's."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e import bill_answers
from tests.e2e.homes import fill, now_ms
from tests.e2e.pages import AXE, DESK, PHONE, SHOWN_MS, page_of, seen
from tests.system.programs import Server, eventually, serve

Json = dict[str, Any]
REFUSED = {"error": {"code": "invalid", "message": "solar: this site has no place; set one", "problems": []}}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """A home's server; what it says about the bill is replaced by each test."""
    folder = tmp_path_factory.mktemp("home")
    fill(folder, now_ms() - 60_000)
    with serve(folder) as running:
        yield running.ready()


class Answers:
    """What the page is told about the bill, and what it asked."""

    def __init__(self, page: Page, bill: Json | None = None) -> None:
        self.bill = bill_answers.bill() if bill is None else bill
        self.compare: Callable[[Route], None] = lambda route: route.fulfill(
            json=bill_answers.compared(12 if "months=12" in route.request.url else None)
        )
        self.what_if: Callable[[Route], None] = lambda route: route.fulfill(
            json=bill_answers.what_if(route.request.post_data_json)
        )
        self.asked: list[Json] = []
        self.compared: list[str] = []
        page.route("**/api/v1/sites/*/bill**", self._answer)

    def _answer(self, route: Route) -> None:
        if "/what-if" in route.request.url:
            self.asked.append(route.request.post_data_json)
            self.what_if(route)
        elif "/compare" in route.request.url:
            self.compared.append(route.request.url)
            self.compare(route)
        elif "/shares" in route.request.url:
            route.fulfill(json={"parts": [], "untold": "off"})
        else:
            route.fulfill(json=self.bill)


def shows(page: Page, server: Server) -> None:
    page.goto(f"{server.http}/#/bill")
    expect(page.locator("h1.hero-figure .value")).to_have_text("44,880", timeout=SHOWN_MS)


def arrived(page: Page, held: list[Route], count: int) -> None:
    """Wait until so many requests are held back; asking the page lets Playwright hand them over."""
    eventually(lambda: page.evaluate("true") and len(held) == count)


def test_the_outlook_stands_under_the_bill_and_the_next_tier_by_its_ladder(browser, server):
    with page_of(browser) as page:
        Answers(page)
        shows(page, server)
        expect(seen(page, "At this pace about 71,230 won on Nov 30")).to_be_visible()
        expect(seen(page, "Around Nov 27: tier 3")).to_be_visible()
        expect(seen(page, "+6,490 won at once, then 307.3 won/kWh")).to_be_visible()
        expect(seen(page, "Up to 12.4 kWh a day keeps you below tier 3")).to_be_visible()
        expect(page.get_by_text("rises by 5,700")).to_have_count(0)
        page.get_by_role("button", name="Around Nov 27").click()
        expect(seen(page, "with VAT and fund")).to_be_visible()


def test_a_pace_below_the_next_tier_says_so(browser, server):
    bill = bill_answers.bill()
    bill["outlook"] |= {"next_tier": None, "kwh_a_day": "14.1"}
    with page_of(browser) as page:
        Answers(page, bill)
        shows(page, server)
        expect(seen(page, "At this pace you stay below tier 3 in this period.")).to_be_visible()


def test_a_closed_period_has_no_outlook(browser, server):
    bill = bill_answers.bill() | {"outlook": None, "estimate": None}
    bill["period"] |= {"closed": True}
    with page_of(browser) as page:
        Answers(page, bill)
        shows(page, server)
        expect(seen(page, "Other tariffs")).to_be_visible()
        expect(page.get_by_text("At this pace")).to_have_count(0)
        expect(page.get_by_text("With an estimate")).to_have_count(0)


def test_an_estimate_for_the_gap_stands_apart_from_the_bill(browser, server):
    with page_of(browser, locale="ko-KR") as page:
        Answers(page)
        shows(page, server)
        expect(seen(page, "계량기 소식이 없던 2시간은 요금에 넣지 않았어요.")).to_be_visible()
        expect(seen(page, "이 시간에 1.8 kWh를 썼다고 보면 요금은 약 45,210원이에요.")).to_be_visible()


def test_prices_that_are_not_known_yet_are_named_under_the_bill(browser, server):
    with page_of(browser) as page:
        note = {"ko": "연료비: 12월분까지 알려진 단가입니다.", "en": "Fuel: known up to December."}
        Answers(page, bill_answers.bill() | {"notes": [note]})
        shows(page, server)
        expect(seen(page, "Fuel: known up to December.")).to_be_visible()


def test_a_tariff_by_the_hour_shows_its_bands_where_the_ladder_would_be(browser, server):
    with page_of(browser) as page:
        Answers(page, bill_answers.hourly_bill())
        shows(page, server)
        bands = page.get_by_role("region", name="Use by time of day")
        expect(bands.get_by_role("listitem")).to_have_count(3)
        expect(bands.locator("[aria-current]")).to_contain_text("Mid-peak")
        expect(bands.locator("[aria-current]")).to_contain_text("96.3 kWh")
        expect(bands.locator("[aria-current]")).to_contain_text("10,969")
        expect(bands).to_contain_text("It is Mid-peak now, at 113.9")
        expect(page.get_by_role("region", name="Tiers")).to_have_count(0)


def test_a_choice_changes_the_bill_line_by_line_in_one_question(browser, server):
    with page_of(browser) as page:
        answers = Answers(page)
        shows(page, server)
        part = page.get_by_role("region", name="What if")
        expect(part).to_contain_text("Choose one")
        assert part.get_by_role("checkbox", checked=True).count() == 0
        part.get_by_role("checkbox", name="Solar").check()
        for _ in range(4):
            part.get_by_role("button", name="More: Solar").click()
        expect(part.get_by_role("status")).to_contain_text("−14,760", timeout=SHOWN_MS)
        assert answers.asked[-1] == {"solar": {"kwp": 5, "azimuth": 180, "tilt": 30}}
        assert len(answers.asked) < 5, "each step asked for itself"
        expect(part).to_contain_text("44,880 won → 30,120 won")
        part.get_by_role("button", name="What changes").click()
        expect(part.get_by_role("row", name="Energy charge")).to_contain_text("28,621 won")
        expect(seen(page, "20.1 kWh left over go to the grid")).to_be_visible()
        expect(seen(page, "panels facing south")).to_be_visible()
        part.get_by_role("checkbox", name="Solar").uncheck()
        expect(part).to_contain_text("Choose one")


def test_an_answer_comes_without_moving_the_page(browser, server):
    held: list[Route] = []
    with page_of(browser) as page:
        answers = Answers(page)
        answers.what_if = held.append
        shows(page, server)
        part = page.get_by_role("region", name="What if")
        part.get_by_role("checkbox", name="Battery").check()
        arrived(page, held, 1)
        before = part.bounding_box()
        held[0].fulfill(json=bill_answers.what_if(answers.asked[0]))
        expect(part.get_by_role("status")).to_contain_text("−6,860", timeout=SHOWN_MS)
        after = part.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(before["height"] - after["height"]) < 1


def test_a_late_answer_to_an_older_question_is_not_shown(browser, server):
    held: list[Route] = []
    with page_of(browser) as page:
        answers = Answers(page)
        answers.what_if = held.append
        shows(page, server)
        part = page.get_by_role("region", name="What if")
        part.get_by_role("checkbox", name="Battery").check()
        arrived(page, held, 1)
        part.get_by_role("checkbox", name="Solar").check()
        arrived(page, held, 2)
        held[1].fulfill(json=bill_answers.what_if(answers.asked[1]))
        expect(part.get_by_role("status")).to_contain_text("−14,760", timeout=SHOWN_MS)
        with page.expect_response("**/what-if"):
            held[0].fulfill(json=bill_answers.what_if(answers.asked[0]))
        expect(part.get_by_role("status")).to_contain_text("−14,760")


def test_numbers_that_cannot_be_are_refused_in_words_and_not_asked(browser, server):
    with page_of(browser) as page:
        answers = Answers(page)
        shows(page, server)
        part = page.get_by_role("region", name="What if")
        part.get_by_role("checkbox", name="Use less").check()
        field = part.get_by_role("spinbutton", name="Use less")
        field.fill("9999")
        expect(part.get_by_role("alert")).to_have_text("That is more than the 287.0 kWh used in this period.")
        field.fill("")
        expect(part.get_by_role("alert")).to_contain_text("enter a number from 1 to 287")
        assert all(asked == {"without_kwh": 30} for asked in answers.asked)
        field.fill("42.5")
        expect(part.get_by_role("status")).to_contain_text("−6,860", timeout=SHOWN_MS)
        assert answers.asked[-1] == {"without_kwh": 42.5}


def test_what_the_server_refuses_is_said_in_its_words(browser, server):
    with page_of(browser, allowed="400") as page:
        answers = Answers(page)
        answers.what_if = answers.compare = lambda route: route.fulfill(status=400, json=REFUSED)
        shows(page, server)
        part = page.get_by_role("region", name="What if")
        part.get_by_role("checkbox", name="Solar").check()
        expect(part.get_by_role("alert")).to_contain_text("this site has no place; set one", timeout=SHOWN_MS)
        other = page.get_by_role("region", name="Other tariffs")
        expect(other.get_by_role("alert")).to_contain_text("Could not compare.")
        answers.compare = lambda route: route.fulfill(json=bill_answers.compared())
        other.get_by_role("button", name="Try again").click()
        expect(other).to_contain_text("The cheapest would be 6,230 won less.")
        expect(page.locator("h1.hero-figure .value")).to_have_text("44,880")


def test_tariffs_stand_cheapest_first_over_a_period_or_a_year(browser, server):
    with page_of(browser, DESK) as page:
        answers = Answers(page)
        shows(page, server)
        part = page.get_by_role("region", name="Other tariffs")
        rows = part.locator("tbody tr")
        expect(rows).to_have_text(
            [re.compile("38,650.*−6,230"), re.compile("44,880.*Your tariff"), re.compile(r"46,110.*\+1,230")]
        )
        expect(part.locator("tr[aria-current]")).to_contain_text("Residential, low voltage")
        part.get_by_role("button", name="Left out: 1").click()
        expect(seen(page, "It needs the contract demand.")).to_be_visible()
        part.get_by_role("button", name="Last 12 months").click()
        expect(part).to_contain_text("12 bills", timeout=SHOWN_MS)
        assert answers.compared[-1].endswith("months=12")


def test_an_older_server_still_has_todays_page(browser, server):
    with page_of(browser) as page:
        answers = Answers(page, bill_answers.old_bill())
        shows(page, server)
        expect(seen(page, "No word from the meter for 2 hours. Not billed.")).to_be_visible()
        expect(seen(page, "The base charge then rises by 5,700 won.")).to_be_visible()
        for name in ("What if", "Other tariffs", "Use by time of day"):
            expect(page.get_by_role("region", name=name)).to_have_count(0)
        expect(page.get_by_text("At this pace")).to_have_count(0)
        assert (answers.asked, answers.compared) == ([], [])


def test_paper_holds_the_answers_and_not_the_controls(browser, server):
    with page_of(browser, DESK) as page:
        Answers(page)
        shows(page, server)
        page.get_by_role("checkbox", name="Solar").check()
        expect(page.get_by_role("region", name="What if").get_by_role("status")).to_contain_text("−14,760")
        expect(page.get_by_role("region", name="Other tariffs")).to_contain_text("38,650")
        page.emulate_media(media="print")
        for text in (
            "about 71,230 won",
            "Around Nov 27",
            "Solar 3 kW",
            "28,621 won",
            "38,650 won",
            "contract demand",
        ):
            expect(seen(page, text)).to_be_visible()
        expect(page.locator("input:visible")).to_have_count(0)
        expect(page.get_by_role("button", name="Last 12 months")).to_have_count(0)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["360", "1440"])
@pytest.mark.parametrize("locale", ["ko-KR", "en-GB"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_parts_open_fit_and_are_accessible(browser, server, size, locale, scheme):
    with page_of(browser, size, locale, scheme) as page:
        Answers(page, bill_answers.hourly_bill() | {"tier": bill_answers.old_bill()["tier"]})
        shows(page, server)
        for box in page.get_by_role("checkbox").all():
            box.check()
        expect(page.locator("[role=status]", has_text="−14,760")).to_be_visible(timeout=SHOWN_MS)
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        closed = page.locator("main button[aria-expanded=false]")
        while closed.count():
            closed.first.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.help]))")
        assert [v for v in found if v[0] in ("serious", "critical")] == []
