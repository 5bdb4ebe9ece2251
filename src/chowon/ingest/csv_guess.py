"""Guessing what the columns of a foreign CSV file mean, from its first lines.

Whatever two readings fit equally well is not guessed but asked: is 03/04 in March or in April?
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, pairwise
from typing import Final, cast

from chowon.domain.tariff import Text
from chowon.errors import BadInput
from chowon.i18n import said
from chowon.ingest.csv_mapping import (
    EPOCH_MS,
    EPOCH_S,
    ISO,
    LONGEST_NAME,
    Decimal,
    Delimiter,
    Draft,
    Mapping,
    Meaning,
    Value,
    mapping_of,
)

LOOKED_AT: Final = 200
"""Lines that are looked at."""
MOST_COLUMNS: Final = 1000
"""A line of more is no line of names."""
_MOST_TIMES: Final = 50
"""Columns that are tried as times, those first whose name says so"""
_DELIMITERS: Final[tuple[Delimiter, ...]] = (";", "\t", "|", ",")
_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(?:[.,]\d+)?")
_DATES: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y")
_TIMES: Final = ("%H:%M:%S", "%H:%M", "%H%M", "%I:%M %p", "%I:%M:%S %p")
_EXPORT: Final = "export|return|feed|inject|produc|einspeis|lieferung|teruglever|역송|판매"
_COUNTER: Final = "counter|reading|index|total|cumul|register|z[äa]hlerstand|meterstand|지침|누적"
_ENERGY: Final = r"(?<![a-z])k?wh\b|energy|consum|usage|verbrauch|afname|사용량|전력량"
_POWER: Final = r"power|leistung|vermogen|demand|전력(?!량)|(?<![a-z])k?w\b"
_VOLTAGE: Final = r"volt|spannung|전압|\(v\)|\[v\]"
_CURRENT: Final = r"current|amp|strom(?!verbrauch)|전류|\(a\)|\[a\]"
_KILO: Final = "kw"
_WATT_HOURS: Final = r"(?<![km])wh\b"
_TIME: Final = "time|date|stamp|start|from|von|datum|zeit|uhr|tijd|일시|시각|시간|날짜|일자"


@dataclass(frozen=True, slots=True)
class Question:
    """What a person should look at before a guess is used."""

    id: str
    """of its text in i18n, "import.ask.…"; the end of it names the part of the mapping"""
    places: dict[str, str] = field(default_factory=dict)

    @property
    def said(self) -> Text:
        """Its text."""
        return said(f"import.ask.{self.id}", self.places)


@dataclass(frozen=True, slots=True)
class Guess:
    """What a file seems to mean."""

    mapping: Mapping
    questions: tuple[Question, ...]

    @property
    def unsure(self) -> tuple[str, ...]:
        """The questions as text for a terminal."""
        return tuple(question.said.en for question in self.questions)


@dataclass(frozen=True, slots=True)
class Understood:
    """As much of a file as can be understood; what is left empty a person must say."""

    draft: Draft
    questions: tuple[Question, ...]


@dataclass(slots=True)
class _Table:
    delimiter: Delimiter
    header_line: int
    names: list[str]
    rows: list[list[str]]
    unsure: list[Question] = field(default_factory=list)

    def ask(self, id_: str, **places: str) -> None:
        self.unsure.append(Question(id_, places))

    def column(self, name: str) -> list[str]:
        at = self.names.index(name)
        return [row[at].strip() for row in self.rows if row[at].strip()]


def guess(text: str, timezone: str, encoding: str = "utf-8-sig") -> Guess:
    """From a file's first lines. Errors: BadInput where no table, time or number is to be found."""
    table = _table(list(islice(io.StringIO(text, newline=""), LOOKED_AT)))
    if table is None:
        raise BadInput("no table with one line of different names above its rows; write a mapping by hand")
    draft = _draft(table, timezone, encoding)
    names = ", ".join(table.names)
    if not draft.time:
        raise BadInput(f"no column of times under {names}; write a mapping by hand")
    if not draft.value:
        raise BadInput(f"no column of numbers with a known meaning under {names}; write a mapping by hand")
    return Guess(mapping_of(draft.tree(), "the guessed mapping"), tuple(table.unsure))


