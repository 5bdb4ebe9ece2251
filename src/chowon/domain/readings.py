"""A batch of readings as columns: the one shape in which measurements travel through chowon."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.quantities import ABSENT_I32, ABSENT_I64, I32, I64, U32, Bools

QUANTITIES_I32: Final = ("power_dw", "reactive_dvar", "voltage_dv", "current_ma", "frequency_mhz")
QUANTITIES_I64: Final = ("import_milliwh", "export_milliwh")
QUANTITIES: Final = QUANTITIES_I32 + QUANTITIES_I64


@dataclass(frozen=True, slots=True)
class Readings:
    """n readings in any order; key (channel, time). A column that is None is absent for all of them.

    Absent single values are ABSENT_I32 / ABSENT_I64. Positive power is import (taken from the grid).
    """

    channel: U32
    """(n,) uint32, catalog id of the channel"""
    time_ms: I64
    """(n,) int64, ms since 1970 UTC"""
    power_dw: I32 | None = None
    """(n,) int32, active power, 0.1 W, import positive"""
    reactive_dvar: I32 | None = None
    """(n,) int32, reactive power, 0.1 var"""
    voltage_dv: I32 | None = None
    """(n,) int32, 0.1 V"""
    current_ma: I32 | None = None
    """(n,) int32, mA"""
    frequency_mhz: I32 | None = None
    """(n,) int32, 0.001 Hz (millihertz)"""
    import_milliwh: I64 | None = None
    """(n,) int64, the meter's own counter of energy taken from the grid, 0.001 Wh"""
    export_milliwh: I64 | None = None
    """(n,) int64, the meter's own counter of energy given to the grid, 0.001 Wh"""

    def __len__(self) -> int:
        return len(self.time_ms)

    def column(self, name: str) -> I32 | I64 | None:
        """The column of one quantity (a name of QUANTITIES)."""
        found: I32 | I64 | None = getattr(self, name)
        return found

    def where(self, mask: Bools | I64 | slice) -> "Readings":
        """The readings that a mask, an index array or a slice selects."""
        columns = {n: None if (c := self.column(n)) is None else c[mask] for n in QUANTITIES}
        return Readings(self.channel[mask], self.time_ms[mask], **columns)  # type: ignore[arg-type]


def empty() -> Readings:
    """No readings at all."""
    return Readings(np.zeros(0, np.uint32), np.zeros(0, np.int64))


def concat(parts: Sequence[Readings]) -> Readings:
    """All parts one after the other; a column that only some parts have is filled with "absent"."""
    parts = [p for p in parts if len(p)]
    if not parts:
        return empty()
    if len(parts) == 1:
        return parts[0]

    def joined(name: str) -> I32 | I64 | None:
        columns = [p.column(name) for p in parts]
        if all(c is None for c in columns):
            return None
        filler = absent_of(name)
        return np.concatenate(
            [np.full(len(p), filler) if c is None else c for p, c in zip(parts, columns, strict=True)]
        )

    return Readings(
        np.concatenate([p.channel for p in parts]),
        np.concatenate([p.time_ms for p in parts]),
        **{name: joined(name) for name in QUANTITIES},  # type: ignore[arg-type]
    )


def absent_of(name: str) -> np.int32 | np.int64:
    """The value that stands for "absent" in the column of this quantity."""
    return ABSENT_I32 if name in QUANTITIES_I32 else ABSENT_I64


def turned(readings: Readings, which: Bools) -> Readings:
    """The same with the direction of some readings turned round: a clamp that sits the wrong way.

    which: (n,) bool. Power and current change their sign, the two counters change places.
    """
    columns = {name: c for name in QUANTITIES if (c := readings.column(name)) is not None}
    return Readings(readings.channel, readings.time_ms, **turned_columns(columns, which))  # type: ignore[arg-type]


def turned_columns(columns: Mapping[str, I32 | I64], which: Bools) -> dict[str, I32 | I64]:
    """As `turned`, of columns by name; one that is not there is absent."""
    found = dict(columns)
    for name in ("power_dw", "reactive_dvar", "current_ma"):
        if name in found:
            column = found[name]
            found[name] = np.where(which & (column != ABSENT_I32), -column, column)
    if "import_milliwh" in found or "export_milliwh" in found:
        absent = np.full(len(which), ABSENT_I64)
        imported, exported = (found.get(name, absent) for name in ("import_milliwh", "export_milliwh"))
        found["import_milliwh"] = np.where(which, exported, imported)
        found["export_milliwh"] = np.where(which, imported, exported)
    return found


def latest(readings: Readings) -> Readings:
    """Sorted by (channel, time), one reading a key: of equal keys the one that stands last wins whole."""
    n = len(readings)
    if _ascending(readings):
        return readings
    order = np.lexsort((np.arange(n), readings.time_ms, readings.channel))
    channel, time_ms = readings.channel[order], readings.time_ms[order]
    last = np.ones(n, np.bool_)
    last[:-1] = (channel[1:] != channel[:-1]) | (time_ms[1:] != time_ms[:-1])
    return readings.where(order[last])


def _ascending(readings: Readings) -> bool:
    """Whether it is sorted and unique already, which is far cheaper to see than to make."""
    channel, time_ms = readings.channel, readings.time_ms
    later = (channel[1:] == channel[:-1]) & (time_ms[1:] > time_ms[:-1])
    return bool(np.all(later | (channel[1:] > channel[:-1])))


def of_channels(readings: Readings, channels: Iterable[int]) -> Readings:
    """Only the readings of these channels."""
    return readings.where(np.isin(readings.channel, np.fromiter(channels, np.uint32)))
