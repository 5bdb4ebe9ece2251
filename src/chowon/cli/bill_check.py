"""Comparing bills with a list of expected ones."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from chowon.domain.bill import Bill, Usage, number_text, prepare
from chowon.domain.clock import Period
from chowon.domain.tariff import Tariff
from chowon.domain.tariff.kinds import TAKES_OFF
from chowon.errors import BadInput, NotFound, Problem, UsageInvalid, shortened
from chowon.registry import TariffBook

_ABOUT_THE_ROW: Final = frozenset(
    [
        "case",
        "id",
        "kind",
        "source",
        "title",
        "note",
        "trust",
        "days",
        "kwh",
        "start",
        "end",
        "end_exclusive",
        "voltage",
        "tariff",
        "demand_kw",
        "export_kwh",
    ]
)
_BAND: Final = "band."
"""What the columns of a meter's registers begin with: "band.light"."""
_BY_VOLTAGE: Final = "kr.kepco.residential."
_CLASS_COLUMNS: Final = {"family_discount": "family", "welfare_discount": "welfare"}
"""Columns that hold the value of an option by another name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One expected bill."""

    name: str
    tariff: str
    period: Period
    usage: Usage
    expected: dict[str, str]
    """Every other column with something in it, as text."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One amount that came out otherwise."""

    case: str
    line: str
    expected: Decimal
    computed: Decimal

    def __str__(self) -> str:
        return f"{self.case}: {self.line} expected {self.expected}, computed {number_text(self.computed)}"


@dataclass(slots=True)
class Comparison:
    """How the rows came out."""

    exact: int = 0
    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    not_computed: Counter[str] = field(default_factory=Counter)
    """Rows by the reason why no bill was computed."""

    def plain(self) -> dict[str, object]:
        """For JSON."""
        return {
            "exact": self.exact,
            "compared": self.compared,
            "not_computed": dict(sorted(self.not_computed.items())),
            "differences": [
                {
                    "case": d.case,
                    "line": d.line,
                    "expected": str(d.expected),
                    "computed": number_text(d.computed),
                }
                for d in self.differences
            ],
        }


def read_rows(path: Path, kinds: Sequence[str]) -> list[Row]:
    """The rows of the CSV, of these kinds if any are named. Errors: NotFound, BadInput with every bad row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.DictReader(file))
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}; name a CSV file that can be read") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: {error}; expected a CSV file in UTF-8") from error
    problems: list[Problem] = []
    rows = []
    for number, cells in enumerate(table, 2):
        if kinds and cells.get("kind") not in kinds:
            continue
        row = _row(cells, f"line {number}", problems)
        if row is not None:
            rows.append(row)
    if problems:
        raise BadInput("\n".join([f"{path}: {len(problems)} unusable cells", *(f"  {p}" for p in problems)]))
    return rows


def check_rows(rows: Sequence[Row], book: TariffBook, options: Mapping[str, str]) -> Comparison:
    """Compute each row's bill and compare."""
    result = Comparison()
    for row in rows:
        try:
            tariff = book.load(row.tariff)
            bill = prepare(tariff, row.period, {**options, **_own_options(row, tariff)}).bill(row.usage)
        except (NotFound, UsageInvalid) as error:
            result.not_computed[str(error)] += 1
            continue
        unknown = _beyond(row, tariff)
        if unknown:
            result.not_computed[f"no line for {unknown}"] += 1
            continue
        differences = list(_differences(row, tariff, bill))
        result.compared += 1
        result.exact += not differences
        result.differences.extend(differences)
    return result


def _own_options(row: Row, tariff: Tariff) -> dict[str, str]:
    """The options that the row's own columns set."""
    named = {_CLASS_COLUMNS.get(column, column): value for column, value in row.expected.items()}
    return {name: value for name, value in named.items() if name in tariff.options}


