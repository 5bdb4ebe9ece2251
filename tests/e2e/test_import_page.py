"""A file is brought to the page, looked at, changed and imported: a real server, a real Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from chowon.ingest.csv_mapping import parse_mapping
from tests.e2e.pages import DESK, PHONE, SHOWN_MS, page_of, seen, well_made
from tests.system.programs import Server, serve
from tests.unit.test_csv_mapping import COUNTERS, GERMAN, KOREAN

GREEN_BUTTON = Path(__file__).parents[1] / "recordings/green-button/two-ways.xml"
RICH = "time,used kWh,power W\n" + "".join(
    f"2026-11-01 {h:02d}:{m:02d},0.25,1000\n" for h in range(24) for m in (0, 15, 30, 45)
)


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with serve(tmp_path / "data") as running:
        yield running.ready()


def _opened(page: Page, server: Server, content: bytes | str, name: str = "use.csv") -> None:
    page.goto(f"{server.http}/#/meters")
    _choose(page, content, name)


def _choose(page: Page, content: bytes | str, name: str = "use.csv") -> None:
    raw = content.encode() if isinstance(content, str) else content
    chooser = page.locator("section input[type=file]:not([accept='.toml'])")
    chooser.set_input_files({"name": name, "mimeType": "text/csv", "buffer": raw})


def _readings(server: Server) -> int:
    return sum(
        len(
            server.get(f"/sites/{s['id']}/usage?from=1793400000000&to=1793600000000&resolution=15min")[
                "start_ms"
            ]
        )
        for s in server.get("/sites")["sites"]
    )


@pytest.mark.parametrize(
    ("size", "locale", "scheme"),
    [(PHONE, "ko-KR", "light"), (DESK, "en-GB", "dark")],
    ids=["phone-ko", "desk-en"],
)
def test_a_korean_file_is_looked_at_imported_and_imported_again(browser, server, size, locale, scheme):
    ko = locale == "ko-KR"
    with page_of(browser, size, locale, scheme) as page:
        _opened(page, server, KOREAN.replace("0.40,0\n", "?,0\n").encode("cp949"), "사용량.csv")
        expect(page.get_by_role("heading", name="사용량.csv")).to_be_focused()
        expect(seen(page, "고객번호")).to_be_visible()
        expect(seen(page, "0.42 kWh")).to_be_visible()
        expect(seen(page, "5번째 줄" if ko else "Line 5")).to_be_visible()
        page.get_by_label("시간대" if ko else "Time zone").fill("Asia/Seoul")
        page.get_by_label("시간대" if ko else "Time zone").press("Tab")
        stamp = page.get_by_label("한 줄의 시각은" if ko else "Time of a row is")
        stamp.select_option("end")
        expect(seen(page, "2026-10-31 23:00")).to_be_visible()
        stamp.select_option("start")
        expect(page.locator(".means tbody tr").first).to_contain_text("2026-11-01 00:00")
        well_made(page)
        assert server.get("/sites")["sites"] == []
        start = page.get_by_role("button", name="가져오기" if ko else "Import", exact=True)
        expect(start).to_be_enabled()
        start.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="가져왔어요" if ko else "Imported")).to_be_focused(
            timeout=SHOWN_MS
        )
        expect(seen(page, "새 값 4개" if ko else "New readings: 4")).to_be_visible()
        expect(seen(page, "뺀 줄 1개" if ko else "Rows left out: 1")).to_be_visible()
        well_made(page)
        before = _readings(server)
        page.get_by_role("button", name="파일 다시 보기" if ko else "Look at the file again").click()
        expect(seen(page, "이미 있어요" if ko else "there already")).to_be_visible()
        expect(start).to_be_enabled()
        start.click()
        nothing = "이 파일에는 새것이 없어요" if ko else "Nothing new in this file"
        expect(page.get_by_role("heading", name=nothing)).to_be_visible(timeout=SHOWN_MS)
        assert _readings(server) == before > 0
        page.get_by_role("button", name="마치기" if ko else "Done").click()
        expect(page.locator("section input[type=file]")).to_be_focused()


def test_everything_that_was_understood_can_be_changed_by_keyboard(browser, server):
    with page_of(browser, DESK) as page:
        _opened(page, server, RICH)
        energy, power = page.get_by_label("What used kWh holds"), page.get_by_label("What power W holds")
        expect(energy).to_have_value("interval_import_kwh")
        expect(power).to_have_value("")  # both would be the power of one channel
        expect(seen(page, "seems to say the same")).to_be_visible()
        power.focus()
        power.select_option("power_w")
        expect(page.get_by_label("Channel (power W)")).to_have_value("power_w")
        page.get_by_label("Channel (power W)").fill("main")
        page.get_by_label("Channel (power W)").press("Enter")
        expect(seen(page, "would both be the same quantity of channel “main”")).to_be_visible()
        expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
        well_made(page)
        energy.select_option("")
        expect(seen(page, "1,000 W")).to_be_visible()
        page.get_by_label("Between the cells").select_option(";")
        expect(seen(page, "No table was found")).to_be_visible()
        page.get_by_label("Between the cells").select_option(",")
        expect(energy).to_have_value("interval_import_kwh")
        page.get_by_label("Times are written as").select_option(label="another way")
        page.get_by_label("How times are written").fill("%d.%m.%Y")
        page.get_by_label("How times are written").press("Tab")
        expect(seen(page, "a time written as %d.%m.%Y")).to_be_visible()
        page.get_by_label("Time, or date").select_option("used kWh")
        page.get_by_label("Time, or date").select_option("time")
        expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
        page.get_by_label("What used kWh holds").select_option("interval_import_kwh")
        page.get_by_label("Name of the new site").fill("Cottage")
        page.get_by_label("Meter (its short name)").fill("old-logger")
        page.get_by_label("Meter (its short name)").press("Tab")
        expect(seen(page, "old-logger · main")).to_be_visible()
        page.get_by_label("What channel main is").select_option("circuit")
        expect(seen(page, "no bill of it")).to_be_visible()
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("heading", name="Imported")).to_be_visible(timeout=SHOWN_MS)
    (site,) = server.get("/sites")["sites"]
    assert site["name"] == "Cottage"
    assert [(c["meter"], c["key"], c["role"]) for c in site["channels"]] == [
        ("old-logger", "main", "circuit")
    ]


def test_how_a_file_is_read_is_saved_and_used_again(browser, server, tmp_path):
    with page_of(browser, PHONE) as page:
        _opened(page, server, GERMAN.encode("cp1252"))
        expect(page.get_by_label("Before decimals")).to_have_value(",")
        page.get_by_label("Time zone").fill("Europe/Berlin")
        page.get_by_label("Time zone").press("Tab")
        page.get_by_label("Channel (Verbrauch [kWh])").fill("flat")
        page.get_by_label("Channel (Verbrauch [kWh])").press("Tab")
        expect(seen(page, "main · flat")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save how it is read").click()
        assert download.value.suggested_filename == "use.toml"
        saved = tmp_path / "use.toml"
        download.value.save_as(saved)
        mapping = parse_mapping(saved.read_text("utf-8"), "saved")
        assert (mapping.timezone, mapping.value[0].channel) == ("Europe/Berlin", "flat")
        page.get_by_role("button", name="Another file").click()
        _choose(page, GERMAN.encode("cp1252"), "next.csv")
        expect(page.get_by_label("Channel (Verbrauch [kWh])")).to_have_value("main")
        page.locator("input[accept='.toml']").set_input_files(saved)
        expect(page.get_by_label("Channel (Verbrauch [kWh])")).to_have_value("flat")
        expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "This file is empty"),
        (bytes(range(256)) * 50, "This is no text file"),
        (b"PK\x03\x04" + b"\1" * 99, "This is a spreadsheet"),
        (("2026-11-01 00:00 & 0,42 & x\n" * 400_000).encode(), "No table was found"),
        (b"<feed/>", "no Green Button file"),
    ],
    ids=["empty", "binary", "spreadsheet", "10-mb-of-other-separators", "xml"],
)
def test_a_file_that_cannot_be_read_says_so_and_another_one_can_be_chosen(browser, server, content, says):
    with page_of(browser) as page:
        _opened(page, server, content, "x.csv")
        expect(seen(page, says)).to_be_visible()
        expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
        well_made(page)
        page.get_by_role("button", name="Another file").click()
        _choose(page, "\ufeff" + COUNTERS)
        expect(page.get_by_label("What Meter reading total (Wh) holds")).to_have_value("counter_import_wh")
        expect(page.get_by_role("button", name="Import", exact=True)).to_be_enabled()


def test_green_button_is_imported_by_the_same_button(browser, server):
    with page_of(browser) as page:
        _opened(page, server, GREEN_BUTTON.read_bytes(), "use.xml")
        expect(seen(page, "main · export")).to_be_visible()
        well_made(page)
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("heading", name="Imported")).to_be_visible(timeout=SHOWN_MS)
        expect(seen(page, re.compile("New readings: [1-9]"))).to_be_visible()


def test_an_import_goes_on_while_nobody_looks_and_a_large_file_says_what_to_do(browser, tmp_path):
    with serve(tmp_path / "data", CHOWON_SERVER__MAX_IMPORT_MIB="1") as running:
        server = running.ready()
        rows = "".join(f"{1_793_458_800 + n},{n % 900}\n" for n in range(70_000))
        with page_of(browser) as page:
            _opened(page, server, "time,power W\n" + rows)
            page.get_by_role("button", name="Import", exact=True).click()
            expect(page.get_by_role("heading", name=re.compile("Import"), level=3)).to_be_visible()
            page.reload()
            expect(page.get_by_role("heading", name="Imported")).to_be_visible(timeout=60_000)
            expect(seen(page, "New readings: 70,000")).to_be_visible()
            page.get_by_role("button", name="Done").click()
            _choose(page, "time,power W\n" + rows * 2)
            expect(seen(page, "chowon import FILE --ask --url ADDRESS")).to_be_visible()
