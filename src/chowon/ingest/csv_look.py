"""A foreign CSV file before it is taken in: its first rows, what they would become, what is against it."""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from chowon.domain.tariff import Text
from chowon.errors import BadInput
from chowon.i18n import said
from chowon.ingest import csv_foreign, csv_guess, csv_readings
from chowon.ingest.csv_guess import Question
from chowon.ingest.csv_mapping import EPOCH_MS, EPOCH_S, Draft, Mapping, mapping_of, said_twice, timezones
from chowon.meters.fields import is_key

LOOKED_AT_ROWS: Final = 20_000
"""Rows that are converted before anybody has said yes: more than half a year of quarters of an hour"""
SHOWN_ROWS: Final = 10
_SHOWN_CELL: Final = 60
_SHOWN_CELLS: Final = 60
_SAMPLES: Final = 3
_HEAD_BYTES: Final = 2**18
_HANGUL: Final = re.compile("[가-힣]{2}")
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PACKED: Final = {
    b"PK\x03\x04": "spreadsheet",
    b"\x1f\x8b": "packed",
    b"%PDF": "pdf",
    b"\xd0\xcf\x11\xe0": "spreadsheet",
}
ENCODINGS: Final = ("utf-8-sig", "cp949", "cp1252", "utf-16")
"""What a person is offered"""


@dataclass(frozen=True, slots=True)
class RawRow:
    """A line of the file as it stands there."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column under the line of names."""

    name: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """A way to read the times, and how it reads the first one."""

    format: str
    reads: str


@dataclass(frozen=True, slots=True)
class Look:
    """A file by a draft of its mapping."""

    draft: Draft
    mapping: Mapping | None
    """None while something stands against it"""
    questions: tuple[Question, ...]
    wrong: tuple[Text, ...]
    raw: tuple[RawRow, ...]
    columns: tuple[Column, ...]
    formats: tuple[Format, ...]
    found: csv_foreign.Rows | None
    """The first LOOKED_AT_ROWS rows by the mapping"""


@dataclass(slots=True)
class _Against:
    """What stands against a draft, in both languages."""

    texts: list[Text] = field(default_factory=list)

    def say(self, id_: str, **places: str) -> None:
        self.texts.append(said(f"import.wrong.{id_}", places))


def refusal(start: bytes) -> str | None:
    """Why a file that begins so is no text: the id of a text in i18n, "import.refused.…"."""
    if not start.strip():
        return "empty"
    packed = next((kind for magic, kind in _PACKED.items() if start.startswith(magic)), None)
    if packed is not None:
        return packed
    return "binary" if b"\0" in start and not start.startswith(_UTF_16) else None


def encoding_of(start: bytes) -> str:
    """The encoding of a text by its beginning."""
    if start.startswith(_UTF_16):
        return "utf-16"
    if _decodes(start, "utf-8") is not None:
        return "utf-8-sig"
    korean = _decodes(start, "cp949")
    return "cp949" if korean is not None and _HANGUL.search(korean) else "cp1252"


def guessed(path: Path, timezone: str) -> Look:
    """What the file seems to mean."""
    with path.open("rb") as file:
        start = file.read(_HEAD_BYTES)
    refused = refusal(start)
    if refused is not None:
        draft = Draft(timezone=timezone)
        return Look(draft, None, (), (said(f"import.refused.{refused}"),), (), (), (), None)
    draft = Draft(encoding=encoding_of(start), timezone=timezone)
    text = _head(path, draft.encoding)
    found = csv_guess.understood(text, draft)
    return _looked(path, text, found.draft, found.questions)


def looked(path: Path, draft: Draft, *, guess: bool = False) -> Look:
    """The same by what a person has changed.

    guess: only encoding, separator, line of names and time zone are as the person says, the rest is guessed.
    """
    text = _head(path, draft.encoding)
    if not guess:
        return _looked(path, text, draft, ())
    found = csv_guess.understood(text, draft, as_said=True)
    return _looked(path, text, found.draft, found.questions)


