"""Readings that came while the store was asked: which of them its answer holds.

Thousands of channels that talk every second would otherwise be asked for again and again: something always
comes meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chowon.domain.quantities import I64, Bools
from chowon.domain.readings import Readings
from chowon.live.state import NEVER, Sums


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What to do with each of them; the rest is in the answer."""

    newer: Bools
    """(n,) the answer doesn't reach as far: still to be applied"""
    again: list[int]
    """Channels of which it cannot be known: to be asked for again"""


def sorted_out(came: Readings, before_ms: Mapping[int, int], sums: Mapping[int, Sums]) -> Meanwhile:
    """came: in the order in which they became durable. sums: the answer.

    before_ms: the newest power that each channel in `sums` had when the store was asked, NEVER if not known.

    Where a channel's readings came in order, behind all that was known, the newest one that the answer holds
    is one of them, and what stood before it was durable before it. This holds for what the answer reckons
    from one look at raw readings; closed quarters of an hour it has looked up a moment earlier.
    """
    channels = np.array(sorted(sums), np.uint32)
    if not len(channels) or not len(came):
        return Meanwhile(np.zeros(len(came), np.bool_), [])
    of = [sums[c] for c in channels.tolist()]
    last_ms = np.array([NEVER if s.last_ms is None else s.last_ms for s in of])
    open_ms = np.array([s.open_ms for s in of])
    at = np.minimum(np.searchsorted(channels, came.channel), len(channels) - 1)
    asked = channels[at] == came.channel
    newer = asked & (came.time_ms > last_ms[at])
    before = np.array([before_ms[c] for c in channels.tolist()])
    in_order = (before != NEVER) & ~_out_of_order(at, came.time_ms, before)
    held = in_order[at] & (came.time_ms >= open_ms[at])
    again = np.unique(came.channel[asked & ~newer & ~held])
    return Meanwhile(newer, again.tolist())


def _out_of_order(at: I64, time_ms: I64, before_ms: I64) -> Bools:
    """Whether a reading of each place came that is not later than the one before it. at: (n,) its place."""
    order = np.argsort(at, kind="stable")
    place, time_ms = at[order], time_ms[order]
    first = np.append(True, place[1:] != place[:-1])
    earlier = np.where(first, before_ms[place], np.append(NEVER, time_ms[:-1]))
    found = np.zeros(len(before_ms), np.bool_)
    found[place[time_ms <= earlier]] = True
    return found
