"""Files that a person brings to the page: looked at, changed, imported, and imported again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from chowon.api import answers, imports
from chowon.api.access import Access
from chowon.api.middleware import BodyLimit
from chowon.domain.sites import ChannelKey
from chowon.errors import StoreUnavailable
from chowon.ingest.door import Door
from chowon.ingest.import_spool import MOST_FILES, Spool
from chowon.ingest.imports import ImportBooks, Imports
from chowon.ingest.ledger import Ledger
from chowon.ingest.naming import Naming
from chowon.ingest.pipeline import Pipeline
from chowon.meters import registry
from chowon.store.opening import Store, open_store
from tests.unit.test_csv_mapping import COUNTERS, GERMAN, KOREAN

NOW_MS = 1_795_500_000_000
MOST_BYTES = 300_000
GREEN_BUTTON = Path(__file__).parents[1] / "recordings/green-button/two-ways.xml"
RICH = (
    "time;verbrauch kWh;leistung W\n"
    "2026-11-01 00:00;0,5;2000\n2026-11-01 00:15;0,25;1000\n2026-11-01 00:30;0,25;1000\n"
)


class Server:
    """The routes over a real store, with the task that imports."""

    def __init__(self, folder: Path, token: str | None = None) -> None:
        self.store: Store = open_store(folder, now_ms=lambda: NOW_MS)
        self.recounted: list[int] = []
        self.pipeline = Pipeline(self.store.journal, lambda _: None)
        door = Door(registry.found(), Naming(self.store.sites), self.pipeline, Ledger())
        books = ImportBooks(door, self.store.sites, self.store.history, lambda: NOW_MS, self._changed)
        self.imports = Imports(books, Spool(folder, MOST_BYTES, lambda: NOW_MS))
        self.app = FastAPI()
        self.app.state.parts = SimpleNamespace(
            sites=self.store.sites,
            history=self.store.history,
            door=door,
            imports=self.imports,
            access=Access(self.store.tokens, token),
        )
        self.app.include_router(imports.router, prefix="/api/v1")
        answers.install(self.app)
        self.app.add_middleware(BodyLimit, limit_bytes=1000, files={"/api/v1/imports": MOST_BYTES})

    async def _changed(self, channels: list[int]) -> None:
        self.recounted += channels

    def run(self, story: Callable[["Client"], Awaitable[None]], token: str | None = None) -> None:
        async def told() -> None:
            tasks = [asyncio.create_task(self.pipeline.run()), asyncio.create_task(self.imports.run())]
            transport = httpx.ASGITransport(self.app)
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost", headers=headers
            ) as http:
                await story(Client(http))
            self.pipeline.close()
            tasks[1].cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

        asyncio.run(told())

    def readings(self) -> list[tuple[str, int, float | None, float | None]]:
        """(channel, time, power W, import kWh) of all that is stored."""
        sites = self.store.sites.sites()
        names = {c.id: f"{c.key.meter}/{c.key.channel}" for site in sites for c in site.channels}
        found = self.store.history.readings(list(names), 0, NOW_MS * 2)
        told = []
        for n in range(len(found)):
            power, energy = found.column("power_dw"), found.column("import_milliwh")
            watts = None if power is None or power[n] < -(2**30) else power[n] / 10
            kwh = None if energy is None or energy[n] < 0 else energy[n] / 1_000_000
            told.append((names[int(found.channel[n])], int(found.time_ms[n]), watts, kwh))
        return told


class Client:
    """Asks as the page does."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ask(self, method: str, path: str = "", **how: Any) -> Any:
        answer = await self.http.request(method, f"/api/v1/imports{path}", **how)
        assert answer.status_code in (200, 204), answer.text
        return answer.json() if answer.content else None

    async def bring(self, content: bytes | str, name: str = "use.csv") -> str:
        raw = content.encode() if isinstance(content, str) else content
        return (await self.ask("POST", params={"name": name}, content=raw))["id"]

    async def check(self, id_: str, **wish: object) -> Any:
        return await self.ask("POST", f"/{id_}/check", json=wish)

    async def done(self, id_: str, **wish: object) -> Any:
        await self.ask("POST", f"/{id_}/start", json=wish)
        while (state := await self.ask("GET", f"/{id_}"))["state"] in ("waiting", "running"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        return state


@pytest.fixture
def server(tmp_path: Path):
    server = Server(tmp_path / "data")
    yield server
    server.store.close()


def test_nothing_is_written_before_the_person_says_so(server: Server):
    async def story(client: Client) -> None:
        id_ = await client.bring(KOREAN)
        found = await client.check(id_, timezone="Asia/Seoul")
        assert found["wrong"] == []
        assert found["target"] | {"notes": []} == {
            "site": "home",
            "site_is_new": True,
            "meter": "main",
            "lines": [
                {"meter": "main", "channel": "main", "is_new": True, "role": "main"},
                {"meter": "main", "channel": "export", "is_new": True, "role": "phase"},
            ],
            "notes": [],
        }
        assert found["rows"][0]["values"] == [{"number": 0.42, "unit": "kWh"}, {"number": 0.0, "unit": "kWh"}]
        assert found["rows"][0]["end_ms"] - found["rows"][0]["start_ms"] == 3_600_000
        assert found["raw"][1] == {"line": 2, "cells": ["일시", "사용량(kWh)", "역송(kWh)"]}
        assert server.store.sites.sites() == []

    server.run(story)


def test_a_file_is_imported_told_row_by_row_and_the_second_time_changes_nothing(server: Server):
    async def story(client: Client) -> None:
        id_ = await client.bring(KOREAN.replace("0.40", "much"))
        wish = {"mapping": (await client.check(id_, timezone="Asia/Seoul"))["mapping"], "site_name": "우리집"}
        told = await client.done(id_, **wish)
        assert told["state"] == "done"
        tally = told["tally"]
        assert (tally["new"], tally["changed"], tally["known"], tally["refused"]) == (4, 0, 0, 1)
        assert tally["rows"] == 3
        problem = tally["problems"][0]
        assert (problem["line"], problem["column"], problem["found"]) == (5, "사용량(kWh)", "'much'")
        assert problem["expected"]["ko"] == "소수점을 “.”로 적은 숫자"
        before = server.readings()
        sequence = server.store.journal.bounds().last
        again = (await client.done(id_, **wish))["tally"]
        assert (again["new"], again["changed"], again["known"], again["refused"]) == (0, 0, 4, 1)
        assert server.readings() == before
        assert server.store.journal.bounds().last == sequence

    server.run(story)
    (site,) = server.store.sites.sites()
    assert (site.key, site.name) == ("home", "우리집")
    assert {(c.key.channel, c.role, c.hold_ms) for c in site.channels} == {
        ("main", "main", 3_600_000),
        ("export", "phase", 3_600_000),
    }
    assert set(server.recounted) == {c.id for c in site.channels}


def test_a_row_that_says_something_else_now_is_told_as_changed(server: Server):
    async def story(client: Client) -> None:
        await client.done(await client.bring(COUNTERS), timezone="Asia/Seoul")
        changed = COUNTERS.replace("14834224\t0.790", "14834225\t0.790")
        told = await client.done(await client.bring(changed), timezone="Asia/Seoul", meter="main")
        tally = told["tally"]
        assert (tally["new"], tally["changed"], tally["known"]) == (0, 1, 2)

    server.run(story)
    assert [kwh for _, _, _, kwh in server.readings()] == [14834.211, 14834.225, 14834.237]


def test_interval_energy_and_power_of_one_channel_must_be_chosen_between(server: Server):
    async def story(client: Client) -> None:
        id_ = await client.bring(RICH)
        found = await client.check(id_, timezone="Europe/Berlin")
        values = [
            {"column": "verbrauch kWh", "means": "interval_import_kwh", "channel": "main"},
            {"column": "leistung W", "means": "power_w", "channel": "main"},
        ]
        both = await client.check(id_, mapping=found["mapping"] | {"value": values})
        assert both["wrong"][0]["en"].startswith("“verbrauch kWh” and “leistung W” would both be the same")
        assert both["rows"] == []
        refused = await client.http.post(
            f"/api/v1/imports/{id_}/start", json={"mapping": found["mapping"] | {"value": values}}
        )
        assert refused.status_code == 422
        assert "Leave one of them out" in refused.text
        one = await client.check(id_, mapping=found["mapping"] | {"value": values[:1]})
        assert one["wrong"] == []
        assert server.store.sites.sites() == []

    server.run(story)


def test_with_another_separator_and_line_of_names_the_rest_is_guessed_anew(server: Server):
    async def story(client: Client) -> None:
        id_ = await client.bring("a,b\n1,2\n" + GERMAN)
        blank = (await client.check(id_, timezone="Europe/Berlin"))["mapping"] | {"time": [], "value": []}
        found = await client.check(id_, mapping=blank | {"delimiter": ";", "header_line": 5}, guess=True)
        assert found["mapping"]["time"] == ["Datum von", "Uhrzeit von"]
        assert found["mapping"]["header_line"] == 5
        assert [v["column"] for v in found["mapping"]["value"]] == ["Verbrauch [kWh]"]
        none = await client.check(id_, mapping=blank | {"delimiter": "|", "header_line": 5}, guess=True)
        assert (none["mapping"]["delimiter"], none["mapping"]["header_line"]) == ("|", 5)

    server.run(story)


def test_a_mapping_is_saved_and_used_again(server: Server):
    async def story(client: Client) -> None:
        first = await client.check(await client.bring(GERMAN), timezone="Europe/Berlin")
        again = await client.check(await client.bring(GERMAN), toml=first["toml"])
        assert again["mapping"] == first["mapping"]
        assert again["rows"] == first["rows"]
        wrong = await client.check(await client.bring(KOREAN), toml=first["toml"])
        assert "Datum von" in wrong["wrong"][0]["en"]

    server.run(story)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"  \n \n", "empty"),
        (b"\x7fELF\0\0\1" * 100, "no text file"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"\x1f\x8brest", "packed"),
        (b"%PDF-1.7", "PDF"),
        (b"just some words\nand more of them\n", "No table was found"),
        (b"<?xml version='1.0'?><feed/>", "Green Button"),
    ],
)
def test_a_file_that_is_no_table_says_what_to_do(server: Server, content: bytes, says: str):
    async def story(client: Client) -> None:
        found = await client.check(await client.bring(content), timezone="Asia/Seoul")
        told = [*found["wrong"], *(q["text"] for q in found["questions"])]
        assert any(says in text["en"] for text in told), told
        assert all(text["ko"] for text in told)
        assert found["target"]["lines"] == []

    server.run(story)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_korean_files_are_understood_in_each_of_their_encodings(server: Server, encoding: str):
    async def story(client: Client) -> None:
        found = await client.check(await client.bring(KOREAN.encode(encoding)), timezone="Asia/Seoul")
        assert [c["name"] for c in found["columns"]] == ["일시", "사용량(kWh)", "역송(kWh)"]
        assert found["wrong"] == []
        assert len(found["rows"]) == 3

    server.run(story)


