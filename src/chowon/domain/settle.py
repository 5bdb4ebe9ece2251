"""Energy by the minute from both: the counter tells how much, power tells when.

A group is a span of whole minutes between two readings of a counter, ending with the last one of a quarter
of an hour (UTC), so that groups lie the same whatever is asked for; a step of more than a quarter of an hour,
as across a time offline, is a group of its own. Within it
- where power covers half of it or more, every minute gets what power says, the minutes that it does not
  cover its mean, and all are scaled so that they make up what the counter counted;
- else the minutes that power covers keep what it says, and the rest is spread evenly over the others;
- where the counter counted less than power measured, all is scaled down.
Sums are whole numbers, and a group's minutes always add up to exactly what was counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from chowon.domain.counters import Steps
from chowon.domain.quantities import ABSENT_I32, DWMS_PER_WH, I64, MINUTE_MS, QUARTER_MS, U32, Bools
from chowon.domain.rollups import Rollup

_Numbers = TypeVar("_Numbers", I64, U32)
_DWMS_PER_MILLIWH = DWMS_PER_WH // 1000
TIME_BITS = 43
"""Instants below the year 2248 fit; the rest is left for the rank of a channel."""


@dataclass(frozen=True, slots=True)
class Groups:
    """n spans of whole minutes of which a counter tells the sum; sorted by (channel, start), apart."""

    channel: U32
    start_ms: I64
    end_ms: I64
    energy_dwms: I64

    def __len__(self) -> int:
        return len(self.start_ms)

    def where(self, index: Bools | I64) -> "Groups":
        """Some of them."""
        return Groups(self.channel[index], self.start_ms[index], self.end_ms[index], self.energy_dwms[index])


def groups(steps: Steps) -> Groups:
    """The steps of each quarter of an hour put together; a step ends in the minute of its last reading."""
    n = len(steps)
    start_ms = (steps.start_ms // MINUTE_MS + 1) * MINUTE_MS
    end_ms = (steps.end_ms // MINUTE_MS + 1) * MINUTE_MS
    if not n:
        return Groups(steps.channel, start_ms, end_ms, steps.advance_milliwh)
    quarter = steps.end_ms // QUARTER_MS
    alone = steps.end_ms - steps.start_ms > QUARTER_MS
    new = np.ones(n, np.bool_)
    new[1:] = (
        (steps.channel[1:] != steps.channel[:-1])
        | (steps.start_ms[1:] != steps.end_ms[:-1])
        | (quarter[1:] != quarter[:-1])
        | alone[1:]
        | alone[:-1]
    )
    first = np.flatnonzero(new)
    last = np.append(first[1:], n) - 1
    energy = np.add.reduceat(steps.advance_milliwh, first) * _DWMS_PER_MILLIWH
    return Groups(steps.channel[first], start_ms[first], end_ms[last], energy)


def together(parts: Sequence[Groups]) -> Groups:
    """The groups of all parts, which are of different channels; at least one part, or none of any channel."""
    if not parts:
        none = np.zeros(0, np.int64)
        return Groups(np.zeros(0, np.uint32), none, none, none)
    return (
        parts[0]
        if len(parts) == 1
        else Groups(*(np.concatenate([getattr(p, name) for p in parts]) for name in Groups.__slots__))
    )


def settled(power: Rollup, imported: Groups, exported: Groups) -> Rollup:
    """The minutes of both: `power` by the minute, over all of every group, settled by the groups.

    Minutes of a group without a row of power get one; its power is absent.
    """
    known = np.unique(np.concatenate([_distinct(p.channel) for p in (power, imported, exported)]))
    mine = _keys(known, power.channel, power.start_ms)
    flows = [_minutes(known, g) for g in (imported, exported)]
    keys = _distinct(np.sort(np.concatenate([mine, *(k for k, _ in flows)]), kind="stable"))
    at = np.searchsorted(keys, mine)
    n = len(keys)
    covered = np.zeros(n, np.int64)
    low, high = np.full(n, ABSENT_I32), np.full(n, ABSENT_I32)
    covered[at], low[at], high[at] = power.covered_ms, power.min_dw, power.max_dw
    known_ms = covered.copy()
    energies = []
    for (of_group, sizes), its, column in zip(
        flows, (imported, exported), (power.import_dwms, power.export_dwms), strict=True
    ):
        energy = np.zeros(n, np.int64)
        energy[at] = column
        where = np.searchsorted(keys, of_group)
        energy[where] = _shared_out(its.energy_dwms, sizes, energy[where], covered[where])
        known_ms[where] = MINUTE_MS
        energies.append(energy)
    channel = known[keys >> TIME_BITS] if n else power.channel
    start_ms = keys & (2**TIME_BITS - 1)
    return Rollup(channel, start_ms, energies[0], energies[1], covered, low, high, known_ms)


def _distinct(values: _Numbers) -> _Numbers:
    """Each run of equal values once; of sorted ones, and far quicker than to look among all."""
    found: _Numbers = values[np.append(np.ones(min(len(values), 1), np.bool_), values[1:] != values[:-1])]
    return found


def _keys(known: U32, channel: U32, start_ms: I64) -> I64:
    return (np.searchsorted(known, channel).astype(np.int64) << TIME_BITS) + start_ms


def _minutes(known: U32, of: Groups) -> tuple[I64, I64]:
    """(the keys of all minutes in the groups, how many each group has)."""
    sizes = (of.end_ms - of.start_ms) // MINUTE_MS
    index = np.repeat(np.arange(len(of)), sizes)
    nth = np.arange(len(index)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return _keys(known, of.channel, of.start_ms)[index] + nth * MINUTE_MS, sizes


def _shared_out(counted: I64, sizes: I64, measured: I64, covered: I64) -> I64:
    """(m,) the energy of each minute of the groups (n,), one after the other.

    measured, covered: (m,) what power says of each minute.
    """
    if not len(sizes):
        return measured
    first = np.cumsum(sizes) - sizes
    index = np.repeat(np.arange(len(sizes)), sizes)
    silent = MINUTE_MS - covered
    power, heard, unheard = (np.add.reduceat(column, first) for column in (measured, covered, silent))
    mean = power // np.maximum(heard, 1)
    rest = np.maximum(counted - power, 0) // np.maximum(unheard, 1)
    filling = np.where(heard >= unheard, mean, rest)
    weight = measured + filling[index] * silent
    flat = np.add.reduceat(weight, first) == 0  # nothing tells when: evenly, where power is silent if it is
    evenly: I64 = np.where((unheard > 0)[index], silent, 1)
    return _portions(counted, first, index, np.where(flat[index], evenly, weight))


def _portions(counted: I64, first: I64, index: I64, weight: I64) -> I64:
    """Each group's energy in proportion to the weights; the whole numbers add up to it exactly.

    A portion is the difference of what has been given out up to its end and up to its start, so every
    rounding is made good by the next portion.
    """
    total = np.cumsum(weight)
    before = np.concatenate([[0], total[:-1]])[first]
    so_far = total - before[index]
    whole = np.add.reduceat(weight, first)
    given = (counted[index] * (so_far / whole[index])).astype(np.int64)
    given = np.where(so_far == whole[index], counted[index], np.minimum(given, counted[index]))
    portions = np.diff(given, prepend=np.int64(0))
    portions[first] = given[first]
    return portions
