"""The dashboard as a person meets it: a real server, a real Chromium, real readings."""

import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.homes import fill, measure, now_ms, recorded_week, reference_bill
from tests.e2e.pages import AXE, DESK, KILLED, PHONE, SHOWN_MS, page_of, seen
from tests.system.programs import Server, eventually, serve

WATTS = "h1.hero-figure .value"
BADGE = "p.badge"


@pytest.fixture
def folder(tmp_path) -> Path:
    """The data folder of a home in the middle of its billing period, silent for a while."""
    fill(tmp_path, now_ms() - 20 * 60_000)
    return tmp_path


@pytest.fixture
def server(folder) -> Iterator[Server]:
    with serve(folder) as running:
        yield running.ready()


def test_the_watts_on_the_page_follow_the_meter_within_a_second(browser, server):
    with page_of(browser, locale="ko-KR") as page:
        measure(server, 100)
        page.goto(server.http)
        expect(page.locator(WATTS)).to_have_text("100", timeout=SHOWN_MS)
        took = []
        for power in (1200, 340, 2750, 12_345, 60, 905, 410, 1517, 88, 1000):
            begun = time.perf_counter()
            measure(server, power)
            page.wait_for_function(
                "w => document.querySelector('h1.hero-figure .value').textContent === w",
                arg=f"{power:,}",
                polling="raf",
            )
            took.append(time.perf_counter() - begun)
        assert statistics.median(took) < 1, took


def test_the_watts_on_the_page_are_those_of_the_replayed_home(browser, tmp_path):
    recorded_week(tmp_path / "home.parquet")
    words = [
        "demo",
        "--recording",
        tmp_path / "home.parquet",
        "--data",
        tmp_path / "demo",
        "--port",
        "0",
        "--json",
    ]
    with Server(*words) as demo, page_of(browser, DESK) as page:
        demo.ready()
        page.goto(demo.http)
        expect(page.locator(WATTS)).to_have_text(re.compile(r"\d"), timeout=SHOWN_MS)
        instants = set()

        def follows() -> bool:
            """Whether the page showed what was measured in the last seconds, at five different instants."""
            shown = page.locator(WATTS).inner_text().replace(",", "").replace("−", "-")
            end = now_ms()
            raw = demo.get(f"/sites/1/usage?from={end - 15_000}&to={end + 1000}&resolution=raw")
            if re.search(r"\d", shown) and raw["power_w"]:
                assert any(abs(float(shown) - power) <= 0.5 for power in raw["power_w"]), (shown, raw)
                instants.add(raw["time_ms"][-1])
            return len(instants) >= 5

        eventually(follows)
        assert demo.stopped() == 0


def test_the_bill_on_the_page_is_the_reference_evaluation_of_the_stored_energy(browser, server, folder):
    total, lines, kwh = reference_bill(folder)
    with page_of(browser, DESK) as page:
        page.goto(f"{server.http}/#/bill")
        expect(page.locator(WATTS)).to_have_text(f"{total:,}", timeout=SHOWN_MS)
        expect(seen(page, f"{kwh:.1f} kWh")).to_be_visible()
        page.get_by_role("button", name="As a table").first.click()
        table = page.locator("table").first.inner_text()
        for amount in lines.values():
            assert f"{amount:,}".replace("-", "−") in table
        expect(page.get_by_text("No word from the meter for 2 h")).to_be_visible()


def test_the_now_page_says_the_same_as_the_api(browser, server):
    measure(server, 1234)
    now = server.get("/sites/1/now")
    with page_of(browser, DESK) as page:
        page.goto(server.http)
        expect(page.locator(WATTS)).to_have_text("1,234", timeout=SHOWN_MS)
        text = page.inner_text("main")
        assert f"{now['period']['kwh']:.1f}" in text
        assert f"{int(now['period']['cost']):,}" in text
        assert now["marginal_price"] in text
        assert f"Tier {now['tier']['index'] + 1}" in text


