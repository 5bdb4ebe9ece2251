"""Who used it: a home with two plugs, its real server, a real Chromium. And a home without prices."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from chowon.domain.clock import local_day
from chowon.store.opening import open_store
from tests.e2e.homes import SEOUL, boil, fill, measure, now_ms, plug_in
from tests.e2e.pages import AXE, DESK, PHONE, SHOWN_MS, page_of, well_made
from tests.hourly import MARKET, write
from tests.system.programs import Server, serve

TITLE = re.compile("Who used it|누가 얼마나 썼나요")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("home")
    fill(folder, now_ms() - 60_000)
    plug_in(folder, now_ms() - 60_000, {"fridge": 60, "water_heater": 200})
    with serve(folder, CHOWON_APPLIANCES__TELL="false") as running:  # its power is noise
        yield running.ready()


def section(page: Page, server: Server) -> Locator:
    page.goto(f"{server.http}/#/bill")
    found = page.get_by_role("region", name=TITLE)
    expect(found.get_by_role("listitem")).to_have_count(3, timeout=SHOWN_MS)
    return found


def won(rows: Locator) -> list[int]:
    """The amounts of a list."""
    texts = rows.locator(".amount").all_inner_texts()
    return [int(re.sub(r"[^\d−]", "", text).replace("−", "-")) for text in texts]


@pytest.mark.parametrize("rule", ["average", "marginal", "shapley"])
def test_each_way_shows_what_the_server_answers_and_which_question_it_is(browser, server, rule):
    choice, question = {
        "average": ("Split it", "when every kWh costs the same"),
        "marginal": ("Without it", "would have saved"),
        "shapley": ("Its doing", "each one caused"),
    }[rule]
    with page_of(browser) as page:
        part = section(page, server)
        part.get_by_role("radio", name=choice).check()
        expect(part).to_contain_text(question)
        expect(part.locator("[aria-busy=true]")).to_have_count(0)
        told = server.get(f"/sites/1/bill/shares?rule={rule}")
        rows = part.get_by_role("listitem")
        expect(rows).to_contain_text(["water heater", "fridge", "Everything else"])
        shares = [*told["parts"], told["rest"]]
        assert won(rows) == [int(share["amount"]) for share in shares]
        assert sum(won(rows)) + int(told["difference"]) == int(told["total"])
        expect(part.get_by_text("each is counted as the last to arrive")).to_have_count(
            int(rule == "marginal")
        )
        part.get_by_role("button", name="How this is worked out").click()
        expect(part).to_contain_text("what the whole home used less what is measured apart")


def test_a_home_without_parts_has_no_such_section_where_nothing_is_told(browser, tmp_path):
    fill(tmp_path, now_ms() - 60_000)
    off = serve(tmp_path, CHOWON_APPLIANCES__TELL="false")
    with off as running, page_of(browser) as page:
        with page.expect_response(re.compile("/bill/shares")):
            page.goto(f"{running.ready().http}/#/bill")
        expect(page.get_by_role("region", name="Other tariffs")).to_be_visible(timeout=SHOWN_MS)
        expect(page.get_by_role("region", name=TITLE)).to_have_count(0)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["360", "1440"])
@pytest.mark.parametrize("locale", ["ko-KR", "en-GB"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_section_fits_and_is_accessible(browser, server, size, locale, scheme):
    with page_of(browser, size, locale, scheme) as page:
        part = section(page, server)
        part.get_by_role("radio").nth(1).check()
        part.locator("button[aria-expanded=false]").click()
        expect(part.locator("[aria-busy=true]")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        bar = part.locator(".track").first.bounding_box()
        assert bar is not None
        assert bar["width"] > 200, "short bars tell nothing"
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.help]))")
        assert [v for v in found if v[0] in ("serious", "critical")] == []


@pytest.fixture
def without_prices(tmp_path) -> Path:
    fill(tmp_path, now_ms() - 20 * 60_000)
    (tmp_path / "tariffs").mkdir()
    tariff = write(tmp_path / "tariffs", "market", MARKET)
    store = open_store(tmp_path)
    store.sites.configure(replace(store.sites.sites()[0], tariff=tariff))
    store.close()
    return tmp_path


@pytest.mark.parametrize(
    ("locale", "words"), [("ko-KR", "요금제를 바꿔 주세요"), ("en-GB", "choose another tariff for this site")]
)
def test_now_says_why_there_are_no_costs_and_what_to_do(browser, without_prices, locale, words):
    with serve(without_prices) as running, page_of(browser, locale=locale) as page:
        measure(running.ready(), 1234)
        page.goto(running.http)
        expect(page.locator("h1.hero-figure .value")).to_have_text("1,234", timeout=SHOWN_MS)
        expect(page.locator(".hero")).to_contain_text("day_ahead")
        expect(page.locator(".hero")).to_contain_text(words)
        expect(page.get_by_text(re.compile("Next kWh|다음 1 kWh"))).to_have_count(0)


@pytest.fixture(scope="module")
def boiling(tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("boiling")
    boil(folder, now_ms() - 60_000)
    with serve(folder) as running:
        yield running.ready()


@pytest.mark.parametrize(
    ("locale", "name", "runs", "when"),
    [
        ("ko-KR", "전기 주전자", "{count}번, 한 번에", "언제 돌았나요"),
        ("en-GB", "Kettle", "{count} runs, ", "When they ran"),
    ],
)
def test_an_appliance_without_a_meter_of_its_own_is_told_with_its_runs(
    browser, boiling, locale, name, runs, when
):
    last = local_day(now_ms(), SEOUL).replace(day=1) - timedelta(days=1)
    with page_of(browser, locale=locale) as page:
        page.goto(f"{boiling.http}/#/bill?date={last}")
        part = page.get_by_role("region", name=TITLE)
        row = part.get_by_role("listitem").filter(has_text=name)
        expect(row).to_contain_text(runs.format(count=3 * last.day), timeout=SHOWN_MS)
        part.get_by_role("button", name=when).press("Enter")
        table = part.get_by_role("table", name=name)
        expect(table.get_by_role("row")).to_have_count(8 + 1)
        told = boiling.get(f"/sites/1/bill/shares?date={last}")
        [kettle] = [one for one in told["parts"] if one["label"]["ko"] == "전기 주전자"]
        newest = kettle["runs"]["newest"][0]
        expect(table.get_by_role("row").nth(1)).to_contain_text(f"{round(newest['kwh'] * 1000)}\u00a0Wh")
        assert abs(kettle["kwh"] / (3 * last.day) - 2.4 * 170 / 3600) < 0.01
        well_made(page)


@pytest.mark.parametrize(
    ("locale", "how", "none", "again"),
    [
        ("ko-KR", "이렇게 셈했어요", "전기 주전자: 우리 집에 없어요", "있어요"),
        ("en-GB", "How this is worked out", "Kettle: we have none", "We have one"),
    ],
)
def test_what_a_home_has_not_is_told_no_more_until_it_has_one(browser, boiling, locale, how, none, again):
    last = local_day(now_ms(), SEOUL).replace(day=1) - timedelta(days=1)
    with page_of(browser, locale=locale) as page:
        page.goto(f"{boiling.http}/#/bill?date={last}")
        part = page.get_by_role("region", name=TITLE)
        kettle = part.get_by_role("listitem").filter(has_text=re.compile("전기 주전자|Kettle"))
        expect(kettle).to_have_count(1, timeout=SHOWN_MS)
        part.get_by_role("button", name=how).click()
        part.get_by_role("button", name=none).press("Enter")
        expect(kettle).to_have_count(0, timeout=SHOWN_MS)
        assert boiling.get("/sites/1")["without"] == ["kettle"]
        expect(part.get_by_role("button", name=again)).to_be_focused()
        page.keyboard.press("Enter")
        expect(kettle).to_have_count(1, timeout=SHOWN_MS)
        assert boiling.get("/sites/1")["without"] == []
        expect(part.get_by_role("button", name=none)).to_be_focused()


def test_of_two_quick_presses_the_second_waits_for_the_first_and_none_is_lost(browser, boiling):
    """A home of which two kinds are told, as far as the page can see."""
    last = local_day(now_ms(), SEOUL).replace(day=1) - timedelta(days=1)
    told = boiling.get(f"/sites/1/bill/shares?date={last}")
    [kettle] = [one for one in told["parts"] if one["part"] == "/kettle"]
    dryer = {**kettle, "part": "/dryer", "label": {"ko": "건조기", "en": "Dryer"}}
    without: list[str] = []
    changes: list[Route] = []

    def shares(route: Route) -> None:
        parts = [one for one in (kettle, dryer) if one["part"][1:] not in without]
        has_not = [{"kind": kind, "label": {"ko": kind, "en": kind}} for kind in without]
        route.fulfill(json={**told, "parts": parts, "without": has_not})

    def changed(route: Route) -> None:
        changes.append(route)

    with page_of(browser) as page:
        page.route(re.compile("/bill/shares"), shares)
        page.route(re.compile("/sites/1$"), changed)
        page.goto(f"{boiling.http}/#/bill?date={last}")
        part = page.get_by_role("region", name=TITLE)
        part.get_by_role("button", name="How this is worked out").click(timeout=SHOWN_MS)
        with page.expect_request(re.compile("/sites/1$")):
            part.get_by_role("button", name="Kettle: we have none").click()
        part.get_by_role("button", name="Dryer: we have none").click()
        without.append("kettle")
        changes[0].fulfill(json=boiling.get("/sites/1"))
        expect(part.get_by_text("Kettle: we have none")).to_have_count(0)
        with page.expect_request(re.compile("/sites/1$")):
            part.get_by_role("button", name="Dryer: we have none").click()
        said = [route.request.post_data_json for route in changes]
        assert said == [{"without": ["kettle"]}, {"without": ["kettle", "dryer"]}]
        changes[1].fulfill(json=boiling.get("/sites/1"))


def test_a_token_that_may_not_write_is_told_which_one_may(browser, boiling):
    with page_of(browser, allowed="401") as page:
        page.route(re.compile("/sites/1$"), lambda route: route.fulfill(status=401, json={}))
        last = local_day(now_ms(), SEOUL).replace(day=1) - timedelta(days=1)
        page.goto(f"{boiling.http}/#/bill?date={last}")
        part = page.get_by_role("region", name=TITLE)
        part.get_by_role("button", name="How this is worked out").click(timeout=SHOWN_MS)
        none = part.get_by_role("button", name="Kettle: we have none")
        none.press("Enter")
        expect(part.get_by_role("alert")).to_contain_text("scope write")
        expect(none).to_be_focused()
