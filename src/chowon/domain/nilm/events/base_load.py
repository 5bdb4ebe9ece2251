"""The load that never goes away, of many homes, as readings come: as nilm.always_on, block by block.

It is the third lowest of the hourly minima (of 10-s means) of the last 24 hours, so it needs an hour to be
anything, three to pass over false readings, and a day to have seen a night.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from chowon.domain.nilm.events.noise import BLOCK_MS, Blocks
from chowon.domain.nilm.power import F64
from chowon.domain.quantities import HOUR_MS, I64

HOURS: Final = 24
_PASSED_OVER: Final = 2
_NO_HOUR: Final = -(2**40)


class BaseLoad:
    """(rows,) each. Changed by `take`."""

    hour: I64
    """the hour that is open: hours since 1970"""
    lowest_dw: F64
    """of its blocks so far; inf before the first"""
    hours_dw: NDArray[np.float32]
    """(rows, 24) the lowest of each hour before, at hour % 24; inf for one that was not heard"""

    def __init__(self, rows: int) -> None:
        self.hour = np.full(rows, _NO_HOUR, np.int64)
        self.lowest_dw = np.full(rows, np.inf)
        self.hours_dw = np.full((rows, HOURS), np.inf, np.float32)

    def take(self, blocks: Blocks) -> None:
        """Blocks that are over, by (row, time)."""
        hour = blocks.number // (HOUR_MS // BLOCK_MS)
        first = np.append(True, blocks.row[1:] != blocks.row[:-1])
        at = np.flatnonzero(first | np.append(True, hour[1:] != hour[:-1]))
        lowest, row, hour, first = (
            np.minimum.reduceat(blocks.mean_dw, at),
            blocks.row[at],
            hour[at],
            first[at],
        )
        goes_on = first & (hour == self.hour[row])
        old = row[goes_on]
        self.lowest_dw[old] = np.minimum(self.lowest_dw[old], lowest[goes_on])
        if not goes_on.all():
            self._turn(row[~goes_on], hour[~goes_on], lowest[~goes_on])

    def level_w(self, rows: I64) -> tuple[F64, I64]:
        """(n,) W always on, 0 while no hour is over; and of how many of the last 24 hours it is known."""
        lowest = np.partition(self.hours_dw[rows], _PASSED_OVER, axis=1)
        known = np.isfinite(self.hours_dw[rows]).sum(axis=1)
        level = np.where(known > _PASSED_OVER, lowest[:, _PASSED_OVER], lowest.min(axis=1))
        return np.where(known > 0, np.maximum(level, 0.0), 0.0).astype(np.float64) / 10, known.astype(
            np.int64
        )

    def _turn(self, row: I64, hour: I64, lowest: F64) -> None:
        """New hours, by (row, hour): they end the one that was open, and each other."""
        last = np.append(row[1:] != row[:-1], True)
        rows, now = row[last], hour[last]
        place = np.arange(HOURS)
        stands_for = now[:, None] - 1 - (now[:, None] - 1 - place) % HOURS
        kept = stands_for < self.hour[rows, None]
        self.hours_dw[rows] = np.where(kept, self.hours_dw[rows], np.float32(np.inf))
        of_row = np.searchsorted(rows, row)
        for r, h, w, h_now in (
            (rows, self.hour[rows], self.lowest_dw[rows], now),
            (row[~last], hour[~last], lowest[~last], now[of_row][~last]),
        ):
            seen = h >= h_now - HOURS
            self.hours_dw[r[seen], h[seen] % HOURS] = w[seen]
        self.hour[rows], self.lowest_dw[rows] = now, lowest[last]
