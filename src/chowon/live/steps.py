"""The newest steps of counters, for what live state shows of them; energy itself comes from the store."""

from dataclasses import dataclass

import numpy as np

from chowon.domain.excursions import Rules
from chowon.domain.quantities import ABSENT_I64, I32, I64
from chowon.domain.readings import Readings

_DW_MS_PER_MILLIWH = 36_000
_LONGEST_MS = 3_600_000
"""A step of more than an hour says little about what runs now."""


def told(readings: Readings) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """(n,) whether each reading tells a counter."""
    found = np.zeros(len(readings), np.bool_)
    for column in (readings.import_milliwh, readings.export_milliwh):
        if column is not None:
            found |= column != ABSENT_I64
    return found


@dataclass(frozen=True, slots=True)
class LastStep:
    """The newest step of a channel's import counter."""

    end_ms: int
    milliwh: int
    """what the counter showed"""
    lasted_ms: int
    """0 where there was no step yet, or none that is plausible"""
    power_dw: int
    """the mean over it, 0.1 W"""


def last_step(readings: Readings) -> LastStep | None:
    """The newest of one channel. `readings` sorted, unique."""
    column = readings.import_milliwh
    if column is None:
        return None
    at = np.flatnonzero(column != ABSENT_I64)
    if not len(at):
        return None
    end_ms, milliwh = int(readings.time_ms[at[-1]]), int(column[at[-1]])
    if len(at) == 1:
        return LastStep(end_ms, milliwh, 0, 0)
    before = np.array([readings.time_ms[at[-2]]]), np.array([column[at[-2]]])
    lasted_ms, power_dw = means(*before, np.array([end_ms]), np.array([milliwh]))
    return LastStep(end_ms, milliwh, int(lasted_ms[0]), int(power_dw[0]))


def means(start_ms: I64, had: I64, end_ms: I64, has: I64) -> tuple[I64, I32]:
    """(how long, mean power in 0.1 W) of each step; 0 for one that is too long or not plausible."""
    lasted_ms, advance = end_ms - start_ms, has - had
    plain = (lasted_ms > 0) & (lasted_ms <= _LONGEST_MS)
    plain &= (advance >= 0) & (advance <= Rules().most(np.clip(lasted_ms, 0, _LONGEST_MS)))
    power_dw = np.where(plain, advance, 0) * _DW_MS_PER_MILLIWH // np.maximum(lasted_ms, 1)
    return np.where(plain, lasted_ms, 0), power_dw.astype(np.int32)