def test_silence_shows_as_a_stale_badge_and_no_number_is_guessed(browser, server):
    measure(server, 777, now_ms() - 60_000)
    with page_of(browser) as page:
        page.goto(server.http)
        expect(page.locator(BADGE)).to_contain_text("No word since", timeout=SHOWN_MS)
        expect(page.locator(WATTS)).not_to_contain_text(re.compile(r"\d"))
        measure(server, 778)
        expect(page.locator(WATTS)).to_have_text("778", timeout=SHOWN_MS)
        expect(page.locator(BADGE)).to_have_text("Live", timeout=SHOWN_MS)


def test_a_gap_stands_in_the_chart_and_in_its_table(browser, server):
    end = now_ms()
    for ago in (300, 299, 298, 120, 119, 3, 2, 1):
        measure(server, 500, end - 1000 * ago)
    with page_of(browser) as page:
        page.goto(server.http)
        expect(page.locator(WATTS)).to_have_text(re.compile(r"\d"), timeout=SHOWN_MS)
        page.get_by_role("button", name="As a table").first.click()
        expect(page.locator("table").first).to_contain_text("No word")


def test_a_server_that_restarts_is_found_again_without_a_reload(browser, folder):
    with serve(folder) as first:
        first.ready()
        port = first.http.rpartition(":")[2]
        with page_of(browser, allowed=KILLED) as page:
            measure(first, 111)
            page.goto(first.http)
            expect(page.locator(WATTS)).to_have_text("111", timeout=SHOWN_MS)
            page.evaluate("window.sameDocument = true")
            first.killed()
            expect(page.locator(BADGE)).not_to_have_text("Live", timeout=SHOWN_MS)
            with serve(folder, "--port", port) as second:
                measure(second.ready(), 222)
                expect(page.locator(BADGE)).to_have_text("Live", timeout=60_000)
                measure(second, 333)
                expect(page.locator(WATTS)).to_have_text("333", timeout=SHOWN_MS)
                assert page.evaluate("window.sameDocument") is True


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["360", "1440"])
@pytest.mark.parametrize("locale", ["ko-KR", "en-GB"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_speak_the_language_and_are_accessible(browser, server, size, locale, scheme):
    measure(server, 1000)
    with page_of(browser, size, locale, scheme) as page:
        for route, words in (("now", ("누진", "Tiers")), ("bill", ("전력량요금", "Energy charge"))):
            page.goto(f"{server.http}/#/{route}")
            expect(seen(page, words[locale == "en-GB"])).to_be_visible(timeout=SHOWN_MS)
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            assert page.evaluate("document.documentElement.lang") == locale[:2]
            page.evaluate(AXE.read_text("utf-8"))
            found = page.evaluate("axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.help]))")
            assert [v for v in found if v[0] in ("serious", "critical")] == []


def test_every_control_can_be_reached_and_used_with_the_keyboard(browser, server):
    measure(server, 1000)
    with page_of(browser) as page:
        page.goto(server.http)
        expect(page.locator(WATTS)).to_have_text("1,000", timeout=SHOWN_MS)
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.textContent.trim().slice(0, 20)"))
        assert any(r.startswith("Bill") for r in reached)
        assert any("table" in r for r in reached)
        page.get_by_role("link", name="Bill", exact=True).focus()
        page.keyboard.press("Enter")
        expect(seen(page, "Energy charge")).to_be_visible()


def test_with_a_token_set_the_page_asks_for_it_and_goes_on(browser, folder):
    token = "a-token-that-is-long-enough"
    with serve(folder, CHOWON_SERVER__TOKEN=token) as running:
        running.ready()
        with page_of(browser, allowed="401") as page:
            page.goto(running.http)
            page.locator("input[type=password]").fill(token)
            page.keyboard.press("Enter")
            expect(seen(page, "Tiers")).to_be_visible(timeout=SHOWN_MS)
