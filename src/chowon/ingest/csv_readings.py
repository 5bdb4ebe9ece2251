"""From the rows of a mapped CSV file to readings: power and counters as they are, intervals as mean power."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from chowon.domain.quantities import DAY_MS, HOUR_MS, I64
from chowon.errors import BadInput
from chowon.ingest.csv_foreign import Rows
from chowon.ingest.csv_mapping import Mapping, Value
from chowon.meters.checks import F64

LONGEST_MS: Final = 31 * DAY_MS
_FIELDS: Final = {
    "power_w": ("power_w", 1.0),
    "power_kw": ("power_w", 1000.0),
    "counter_import_kwh": ("import_wh", 1000.0),
    "counter_import_wh": ("import_wh", 1.0),
    "counter_export_kwh": ("export_wh", 1000.0),
    "counter_export_wh": ("export_wh", 1.0),
    "voltage_v": ("voltage_v", 1.0),
    "current_a": ("current_a", 1.0),
}
_INTERVALS: Final = {
    "interval_import_kwh": 1000.0,
    "interval_import_wh": 1.0,
    "interval_export_kwh": -1000.0,
    "interval_export_wh": -1.0,
}
"""What makes Wh of them; what was given is below 0"""


def table_of(found: Rows, mapping: Mapping, meter: str) -> tuple[pa.Table, I64]:
    """(time, meter, channel and quantities of each reading; the line that each comes from).

    An interval's energy is its mean power, at its start and again in its last millisecond, so that a missing
    one is a gap. Errors: BadInput where intervals have no length.
    """
    times, lines = found.time_ms, found.lines
    parts, places = [], []
    for value, column in zip(mapping.value, found.numbers.T, strict=True):
        told = ~np.isnan(column)
        if value.means in _INTERVALS:
            start_ms, length_ms = _spans(times, mapping)
            power_w = column * _INTERVALS[value.means] * HOUR_MS / length_ms
            stamps = np.concatenate([start_ms[told], (start_ms + length_ms - 1)[told]])
            parts.append(_part(stamps, value, "power_w", np.tile(power_w[told], 2), meter))
            places.append(np.tile(lines[told], 2))
        else:
            field, factor = _FIELDS[value.means]
            parts.append(_part(times[told], value, field, column[told] * factor, meter))
            places.append(lines[told])
    table = pa.concat_tables(parts, promote_options="default")
    return _by_reading(table, np.concatenate(places))


@dataclass(frozen=True, slots=True)
class Converted:
    """A row of the file as it will be understood."""

    line: int
    start_ms: int
    end_ms: int | None
    """None for what was measured at an instant"""
    values: tuple[tuple[float, str] | None, ...]
    """(number, unit) for each value of the mapping; None where the cell is empty"""


def converted(found: Rows, mapping: Mapping, most: int) -> list[Converted]:
    """The first rows, to look at. Errors: BadInput where intervals have no length."""
    starts, ends = found.time_ms, None
    if has_intervals(mapping):
        starts, length_ms = _spans(found.time_ms, mapping)
        ends = starts + length_ms
    rows = []
    for n in range(min(most, len(found))):
        values = tuple(_shown(v, float(c)) for v, c in zip(mapping.value, found.numbers[n], strict=True))
        end_ms = None if ends is None else int(ends[n])
        rows.append(Converted(int(found.lines[n]), int(starts[n]), end_ms, values))
    return rows


def usual_ms(found: Rows) -> int | None:
    """The usual time from one row to the next."""
    steps = np.diff(found.time_ms)
    return int(np.median(steps)) if len(steps) else None


def _shown(value: Value, number: float) -> tuple[float, str] | None:
    if np.isnan(number):
        return None
    if value.means in _INTERVALS:
        return number * abs(_INTERVALS[value.means]) / 1000, "kWh"
    field, factor = _FIELDS[value.means]
    unit = field.rpartition("_")[2]
    return (number * factor / 1000, "kWh") if unit == "wh" else (number * factor, unit.upper())


def longest_ms(found: Rows, mapping: Mapping) -> int | None:
    """How long an interval is at most; None without intervals. Errors: BadInput."""
    if not has_intervals(mapping):
        return None
    return int(_spans(found.time_ms, mapping)[1].max()) if len(found) else None


def has_intervals(mapping: Mapping) -> bool:
    """Whether rows stand for a span of time, which is known from the rows beside them only."""
    return any(value.means in _INTERVALS for value in mapping.value)


def _spans(times: I64, mapping: Mapping) -> tuple[I64, I64]:
    """(start, length) of each row's interval: to the next row, or from the one before, the usual at most."""
    if len(times) < 2:
        raise BadInput("found one interval only; expected two or more, whose distance tells how long one is")
    steps = np.diff(times)
    lengths, counts = np.unique(steps, return_counts=True)
    usual = int(lengths[np.argmax(counts)])
    if usual > LONGEST_MS:
        raise BadInput(f"found intervals of {usual / DAY_MS:g} days; expected 31 at most")
    ahead = mapping.stamp == "start"
    own = np.append(steps, usual) if ahead else np.insert(steps, 0, usual)
    length = np.minimum(own, usual)  # a longer way to the next row is a gap
    return (times if ahead else times - length), length


def _part(times: I64, value: Value, field: str, numbers: F64, meter: str) -> pa.Table:
    n = len(times)
    return pa.table(
        {
            "time": times,
            "meter": pa.array([meter] * n, pa.string()),
            "channel": pa.array([value.channel] * n, pa.string()),
            field: numbers,
        }
    )


def _by_reading(table: pa.Table, lines: I64) -> tuple[pa.Table, I64]:
    """Quantities of the same channel and time as one reading, for the same key replaces whole; by line."""
    names = [name for name in table.column_names if name not in ("time", "meter", "channel")]
    table = table.append_column("line", pa.array(lines))
    grouped = table.group_by(["time", "meter", "channel"], use_threads=False).aggregate(
        [(name, "max") for name in [*names, "line"]]
    )
    grouped = grouped.sort_by([("line_max", "ascending"), ("channel", "ascending"), ("time", "ascending")])
    lines = grouped["line_max"].to_numpy()
    columns = {name: grouped[name] for name in ("time", "meter", "channel")}
    return pa.table(columns | {name: grouped[f"{name}_max"] for name in names}), lines
