"""Edges of many homes, told within 10 s of the first reading that shows them.

A batch of readings costs a few numpy operations whatever the number of homes. How readings are cut into
batches changes nothing: sums are whole numbers, and everything else is told reading by reading.

Steady power is a run of readings that each stay within the least edge (noise.py) of the two before them. An
edge lies between two steady powers whose means are that far apart. Slow drift is no edge: the steady power
before an edge is the mean of its last 8 to 16 readings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chowon.domain.nilm.events.base_load import BaseLoad
from chowon.domain.nilm.events.edges import PROVISIONAL_MS, EdgeRules, Edges, Told, joined
from chowon.domain.nilm.events.noise import Noise, Samples
from chowon.domain.nilm.events.pieces import Moves, Pieces, pieces
from chowon.domain.nilm.power import F64
from chowon.domain.quantities import DEFAULT_HOLD_MS, I64, Bools
from chowon.errors import BadInput

NEVER: Final = -(2**62)
_TAIL: Final = 8
"""A steady power's end is its last one or two lots of so many readings"""
_UNKNOWN, _STEADY, _MOVING = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What a batch told."""

    edges: Edges
    late: I64
    """Rows, each once, with a reading that came too late: it took no part. See `Detector.forget`."""


class Detector:
    """What is known of each row, as arrays. Not thread-safe: one owner.

    Rows are numbered from 0 by whoever asks. `arrays` and `from_arrays` carry it over a restart.
    """

    def __init__(self, rows: int, rules: EdgeRules | None = None) -> None:
        self.rules = rules or EdgeRules()
        self.noise = Noise(rows, self.rules)
        self.base = BaseLoad(rows)
        self._kept: dict[str, NDArray[Any]] = {
            name: np.full(rows, value, dtype) for name, (dtype, value) in _COLUMNS.items()
        }

    def __len__(self) -> int:
        return len(self._kept["last_ms"])

    def grow(self, rows: int) -> None:
        """Room for so many rows in all."""
        if rows > len(self):
            more = Detector(rows - len(self), self.rules).arrays()
            self._take({name: np.concatenate([old, more[name]]) for name, old in self.arrays().items()})

    def hold(self, rows: I64, hold_ms: int | I64) -> None:
        """The longest silence of these rows that is no gap; 10 s unless told."""
        self._kept["hold_ms"][rows] = hold_ms

    def forget(self, rows: I64) -> None:
        """Begin anew: the readings of a day or more, given again in order, make the state right after
        readings that came late."""
        hold_ms = self._kept["hold_ms"][rows]
        self.put(rows, Detector(len(rows), self.rules), np.arange(len(rows)))
        self.hold(rows, hold_ms)

    def put(self, rows: I64, known: "Detector", their_rows: I64) -> None:
        """Take over what is known of rows of another detector, for these."""
        theirs = known.arrays()
        for name, column in self.arrays().items():
            column[rows] = theirs[name][their_rows]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that is known, by name, (rows, …) each; not copies."""
        noise = {f"noise.{name}": getattr(self.noise, name) for name in _NOISE}
        base = {f"base.{name}": getattr(self.base, name) for name in _BASE}
        return self._kept | noise | base

    def apply(self, row: I64, time_ms: I64, power_dw: NDArray[Any]) -> Heard:
        """Take in readings in any order, several of a row too; of equal instants the last one counts.

        row: (n,) int64. power_dw: (n,) whole numbers, 0.1 W, import positive, none absent.
        """
        samples, late = self._fresh(row, time_ms, power_dw.astype(np.int64))
        if not len(samples.row):
            return Heard(joined([]), late)
        moves = self._moves(samples)
        told: list[Edges] = []
        for turn in pieces(moves):
            moved = moves.moved[turn.begin]
            if moved.any():
                told += self._move(turn.where(moved), moves)
                turn = turn.where(~moved)  # noqa: PLW2901 - the quiet rest
            if len(turn.row):
                told += self._rest(turn, moves)
        return Heard(joined([edges for edges in told if len(edges)]), late)

    def steady_w(self, rows: I64) -> tuple[F64, Bools]:
        """(n,) W: the last steady power of each row, 0 while there is none, and whether it is steady now."""
        now = self._kept["phase"][rows] == _STEADY
        level = np.where(now, self._tail_dw(rows), self._kept["before_dw"][rows])
        return np.where(self._kept["phase"][rows] == _UNKNOWN, 0.0, level) / 10, now

    def last_ms(self, rows: I64) -> I64:
        """(n,) the newest reading; `NEVER` before the first."""
        return np.asarray(self._kept["last_ms"][rows], np.int64)

    def last_w(self, rows: I64) -> F64:
        """(n,) its power; 0 before the first."""
        return np.asarray(self._kept["last_dw"][rows] / 10, np.float64)

    def _fresh(self, row: I64, time_ms: I64, power_dw: I64) -> tuple[Samples, I64]:
        """In order, newer than what was seen; and the rows with a reading that is not."""
        later = (row[1:] == row[:-1]) & (time_ms[1:] > time_ms[:-1])
        if not np.all(later | (row[1:] > row[:-1])):
            order = np.lexsort((np.arange(len(row)), time_ms, row))
            row, time_ms, power_dw = row[order], time_ms[order], power_dw[order]
            kept = np.append((row[1:] != row[:-1]) | (time_ms[1:] != time_ms[:-1]), True)
            row, time_ms, power_dw = row[kept], time_ms[kept], power_dw[kept]
        last_ms = self._kept["last_ms"][row]
        new = time_ms > last_ms
        late = np.zeros(0, np.int64)
        if not new.all():
            again = (time_ms == last_ms) & (power_dw == self._kept["last_dw"][row])
            late = np.unique(row[~new & ~again])
            row, time_ms, power_dw = row[new], time_ms[new], power_dw[new]
        return Samples(row, time_ms, power_dw, np.append(True, row[1:] != row[:-1])[: len(row)]), late

    def _moves(self, samples: Samples) -> Moves:
        row, time_ms, power_dw, first = samples.row, samples.time_ms, samples.power_dw, samples.first
        kept, at = self._kept, np.flatnonzero(first)
        before_ms, before_dw, second_dw = (np.roll(c, 1) for c in (time_ms, power_dw, power_dw))
        before_ms[at], before_dw[at] = kept["last_ms"][row[at]], kept["last_dw"][row[at]]
        waited_ms = time_ms - before_ms
        gap = waited_ms > kept["hold_ms"][row]
        second_dw = np.where(gap, power_dw, before_dw)  # what the next reading takes as the one before that
        ends = np.append(at[1:], len(row)) - 1
        kept_second = kept["second_dw"][row[at]]
        kept["last_ms"][row[at]], kept["last_dw"][row[at]] = time_ms[ends], power_dw[ends]
        kept["second_dw"][row[at]] = second_dw[ends]
        second_dw = np.roll(second_dw, 1)
        second_dw[at] = kept_second
        change_dw = np.where(gap, 0, np.abs(power_dw - before_dw))
        least_dw, noise_dw, over = self.noise.follow(samples, change_dw, ~gap)
        if over is not None and len(over.row):
            self.base.take(over)
        least_dw = np.maximum(least_dw, self.rules.share * np.maximum(np.abs(power_dw), np.abs(before_dw)))
        calm = change_dw < least_dw
        moved = ~gap & ~(calm & (np.abs(power_dw - second_dw) < least_dw))
        total_dw = np.concatenate([[0], np.cumsum(power_dw)])
        return Moves(samples, total_dw, least_dw, noise_dw, waited_ms, gap, moved, calm)

    def _move(self, turn: Pieces, moves: Moves) -> list[Edges]:
        """One reading of each row that moves."""
        kept, row, at = self._kept, turn.row, turn.begin
        time_ms, power_dw = moves.samples.time_ms[at], moves.samples.power_dw[at]
        begins = kept["phase"][row] == _STEADY
        began = row[begins]
        kept["before_dw"][began] = self._tail_dw(began)
        kept["phase"][began] = _MOVING
        self._date(began, at[begins], moves)
        kept["peak_dw"][began], kept["shown"][began], kept["near"][began] = power_dw[begins], False, True
        kept["quiet"][row] = 0
        moving = kept["phase"][row] == _MOVING
        row, at, time_ms, power_dw = row[moving], at[moving], time_ms[moving], power_dw[moving]
        kept["peak_dw"][row] = np.maximum(kept["peak_dw"][row], power_dw)
        return self._show(row, at, moves)

    def _rest(self, turn: Pieces, moves: Moves) -> list[Edges]:
        """Quiet readings of each row, one or more."""
        told: list[Edges] = []
        gap = moves.gap[turn.begin]
        if gap.any():
            told.append(self._break(turn.row[gap], turn.begin[gap], moves))
        kept, row = self._kept, turn.row
        unsteady = kept["phase"][row] != _STEADY
        had = kept["quiet"][row]
        self._count(turn, had, moves.total_dw)
        if unsteady.any():
            told += self._settle(turn.where(unsteady), had[unsteady], moves)
        return told

    def _count(self, turn: Pieces, had: I64, total_dw: I64) -> None:
        """Add quiet readings to the sums of the lot of `_TAIL` that is open and of the one before."""
        kept, row = self._kept, turn.row
        has = had + (turn.end - turn.begin)
        open_dw = kept["lot_dw"][row]
        whole_dw = total_dw[turn.end] - total_dw[turn.begin]
        kept["quiet"][row] = has
        kept["lot_dw"][row] = open_dw + whole_dw
        new = (had - 1) // _TAIL != (has - 1) // _TAIL
        if not new.any():
            return
        row, begin, open_dw, had = row[new], turn.begin[new], open_dw[new], had[new]
        lot_begins = turn.end[new] - (has[new] - 1) % _TAIL - 1
        kept["lot_dw"][row] = total_dw[turn.end[new]] - total_dw[lot_begins]
        from_ = np.maximum(lot_begins - _TAIL, begin)
        carried = np.where((lot_begins - _TAIL < begin) & (had > 0), open_dw, 0)
        kept["whole_lot_dw"][row] = total_dw[lot_begins] - total_dw[from_] + carried

    def _tail_dw(self, rows: I64) -> F64:
        """(n,) the mean of the last readings of quiet rows."""
        quiet = self._kept["quiet"][rows]
        lots = np.where(quiet > _TAIL, self._kept["whole_lot_dw"][rows], 0) + self._kept["lot_dw"][rows]
        of = np.where(quiet > _TAIL, _TAIL, 0) + (quiet - 1) % _TAIL + 1
        return np.asarray(lots / of, np.float64)

    def _break(self, row: I64, at: I64, moves: Moves) -> Edges:
        """A gap: what was steady before is remembered; an edge shown but not settled is taken back."""
        kept = self._kept
        phase = kept["phase"][row]
        steady = row[phase == _STEADY]
        kept["before_dw"][steady] = self._tail_dw(steady)
        known = row[phase != _UNKNOWN]
        kept["resume_dw"][known], kept["resumes"][known] = kept["before_dw"][known], True
        shown = (phase == _MOVING) & kept["shown"][row]
        before = kept["before_dw"][row[shown]]
        withdrawn = self._told(Told.WITHDRAWN, row[shown], at[shown], moves, before, before)
        kept["phase"][row], kept["quiet"][row], kept["shown"][row] = _UNKNOWN, 0, False
        fresh = ~kept["resumes"][row] | (phase != _UNKNOWN)
        self._date(row[fresh], at[fresh], moves)
        return withdrawn

    def _settle(self, turn: Pieces, had: I64, moves: Moves) -> list[Edges]:
        """Rows that were not steady, and are when enough quiet readings have come."""
        kept, row = self._kept, turn.row
        moving = kept["phase"][row] == _MOVING
        first = moving & (had == 0)
        told = self._show(row[first], turn.begin[first], moves)
        wanted = self.rules.steady - had
        reach = turn.end - turn.begin >= wanted
        counted = np.minimum(turn.end, turn.begin + wanted)
        new_dw = moves.total_dw[counted] - moves.total_dw[turn.begin]
        kept["first_dw"][row] = np.where(had > 0, kept["first_dw"][row], 0) + new_dw
        row, at, moving = row[reach], counted[reach] - 1, moving[reach]
        after = kept["first_dw"][row] / self.rules.steady
        told += self._end_edge(row[moving], at[moving], after[moving], moves)
        again = ~moving & kept["resumes"][row]
        resumed = row[again]
        kept["peak_dw"][resumed] = NEVER
        told.append(
            self._told(Told.RESUMED, resumed, at[again], moves, kept["resume_dw"][resumed], after[again])
        )
        kept["phase"][row], kept["resumes"][row] = _STEADY, False
        return told

    def _end_edge(self, row: I64, at: I64, after: F64, moves: Moves) -> list[Edges]:
        before, shown = self._kept["before_dw"][row], self._kept["shown"][row]
        far = np.abs(after - before) >= moves.least_dw[at]
        none = shown & ~far
        return [
            self._told(Told.SETTLED, row[far], at[far], moves, before[far], after[far]),
            self._told(Told.WITHDRAWN, row[none], at[none], moves, before[none], before[none]),
        ]

    def _show(self, row: I64, at: I64, moves: Moves) -> list[Edges]:
        """Tell edges provisionally, once each: when two readings agree, or when waiting would take too long.

        An edge begins with the first reading from which on the power stayed away from what it was.
        """
        kept = self._kept
        time_ms, power_dw = moves.samples.time_ms[at], moves.samples.power_dw[at].astype(np.float64)
        far = np.abs(power_dw - kept["before_dw"][row]) >= moves.least_dw[at]
        hidden = ~kept["shown"][row]
        leaves = far & hidden & kept["near"][row]
        self._date(row[leaves], at[leaves], moves)
        kept["near"][row] = ~far
        due = time_ms - kept["step_ms"][row] + moves.waited_ms[at] > PROVISIONAL_MS
        now = far & hidden & (moves.calm[at] | due)
        if not now.any():
            return []
        row, at = row[now], at[now]
        kept["shown"][row] = True
        return [self._told(Told.PROVISIONAL, row, at, moves, kept["before_dw"][row], power_dw[now])]

    def _date(self, row: I64, at: I64, moves: Moves) -> None:
        """What is told next of these rows began with this reading, or since the one before."""
        time_ms = moves.samples.time_ms[at]
        self._kept["step_ms"][row], self._kept["since_ms"][row] = time_ms, time_ms - moves.waited_ms[at]

    def _told(self, what: Told, row: I64, at: I64, moves: Moves, before: F64, after: F64) -> Edges:
        over = self._kept["peak_dw"][row] - np.maximum(before, after)
        return Edges(
            row,
            self._kept["since_ms"][row],
            self._kept["step_ms"][row],
            moves.samples.time_ms[at],
            np.full(len(row), what, np.int8),
            before / 10,
            after / 10,
            moves.noise_dw[at] / 10,
            np.maximum(over, 0.0) / 10,
        )

    def _take(self, columns: dict[str, NDArray[Any]]) -> None:
        self._kept = {name: columns[name] for name in _COLUMNS}
        for of, names in (("noise", _NOISE), ("base", _BASE)):
            for name in names:
                setattr(getattr(self, of), name, columns[f"{of}.{name}"])


