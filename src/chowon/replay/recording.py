"""A recording: power over time in one Parquet file, checked when opened, read a stretch at a time.

docs/reference/recordings.md describes the format.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chowon.domain.energy import between, held, import_dwms
from chowon.domain.quantities import ABSENT_I32, DAY_MS, DWMS_PER_WH, I32, I64
from chowon.domain.readings import Readings
from chowon.errors import NotFound, Problem, RecordingInvalid
from chowon.replay.check import Facts, check, tenths

SHIPPED: Final = Path(__file__).parent / "recordings" / "home.parquet"
"""The recording that comes with chowon: a home composed of real plugs, five weeks at one second."""
MAIN: Final = "main"
"""The channel whose power is the file's column `mains`."""
_GROUPS_KEPT = 2
"""Decoded row groups kept, so that a player asking second by second decodes each only once."""


@dataclass(frozen=True, slots=True)
class Samples:
    """n instants of a recording, in order of time; ABSENT_I32 where nothing was measured."""

    time_ms: I64
    """(n,) int64, ms UTC"""
    power_dw: Mapping[str, I32]
    """channel → (n,) int32, 0.1 W, import positive"""
    voltage_dv: I32 | None = None
    """(n,) int32, 0.1 V, of the main channel; None if the recording has none"""

    def __len__(self) -> int:
        return len(self.time_ms)

    def of(self, channel: str) -> tuple[I64, I32, I32 | None]:
        """(time_ms, power_dw, voltage_dv) of one channel, only where its power was measured."""
        power_dw = self.power_dw[channel]
        measured = power_dw != ABSENT_I32
        voltage_dv = self.voltage_dv if channel == MAIN else None
        return (
            self.time_ms[measured],
            power_dw[measured],
            None if voltage_dv is None else voltage_dv[measured],
        )


class Recording:
    """An opened recording. Decodes only the row groups and columns asked for."""

    def __init__(self, path: Path, file: pq.ParquetFile, facts: Facts) -> None:
        self.path = path
        self.facts = facts
        self._file = file
        self._groups: OrderedDict[tuple[int, tuple[str, ...]], Samples] = OrderedDict()

    @classmethod
    def open(cls, path: Path) -> "Recording":
        """The recording in this file. Errors: NotFound; RecordingInvalid with every problem found."""
        if not path.is_file():
            raise NotFound(f"recording {path}: no such file")
        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            problem = Problem("file", str(error), "a Parquet file as in docs/reference/recordings.md")
            raise RecordingInvalid(f"recording {path} cannot be played", [problem]) from error
        try:
            return cls(path, file, check(path, file))
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself: dataset, home, licence, attribution, origin, clock, note, …"""
        return self.facts.metadata

    @property
    def timezone(self) -> ZoneInfo:
        """The zone in which the home lived; UTC if the file does not say."""
        return self.facts.timezone

    @property
    def channels(self) -> tuple[str, ...]:
        """The main channel, then one a recorded appliance."""
        return (MAIN, *self.facts.appliances)

    @property
    def start_ms(self) -> int:
        """The first instant, ms UTC."""
        return self.facts.start_ms

    @property
    def end_ms(self) -> int:
        """One median interval after the last instant, ms UTC."""
        return self.facts.end_ms

    @property
    def duration_ms(self) -> int:
        """From start to end, gaps included."""
        return self.end_ms - self.start_ms

    @property
    def interval_ms(self) -> int:
        """The median time from one sample of mains to the next."""
        return self.facts.interval_ms

    @property
    def hold_ms(self) -> int:
        """The longest silence that one sample bridges: 10 s, or three intervals where they are over 5 s."""
        return self.facts.hold_ms

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """(last heard, heard again), ms UTC, of every silence of mains that is longer than `hold_ms`."""
        return self.facts.gaps

    def slice(self, start_ms: int, end_ms: int, channels: Sequence[str] = (MAIN,)) -> Samples:
        """What was recorded in [start_ms, end_ms). Errors: NotFound for an unknown channel."""
        unknown = set(channels) - set(self.channels)
        if unknown:
            known = ", ".join(self.channels)
            raise NotFound(f"recording {self.path}: no channel {', '.join(sorted(unknown))}; it has {known}")
        first = int(np.searchsorted(self.facts.group_last_ms, start_ms))
        behind = int(np.searchsorted(self.facts.group_first_ms, end_ms))
        groups = self.facts.groups[first:behind]
        parts = [self._part(group, start_ms, end_ms, tuple(channels)) for group in groups]
        if not parts:
            return self._empty(channels)
        return parts[0] if len(parts) == 1 else joined(parts)

    def energy_wh(self, start_ms: int, end_ms: int, channel: str = MAIN) -> float:
        """Energy from the grid in [start_ms, end_ms): each sample held until the next, gaps left out."""
        total = 0
        begin = max(start_ms, self.start_ms)
        while begin < min(end_ms, self.end_ms):
            end = min(begin + DAY_MS, end_ms)
            around = self.slice(begin - self.hold_ms, end + self.hold_ms + 1, (channel,))
            readings = Readings(np.zeros(len(around), np.uint32), around.time_ms, around.power_dw[channel])
            total += int(import_dwms(between(held(readings, self.hold_ms), begin, end)).sum())
            begin = end
        return total / DWMS_PER_WH

    def _part(self, group: int, start_ms: int, end_ms: int, channels: tuple[str, ...]) -> Samples:
        whole = self._group(group, channels)
        rows = slice(*np.searchsorted(whole.time_ms, [start_ms, end_ms]).tolist())
        return Samples(
            whole.time_ms[rows],
            {name: column[rows] for name, column in whole.power_dw.items()},
            None if whole.voltage_dv is None else whole.voltage_dv[rows],
        )

    def _group(self, group: int, channels: tuple[str, ...]) -> Samples:
        key = (group, channels)
        if key not in self._groups:
            self._groups[key] = self._decoded(group, channels)
            if len(self._groups) > _GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key]

    def _decoded(self, group: int, channels: tuple[str, ...]) -> Samples:
        columns = {name: "mains" if name == MAIN else name for name in channels}
        voltage = self.facts.has_voltage and MAIN in channels
        names = ["timestamp", *columns.values(), *(["voltage"] if voltage else [])]
        table: Any = self._file.read_row_group(group, columns=names)
        return Samples(
            table["timestamp"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_numpy(),
            {name: tenths(table[column], f"{self.path}: {column}") for name, column in columns.items()},
            tenths(table["voltage"], f"{self.path}: voltage") if voltage else None,
        )

    def _empty(self, channels: Sequence[str]) -> Samples:
        voltage = self.facts.has_voltage and MAIN in channels
        none = np.zeros(0, np.int32)
        return Samples(np.zeros(0, np.int64), dict.fromkeys(channels, none), none if voltage else None)


def joined(parts: Sequence[Samples]) -> Samples:
    """Stretches of the same channels, one after the other; at least one."""
    voltages = [p.voltage_dv for p in parts if p.voltage_dv is not None]
    return Samples(
        np.concatenate([p.time_ms for p in parts]),
        {name: np.concatenate([p.power_dw[name] for p in parts]) for name in parts[0].power_dw},
        np.concatenate(voltages) if voltages else None,
    )
