"""What must be true of a recording before it is played, and what is learnt on the way."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chowon.domain.quantities import ABSENT_I32, DEFAULT_HOLD_MS, I32, I64
from chowon.errors import Problem, RecordingInvalid, shortened

_MAX: Final = 200_000_000
"""W and V beyond ± this are no measurement (and would not fit 0.1 in an int32)."""


_NEEDED: Final = {"timestamp": "timestamp[ms, UTC]", "mains": "numbers of W"}
_NAME: Final = re.compile(r"[a-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What one pass over time stamps and mains tells about a recording."""

    metadata: dict[str, str]
    timezone: ZoneInfo
    appliances: tuple[str, ...]
    has_voltage: bool
    start_ms: int
    end_ms: int
    interval_ms: int
    hold_ms: int
    gaps: tuple[tuple[int, int], ...]
    groups: tuple[int, ...]
    """The row groups that hold a row"""
    group_first_ms: I64
    """(groups,) int64, first instant of each of them, ms UTC"""
    group_last_ms: I64
    """(groups,) int64, last instant of each of them, ms UTC"""


def check(path: Path, file: pq.ParquetFile) -> Facts:
    """What the file holds. Errors: RecordingInvalid with every problem found."""
    schema = file.schema_arrow
    metadata = {k.decode(): v.decode() for k, v in (schema.metadata or {}).items() if k != b"ARROW:schema"}
    problems = of_columns(schema)
    zone = _zone(metadata.get("timezone", "UTC"), problems)
    scan = _Scan(problems)
    if not {"timestamp", "mains"} & {p.where for p in problems}:
        for group in range(file.num_row_groups):
            scan.add(group, file.read_row_group(group, columns=["timestamp", "mains"]))
        scan.finish()
    if problems or zone is None:
        raise RecordingInvalid(f"recording {path} cannot be played", problems)
    interval_ms = scan.interval_ms()
    hold_ms = DEFAULT_HOLD_MS if interval_ms <= 5_000 else 3 * interval_ms
    known = {"timestamp", "mains", "voltage"}
    return Facts(
        metadata=metadata,
        timezone=zone,
        appliances=tuple(n for n in schema.names if n not in known),
        has_voltage="voltage" in schema.names,
        start_ms=scan.first_ms[0],
        end_ms=scan.last_ms[-1] + interval_ms,
        interval_ms=interval_ms,
        hold_ms=hold_ms,
        gaps=tuple((a, b) for a, b in scan.silences if b - a > hold_ms),
        groups=tuple(scan.groups),
        group_first_ms=np.array(scan.first_ms, np.int64),
        group_last_ms=np.array(scan.last_ms, np.int64),
    )


def tenths(column: Any, where: str) -> I32:
    """An Arrow column of W or V as (n,) int32 in 0.1; null, NaN and infinities are absent.

    Errors: RecordingInvalid if a value is out of range.
    """
    values = column.cast(pa.float64()).to_numpy()
    measured = np.isfinite(values)
    values = np.where(measured, values, 0)
    if len(values) and np.abs(values).max() > _MAX:
        problem = Problem(where, shortened(float(values[np.abs(values).argmax()])), f"at most ± {_MAX}")
        raise RecordingInvalid("recording cannot be played", [problem])
    return np.where(measured, np.rint(values * 10), ABSENT_I32).astype(np.int32)


def of_columns(schema: Any, needed: Sequence[str] = ("timestamp", "mains")) -> list[Problem]:
    """What is wrong with a file's columns, told from their names and types."""
    missing = [n for n in needed if n not in schema.names]
    problems = [Problem(n, "no such column", f"a column of {_NEEDED[n]}") for n in missing]
    doubled = sorted({n for n in schema.names if schema.names.count(n) > 1})
    problems += [Problem(n, "the name of several columns", "one column of each name") for n in doubled]
    unusable = [n for n in schema.names if n == "main" or not _NAME.fullmatch(n)]
    problems += [Problem("columns", shortened(n), "1–64 of a-z 0-9 _ . -, and not main") for n in unusable]
    for at in schema:
        kind = at.type
        if at.name == "timestamp":
            if not pa.types.is_timestamp(kind):
                problems.append(Problem(at.name, str(kind), "timestamp[ms, UTC]"))
            elif kind.tz is None:
                problems.append(Problem(at.name, f"{kind}, of no zone", "instants: timestamp[ms, UTC]"))
        elif not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
            problems.append(
                Problem(at.name, str(kind), "numbers of V" if at.name == "voltage" else "numbers of W")
            )
    return problems