def from_arrays(arrays: dict[str, NDArray[Any]], rules: EdgeRules | None = None) -> Detector:
    """The detector whose `arrays` these are (copied). Errors: BadInput for other names or shapes."""
    rows = len(arrays.get("last_ms", ()))
    found = Detector(rows, rules)
    wanted = found.arrays()
    odd: Sequence[str] = sorted(
        name
        for name in wanted.keys() | arrays.keys()
        if name not in wanted or name not in arrays or wanted[name].shape != arrays[name].shape
    )
    if odd:
        raise BadInput(
            f"state of the edge detector: {', '.join(odd[:5])} missing, unknown or of another shape; "
            "begin with a new one and give it the last day's readings"
        )
    found._take({name: arrays[name].astype(column.dtype) for name, column in wanted.items()})  # noqa: SLF001
    return found


_NOISE: Final = (
    "number",
    "change_dw",
    "changes",
    "power_dw",
    "readings",
    "remembered",
    "noise_dw",
    "least_dw",
)
_BASE: Final = ("hour", "lowest_dw", "hours_dw")
_COLUMNS: Final[dict[str, tuple[type[np.generic], object]]] = {
    "hold_ms": (np.int64, DEFAULT_HOLD_MS),
    "last_ms": (np.int64, NEVER),
    "last_dw": (np.int64, 0),
    "second_dw": (np.int64, 0),
    "phase": (np.int8, _UNKNOWN),
    "quiet": (np.int64, 0),
    "first_dw": (np.int64, 0),
    "lot_dw": (np.int64, 0),
    "whole_lot_dw": (np.int64, 0),
    "before_dw": (np.float64, 0.0),
    "step_ms": (np.int64, NEVER),
    "since_ms": (np.int64, NEVER),
    "peak_dw": (np.int64, 0),
    "shown": (np.bool_, False),
    "near": (np.bool_, True),
    "resume_dw": (np.float64, 0.0),
    "resumes": (np.bool_, False),
}