def _beyond(row: Row, tariff: Tariff) -> str:
    """Customer classes, or else amounts, for which the tariff has no line; empty if it has all."""
    lines = {line.id for line in tariff.lines} | {"total"}
    unknown = {
        column: value
        for column, value in row.expected.items()
        if column not in lines and _CLASS_COLUMNS.get(column, column) not in tariff.options
    }
    classes = [f"{column}={value}" for column, value in unknown.items() if not _is_number(value)]
    amounts = [column for column, value in unknown.items() if _is_number(value) and Decimal(value) != 0]
    return ", ".join(classes or amounts)


def _differences(row: Row, tariff: Tariff, bill: Bill) -> list[Difference]:
    deductions = {line.id for line in tariff.lines if isinstance(line, TAKES_OFF)}
    ids = {line.id for line in tariff.lines}
    found = []
    for column, text in row.expected.items():
        if column not in ids and column != "total":
            continue
        if not _is_number(text):
            raise BadInput(f"{row.name}: {column}: found {shortened(text)}; expected an amount")
        expected = Decimal(text)
        computed = bill.total if column == "total" else bill.amount(column)
        computed = -computed if column in deductions else computed
        if computed != expected:
            found.append(Difference(row.name, column, expected, computed))
    return found


def _row(cells: Mapping[str, str | None], where: str, problems: list[Problem]) -> Row | None:
    """One row; what is wrong with it goes to `problems`."""
    before = len(problems)
    start = _cell_day(cells, "start", where, problems)
    end = _cell_day(cells, "end" if cells.get("end") else "end_exclusive", where, problems)
    usage = _usage(cells, where, problems)
    tariff = cells.get("tariff") or (_BY_VOLTAGE + str(cells.get("voltage")) if cells.get("voltage") else "")
    if not tariff:
        problems.append(Problem(f"{where}.tariff", "nothing", "a tariff's id, or a voltage: low or high"))
    expected = {
        column: value.strip()
        for column, value in cells.items()
        if column and value and value.strip() and not _is_about_the_row(column)
    }
    if not expected:
        problems.append(Problem(where, "no amounts", 'columns like lines of the bill: "energy", "total"'))
    if len(problems) > before or start is None or end is None or usage is None:
        return None
    if end <= start:
        problems.append(Problem(f"{where}.end", str(end), f"a day after the start, {start}"))
        return None
    name = cells.get("case") or cells.get("id") or where
    return Row(name, tariff, Period(start, end), usage, expected)


def _usage(cells: Mapping[str, str | None], where: str, problems: list[Problem]) -> Usage | None:
    """What the row says of the use: kWh, or the registers of a meter; demand and export, if it tells them."""
    columns = [c for c in cells if c and (c.startswith(_BAND) or c in ("kwh", "demand_kw", "export_kwh"))]
    told: dict[str, Decimal] = {}
    for column in columns:
        text = (cells[column] or "").strip()
        if _is_number(text) and Decimal(text) >= 0:
            told[column] = Decimal(text)
        elif text:
            unit = "kW" if column == "demand_kw" else "kWh"
            problems.append(Problem(f"{where}.{column}", shortened(text), f"{unit} of 0 or more"))
            return None
    bands = {c.removeprefix(_BAND): number for c, number in told.items() if c.startswith(_BAND)}
    kwh = told.get("kwh", sum(bands.values(), Decimal(0)) if bands else None)
    if kwh is None:
        problems.append(Problem(f"{where}.kwh", shortened(""), "kWh of 0 or more"))
        return None
    try:
        export_kwh = told.get("export_kwh", Decimal(0))
        return Usage(kwh, bands=bands, export_kwh=export_kwh, demand_kw=told.get("demand_kw"))
    except UsageInvalid as error:  # bands that don't add up to kwh
        problems.append(Problem(where, shortened(str(kwh)), str(error)))
        return None


def _is_about_the_row(column: str) -> bool:
    return column in _ABOUT_THE_ROW or column.startswith(_BAND)


def _cell_day(
    cells: Mapping[str, str | None], column: str, where: str, problems: list[Problem]
) -> date | None:
    text = cells.get(column) or ""
    try:
        return date.fromisoformat(text)
    except ValueError:
        problems.append(Problem(f"{where}.{column}", shortened(text), "a date as YYYY-MM-DD"))
        return None


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
