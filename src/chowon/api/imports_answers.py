"""What the routes of imports answer."""

import re
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel

from chowon.domain.sites import Role
from chowon.domain.tariff import Text
from chowon.errors import Problem
from chowon.i18n import said
from chowon.ingest.csv_foreign import Fault
from chowon.ingest.csv_mapping import Draft
from chowon.ingest.imports import Import, State
from chowon.meters.fields import BY_NAME, grouped

_PLACE: Final = re.compile(r"(?P<word>line|row|interval) (?P<number>\d+)(?:\.(?P<column>.+))?", re.DOTALL)
_MORE: Final = "payload"


class ProblemAnswer(BaseModel):
    """Why a row is left out. `line`: of the file, where it has lines."""

    line: int | None
    column: str
    found: str
    expected: Text


class TallyAnswer(BaseModel):
    """What became of the readings so far. `rows` of the file were read, `refused` of them left out."""

    rows: int
    new: int
    changed: int
    known: int
    refused: int
    problems: list[ProblemAnswer]


class ImportAnswer(BaseModel):
    """A file that is here, and how far its import is."""

    id: str
    name: str
    bytes: int
    lines: int
    kind: str
    state: State
    site: str | None
    meter: str | None
    tally: TallyAnswer
    message: str | None


class ImportsAnswer(BaseModel):
    """All of them, and how large a file may be."""

    most_bytes: int
    imports: list[ImportAnswer]


class RawRowAnswer(BaseModel):
    """A line of the file as it stands there."""

    line: int
    cells: list[str]


class ColumnAnswer(BaseModel):
    """A column and what stands in its first rows."""

    name: str
    samples: list[str]


class FormatAnswer(BaseModel):
    """A way to read the times, and how it reads the first one."""

    format: str
    reads: str


class AskAnswer(BaseModel):
    """What a person should look at."""

    id: str
    text: Text


class NumberAnswer(BaseModel):
    """A number as it will be understood."""

    number: float
    unit: str


class RowAnswer(BaseModel):
    """A row as it will be understood; one value for each of the mapping's."""

    line: int
    start_ms: int
    end_ms: int | None
    values: list[NumberAnswer | None]


class LineAnswer(BaseModel):
    """A channel that would be written."""

    meter: str
    channel: str
    is_new: bool
    role: Role


class TargetAnswer(BaseModel):
    """Where it would go."""

    site: str
    site_is_new: bool
    meter: str
    lines: list[LineAnswer]
    notes: list[Text]


class CheckAnswer(BaseModel):
    """A file as it would be imported; nothing is written. `wrong` must be empty before it can be."""

    mapping: Draft | None
    toml: str | None
    questions: list[AskAnswer]
    wrong: list[Text]
    raw: list[RawRowAnswer]
    columns: list[ColumnAnswer]
    formats: list[FormatAnswer]
    rows: list[RowAnswer]
    looked_at: int
    more: bool
    refused: int
    problems: list[ProblemAnswer]
    from_ms: int | None
    to_ms: int | None
    step_ms: int | None
    target: TargetAnswer


def import_answer(one: Import) -> ImportAnswer:
    """One import."""
    tally = one.tally
    return ImportAnswer(
        id=one.file.id,
        name=one.file.name,
        bytes=one.file.n_bytes,
        lines=one.file.lines,
        kind="green-button" if one.file.is_xml else "csv",
        state=one.state,
        site=None if one.wish is None else one.wish.site,
        meter=None if one.wish is None else one.wish.meter,
        tally=TallyAnswer(
            rows=tally.rows,
            new=tally.new,
            changed=tally.changed,
            known=tally.known,
            refused=tally.refused,
            problems=problem_answers(tally.problems),
        ),
        message=one.message,
    )


def problem_answers(problems: Sequence[Problem]) -> list[ProblemAnswer]:
    """Problems by line, in both languages as far as there are words."""
    return [_problem(one) for one in problems if one.where != _MORE]


def _problem(one: Problem) -> ProblemAnswer:
    if isinstance(one, Fault):
        return ProblemAnswer(line=one.line, column=one.column, found=one.found, expected=one.said)
    place = _PLACE.fullmatch(one.where)
    column = (place["column"] or "") if place else one.where
    line = int(place["number"]) if place and place["word"] == "line" else None
    return ProblemAnswer(line=line, column=column, found=one.found, expected=_expected(column, one.expected))


def _expected(column: str, plain: str) -> Text:
    field = BY_NAME.get(column)
    if field is not None:
        places = {"unit": field.unit, "low": grouped(field.low), "high": grouped(field.high)}
        return said("import.range", places)
    return said("import.when") if column == "time" else Text(plain, plain)