def test_western_letters_are_not_taken_for_korean_ones(server: Server):
    async def story(client: Client) -> None:
        found = await client.check(await client.bring(GERMAN.encode("cp1252")), timezone="Europe/Berlin")
        assert found["mapping"]["encoding"] == "cp1252"
        assert found["raw"][0]["cells"] == ["Verbrauchsdaten", "Zähler 1EMH0012345678"]

    server.run(story)


def test_green_button_goes_through_the_same_door(server: Server):
    async def story(client: Client) -> None:
        id_ = await client.bring(GREEN_BUTTON.read_bytes(), "use.xml")
        found = await client.check(id_)
        assert (found["mapping"], found["wrong"]) == (None, [])
        assert {line["channel"] for line in found["target"]["lines"]} == {"main", "export"}
        first = (await client.done(id_))["tally"]
        again = (await client.done(id_))["tally"]
        assert first["new"] == again["known"] > 0
        assert again["new"] == 0

    server.run(story)


def test_a_channel_whose_hold_is_shorter_than_an_interval_is_not_filled_with_holes(server: Server):
    server.store.sites.register(ChannelKey("home", "main", "main"), 10_000)

    async def story(client: Client) -> None:
        id_ = await client.bring(KOREAN)
        into = await client.check(id_, meter="main")
        assert "most of its energy would be lost" in into["wrong"][0]["en"]
        beside = await client.check(id_)
        assert beside["wrong"] == []
        assert beside["target"]["meter"] == "file"

    server.run(story)


