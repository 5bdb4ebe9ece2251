"""An edge, a step of the mains: what is told of it, and the numbers by which it is found."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from chowon.domain.nilm.power import F64
from chowon.domain.quantities import I64, Bools

PROVISIONAL_MS: Final = 10_000
"""An edge is told this long after the first reading that shows it, at the latest"""


class Told(IntEnum):
    """What is said of an edge. One is told provisionally, and again under the same (row, at_ms)."""

    PROVISIONAL = 0
    """There is an edge; its size may change"""
    SETTLED = 1
    """The power is steady again"""
    WITHDRAWN = 2
    """There was none: the power came back, or a gap began before it was steady"""
    RESUMED = 3
    """No edge: the first steady power after a gap; before_w is the last one known before it"""


@dataclass(frozen=True, slots=True)
class EdgeRules:
    """What counts as an edge."""

    least_w: float = 15.0
    """No smaller edge is told"""
    times_noise: float = 4.0
    """Nor one below so many times the mean change from reading to reading"""
    share: float = 0.02
    """Nor one below this share of the mains: large loads bring noise with them"""
    first_w: float = 40.0
    """The least edge until the noise is known, half a minute from the start"""
    steady: int = 3
    """So many readings in a row without an edge are steady"""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """What was told of edges, (e,) each; by row, within a row in order of `told_ms`."""

    row: I64
    since_ms: I64
    """The reading before it: the edge lies after it. Of RESUMED: where the gap began"""
    at_ms: I64
    """The first reading that shows the edge"""
    told_ms: I64
    """The reading with which this could be told"""
    told: NDArray[np.int8]
    """A `Told`"""
    before_w: F64
    """The steady power until then"""
    after_w: F64
    noise_w: F64
    """The mean change from reading to reading in the minute before `told_ms`"""
    overshoot_w: F64
    """How far the power went above both while it was unsteady, 0 or more"""

    def __len__(self) -> int:
        return len(self.row)

    @property
    def size_w(self) -> F64:
        """(e,) above 0 for a rise."""
        return self.after_w - self.before_w

    def where(self, mask: Bools | I64) -> "Edges":
        """Some of them."""
        return Edges(*(getattr(self, field.name)[mask] for field in fields(self)))

    def by_row(self) -> "Iterator[tuple[int, Edges]]":
        """Each row that has some, with its own."""
        begins = np.flatnonzero(np.append(True, self.row[1:] != self.row[:-1])[: len(self)])
        for begin, end in pairwise([*begins.tolist(), len(self)]):
            yield int(self.row[begin]), self.where(np.arange(begin, end))


def joined(parts: "list[Edges]") -> Edges:
    """All of them, by row, within a row in the order given."""
    if not parts:
        return _NONE
    columns = [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Edges)]
    order = np.argsort(columns[0], kind="stable")
    return Edges(*(column[order] for column in columns))


_NO_TIMES, _NO_WATTS = np.zeros(0, np.int64), np.zeros(0)
_NONE: Final = Edges(
    *(_NO_TIMES, _NO_TIMES, _NO_TIMES, _NO_TIMES),
    np.zeros(0, np.int8),
    *(_NO_WATTS, _NO_WATTS, _NO_WATTS, _NO_WATTS),
)
