"""What of a device's own intervals goes into a channel's gaps, and as which readings.

Only intervals that lie in a gap as a whole are taken: of others a part was measured live. An interval is
known by its mean power, and a reading stands for the channel's hold at most; where the hold is shorter than
the interval, the mean is said as often as it takes. The end of the last interval of a run is said as well, a
millisecond before it ends, so that the run's last reading stands for all of it and for no more.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np

from chowon.domain.quantities import I64, Bools
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey, Placement
from chowon.meters.decoded import Decoded, joined, nothing
from chowon.meters.kept import Kept

Spans: TypeAlias = tuple[I64, I64]
"""(n,) starts, (n,) ends; ms UTC, sorted, none overlaps another"""

SHORTEST_HOLD_MS: Final = 1000
"""A channel of a shorter hold is not filled: it would take more readings than anybody measures."""


def fitted(kept: Kept, gaps: Mapping[ChannelKey, Spans], holds_ms: Mapping[ChannelKey, int]) -> Decoded:
    """The readings to be taken in; keys without gaps have none."""
    parts = []
    for position, key in enumerate(kept.readings.keys):
        hold_ms = holds_ms.get(key, 0)
        if key not in gaps or hold_ms < SHORTEST_HOLD_MS:
            continue
        rows = np.flatnonzero(kept.readings.key_index == position)
        rows = rows[np.argsort(kept.readings.time_ms[rows], kind="stable")]
        rows = rows[_inside(kept.readings.time_ms[rows], kept.interval_ms, gaps[key])]
        parts.append(_written_out(kept.readings, rows, kept.interval_ms, hold_ms, gaps[key][0]))
    return joined(parts) if parts else nothing()


def begun_in(kept: Kept, start_ms: int, end_ms: int) -> Kept:
    """Only the intervals that begin in [start, end)."""
    time_ms = kept.readings.time_ms
    return Kept(kept.readings.where((time_ms >= start_ms) & (time_ms < end_ms)), kept.interval_ms)


def times_an_interval(interval_ms: int, hold_ms: int) -> int:
    """How often the mean of an interval must be said so that a hold bridges the time between."""
    return -(-interval_ms // hold_ms)


def kept_apart(found: Decoded, placed: Mapping[ChannelKey, Placement], there: Readings) -> Decoded:
    """Without what would replace a reading that is there."""
    taken = np.zeros(len(found), np.bool_)
    for position, key in enumerate(found.keys):
        channel = placed[key].channel
        mine = found.key_index == position
        if channel is not None:
            taken[mine] = np.isin(found.time_ms[mine], there.time_ms[there.channel == channel.id])
    return found.where(~taken)


def _inside(start_ms: I64, interval_ms: int, gaps: Spans) -> Bools:
    starts, ends = gaps
    at = np.searchsorted(starts, start_ms, "right") - 1
    inside: Bools = (at >= 0) & (start_ms + interval_ms <= ends[np.maximum(at, 0)])
    return inside


def _written_out(readings: Decoded, rows: I64, interval_ms: int, hold_ms: int, heard_ms: I64) -> Decoded:
    """rows: in order of time. heard_ms: where gaps begin, each at a sample that stays."""
    often = times_an_interval(interval_ms, hold_ms)
    start_ms = readings.time_ms[rows]
    last = np.append(np.diff(start_ms) != interval_ms, True)[: len(rows)]
    offsets = np.arange(often, dtype=np.int64) * interval_ms // often
    time_ms = np.append((start_ms[:, None] + offsets).ravel(), start_ms[last] + interval_ms - 1)
    which = np.append(np.repeat(rows, often), rows[last])
    order = np.argsort(time_ms, kind="stable")
    which, time_ms = which[order], time_ms[order]
    time_ms = time_ms + np.isin(time_ms, heard_ms)
    columns = {name: column[which] for name, column in readings.columns.items()}
    return Decoded(readings.keys, readings.key_index[which], time_ms, columns)
