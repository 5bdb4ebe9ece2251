"""Energy by quarter of an hour since the period began, of the channels that are billed by the hour.

Kept like the other sums of live state: each piece of held power is added where it belongs, to the
millisecond, and a channel that got late data is set from the store. A channel takes 48 kB.
"""

from dataclasses import dataclass

import numpy as np

from chowon.domain.energy import Held, cut, export_dwms, import_dwms
from chowon.domain.quantities import DAY_MS, HOUR_MS, I64, QUARTER_MS

_WIDTH = (31 * DAY_MS + 2 * HOUR_MS) // QUARTER_MS
"""The quarters of the longest period, and of an hour or two that a change of clocks adds."""
_FREE = -1


@dataclass(frozen=True, slots=True, eq=False)
class QuarterSums:
    """A channel's quarters that hold energy."""

    start_ms: I64
    """(n,) ms UTC, each once"""
    import_dwms: I64
    export_dwms: I64


class Quarters:
    """Rows of quarters by slot of live state. Not thread-safe: one owner, the live loop."""

    def __init__(self) -> None:
        self._row_of: I64 = np.full(16, _FREE, np.int64)
        """by slot"""
        self._free: list[int] = []
        self._start_ms: I64 = np.zeros(0, np.int64)
        self._end_ms: I64 = np.zeros(0, np.int64)
        self._import_dwms: I64 = np.zeros((0, _WIDTH), np.int64)
        self._export_dwms: I64 = np.zeros((0, _WIDTH), np.int64)

    def follows(self, slot: int) -> bool:
        """Whether the slot's quarters are kept."""
        return slot < len(self._row_of) and self._row_of[slot] != _FREE

    def follow(self, slot: int, start_ms: int, end_ms: int) -> None:
        """Keep the quarters of this slot in a period; all begin at 0."""
        if slot >= len(self._row_of):
            more = np.full(max(slot + 1, 2 * len(self._row_of)) - len(self._row_of), _FREE, np.int64)
            self._row_of = np.concatenate([self._row_of, more])
        if self._row_of[slot] == _FREE:
            self._row_of[slot] = self._free_row()
        row = self._row_of[slot]
        self._start_ms[row] = start_ms
        self._end_ms[row] = min(end_ms, start_ms + _WIDTH * QUARTER_MS)
        self._import_dwms[row] = self._export_dwms[row] = 0

    def leave(self, slot: int) -> None:
        """Keep this slot's quarters no longer."""
        if self.follows(slot):
            self._free.append(int(self._row_of[slot]))
            self._row_of[slot] = _FREE

    def add(self, pieces: Held, slot: I64) -> None:
        """Add what these pieces (n,) of the slots (n,) used; other slots' are passed over."""
        if not len(self._start_ms):
            return
        row = np.where(slot < len(self._row_of), self._row_of[np.minimum(slot, len(self._row_of) - 1)], _FREE)
        followed = row != _FREE
        if not followed.any():
            return
        row = row[followed]
        begin, held_ms = pieces.time_ms[followed], pieces.held_ms[followed]
        start = np.clip(begin, self._start_ms[row], self._end_ms[row])
        end = np.clip(begin + held_ms, self._start_ms[row], self._end_ms[row])
        some = end > start
        clipped = Held(
            row[some].astype(np.uint32), start[some], pieces.power_dw[followed][some], (end - start)[some]
        )
        parts = cut(clipped, QUARTER_MS)
        row = parts.channel.astype(np.int64)
        place = (parts.time_ms - self._start_ms[row]) // QUARTER_MS
        np.add.at(self._import_dwms, (row, place), import_dwms(parts))
        np.add.at(self._export_dwms, (row, place), export_dwms(parts))

    def set(self, slot: int, sums: QuarterSums) -> None:
        """Set a slot's quarters from the store; those outside its period are passed over."""
        if not self.follows(slot):
            return
        row = int(self._row_of[slot])
        inside = (sums.start_ms >= self._start_ms[row]) & (sums.start_ms < self._end_ms[row])
        place = (sums.start_ms[inside] - self._start_ms[row]) // QUARTER_MS
        for kept, found in (
            (self._import_dwms, sums.import_dwms),
            (self._export_dwms, sums.export_dwms),
        ):
            kept[row] = 0
            kept[row, place] = found[inside]

    def summed(self, slots: I64, n: int) -> tuple[I64, I64]:
        """(import, export), each (n,): the first quarters of these followed slots, added up; dWms."""
        rows = self._row_of[slots]
        return self._import_dwms[rows, :n].sum(axis=0), self._export_dwms[rows, :n].sum(axis=0)

    def _free_row(self) -> int:
        if not self._free:
            had = len(self._start_ms)
            more = max(had, 4)
            self._start_ms = np.concatenate([self._start_ms, np.zeros(more, np.int64)])
            self._end_ms = np.concatenate([self._end_ms, np.zeros(more, np.int64)])
            room = np.zeros((more, _WIDTH), np.int64)
            self._import_dwms = np.concatenate([self._import_dwms, room])
            self._export_dwms = np.concatenate([self._export_dwms, room])
            self._free = list(range(had + more - 1, had - 1, -1))
        return self._free.pop()
