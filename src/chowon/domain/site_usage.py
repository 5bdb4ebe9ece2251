"""What a site used in each bucket of time: its main channels added up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chowon.domain.quantities import DWMS_PER_WH, I64
from chowon.domain.rollups import Rollup


@dataclass(frozen=True, slots=True)
class SiteUsage:
    """One row a bucket in which any channel was heard, sorted by start."""

    start_ms: I64
    """(n,) int64, ms UTC"""
    import_dwms: I64
    """(n,) int64, energy taken from the grid, deciwatt-milliseconds"""
    export_dwms: I64
    """(n,) int64, energy given to the grid"""
    covered_ms: I64
    """(n,) int64, ms for which every channel is known: that of the least covered one"""
    known_ms: I64
    """(n,) int64, ms whose energy is known for every channel, be it by power or by a counter"""
    min_dw: I64 | None
    """(n,) int64, lowest power, 0.1 W, ABSENT_I32 where none was measured; None for several channels, whose
    lowest sum is not known"""
    max_dw: I64 | None

    def __len__(self) -> int:
        return len(self.start_ms)

    @property
    def import_kwh(self) -> list[float]:
        """(n,) energy taken from the grid, kWh, to the mWh."""
        return [round(e / DWMS_PER_WH / 1000, 6) for e in self.import_dwms.tolist()]

    @property
    def export_kwh(self) -> list[float]:
        """(n,) energy given to the grid, kWh, to the mWh."""
        return [round(e / DWMS_PER_WH / 1000, 6) for e in self.export_dwms.tolist()]


def site_usage(rows: Rollup, channels: Sequence[int]) -> SiteUsage:
    """The rows of these channels added up by bucket; a bucket that one of them lacks has coverage 0."""
    mine = np.isin(rows.channel, np.array(list(channels), np.uint32))
    start_ms, index = np.unique(rows.start_ms[mine], return_inverse=True)
    n = len(start_ms)
    imported, exported = np.zeros(n, np.int64), np.zeros(n, np.int64)
    np.add.at(imported, index, rows.import_dwms[mine])
    np.add.at(exported, index, rows.export_dwms[mine])
    covered, known = np.full(n, 2**62, np.int64), np.full(n, 2**62, np.int64)
    for least, column in ((covered, rows.covered_ms), (known, rows.known_ms)):
        np.minimum.at(least, index, column[mine])
        least[np.bincount(index, minlength=n) < len(channels)] = 0
    if len(channels) > 1:
        return SiteUsage(start_ms, imported, exported, covered, known, None, None)
    low, high = rows.min_dw[mine].astype(np.int64), rows.max_dw[mine].astype(np.int64)
    return SiteUsage(start_ms, imported, exported, covered, known, low, high)


def merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping and touching [start, end) spans joined, sorted."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
