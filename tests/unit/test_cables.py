"""The meters of files and of the page together: names, what is kept, and what a start makes of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.sources import KeptSource
from chowon.errors import BadInput, NotFound
from chowon.ingest import cables
from chowon.ingest.cables import CableLimits, Cables
from chowon.ingest.source_file import Source, settings_of, source_from
from chowon.ingest.source_scan import Target
from chowon.ingest.sources import Pauses, Sources
from chowon.meters.fields import is_key
from chowon.meters.register_files import RegisterMaps
from tests.brokers import free_port
from tests.cables import until
from tests.ingest_fakes import NOW_MS, Intake


class Book:
    """A source book in a dictionary."""

    def __init__(self, *kept: KeptSource) -> None:
        self.kept = {one.name: one for one in kept}

    def sources(self) -> list[KeptSource]:
        return list(self.kept.values())

    def put(self, name: str, settings: str, *, paused: bool, by: str) -> None:
        self.kept[name] = KeptSource(name, settings, paused, NOW_MS, by)

    def remove(self, name: str) -> None:
        del self.kept[name]


def source(**settings: object) -> Source:
    here = {"kind": "modbus", "tcp": f"127.0.0.1:{free_port()}"}
    return source_from(json.dumps(here | settings), "test")


def kept(name: str, settings: str, paused: bool = False) -> KeptSource:
    return KeptSource(name, settings, paused, NOW_MS, "anna")


def play(
    scene: Callable[[Cables], Awaitable[None]],
    book: Book | None = None,
    files: dict[str, Source] | None = None,
    limits: CableLimits | None = None,
) -> None:
    async def with_intake(intake: Intake) -> None:
        sources = Sources(
            files or {},
            RegisterMaps().load,
            intake.door,
            intake.sites,
            now_ms=lambda: NOW_MS,
            pauses=Pauses(),
        )
        made = Cables(sources, book or Book(), RegisterMaps(), limits or CableLimits(), lambda: NOW_MS)
        task = asyncio.create_task(made.run())
        await asyncio.sleep(0)
        try:
            await scene(made)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    Intake().run(with_intake)


def test_what_was_kept_runs_again_unless_it_is_paused_or_cannot_be_used(caplog):
    book = Book(
        kept("off", settings_of(source()), paused=True),
        kept("on", settings_of(source())),
        kept("broken", '{"kind": "modbus"}'),
        kept("torn", "{"),
        kept("house", settings_of(source(title="Other"))),
    )

    async def scene(made: Cables) -> None:
        await until(lambda: len(made.all()) == 3)
        running = {cable.name: (cable.state is not None, cable.file) for cable in made.all()}
        assert running == {"house": (True, True), "off": (False, False), "on": (True, False)}

    play(scene, book, {"house": source(site="home")})
    assert "meter 'broken' of the page: cannot be used" in caplog.text
    assert "meter 'torn' of the page: cannot be used" in caplog.text
    assert "a meter file has this name" in caplog.text
    assert set(book.kept) == {"off", "on", "broken", "torn", "house"}


def test_names_are_keys_that_no_other_meter_or_device_has():
    book = Book()

    async def scene(made: Cables) -> None:
        names = [
            await made.make(source(title=title), "anna", ["taken"]) for title in ("Taken", "Taken", "지붕")
        ]
        names += [await made.make(source(title="scan", unit=9), "anna")]
        assert names == ["taken-2", "taken-3", "modbus-1", "scan-2"]
        assert await made.make(source(unit=9), "anna") == "modbus-9"

    play(scene, book)
    assert {one.written_by for one in book.kept.values()} == {"anna"}


@given(st.text(min_size=1, max_size=60), st.sets(st.sampled_from(["modbus-1", "a", "modbus-1-2"])))
def test_every_title_gives_a_name_that_is_free(title, taken):
    name = cables._new_name(
        source_from(json.dumps({"kind": "modbus", "tcp": "a:1", "title": title}), "test"), taken
    )
    assert is_key(name)
    assert name not in {*taken, "scan"}


@given(
    st.fixed_dictionaries(
        {"kind": st.just("modbus"), "tcp": st.sampled_from(["a:1", "[fe80::1]:502"])},
        optional={
            "title": st.text(min_size=1, max_size=60),
            "unit": st.integers(0, 247),
            "every_s": st.floats(0.1, 3600),
            "makes": st.booleans(),
            "turned": st.booleans(),
            "rtu": st.booleans(),
            "baud": st.integers(300, 4_000_000),
        },
    )
)
def test_settings_come_back_as_they_were_kept(settings):
    first = source_from(json.dumps(settings), "test")
    assert source_from(settings_of(first), "test") == first


def test_a_meter_that_is_gone_or_of_a_file_is_not_changed():
    async def scene(made: Cables) -> None:
        with pytest.raises(NotFound, match="no meter 'x'"):
            await made.change("x", source(), paused=False, by="anna")
        with pytest.raises(BadInput, match="change it there"):
            await made.remove("house")

    play(scene, files={"house": source(site="home")})


def test_an_unplugged_device_can_still_be_paused_but_no_other_one_chosen(monkeypatch):
    there = ["/dev/ttyUSB0"]
    monkeypatch.setattr(cables, "serial_devices", lambda _: there)

    async def scene(made: Cables) -> None:
        p1 = source_from('{"kind": "dsmr", "serial": "/dev/ttyUSB0"}', "test")
        name = await made.make(p1, "anna")
        there.clear()
        await made.change(name, p1, paused=True, by="anna")
        assert [cable.paused for cable in made.all()] == [True]
        other = source_from('{"kind": "dsmr", "serial": "/dev/ttyUSB1"}', "test")
        with pytest.raises(BadInput, match="none of the serial devices"):
            await made.change(name, other, paused=False, by="anna")

    play(scene)


def test_no_more_meters_are_made_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(cables, "MOST_SOURCES", 1)

    async def scene(made: Cables) -> None:
        await made.make(source(), "anna")
        with pytest.raises(BadInput, match="remove one first"):
            await made.make(source(), "anna")

    play(scene)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (Target(), "one of address and serial"),
        (Target(tcp="a", serial="/dev/x"), "one of address and serial"),
        (Target(serial="/etc/passwd"), "none of the serial devices"),
        (Target(tcp="a", registers="none"), "no map 'none'"),
        (Target(tcp="http://a/"), "expected"),
    ],
)
def test_a_search_for_what_cannot_be_is_refused_and_costs_no_turn(target, why):
    async def scene(made: Cables) -> None:
        for _ in range(cables.MOST_SCANS + 1):
            with pytest.raises(BadInput, match=why):
                await made.begin_scan(target, "anna")

    play(scene)
