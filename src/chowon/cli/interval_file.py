"""Files with one row an interval: a use (time, kwh, perhaps export_kwh), or prices (time, price)."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.bill import Prices, Profile
from chowon.domain.quantities import MINUTE_MS
from chowon.errors import BadInput, NotFound, Problem, shortened

_SHOWN: Final = 20
_MOST_DIGITS: Final = 9
"""After the point: µWh"""


def read_profile(path: Path, zone: ZoneInfo) -> Profile:
    """The use in a CSV or Parquet file. zone: of times without an offset.

    Errors: NotFound, BadInput with every bad cell, or the first gap, repeated time or uneven step.
    """
    rows = _rows(path, ("time", "kwh"), ("export_kwh",))
    problems: list[Problem] = []
    times = _times(rows, zone, problems)
    imported = _numbers(rows, "kwh", problems, least=Decimal(0))
    export_told = "export_kwh" in rows[0][1]
    exported = _numbers(rows, "export_kwh", problems, least=Decimal(0)) if export_told else []
    _refuse(path, problems)
    order, step_ms = _steps(path, rows, times)
    digits = max(_digits(n) for n in (*imported, *exported))
    if digits > _MOST_DIGITS:
        raise BadInput(
            f"{path}: found kWh with {digits} digits after the point; expected {_MOST_DIGITS} at most"
        )

    def energy(numbers: Sequence[Decimal]) -> list[int]:
        return [int(numbers[n].scaleb(digits)) for n in order]

    return Profile(
        times[order[0]],
        step_ms,
        np.array(energy(imported), np.int64),
        np.array(energy(exported), np.int64) if export_told else None,
        per_kwh=10**digits,
    )


def read_prices(path: Path, zone: ZoneInfo) -> Prices:
    """The prices in a CSV or Parquet file. Errors: as `read_profile`."""
    rows = _rows(path, ("time", "price"), ())
    problems: list[Problem] = []
    times = _times(rows, zone, problems)
    prices = _numbers(rows, "price", problems, least=None)
    _refuse(path, problems)
    order, step_ms = _steps(path, rows, times)
    return Prices(times[order[0]], step_ms, [prices[n] for n in order])


_Rows = list[tuple[str, Mapping[str, object]]]


def _rows(path: Path, columns: Sequence[str], others: Sequence[str]) -> _Rows:
    """(where it stands, cells) of each row."""
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            table: Iterable[Mapping[str, object]] = pq.read_table(path).to_pylist()
        else:
            with path.open(encoding="utf-8-sig", newline="") as file:
                table = list(csv.DictReader(file))
    except OSError as error:
        why = error.strerror or str(error)
        raise NotFound(f"{path}: {why}; name a CSV or Parquet file that can be read") from error
    except (ValueError, csv.Error) as error:  # not UTF-8, or no Parquet: pyarrow's errors are ValueErrors
        raise BadInput(f"{path}: {error}; expected CSV in UTF-8, or Parquet") from error
    rows = [(f"line {n}", cells) for n, cells in enumerate(table, 2)]
    ragged = next((where for where, cells in rows if None in cells), None)
    if ragged is not None:
        raise BadInput(f"{path}: {ragged}: found more cells than the header has; expected as many")
    if len(rows) < 2:
        raise BadInput(f"{path}: found {len(rows)} rows; expected two or more, under {','.join(columns)}")
    found = set(rows[0][1])
    if not set(columns) <= found <= {*columns, *others}:
        names = ", ".join(str(name) for name in rows[0][1])
        optional = f" (and {', '.join(others)})" if others else ""
        raise BadInput(f"{path}: found columns {shortened(names)}; expected {', '.join(columns)}{optional}")
    return rows


def _times(rows: _Rows, zone: ZoneInfo, problems: list[Problem]) -> list[int]:
    found = []
    for where, cells in rows:
        when = _instant(cells["time"], zone)
        if when is None:
            expected = "ms since 1970 UTC, or ISO 8601 such as 2026-11-01T00:15+09:00"
            problems.append(Problem(f"{where}.time", shortened(cells["time"]), expected))
        found.append(when or 0)
    return found


def _instant(cell: object, zone: ZoneInfo) -> int | None:
    if isinstance(cell, datetime):
        when = cell
    else:
        text = str(cell).strip()
        if re.fullmatch(r"-?[0-9]{1,14}", text):
            return int(text)
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            return None
    return round((when if when.tzinfo else when.replace(tzinfo=zone)).timestamp() * 1000)


def _numbers(rows: _Rows, column: str, problems: list[Problem], least: Decimal | None) -> list[Decimal]:
    found = []
    for where, cells in rows:
        try:
            number = Decimal(str(cells[column]).strip())
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or (least is not None and number < least):
            expected = "a number" if least is None else "kWh, 0 or more"
            problems.append(Problem(f"{where}.{column}", shortened(cells[column]), expected))
        found.append(number)
    return found


def _refuse(path: Path, problems: Sequence[Problem]) -> None:
    if problems:
        shown = [f"  {problem}" for problem in problems[:_SHOWN]]
        raise BadInput("\n".join([f"{path}: {len(problems)} unusable cells", *shown]))


def _steps(path: Path, rows: _Rows, times: Sequence[int]) -> tuple[list[int], int]:
    """(the rows in order of time, ms from each to the next). Errors: BadInput for uneven ones."""
    order = sorted(range(len(times)), key=times.__getitem__)
    steps = [times[b] - times[a] for a, b in pairwise(order)]
    if 0 in steps:
        n = order[steps.index(0) + 1]
        raise BadInput(
            f"{path}: {rows[n][0]}: found {_shown(times[n])} twice; expected each time once (where the clock "
            "goes back, write times with their offset)"
        )
    step_ms = min(steps)
    wrong = next((n for n, step in enumerate(steps) if step != step_ms), None)
    if wrong is not None:
        place, minutes = rows[order[wrong + 1]][0], step_ms / MINUTE_MS
        kind = "a gap" if steps[wrong] % step_ms == 0 else "an uneven step"
        raise BadInput(
            f"{path}: {place}: found {kind} from {_shown(times[order[wrong]])} to "
            f"{_shown(times[order[wrong + 1]])}; expected a row every {minutes:g} min"
        )
    return order, step_ms


def _shown(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat()


def _digits(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
