"""GET and POST /imports; GET, DELETE, check and start of /imports/{id}: files, looked at before taken."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from chowon.api.imports_answers import (
    AskAnswer,
    CheckAnswer,
    ColumnAnswer,
    FormatAnswer,
    ImportAnswer,
    ImportsAnswer,
    LineAnswer,
    NumberAnswer,
    RawRowAnswer,
    RowAnswer,
    TargetAnswer,
    import_answer,
    problem_answers,
)
from chowon.api.parts import Parts, parts_of
from chowon.domain.sites import Role
from chowon.domain.tariff import Text
from chowon.errors import BadInput
from chowon.ingest.csv_mapping import Draft, parse_mapping
from chowon.ingest.csv_readings import Converted
from chowon.ingest.import_look import FileLook, csv_file, green_button_file
from chowon.ingest.import_spool import Spooled
from chowon.ingest.import_target import Target, meter_for, target
from chowon.ingest.imports import Imports, Wish

PATH = "/imports"
NEW_SITE = "home"
router = APIRouter(prefix=PATH, tags=["write"])
InId: TypeAlias = Annotated[str, InPath(pattern=r"^[0-9a-f]{16}$")]
Key: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,64}$")]


class ImportWish(BaseModel):
    """How a file is to be read and where it is to go; what is left out is guessed."""

    model_config = ConfigDict(extra="forbid")
    mapping: Draft | None = None
    toml: Annotated[str, Field(max_length=65_536)] | None = None
    """a mapping as `chowon import --guess` writes it, instead of `mapping`"""
    guess: bool = False
    """keep only encoding, separator, line of names and time zone of `mapping`, and guess the rest"""
    timezone: Annotated[str, Field(max_length=100)] | None = None
    """of a guess, where the site is new"""
    site: Key | None = None
    site_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """the name of a site that is new"""
    meter: Key | None = None
    roles: Annotated[dict[str, Role], Field(max_length=100)] = {}
    """by channel, of those that are new"""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A file, how it reads, and where it would go."""

    site_is_new: bool
    site: str
    meter: str
    look: FileLook
    target: Target | None

    @property
    def wrong(self) -> tuple[Text, ...]:
        """What stands against it."""
        return (*self.look.wrong, *(() if self.target is None else self.target.wrong))


@router.get("")
async def imports(request: Request) -> ImportsAnswer:
    """The files that are here: to be looked at, being imported, or imported within the hour."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    found = _imports(parts)
    return ImportsAnswer(most_bytes=found.most_bytes, imports=[import_answer(one) for one in found.all()])


@router.post("")
async def bring(request: Request, name: Annotated[str, Query(min_length=1, max_length=200)]) -> ImportAnswer:
    """Bring a file (the body, as it is) to be looked at. Nothing of it is data until it is started."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    found = _imports(parts)
    return import_answer(found.add(await found.spool.take(name, request.stream())))


@router.get("/{import_id}")
async def one(request: Request, import_id: InId) -> ImportAnswer:
    """How far it is: ask again to see it go on."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    return import_answer(_imports(parts).get(import_id))


@router.delete("/{import_id}", status_code=204)
async def drop(request: Request, import_id: InId) -> None:
    """Forget a file; an import under way stops, and what it has written stays."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    _imports(parts).drop(import_id)


@router.post("/{import_id}/check")
async def check(request: Request, import_id: InId, wish: ImportWish) -> CheckAnswer:
    """How the file would be understood, with its first rows; nothing is written."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    file = _imports(parts).get(import_id).file
    return _check_answer(await asyncio.to_thread(_checked, parts, file, wish))


@router.post("/{import_id}/start")
async def start(request: Request, import_id: InId, wish: ImportWish) -> ImportAnswer:
    """Import it, as `check` has shown it. Ask GET how far it is."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    found = _imports(parts)
    file = found.get(import_id).file
    checked = await asyncio.to_thread(_checked, parts, file, wish)
    if checked.wrong or checked.target is None:
        raise BadInput("; ".join(text.en for text in checked.wrong))
    new = [line for line in checked.target.lines if line.is_new]
    if new and not parts.door.naming.registers:
        raise BadInput(
            "new channels are not made here: choose known ones, or set ingest.auto_register = true"
        )
    return import_answer(
        found.start(
            import_id,
            Wish(
                mapping=checked.look.mapping,
                site=checked.site,
                meter=checked.meter,
                hold_ms=checked.target.hold_ms,
                site_name=wish.site_name,
                roles={line.key.channel: line.role for line in new},
            ),
        )
    )


def _imports(parts: Parts) -> Imports:
    if parts.imports is None:
        raise BadInput("this server takes no files")
    return parts.imports


def _checked(parts: Parts, file: Spooled, wish: ImportWish) -> _Checked:
    sites = parts.sites.sites()
    key = wish.site or (sites[0].key if sites else NEW_SITE)
    site = next((s for s in sites if s.key == key), None)
    if file.is_xml:
        look = green_button_file(file.path)
    else:
        zone = site.timezone if site is not None else wish.timezone or ""
        draft = wish.mapping if wish.toml is None else Draft.of(parse_mapping(wish.toml, "the mapping"))
        look = csv_file(file.path, draft, zone, guess=wish.guess)
    meter = wish.meter or meter_for(site, look.told, parts.history)
    found = None if look.told is None else target(site, (key, meter), look.told, wish.roles, parts.history)
    return _Checked(site is None, key, meter, look, found)


def _check_answer(checked: _Checked) -> CheckAnswer:
    look, csv, told = checked.look, checked.look.csv, checked.look.told
    return CheckAnswer(
        mapping=None if csv is None else csv.draft,
        toml=None if look.mapping is None else look.mapping.toml(),
        questions=[] if csv is None else [AskAnswer(id=q.id, text=q.said) for q in csv.questions],
        wrong=list(checked.wrong),
        raw=[] if csv is None else [RawRowAnswer(line=r.line, cells=list(r.cells)) for r in csv.raw],
        columns=[]
        if csv is None
        else [ColumnAnswer(name=c.name, samples=list(c.samples)) for c in csv.columns],
        formats=[] if csv is None else [FormatAnswer(format=f.format, reads=f.reads) for f in csv.formats],
        rows=[_row(row) for row in look.rows],
        looked_at=look.looked_at,
        more=look.more,
        refused=look.refused,
        problems=problem_answers(look.problems),
        from_ms=None if told is None else told.start_ms,
        to_ms=None if told is None else told.end_ms,
        step_ms=None if told is None else told.step_ms,
        target=_target_answer(checked),
    )


def _row(row: Converted) -> RowAnswer:
    values = [None if v is None else NumberAnswer(number=v[0], unit=v[1]) for v in row.values]
    return RowAnswer(line=row.line, start_ms=row.start_ms, end_ms=row.end_ms, values=values)


def _target_answer(checked: _Checked) -> TargetAnswer:
    lines = () if checked.target is None else checked.target.lines
    notes = () if checked.target is None else checked.target.notes
    return TargetAnswer(
        site=checked.site,
        site_is_new=checked.site_is_new,
        meter=checked.meter,
        lines=[
            LineAnswer(meter=one.key.meter, channel=one.key.channel, is_new=one.is_new, role=one.role)
            for one in lines
        ],
        notes=list(notes),
    )