def _decodes(start: bytes, encoding: str) -> str | None:
    """The text of these bytes, whose last character may be cut; None in another encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        return None


def _head(path: Path, encoding: str) -> str:
    try:
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            return file.read(_HEAD_BYTES)
    except (LookupError, UnicodeError):  # no encoding of this name; UTF-16 without a mark
        return ""


def _looked(path: Path, text: str, draft: Draft, questions: tuple[Question, ...]) -> Look:
    rows = csv_guess.table_rows(text, draft.delimiter, csv_guess.LOOKED_AT)
    header = next((cells for line, cells in rows if line == draft.header_line), [])
    body = [cells for line, cells in rows if line > draft.header_line and any(c.strip() for c in cells)]
    columns = _columns(header, body)
    against = _Against()
    mapping = _mapping(draft, [column.name for column in columns], against)
    found = None if mapping is None else _found(path, mapping, against)
    return Look(
        draft,
        None if against.texts else mapping,
        questions,
        tuple(against.texts),
        tuple(_raw(rows, draft.header_line)),
        tuple(columns),
        tuple(_formats(draft, header, body)),
        found,
    )


def _columns(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[Column]:
    """Of columns with the same name the first: a mapping knows them by name."""
    found: dict[str, Column] = {}
    for at, name in enumerate(cell.strip() for cell in header[: csv_guess.MOST_COLUMNS]):
        cells = (row[at].strip() for row in body if at < len(row))
        samples = [_shown(cell) for cell in cells if cell][:_SAMPLES]
        if name:
            found.setdefault(name, Column(name, tuple(samples)))
    return list(found.values())


def _raw(rows: Sequence[tuple[int, list[str]]], header_line: int) -> Iterator[RawRow]:
    """The first rows, and those from the line of names on."""
    first = [row for row in rows if row[0] < header_line][-4:]
    rest = [row for row in rows if row[0] >= header_line][: SHOWN_ROWS - len(first)]
    for line, cells in [*first, *rest]:
        yield RawRow(line, tuple(_shown(cell) for cell in cells[:_SHOWN_CELLS]))


def _shown(cell: str) -> str:
    plain = "".join(c if c.isprintable() else "�" for c in cell.strip())
    return plain if len(plain) <= _SHOWN_CELL else plain[: _SHOWN_CELL - 1] + "…"


def _formats(draft: Draft, header: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[Format]:
    names = [name.strip() for name in header]
    if not draft.time or any(name not in names for name in draft.time):
        return
    places = [names.index(name) for name in draft.time]
    texts = [" ".join(row[p].strip() if p < len(row) else "" for p in places) for row in body]
    texts = [text for text in texts if text.strip()]
    fitting = csv_guess.time_formats(texts) if texts else []
    seen: set[datetime | int] = set()
    for one in [*fitting, *([draft.time_format] if draft.time_format not in fitting else [])]:
        first = _read(texts[0], one) if texts and one else None
        if first is not None and first not in seen:
            seen.add(first)
            yield Format(one, str(first))


def _read(text: str, written: str) -> datetime | int | None:
    try:
        return csv_guess.read_time(text, written)
    except (ValueError, OverflowError, re.error):
        return None


def _mapping(draft: Draft, names: Sequence[str], against: _Against) -> Mapping | None:
    """The draft as a mapping, or what it lacks."""
    if not names:
        against.say("no_names", line=str(draft.header_line))
        return None
    if not draft.time:
        against.say("no_time")
    elif not draft.time_format:
        against.say("no_format")
    if draft.time_format not in (EPOCH_S, EPOCH_MS) and draft.timezone not in timezones():
        against.say("timezone", zone=_shown(draft.timezone))
    if not draft.value:
        against.say("no_value")
    for name in [*draft.time, *(value.column for value in draft.value)]:
        if name not in names:
            against.say("no_column", column=_shown(name))
    for value in draft.value:
        if not is_key(value.channel):
            against.say("channel", column=_shown(value.column), channel=_shown(value.channel))
    for first, second in said_twice(draft.value):
        against.say(
            "twice", first=_shown(first.column), second=_shown(second.column), channel=_shown(second.channel)
        )
    if against.texts:
        return None
    try:
        return mapping_of(draft.tree(), "mapping")
    except BadInput as error:
        against.say("other", text=str(error).partition("\n")[2].strip() or str(error))
        return None


def _found(path: Path, mapping: Mapping, against: _Against) -> csv_foreign.Rows | None:
    try:
        found = csv_foreign.read(path, mapping, LOOKED_AT_ROWS)
        if not len(found):
            against.say("no_rows")
        elif csv_readings.has_intervals(mapping) and len(np.unique(found.time_ms)) < 2:
            against.say("one_interval")
        else:
            csv_readings.table_of(found, mapping, "main")
    except BadInput as error:
        against.say("other", text=str(error))
        return None
    return found