def _zone(name: str, problems: list[Problem]) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        problems.append(Problem("metadata timezone", shortened(name), "an IANA name such as Asia/Seoul"))
        return None


@dataclass(slots=True)
class _Scan:
    """One pass over all row groups, keeping only what does not grow with the number of samples."""

    problems: list[Problem]
    groups: list[int] = field(default_factory=list)
    first_ms: list[int] = field(default_factory=list)
    last_ms: list[int] = field(default_factory=list)
    silences: list[tuple[int, int]] = field(default_factory=list)
    """(last heard, heard again) of every step of more than the default hold"""
    steps: Counter[int] = field(default_factory=Counter)
    unsorted: int = 0
    unsorted_at: tuple[int, int] | None = None
    undated: int = 0
    heard_ms: int | None = None

    def add(self, group: int, table: Any) -> None:
        """The next row group: its number, its columns timestamp and mains."""
        stamps = table["timestamp"].cast(pa.timestamp("ms", "UTC"), safe=False)
        self.undated += stamps.null_count
        time_ms = stamps.cast(pa.int64()).drop_null().to_numpy()
        if not len(time_ms):
            return
        self._order(np.concatenate([np.array(self.last_ms[-1:], np.int64), time_ms]))
        self.groups.append(group)
        self.first_ms.append(int(time_ms[0]))
        self.last_ms.append(int(time_ms[-1]))
        try:
            measured = tenths(table["mains"], "mains") != ABSENT_I32
        except RecordingInvalid as error:
            self.problems.extend(p for p in error.problems if p not in self.problems)
            return
        if not self.undated:
            self._steps(time_ms[measured])

    def finish(self) -> None:
        """Add the problems that only the whole file shows."""
        if self.undated:
            self.problems.append(
                Problem("timestamp", f"{self.undated} rows without time", "an instant a row")
            )
        if self.unsorted_at:
            a, b = (datetime.fromtimestamp(t / 1000, UTC).isoformat() for t in self.unsorted_at)
            found = f"{self.unsorted} steps back or on the spot, first {b} after {a}"
            self.problems.append(Problem("timestamp", found, "rows sorted by time, each instant once"))
        if not self.problems and self.steps.total() < 1:
            self.problems.append(Problem("mains", "fewer than two values", "at least two measured instants"))

    def interval_ms(self) -> int:
        """The median step between samples of mains."""
        behind, half = 0, self.steps.total() / 2
        for step, count in sorted(self.steps.items()):
            behind += count
            if behind >= half:
                return step
        raise AssertionError("finish() made sure that there is a step")

    def _order(self, time_ms: I64) -> None:
        back = np.flatnonzero(np.diff(time_ms) <= 0)
        self.unsorted += len(back)
        if len(back) and self.unsorted_at is None:
            self.unsorted_at = (int(time_ms[back[0]]), int(time_ms[back[0] + 1]))

    def _steps(self, heard_ms: I64) -> None:
        if self.heard_ms is not None:
            heard_ms = np.concatenate([np.array([self.heard_ms], np.int64), heard_ms])
        if not len(heard_ms):
            return
        self.heard_ms = int(heard_ms[-1])
        step = np.diff(heard_ms)
        self.steps.update(dict(zip(*(v.tolist() for v in np.unique(step, return_counts=True)), strict=True)))
        for at in np.flatnonzero(step > DEFAULT_HOLD_MS).tolist():
            self.silences.append((int(heard_ms[at]), int(heard_ms[at + 1])))
