"""How much power changes from reading to reading in each home, and the least edge, which stands out from it.

Readings are cut into blocks of 10 s of the clock. A home's noise is the third smallest mean change of its
last six blocks, so that edges in half of them don't count as noise. It holds for the block that follows.
All sums are whole numbers: the same whatever the batches in which readings come.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.nilm.events.edges import EdgeRules
from chowon.domain.nilm.power import F64
from chowon.domain.quantities import I64, Bools

BLOCK_MS: Final = 10_000
REMEMBERED: Final = 6
_RANK: Final = 2
"""The third smallest"""
_CHANCE: Final = 1.0
"""A mean of few changes, as slow meters have in a block, may be small by chance: of one it counts twice"""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """(n,) readings of power, sorted by (row, time), one an instant, all newer than what was seen before."""

    row: I64
    time_ms: I64
    power_dw: I64
    first: Bools
    """The first of its row"""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """(b,) whole blocks, by (row, time)."""

    row: I64
    number: I64
    """Time // BLOCK_MS"""
    mean_dw: F64


class Noise:
    """(rows,) each: noise and least edge. Changed by `follow`."""

    number: I64
    """of the block that is open, -1 before the first"""
    change_dw: I64
    """sum of the changes in it"""
    changes: I64
    power_dw: I64
    """sum of the powers in it"""
    readings: I64
    remembered: F64
    """(rows, 6) mean change of the last blocks, dW, the oldest first"""
    noise_dw: F64
    least_dw: F64

    def __init__(self, rows: int, rules: EdgeRules) -> None:
        self.rules = rules
        self.number = np.full(rows, -1, np.int64)
        for name in ("change_dw", "changes", "power_dw", "readings"):
            setattr(self, name, np.zeros(rows, np.int64))
        begin = 10 * rules.first_w / rules.times_noise
        self.remembered = np.full((rows, REMEMBERED), begin)
        self.noise_dw = np.full(rows, begin)
        self.least_dw = self._least(self.noise_dw)

    def follow(self, samples: Samples, change_dw: I64, heard: Bools) -> tuple[F64, F64, Blocks | None]:
        """(n,) the least edge and the noise, dW, that hold for each sample; the blocks that are over.

        change_dw: (n,) from the reading before, 0 or more. heard: (n,) where there was one within the hold.
        """
        number = samples.time_ms // BLOCK_MS
        starts = samples.first.copy()
        starts[1:] |= number[1:] != number[:-1]
        at = np.flatnonzero(starts)
        row = samples.row[at]
        goes_on = samples.first[at] & (number[at] == self.number[row])
        sums = [change_dw, heard.astype(np.int64), samples.power_dw, np.ones(len(number), np.int64)]
        if len(at) < len(number):
            sums = [np.add.reduceat(one, at) for one in sums]
        old = row[goes_on]
        for kept, one in zip(self._open(), sums, strict=True):
            kept[old] += one[goes_on]
        if goes_on.all():
            return self.least_dw[samples.row], self.noise_dw[samples.row], None
        least, noise = self.least_dw[row], self.noise_dw[row]
        new = ~goes_on
        noise[new], over = self._turn(row[new], number[at][new], [one[new] for one in sums])
        least[new] = self._least(noise[new])
        block = np.cumsum(starts) - 1
        return least[block], noise[block], over

    def _turn(self, row: I64, number: I64, sums: list[I64]) -> tuple[F64, Blocks]:
        """New blocks: the noise that holds in each, and the blocks that they end."""
        begins = np.append(True, row[1:] != row[:-1])
        at, rows = np.flatnonzero(begins), row[begins]
        carried = np.insert(np.zeros(len(row), np.bool_), at, True)
        whole = ~np.append(carried[1:], True)
        change, changes, power, readings = (
            np.insert(one, at, kept[rows]) for one, kept in zip(sums, self._open(), strict=True)
        )
        numbers, entry_row = np.insert(number, at, self.number[rows]), np.insert(row, at, rows)
        known = whole & (changes > 0)
        before: I64 = np.cumsum(known) - known
        of_row = np.cumsum(carried) - 1
        chain = np.insert(
            change[known] / changes[known] * (1 + _CHANCE / changes[known]),
            np.repeat(before[carried], REMEMBERED),
            self.remembered[rows].ravel(),
        )
        window = chain[(REMEMBERED * of_row + before)[~carried, None] + np.arange(REMEMBERED)]
        noise = np.partition(window, _RANK, axis=1)[:, _RANK]
        last = np.append(begins[1:], True)
        self.remembered[rows], self.noise_dw[rows] = window[last], noise[last]
        self.least_dw[rows], self.number[rows] = self._least(noise[last]), number[last]
        for kept, one in zip(self._open(), sums, strict=True):
            kept[rows] = one[last]
        over = whole & (readings > 0)
        return noise, Blocks(entry_row[over], numbers[over], power[over] / readings[over])

    def _open(self) -> tuple[I64, I64, I64, I64]:
        return self.change_dw, self.changes, self.power_dw, self.readings

    def _least(self, noise_dw: F64) -> F64:
        return np.maximum(10 * self.rules.least_w, self.rules.times_noise * noise_dw)
