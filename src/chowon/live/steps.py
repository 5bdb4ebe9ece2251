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


def last_steps(readings: Readings) -> dict[int, LastStep]:
    """The newest of each channel that tells its import counter. `readings` sorted, unique."""
    column = readings.import_milliwh
    if column is None:
        return {}
    told = column != ABSENT_I64
    channel, time_ms, milliwh = readings.channel[told], readings.time_ms[told], column[told]
    if not len(channel):
        return {}
    last = np.flatnonzero(np.append(channel[1:] != channel[:-1], True))
    before = np.maximum(last - 1, 0)
    lasted_ms, power_dw = means(time_ms[before], milliwh[before], time_ms[last], milliwh[last])
    alone = channel[before] != channel[last]
    lasted_ms, power_dw = np.where(alone, 0, lasted_ms), np.where(alone, 0, power_dw)
    found = (column.tolist() for column in (time_ms[last], milliwh[last], lasted_ms, power_dw))
    return {c: LastStep(*of) for c, *of in zip(channel[last].tolist(), *found, strict=True)}


def means(start_ms: I64, had: I64, end_ms: I64, has: I64) -> tuple[I64, I32]:
    """(how long, mean power in 0.1 W) of each step; 0 for one that is too long or not plausible."""
    lasted_ms, advance = end_ms - start_ms, has - had
    plain = (lasted_ms > 0) & (lasted_ms <= _LONGEST_MS)
    plain &= (advance >= 0) & (advance <= Rules().most(np.clip(lasted_ms, 0, _LONGEST_MS)))
    power_dw = np.where(plain, advance, 0) * _DW_MS_PER_MILLIWH // np.maximum(lasted_ms, 1)
    return np.where(plain, lasted_ms, 0), power_dw.astype(np.int32)
