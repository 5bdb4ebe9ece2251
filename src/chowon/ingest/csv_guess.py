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

from chowon.errors import BadInput
from chowon.ingest.csv_mapping import EPOCH_MS, EPOCH_S, ISO, Mapping, Meaning, Value, mapping_of

LOOKED_AT: Final = 200
"""Lines that are looked at."""
MOST_COLUMNS: Final = 1000
"""A line of more is no line of names."""
_MOST_TIMES: Final = 50
"""Columns that are tried as times, those first whose name says so"""
_DELIMITERS: Final = (";", "\t", "|", ",")
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
class Guess:
    """What a file seems to mean."""

    mapping: Mapping
    unsure: tuple[str, ...]
    """What a person should look at before it is used"""


@dataclass(slots=True)
class _Table:
    delimiter: str
    header_line: int
    names: list[str]
    rows: list[list[str]]
    unsure: list[str] = field(default_factory=list)

    def column(self, name: str) -> list[str]:
        at = self.names.index(name)
        return [row[at].strip() for row in self.rows if row[at].strip()]


def guess(text: str, timezone: str, encoding: str = "utf-8-sig") -> Guess:
    """From a file's first lines. Errors: BadInput where no table, time or number is to be found."""
    table = _table(list(islice(io.StringIO(text, newline=""), LOOKED_AT)))
    time, time_format = _time(table)
    decimal = _decimal(table, time)
    values = tuple(_values(table, time))
    if not values:
        names = ", ".join(table.names)
        raise BadInput(f"no column of numbers with a known meaning under {names}; write a mapping by hand")
    mapping = mapping_of(
        {
            "delimiter": table.delimiter,
            "decimal": decimal,
            "header_line": table.header_line,
            "encoding": encoding,
            "time": time if len(time) > 1 else time[0],
            "time_format": time_format,
            "timezone": timezone,
            "value": values,
        },
        "the guessed mapping",
    )
    if any(value.means.startswith("interval") for value in values):
        table.unsure.append('stamp: is the time of a row the start of its interval, or its end ("end")?')
    return Guess(mapping, tuple(table.unsure))


def _table(lines: Sequence[str]) -> _Table:
    """The longest run of lines with as many cells, under a line of as many names."""
    best: _Table | None = None
    for delimiter in _DELIMITERS:
        rows = list(_rows(lines, delimiter))
        for start, (line, header) in enumerate(rows):
            if not 2 <= len(header) <= MOST_COLUMNS or any(_NUMBER.fullmatch(c.strip()) for c in header):
                continue
            body = []
            for _, row in rows[start + 1 :]:
                if len(row) != len(header):
                    break
                body.append(row)
            if body and (best is None or len(body) * len(header) > len(best.rows) * len(best.names)):
                names = [cell.strip() for cell in header]
                best = _Table(delimiter, line, names, body)
    if best is None or len(set(best.names)) != len(best.names):
        raise BadInput("no table with one line of different names above its rows; write a mapping by hand")
    return best


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


def _time(table: _Table) -> tuple[tuple[str, ...], str]:
    """(column, or columns of date and time of day; their format)"""
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
    raise BadInput(f"no column of times under {', '.join(table.names)}; write a mapping by hand")


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
        table.unsure.append(f"time_format: {fitting[0]!r} or {others[0]!r}? Both fit every row of {name!r}.")
    return fitting[0]


def _instants(cells: Sequence[str], format_: str) -> list[datetime | int]:
    return [_read(cell, format_) for cell in cells]


def _fits(cell: str, format_: str) -> bool:
    try:
        _read(cell, format_)
    except ValueError:
        return False
    return True


def _read(cell: str, format_: str) -> datetime | int:
    if format_ in (EPOCH_S, EPOCH_MS):
        return int(cell)
    if format_ == ISO:
        if len(cell) < len("2026-11-23T10"):
            raise ValueError("a date alone")
        return datetime.fromisoformat(cell)
    return datetime.strptime(cell, format_)  # noqa: DTZ007 — only compared with others of the same cell


def _decimal(table: _Table, time: Sequence[str]) -> str:
    cells = [c for name in table.names if name not in time for c in table.column(name)]
    commas = sum("," in cell for cell in cells if _NUMBER.fullmatch(cell))
    points = sum("." in cell for cell in cells if _NUMBER.fullmatch(cell))
    return "," if commas > points else "."


def _values(table: _Table, time: Sequence[str]) -> Iterator[Value]:
    taken: dict[tuple[str, str], str] = {}
    for name in table.names:
        cells = table.column(name)
        if name in time or not cells or not all(_NUMBER.fullmatch(cell) for cell in cells):
            continue
        means = _meaning(table, name, cells)
        if means is None:
            continue
        value = Value(column=name, means=means, channel="export" if "_export_" in means else "main")
        other = taken.setdefault(value.what, name)
        if other == name:
            yield value
        else:
            table.unsure.append(f"{name!r} seems to say the same as {other!r}: it is left out")


def _meaning(table: _Table, name: str, cells: Sequence[str]) -> Meaning | None:
    if _says(name, _VOLTAGE):
        return "voltage_v"
    if _says(name, _ENERGY):
        flow = "export" if _says(name, _EXPORT) else "import"
        unit = "wh" if _says(name, _WATT_HOURS) else "kwh"
        if unit == "kwh" and not _says(name, _KILO):
            table.unsure.append(f"unit of {name!r}: kWh is assumed, for no unit stands there")
        numbers = [float(cell.replace(",", ".")) for cell in cells]
        rises = len(numbers) > 2 and all(b >= a for a, b in pairwise(numbers))
        counts = _says(name, _COUNTER) or (rises and numbers[-1] > numbers[0] > 0)
        if rises and not _says(name, _COUNTER):
            table.unsure.append(f"{name!r} never falls: is it a counter, or the energy of each interval?")
        return cast("Meaning", f"{'counter' if counts else 'interval'}_{flow}_{unit}")
    if _says(name, _POWER):
        return "power_kw" if _says(name, _KILO) else "power_w"
    return "current_a" if _says(name, _CURRENT) else None


def _says(name: str, words: str) -> bool:
    return re.search(words, name, re.IGNORECASE) is not None
