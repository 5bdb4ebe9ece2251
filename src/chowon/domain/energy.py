"""Energy from samples of power: each sample is held until the next one, a longer silence is a gap.

Everything here depends only on the set of (channel, time, power), never on how or in what order it came.
"""

from dataclasses import dataclass

import numpy as np

from chowon.domain.quantities import ABSENT_I32, I32, I64, U32
from chowon.domain.readings import Readings


@dataclass(frozen=True, slots=True)
class Held:
    """Samples of power with the time that each one stands for, sorted by (channel, time)."""

    channel: U32
    """(n,) uint32"""
    time_ms: I64
    """(n,) int64, ms UTC"""
    power_dw: I32
    """(n,) int32, 0.1 W, import positive"""
    held_ms: I64
    """(n,) int64, ms until the next sample of the channel; 0 for its last one and before a gap"""


def held(readings: Readings, hold_ms: I64 | int) -> Held:
    """How long each sample of power stands. `readings` as `readings.latest` gives them (sorted, unique).

    hold_ms: the longest silence, in ms, that a sample bridges; one for all or (n,) one a reading.
    Readings without power are passed over: they neither hold nor end another's hold.
    """
    power = readings.power_dw
    if power is None:
        none = np.zeros(0, np.int64)
        return Held(np.zeros(0, np.uint32), none, np.zeros(0, np.int32), none)
    present = power != ABSENT_I32
    channel, time_ms, power = readings.channel[present], readings.time_ms[present], power[present]
    limit = np.broadcast_to(np.asarray(hold_ms, np.int64), present.shape)[present]
    held_ms = np.zeros(len(time_ms), np.int64)
    if len(time_ms) > 1:
        step = np.diff(time_ms)
        bridged = (channel[1:] == channel[:-1]) & (step <= limit[:-1])
        held_ms[:-1] = np.where(bridged, step, 0)
    return Held(channel, time_ms, power, held_ms)


def cut(pieces: Held, bucket_ms: int) -> Held:
    """The same pieces, cut wherever one crosses a multiple of `bucket_ms`; order is kept."""
    first = pieces.time_ms // bucket_ms
    last = (pieces.time_ms + np.maximum(pieces.held_ms, 1) - 1) // bucket_ms
    copies = last - first + 1
    if not len(copies) or copies.max() == 1:
        return pieces
    index = np.repeat(np.arange(len(copies)), copies)
    nth = np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)
    start = np.where(nth == 0, pieces.time_ms[index], (first[index] + nth) * bucket_ms)
    end = np.minimum(pieces.time_ms[index] + pieces.held_ms[index], (first[index] + nth + 1) * bucket_ms)
    return Held(pieces.channel[index], start, pieces.power_dw[index], np.maximum(end - start, 0))


def between(pieces: Held, start_ms: int, end_ms: int) -> Held:
    """The parts of the pieces that lie in [start_ms, end_ms); a piece of no length counts by its instant."""
    begin = np.clip(pieces.time_ms, start_ms, end_ms)
    end = np.clip(pieces.time_ms + pieces.held_ms, start_ms, end_ms)
    instant = (pieces.held_ms == 0) & (pieces.time_ms >= start_ms) & (pieces.time_ms < end_ms)
    inside = (end > begin) | instant
    return Held(pieces.channel[inside], begin[inside], pieces.power_dw[inside], (end - begin)[inside])


def import_dwms(pieces: Held) -> I64:
    """(n,) energy taken from the grid by each piece, in deciwatt-milliseconds."""
    return np.maximum(pieces.power_dw, 0).astype(np.int64) * pieces.held_ms


def export_dwms(pieces: Held) -> I64:
    """(n,) energy given to the grid by each piece, in deciwatt-milliseconds."""
    return np.maximum(-pieces.power_dw.astype(np.int64), 0) * pieces.held_ms


def gaps(pieces: Held, at_least_ms: int = 0) -> tuple[U32, I64, I64]:
    """(channel, start, end) of every silence between two samples of a channel; ms UTC.

    A gap starts at the last sample heard and ends at the next one.
    """
    if len(pieces.time_ms) < 2:
        none = np.zeros(0, np.int64)
        return np.zeros(0, np.uint32), none, none
    silent = (pieces.held_ms[:-1] == 0) & (pieces.channel[1:] == pieces.channel[:-1])
    silent &= np.diff(pieces.time_ms) >= at_least_ms
    return pieces.channel[:-1][silent], pieces.time_ms[:-1][silent], pieces.time_ms[1:][silent]
