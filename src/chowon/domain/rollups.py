"""Rollups: what a channel did in each minute, quarter, hour or day, exact and recomputable from raw."""

from dataclasses import dataclass, fields

import numpy as np

from chowon.domain.energy import Held, cut, export_dwms, import_dwms
from chowon.domain.quantities import ABSENT_I32, I32, I64, U32


@dataclass(frozen=True, slots=True)
class Rollup:
    """One row a (channel, bucket), sorted; buckets of which nothing is known have no row."""

    channel: U32
    """(n,) uint32"""
    start_ms: I64
    """(n,) int64, ms UTC, start of the bucket"""
    import_dwms: I64
    """(n,) int64, energy taken from the grid, deciwatt-milliseconds (see quantities.DWMS_PER_WH)"""
    export_dwms: I64
    """(n,) int64, energy given to the grid"""
    covered_ms: I64
    """(n,) int64, ms of the bucket for which a sample stands"""
    min_dw: I32
    """(n,) int32, lowest power, 0.1 W; absent where no sample stands"""
    max_dw: I32
    """(n,) int32, highest power, 0.1 W"""
    known_ms: I64
    """(n,) int64, ms whose energy is known: by samples of power, or by the meter's own counter"""

    def __len__(self) -> int:
        return len(self.start_ms)


def rollup(pieces: Held, bucket_ms: int) -> Rollup:
    """The pieces summed by (channel, start of the bucket in UTC)."""
    parts = cut(pieces, bucket_ms)
    return _summed(
        parts.channel,
        parts.time_ms // bucket_ms * bucket_ms,
        import_dwms(parts),
        export_dwms(parts),
        parts.held_ms,
        parts.power_dw,
        parts.power_dw,
        parts.held_ms,
    )


def regroup(fine: Rollup, start_ms: I64) -> Rollup:
    """The same energy in coarser buckets: `start_ms` (n,) names the coarse bucket of each fine row.

    Rolling up twice equals rolling up once, whatever the steps between.
    """
    order = np.lexsort((start_ms, fine.channel))
    return _summed(
        fine.channel[order],
        start_ms[order],
        fine.import_dwms[order],
        fine.export_dwms[order],
        fine.covered_ms[order],
        fine.min_dw[order],
        fine.max_dw[order],
        fine.known_ms[order],
    )


def _summed(
    channel: U32, start_ms: I64, imp: I64, exp: I64, covered: I64, low: I32, high: I32, known: I64
) -> Rollup:
    """Rows of equal (channel, start) added up; the input is sorted by them."""
    n = len(channel)
    if n == 0:
        return Rollup(channel, start_ms, imp, exp, covered, low, high, known)
    new = np.ones(n, np.bool_)
    new[1:] = (channel[1:] != channel[:-1]) | (start_ms[1:] != start_ms[:-1])
    at = np.flatnonzero(new)
    return Rollup(
        channel[at],
        start_ms[at],
        np.add.reduceat(imp, at),
        np.add.reduceat(exp, at),
        np.add.reduceat(covered, at),
        _lowest(low, at),
        np.maximum.reduceat(high, at),
        np.add.reduceat(known, at),
    )


def _lowest(low: I32, at: I64) -> I32:
    """The lowest of each run; absent ones, which are lower than any power, count only among themselves."""
    absent = low == ABSENT_I32
    if not absent.any():
        return np.minimum.reduceat(low, at)
    lowest = np.minimum.reduceat(np.where(absent, _NONE_I32, low), at)
    return np.where(lowest == _NONE_I32, ABSENT_I32, lowest)


_NONE_I32 = np.int32(2**31 - 1)
ROLLUP_COLUMNS = tuple(f.name for f in fields(Rollup))
