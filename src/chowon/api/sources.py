"""GET and POST /sources; PUT and DELETE /sources/{name}; GET, POST and DELETE /sources/scan."""

import asyncio
import contextlib
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from chowon.api.devices import forget_place, take_effect
from chowon.api.parts import Parts, parts_of
from chowon.domain.tariff import Text
from chowon.errors import NotFound
from chowon.ingest.cables import Cable
from chowon.ingest.source_file import FOLDER, AnySource, Source, title_of
from chowon.ingest.source_scan import FoundSource, Scan, Target
from chowon.ingest.talking import HeardDevice

router = APIRouter(prefix="/sources", tags=["sources"])
InName: TypeAlias = Annotated[str, InPath(pattern=r"^[a-z0-9_.-]{1,64}$")]


class SourceWish(BaseModel):
    """A meter as it is to be read: the settings of a meter file, without a site."""

    model_config = ConfigDict(extra="forbid")
    source: AnySource
    paused: bool = False


class TargetWish(BaseModel):
    """Where to look for a meter: one of address and serial."""

    model_config = ConfigDict(extra="forbid")
    address: Annotated[str, Field(min_length=1, max_length=260)] | None = None
    """host, or host:port"""
    serial: Annotated[str, Field(min_length=1, max_length=260)] | None = None
    unit: Annotated[int, Field(ge=0, le=247)] | None = None
    """the usual ones if left out"""
    registers: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """ "sunspec" or the name of a register map; all of them if left out"""


class SourceAnswer(BaseModel):
    """A meter that chowon asks or listens to."""

    name: str
    title: str
    file: str | None
    """the meter file that it stands in, where it can be changed; null for one made on the page"""
    source: AnySource
    where: str
    paused: bool
    placed: bool
    """whether its readings are kept"""
    talking: bool
    """whether it is heard, and has no place yet"""
    payloads: int
    """telegrams or answers since the start"""
    last_ms: int | None
    problem: Text | None
    """why nothing comes, with what to do; null while all is well, or paused"""
    dropped: int
    """readings lost because the store was away for too long"""


class FoundAnswer(BaseModel):
    """A meter that was found."""

    title: str
    maker: str
    model: str
    serial_number: str
    source: AnySource
    """what POST /sources takes"""
    values: dict[str, dict[str, float]]
    """what it said, by channel and field, e.g. {"main": {"power_w": 812.5}}"""
    known_as: str | None
    """the meter that is read there already"""


class ScanAnswer(BaseModel):
    """A search, as far as it has come."""

    state: str
    """running, done or cancelled"""
    where: str
    done: int
    steps: int
    doing: Text
    found: list[FoundAnswer]
    problem: Text | None
    """why nothing, or no more, was found"""


class SourcesAnswer(BaseModel):
    """All of it."""

    time_ms: int
    sources: list[SourceAnswer]
    serial: list[str]
    """serial devices of this machine that may be chosen"""
    registers: list[str]
    """register maps, besides "sunspec" """
    on_page: bool
    """whether meters may be looked for and changed here"""


class MadeAnswer(BaseModel):
    """A meter that is read from now on. As a device it is {family}/{name}."""

    name: str
    family: str