def understood(text: str, draft: Draft, *, as_said: bool = False) -> Understood:
    """As `guess`, but what cannot be guessed is left empty. draft: its encoding and time zone.

    as_said: separator and line of names are the draft's too.
    """
    lines = list(islice(io.StringIO(text, newline=""), LOOKED_AT))
    table = _table(lines, draft if as_said else None)
    if table is None:
        delimiter = max(_DELIMITERS, key=lambda one: sum(line.count(one) for line in lines))
        blank = draft.model_copy(update={"time": (), "time_format": "", "value": ()})
        kept = blank if as_said else blank.model_copy(update={"delimiter": delimiter, "header_line": 1})
        return Understood(kept, (Question("no_table"),))
    found = _draft(table, draft.timezone, draft.encoding)
    if not found.time and not found.value:
        table.ask("no_table")
    return Understood(found, tuple(table.unsure))


def table_rows(text: str, delimiter: str, most: int) -> list[tuple[int, list[str]]]:
    """(line, cells) of the first rows."""
    return list(islice(_rows(list(islice(io.StringIO(text, newline=""), LOOKED_AT)), delimiter), most))


def time_formats(cells: Sequence[str]) -> list[str]:
    """The formats that fit all of these; date and time of day with a space between."""
    return [f for f in [*_whole_formats(), *_DATES, *_epochs(cells)] if all(_fits(cell, f) for cell in cells)]


def _draft(table: _Table, timezone: str, encoding: str) -> Draft:
    time, time_format = _time(table) or ((), "")
    values = tuple(_values(table, time))
    if any(value.means.startswith("interval") for value in values):
        table.ask("stamp")
    return Draft(
        delimiter=table.delimiter,
        decimal=_decimal(table, time),
        header_line=table.header_line,
        encoding=encoding,
        time=time,
        time_format=time_format,
        timezone=timezone,
        value=values,
    )


def _table(lines: Sequence[str], asked: Draft | None = None) -> _Table | None:
    """The longest run of lines with as many cells, under a line of as many names; None without any.

    asked: only that of its separator and line of names.
    """
    best: _Table | None = None
    for delimiter in _DELIMITERS if asked is None else (asked.delimiter,):
        rows = list(_rows(lines, delimiter))
        for start, (line, header) in enumerate(rows):
            if not 2 <= len(header) <= MOST_COLUMNS or not all(map(_may_be_name, header)):
                continue
            if asked is not None and line != asked.header_line:
                continue
            body = []
            for _, row in rows[start + 1 :]:
                if len(row) != len(header):
                    break
                body.append(row)
            if body and (best is None or len(body) * len(header) > len(best.rows) * len(best.names)):
                names = [cell.strip() for cell in header]
                best = _Table(delimiter, line, names, body)
    return None if best is None or len(set(best.names)) != len(best.names) else best