def test_what_would_count_twice_is_suggested_as_counting_nothing(server: Server):
    async def story(client: Client) -> None:
        id_ = await client.bring(KOREAN)
        await client.done(id_, timezone="Asia/Seoul")
        found = await client.check(id_, meter="second")
        assert {line["role"] for line in found["target"]["lines"]} == {"aside"}
        roles = {"main": "main"}
        chosen = await client.check(id_, meter="second", roles=roles)
        assert any("counts twice" in note["en"] for note in chosen["target"]["notes"])
        await client.done(id_, meter="second", roles=roles)

    server.run(story)
    roles = {str(c.key): c.role for c in server.store.sites.sites()[0].channels}
    assert (roles["home/second/main"], roles["home/second/export"]) == ("main", "aside")


def test_powers_by_the_minute_stand_until_the_next_one(server: Server):
    async def story(client: Client) -> None:
        await client.done(await client.bring(COUNTERS), timezone="Asia/Seoul")

    server.run(story)
    assert server.store.sites.sites()[0].channels[0].hold_ms == 180_000


def test_a_file_that_is_too_large_is_refused_with_the_command_that_takes_it(server: Server):
    async def story(client: Client) -> None:
        large = await client.http.post(
            "/api/v1/imports", params={"name": "x"}, content=b"1" * (MOST_BYTES + 1)
        )
        assert large.status_code == 413
        assert "chowon import FILE --ask --url" in large.text
        assert (await client.ask("GET"))["most_bytes"] == MOST_BYTES
        assert list(server.imports.spool.folder.iterdir()) == []

    server.run(story)


