"""What a model told of the last day of many homes, minute by minute: at once, and when it was settled."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chowon.domain.nilm.live import F32, TICK_MS, Parts, Told
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import LiveValue
from chowon.domain.quantities import DAY_MS, HOUR_MS, I64, MINUTE_MS, Bools

VALUES: Final[tuple[LiveValue, ...]] = ("provisional", "settled")
KEPT_MS: Final = DAY_MS + 3 * HOUR_MS
"""A day, however long it is, and the time until somebody asks about it"""
_MINUTES: Final = KEPT_MS // MINUTE_MS
_LEAST: Final = MINUTE_MS // TICK_MS // 2
_MOST_W: Final = 2**16 - 1


class Minutes:
    """Whole W of each row, kind and minute, in rings: minute m stands at m modulo their length.

    Rounded down, so that parts stay within the mains.
    """

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = tuple(kinds)
        self._power_w = np.zeros((len(VALUES), 0, _MINUTES, len(self.kinds)), np.uint16)
        self._known = np.zeros((len(VALUES), 0, _MINUTES), np.bool_)
        self._newest = 0
        """The minute up to which there is a place for each"""
        self._sum_w: F32 = np.zeros((0, len(self.kinds)), np.float32)
        self._count: I64 = np.zeros(0, np.int64)
        """What was told at once of the minute that is not over"""

    def __len__(self) -> int:
        return self._known.shape[1]

    def grow(self, rows: int) -> None:
        """Room for so many rows in all."""
        if rows > len(self):
            more = rows - len(self)
            self._power_w, self._known = (_wider(one, more) for one in (self._power_w, self._known))
            self._sum_w = np.append(self._sum_w, np.zeros((more, len(self.kinds)), np.float32), axis=0)
            self._count = np.append(self._count, np.zeros(more, np.int64))

    def hear(self, told: Told, columns: I64, quick: Bools) -> None:
        """What a tick told of all rows. columns: of these kinds in what was told. quick: (rows,) told by the
        tick, of which half of a minute's must be known."""
        present, rows = told.present, len(told.present.known)
        self._enter(present.start_ms // MINUTE_MS)
        self._sum_w[:rows] += np.where(present.known[:, None], present.power_w[:, columns], 0)
        self._count[:rows] += np.where(quick, 1, _LEAST) * present.known
        if (present.start_ms + TICK_MS) % MINUTE_MS == 0:
            ticks = np.where(quick, np.maximum(self._count[:rows], 1), 1)
            mean_w = (self._sum_w[:rows] / ticks[:, None]).astype(np.float32)
            self._note("provisional", present.start_ms, mean_w, self._count[:rows] >= _LEAST)
            self._sum_w[:], self._count[:] = 0, 0
        if told.settled is not None:
            self._note("settled", *_of(told.settled, columns))

    def put(self, row: int, other: "Minutes", their_row: int) -> None:
        """Take over a row of another one."""
        self._enter(other._newest)  # noqa: SLF001 - its own kind
        other._enter(self._newest)  # noqa: SLF001
        self._power_w[:, row], self._known[:, row] = other._power_w[:, their_row], other._known[:, their_row]  # noqa: SLF001
        self._sum_w[row], self._count[row] = other._sum_w[their_row], other._count[their_row]  # noqa: SLF001

    def told(self, row: int, value: LiveValue, from_ms: int, to_ms: int) -> Mapping[str, Power]:
        """The power of each kind in whole minutes; unknown where nothing is kept."""
        minute: I64 = np.arange(from_ms // MINUTE_MS, to_ms // MINUTE_MS)
        at, of = minute % _MINUTES, VALUES.index(value)
        known = self._known[of, row, at] & (minute <= self._newest) & (minute > self._newest - _MINUTES)
        power_w = np.where(known[:, None], self._power_w[of, row, at], 0).astype(np.float64)
        start_ms = from_ms // MINUTE_MS * MINUTE_MS
        return {kind: Power(start_ms, MINUTE_MS, power_w[:, i], known) for i, kind in enumerate(self.kinds)}

    def _note(self, value: LiveValue, start_ms: int, power_w: F32, known: Bools) -> None:
        minute, rows = start_ms // MINUTE_MS, len(known)
        if minute > self._newest - _MINUTES:
            at, of = minute % _MINUTES, VALUES.index(value)
            self._power_w[of, :rows, at] = np.minimum(np.floor(power_w), _MOST_W).astype(np.uint16)
            self._known[of, :rows, at] = known

    def _enter(self, minute: int) -> None:
        """Clears the places of minutes that begin."""
        if minute > self._newest:
            gone = np.arange(max(self._newest + 1, minute + 1 - _MINUTES), minute + 1) % _MINUTES
            self._known[:, :, gone] = False
            self._newest = minute


def best_of(told: Mapping[LiveValue, Mapping[str, Power]], kind: str) -> Power:
    """What is known best of each minute: settled where that is told, else what was told at once."""
    settled, provisional = told["settled"][kind], told["provisional"][kind]
    return Power(
        settled.start_ms,
        settled.step_ms,
        np.where(settled.known, settled.power_w, provisional.power_w),
        settled.known | provisional.known,
    )


def _of(parts: Parts, columns: I64) -> tuple[int, F32, Bools]:
    return parts.start_ms, parts.power_w[:, columns], parts.known


def _wider(one: NDArray[Any], more: int) -> NDArray[Any]:
    return np.concatenate([one, np.zeros((one.shape[0], more, *one.shape[2:]), one.dtype)], axis=1)