def _may_be_name(cell: str) -> bool:
    return len(cell) <= LONGEST_NAME and _NUMBER.fullmatch(cell.strip()) is None


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(the line where it begins, its cells) of each row, up to one that cannot be read."""
    reader = csv.reader(lines, delimiter=delimiter)
    line = 1
    try:
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except csv.Error:  # a cell without an end
        return


def _time(table: _Table) -> tuple[tuple[str, ...], str] | None:
    """(column, or columns of date and time of day; their format); None where nothing is a time."""
    named = sorted(table.names, key=lambda name: not _says(name, _TIME))[:_MOST_TIMES]
    for name in named:
        found = _format(table, name, [*_whole_formats(), *_epochs(table.column(name))])
        if found is not None:
            return (name,), found
    for date in named:
        date_format = _format(table, date, list(_DATES))
        if date_format is None:
            continue
        for clock in (n for n in named if n != date):
            clock_format = _format(table, clock, list(_TIMES))
            if clock_format is not None:
                return (date, clock), f"{date_format} {clock_format}"
    for name in named:  # days, where the name says so: any number of eight digits may look like one
        date_format = _format(table, name, list(_DATES)) if _says(name, _TIME) else None
        if date_format is not None:
            return (name,), date_format
    return None


def _whole_formats() -> Iterator[str]:
    yield ISO
    for date in _DATES:
        for clock in _TIMES:
            yield from (f"{date} {clock}", f"{date}{clock}", f"{date}, {clock}")


def _epochs(cells: Sequence[str]) -> list[str]:
    if cells and all(re.fullmatch(r"\d{10}", cell) for cell in cells):
        return [EPOCH_S]
    return [EPOCH_MS] if cells and all(re.fullmatch(r"\d{13}", cell) for cell in cells) else []


def _format(table: _Table, name: str, formats: Sequence[str]) -> str | None:
    """The format that fits all cells; a second one that fits too is pointed out."""
    cells = table.column(name)
    fitting = [f for f in formats if cells and all(_fits(cell, f) for cell in cells)]
    if not fitting:
        return None
    others = [f for f in fitting[1:] if _instants(cells, f) != _instants(cells, fitting[0])]
    if others:
        table.ask("time_format", first=fitting[0], second=others[0], column=name)
    return fitting[0]


def _instants(cells: Sequence[str], format_: str) -> list[datetime | int]:
    return [read_time(cell, format_) for cell in cells]


def _fits(cell: str, format_: str) -> bool:
    try:
        read_time(cell, format_)
    except ValueError:
        return False
    return True


def read_time(cell: str, format_: str) -> datetime | int:
    """A time as a format has it, without a zone unless the text names one. Errors: ValueError."""
    if format_ in (EPOCH_S, EPOCH_MS):
        return int(cell)
    if format_ == ISO:
        if len(cell) < len("2026-11-23T10"):
            raise ValueError("a date alone")
        return datetime.fromisoformat(cell)
    return datetime.strptime(cell, format_)  # noqa: DTZ007 — only compared with others of the same cell


def _decimal(table: _Table, time: Sequence[str]) -> Decimal:
    cells = [c for name in table.names if name not in time for c in table.column(name)]
    commas = sum("," in cell for cell in cells if _NUMBER.fullmatch(cell))
    points = sum("." in cell for cell in cells if _NUMBER.fullmatch(cell))
    return "," if commas > points else "."


def _values(table: _Table, time: Sequence[str]) -> Iterator[Value]:
    taken: dict[tuple[str, str], str] = {}
    for name in table.names:
        filled = table.column(name)
        cells = [cell for cell in filled if _NUMBER.fullmatch(cell)]
        if name in time or not cells or 2 * len(cells) < len(filled):  # a few may be "-", or broken
            continue
        means = _meaning(table, name, cells)
        if means is None:
            continue
        value = Value(column=name, means=means, channel="export" if "_export_" in means else "main")
        other = taken.setdefault(value.what, name)
        if other == name:
            yield value
        else:
            table.ask("same", column=name, other=other)


def _meaning(table: _Table, name: str, cells: Sequence[str]) -> Meaning | None:
    if _says(name, _VOLTAGE):
        return "voltage_v"
    if _says(name, _ENERGY):
        flow = "export" if _says(name, _EXPORT) else "import"
        unit = "wh" if _says(name, _WATT_HOURS) else "kwh"
        if unit == "kwh" and not _says(name, _KILO):
            table.ask("unit", column=name)
        numbers = [float(cell.replace(",", ".")) for cell in cells]
        rises = len(numbers) > 2 and all(b >= a for a, b in pairwise(numbers))
        counts = _says(name, _COUNTER) or (rises and numbers[-1] > numbers[0] > 0)
        if rises and not _says(name, _COUNTER):
            table.ask("counter", column=name)
        return cast("Meaning", f"{'counter' if counts else 'interval'}_{flow}_{unit}")
    if _says(name, _POWER):
        return "power_kw" if _says(name, _KILO) else "power_w"
    return "current_a" if _says(name, _CURRENT) else None


def _says(name: str, words: str) -> bool:
    return re.search(words, name, re.IGNORECASE) is not None