def test_old_files_go_when_others_come_and_a_dropped_one_leaves_nothing(server: Server):
    async def story(client: Client) -> None:
        ids = [await client.bring(KOREAN, f"{n}.csv") for n in range(MOST_FILES + 1)]
        assert [one["id"] for one in (await client.ask("GET"))["imports"]] == ids[1:]
        for id_ in ids[1:]:
            await client.ask("DELETE", f"/{id_}")
        gone = await client.http.get(f"/api/v1/imports/{ids[1]}")
        assert gone.status_code == 404
        assert list(server.imports.spool.folder.iterdir()) == []

    server.run(story)


def test_a_file_that_is_stopped_and_forgotten_while_it_is_imported_leaves_the_others_alone(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chowon.ingest.files.ROWS", 1)

    async def story(client: Client) -> None:
        first, second = await client.bring(KOREAN), await client.bring(COUNTERS)
        for id_ in (first, second):
            await client.ask("POST", f"/{id_}/start", json={"timezone": "Asia/Seoul", "meter": id_})
        while (await client.ask("GET", f"/{first}"))["tally"]["new"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await client.ask("DELETE", f"/{first}")
        assert (await client.ask("GET", f"/{first}"))["state"] == "stopped"
        await client.ask("DELETE", f"/{first}")
        while (state := await client.ask("GET", f"/{second}"))["state"] in ("waiting", "running"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert (state["state"], state["tally"]["new"]) == ("done", 3)

    server.run(story)
    assert sum("/main" in name for name, *_ in server.readings()) > 0


def test_a_store_that_fails_is_told_and_the_import_can_be_made_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    async def story(client: Client) -> None:
        id_ = await client.bring(KOREAN)
        with monkeypatch.context() as broken:

            async def away(*_: object, **__: object) -> None:
                raise StoreUnavailable("the disk is full")

            broken.setattr("chowon.ingest.imports.ATTEMPTS", 1)
            broken.setattr(server.imports._books.door, "take_decoded", away)
            told = await client.done(id_, timezone="Asia/Seoul")
        assert (told["state"], told["message"], told["tally"]["new"]) == ("failed", "the disk is full", 0)
        assert (await client.done(id_, timezone="Asia/Seoul"))["tally"]["new"] == 6

    server.run(story)


def test_bringing_a_file_needs_a_token_that_may_write(tmp_path: Path):
    server = Server(tmp_path / "data", token="secret")
    reader = server.store.tokens.issue("reader", frozenset({"read"}))
    writer = server.store.tokens.issue("writer", frozenset({"write"}))

    async def may_not(client: Client) -> None:
        for method, path in [
            ("GET", ""),
            ("POST", "?name=x"),
            ("GET", "/" + "0" * 16),
            ("DELETE", "/" + "0" * 16),
        ]:
            answer = await client.http.request(method, f"/api/v1/imports{path}")
            assert answer.status_code == 401
        for path in ("check", "start"):
            answer = await client.http.post(f"/api/v1/imports/{'0' * 16}/{path}", json={})
            assert answer.status_code == 401

    async def may(client: Client) -> None:
        assert (await client.done(await client.bring(KOREAN), timezone="Asia/Seoul"))["state"] == "done"

    server.run(may, writer)
    server.run(may_not, reader)
    server.store.close()


def test_values_that_no_meter_has_cost_their_row_and_are_named_by_line(server: Server):
    text = COUNTERS.replace("0.790", "9000000").replace("1795438920", "5")

    async def story(client: Client) -> None:
        mapping = (await client.check(await client.bring(COUNTERS), timezone="Asia/Seoul"))["mapping"]
        tally = (await client.done(await client.bring(text), mapping=mapping))["tally"]
        assert (tally["new"], tally["refused"]) == (1, 2)
        assert [(p["line"], p["column"]) for p in tally["problems"]] == [(4, "time"), (3, "power_w")]
        assert tally["problems"][1]["expected"]["ko"].startswith("W 숫자")

    server.run(story)
