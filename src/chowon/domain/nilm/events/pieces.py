"""Readings of many homes cut into pieces: each reading that moves is one, and so are the quiet ones between.

A home has as many pieces as it has unsteady moments, not as readings. What needs to know what came before
goes piece by piece, all homes at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chowon.domain.nilm.events.noise import Samples
from chowon.domain.nilm.power import F64
from chowon.domain.quantities import I64, Bools


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """(n,) of each reading, in order of (row, time)."""

    samples: Samples
    total_dw: I64
    """(n + 1,) the sum of the powers before each"""
    least_dw: F64
    noise_dw: F64
    waited_ms: I64
    """since the reading before"""
    gap: Bools
    """nothing is known before it"""
    moved: Bools
    """it is at least an edge away from the reading before or from the one before that"""
    calm: Bools
    """it is not away from the reading before"""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """(p,) pieces, at most one a row."""

    row: I64
    begin: I64
    """index of the first reading"""
    end: I64
    """and after the last"""

    def where(self, mask: Bools) -> "Pieces":
        """Some of them."""
        return Pieces(self.row[mask], self.begin[mask], self.end[mask])


def pieces(moves: Moves) -> Iterator[Pieces]:
    """The first piece of every row, then the second of those that have two, and so on."""
    samples = moves.samples
    begins = samples.first | moves.moved | moves.gap
    begins[1:] |= moves.moved[:-1]
    begin = np.flatnonzero(begins)
    end = np.append(begin[1:], len(begins))
    row, first = samples.row[begin], samples.first[begin]
    if first.all():
        yield Pieces(row, begin, end)
        return
    place = np.arange(len(begin))
    turn = place - np.maximum.accumulate(np.where(first, place, 0))
    order = np.argsort(turn, kind="stable")
    for one in np.split(order, np.cumsum(np.bincount(turn))[:-1]):
        yield Pieces(row[one], begin[one], end[one])