@router.get("")
async def sources(request: Request) -> SourcesAnswer:
    """The meters that are asked or listened to, of files and of the page, and where others may be."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    cables = parts.cables
    placements = await asyncio.to_thread(parts.devices.placements)
    placed = {(p.key.site, p.key.meter) for p in placements}
    talking = parts.door.naming.talking
    return SourcesAnswer(
        time_ms=parts.now_ms(),
        sources=[
            _source(
                cable,
                placed=cable.source.site is not None or (f"~{cable.source.kind}", cable.name) in placed,
                heard=talking.device(cable.source.kind, cable.name),
            )
            for cable in cables.all()
        ],
        serial=await asyncio.to_thread(cables.serial_devices),
        registers=await asyncio.to_thread(cables.maps.names),
        on_page=cables.limits.on_page,
    )


@router.post("")
async def make(request: Request, wish: SourceWish) -> MadeAnswer:
    """Read a further meter from now on. It is a device without a place until PUT /devices gives it one."""
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    async with parts.changing:
        placements = await asyncio.to_thread(parts.devices.placements)
        taken = [p.key.meter for p in placements]
        name = await parts.cables.make(wish.source, parts.access.who(request.headers), taken)
    return MadeAnswer(name=name, family=wish.source.kind)


@router.get("/scan")
async def scanned(request: Request) -> ScanAnswer:
    """The latest search, as far as it has come."""
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    if parts.cables.scan is None:
        raise NotFound("nobody has looked for a meter since the start; POST /api/v1/sources/scan does")
    return _scan(parts, parts.cables.scan)


@router.post("/scan")
async def scan(request: Request, wish: TargetWish) -> ScanAnswer:
    """Begin to look for a meter at one address or on one serial line; it ends by itself."""
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    target = Target(wish.address, wish.serial, wish.unit, wish.registers)
    return _scan(parts, await parts.cables.begin_scan(target, parts.access.who(request.headers)))


@router.delete("/scan", status_code=204)
async def stop_scan(request: Request) -> None:
    """Stop looking; what was found so far stays in GET /sources/scan."""
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    await parts.cables.end_scan()


@router.put("/{name}")
async def change(request: Request, name: InName, wish: SourceWish) -> MadeAnswer:
    """Read a meter by other settings, or pause it. What it feeds stays."""
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    who = parts.access.who(request.headers)
    async with parts.changing:
        await parts.cables.change(name, wish.source, paused=wish.paused, by=who)
    parts.door.naming.talking.forget(wish.source.kind, name)  # what it said belongs to the settings before
    return MadeAnswer(name=name, family=wish.source.kind)


@router.delete("/{name}", status_code=204)
async def remove(request: Request, name: InName, counts: Annotated[bool, Query()] = True) -> None:
    """Read a meter no more, and take its place away; what it measured stays.

    counts: false for channels that shall no longer count as part of the site's total, past bills included.
    """
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    async with parts.changing:
        source = await parts.cables.remove(name)
        with contextlib.suppress(NotFound):  # it had no place yet
            await asyncio.to_thread(forget_place, parts, source.kind, name, counts)
    await take_effect(parts, source.kind, name)


def _source(cable: Cable, *, placed: bool, heard: HeardDevice | None) -> SourceAnswer:
    state = cable.state
    return SourceAnswer(
        name=cable.name,
        title=title_of(cable.source),
        file=f"{FOLDER}/{cable.name}.toml" if cable.file else None,
        source=cable.source,
        where=cable.source.where,
        paused=cable.paused,
        placed=placed,
        talking=heard is not None and not cable.paused,
        payloads=0 if state is None else state.payloads,
        last_ms=None if state is None else state.last_ms,
        problem=None if state is None else state.said,
        dropped=0 if state is None else state.dropped,
    )


def _scan(parts: Parts, scan: Scan) -> ScanAnswer:
    return ScanAnswer(
        state=scan.state,
        where=scan.target.where,
        done=min(scan.done, scan.steps),
        steps=scan.steps,
        doing=scan.doing,
        found=[_found(found, parts.cables.known_as(found.source)) for found in scan.found],
        problem=scan.problem,
    )


def _found(found: FoundSource, known_as: str | None) -> FoundAnswer:
    named = " ".join(word for word in (found.maker, found.model) if word)
    source: Source = found.source
    return FoundAnswer(
        title=(named or title_of(source))[:60],
        maker=found.maker,
        model=found.model,
        serial_number=found.serial_number,
        source=source,
        values={channel: dict(told) for channel, told in found.values.items()},
        known_as=known_as,
    )
