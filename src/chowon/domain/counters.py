"""Energy from a meter's own counters, where the plain difference may lie: what is counted and what is not.

A step is taken from one reading of a counter to the next at face value if that is plausible. Everywhere
else a decision is made and told: nothing is left out or put right in silence. All of it is a function of
the set of readings. A decision depends on the readings within three times `Rules.reach_ms` of it, so one
about the newest readings is provisional for that long.

The order: readings that others prove wrong are passed over (domain.excursions). Of the rest, a fall is noise
(small), a counter that starts again (from the top of its range, or from 0), a change of unit by 1000, or
another meter; so is a rise that no plausible power explains. Across another meter nothing is counted.

Of a change of unit, the unit before is taken as right, unless the powers around it are implausible in it.
It matters for good: `counted` looks for all of them, or is told those before, as `unit_changes` finds them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from chowon.domain.excursions import Course, Excursion, Rules, bumps, dips, singles
from chowon.domain.quantities import ABSENT_I64, I64, U32, Bools
from chowon.domain.readings import Readings

Kind = Literal["noise", "dropout", "spike", "rollover", "reset", "unit_change", "replaced"]
Flow = Literal["import", "export"]
FLOWS: Final[tuple[Flow, Flow]] = ("import", "export")
UNITS: Final = 1000
"""Wh taken for kWh, or the other way round."""
_LEAST_UNITS_MILLIWH: Final = 1_000_000
"""Below 1 kWh a factor of 1000 tells nothing."""
_RESET_POWER: Final = 4
"""A counter that starts again has advanced by at most a quarter of the plausible power since."""
_LEAPS: Final = (900, 1112)
"""No value is less or more than so many times the one before it where a unit changes: see `_units`."""


@dataclass(frozen=True, slots=True)
class Counts:
    """n readings of one flow's counters of many channels, sorted by (channel, time), unique."""

    channel: U32
    time_ms: I64
    value_milliwh: I64
    """(n,) as the meter told it"""
    peak_milliwh: I64 | None = None
    """(n,) the highest value since the reading before, where readings in between were left out"""

    def __len__(self) -> int:
        return len(self.time_ms)


@dataclass(frozen=True, slots=True)
class Steps:
    """n advances between readings of a counter that count, sorted by (channel, start)."""

    channel: U32
    start_ms: I64
    end_ms: I64
    advance_milliwh: I64
    """(n,) ≥ 0"""

    def __len__(self) -> int:
        return len(self.start_ms)


@dataclass(frozen=True, slots=True, order=True)
class Decision:
    """A place where the plain difference was not taken."""

    channel: int
    start_ms: int
    """time of the last reading before that counts"""
    end_ms: int
    """time of the reading after"""
    kind: Kind
    before_milliwh: int
    odd_milliwh: int
    """the reading that is not believed; of two readings the second"""
    after_milliwh: int
    counted_milliwh: int
    """the energy counted from the one to the other"""
    plain_milliwh: int
    """what counting every rise in between would have given"""


@dataclass(frozen=True, slots=True, order=True)
class UnitChange:
    """From a reading on, a counter tells another unit."""

    channel: int
    time_ms: int
    """of the first reading in it"""
    step: int
    """1: a value is to be made 1000 times greater from there on, -1: smaller"""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What people decided about one flow."""

    trusted: tuple[tuple[int, int, int], ...] = ()
    """(channel, start, end): in these spans differences are taken as they are; a fall counts nothing"""
    replaced: tuple[tuple[int, int], ...] = ()
    """(channel, time): the meter's first reading from this instant on is another meter's"""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a set of readings says."""

    steps: Steps
    decisions: tuple[Decision, ...]
    """sorted"""


NO_OVERRIDES: Final = Overrides()


def counts_of(readings: Readings, flow: Flow) -> Counts:
    """One flow's counters. `readings` as `readings.latest` gives them; those without are passed over."""
    value = readings.import_milliwh if flow == "import" else readings.export_milliwh
    if value is None:
        none = np.zeros(0, np.int64)
        return Counts(np.zeros(0, np.uint32), none, none)
    told = value != ABSENT_I64
    return Counts(readings.channel[told], readings.time_ms[told], value[told])


def counted(
    counts: Counts,
    rules: Rules,
    overrides: Overrides = NO_OVERRIDES,
    known: Sequence[UnitChange] | None = None,
) -> Counted:
    """The steps that count, and every decision on the way.

    known: all changes of unit up to the last reading, some time before the first one too. None: they are
    looked for, and the first reading's unit is taken as right.
    """
    everywhere = np.full(len(counts), known is None)
    return _looked_at(counts, rules, overrides, known or (), everywhere)[0]


def unit_changes(
    counts: Counts, rules: Rules, overrides: Overrides, known: Sequence[UnitChange], where: Bools
) -> list[UnitChange]:
    """The changes of unit at some readings (n,), given all before the first of those."""
    return _looked_at(counts, rules, overrides, known, where)[1]


def leaps(had: I64, has: I64) -> Bools:
    """(n,) whether a unit may have changed from one reading to the next: elsewhere none has, by any rules."""
    low, high = np.minimum(had, has), np.maximum(had, has)
    least, most = _LEAPS
    found: Bools = (low > 0) & (high // least >= low) & (high // most <= low)
    return found


def _looked_at(
    counts: Counts, rules: Rules, overrides: Overrides, known: Sequence[UnitChange], where: Bools
) -> tuple[Counted, list[UnitChange]]:
    """The answer in the units that are known, and in those that are found at some readings."""
    power = np.zeros(len(counts), np.int64)
    changed = np.zeros(len(counts), np.bool_)
    for one in known:
        first, end = np.searchsorted(counts.channel, (one.channel, one.channel + 1)).tolist()
        at = first + int(np.searchsorted(counts.time_ms[first:end], one.time_ms))
        power[at:end] += one.step
        changed[at:end][:1] |= counts.time_ms[at:end][:1] == one.time_ms
    found: list[UnitChange] = []
    while True:
        look = _Look(counts, power, changed, rules, overrides)
        answer = look.counted()
        firsts: dict[int, tuple[int, int]] = {}
        for at, step in look.new_units:
            if where[at]:
                firsts.setdefault(int(counts.channel[at]), (at, step))
        if not firsts:
            return answer, sorted(found)
        for channel, (at, step) in firsts.items():  # and once more, with what that changes
            power[at : int(np.searchsorted(counts.channel, channel, "right"))] += step
            changed[at] = True
            found.append(UnitChange(channel, int(counts.time_ms[at]), step))


class _Look:
    """One look at all readings, in units that are taken as known."""

    def __init__(
        self, counts: Counts, power: I64, changed: Bools, rules: Rules, overrides: Overrides
    ) -> None:
        self._counts, self._rules, self._changed = counts, rules, changed
        self._course = Course(counts.channel, counts.time_ms, _in_units(counts.value_milliwh, power))
        peak = counts.peak_milliwh
        self._peak = None if peak is None else _in_units(peak, power)
        self._trusted = _trusted(counts, overrides)
        self._replaced = _replaced(counts, overrides)
        self.new_units: list[tuple[int, int]] = []
        """(index of the first reading in another unit, 1: it must be made greater, -1: smaller)"""

    def counted(self) -> Counted:
        index, decisions = self._believed()
        start, end = index[:-1], index[1:]
        same = self._course.channel[start] == self._course.channel[end]
        start, end = start[same], end[same]
        advance = self._course.value[end] - self._course.value[start]
        most = self._rules.most(self._course.time_ms[end] - self._course.time_ms[start])
        odd = (advance < 0) | (advance > most) | self._changed[end]
        trusted = self._trusted[start] & (end == start + 1)
        odd = (odd & ~trusted) | self._replaced[end]
        advance = np.maximum(advance, 0)
        keep = np.ones(len(start), np.bool_)
        for at in np.flatnonzero(odd).tolist():
            i, j = int(start[at]), int(end[at])
            kind, energy = self._judged(i, j)
            keep[at], advance[at] = energy is not None, energy or 0
            decisions.append(self._decision(kind, i, j, j, energy or 0))
        steps = Steps(
            self._course.channel[start][keep],
            self._course.time_ms[start][keep],
            self._course.time_ms[end][keep],
            advance[keep],
        )
        return Counted(steps, tuple(sorted(decisions)))

    def _believed(self) -> tuple[I64, list[Decision]]:
        """The indices of the readings that count, and what was decided of the others."""
        index = np.arange(len(self._counts), dtype=np.int64)
        decisions: list[Decision] = []
        for find in (singles, dips, bumps):
            believed = np.ones(len(index), np.bool_)
            for one in find(self._course.where(index), self._rules):
                i, odd, j = (int(index[at]) for at in (one.before, one.odd, one.after))
                if self._trusted[i:j].all() or self._replaced[i + 1 : j + 1].any():
                    continue
                believed[one.before + 1 : one.after] = False
                energy = max(int(self._course.value[j] - self._course.value[i]), 0)
                decisions.append(self._decision(self._excursion(one), i, odd, j, energy))
            index = index[believed]
        return index, decisions

    def _excursion(self, one: Excursion) -> Kind:
        if one.depth <= self._rules.resolution_milliwh:
            return "noise"
        return "dropout" if one.dip else "spike"

    def _judged(self, i: int, j: int) -> tuple[Kind, int | None]:
        """What happened from reading i to j that is not plain, and the energy counted; None: not known."""
        had, has = int(self._course.value[i]), int(self._course.value[j])
        elapsed_ms = int(self._course.time_ms[j] - self._course.time_ms[i])
        most = self._rules.most_in(elapsed_ms)
        if self._replaced[j]:
            return "replaced", None
        if self._changed[j]:
            return "unit_change", min(max(has - had, 0), most)
        fallen = self._fallen(i, j, elapsed_ms) if has < had else None
        if fallen is not None:
            return fallen
        step = _units(had, has, most)
        if not step or j != i + 1:
            return "replaced", None
        if step < 0 or not self._was_wrong_before(i, j):
            self.new_units.append((j, step))
        return "unit_change", None

    def _fallen(self, i: int, j: int, elapsed_ms: int) -> tuple[Kind, int] | None:
        """What a fall from reading i to j was, if it is still the same counter."""
        rules, had, has = self._rules, int(self._course.value[i]), int(self._course.value[j])
        if had - has <= rules.resolution_milliwh:
            return "noise", 0
        over = rules.rolled_over(had, has, elapsed_ms)
        if over is not None:
            return "rollover", over
        if 2 * has <= had and has <= rules.most_in(elapsed_ms, rules.plausible_w // _RESET_POWER):
            return "reset", has + self._before_reset(i, j, rules.most_in(elapsed_ms))
        return None

    def _was_wrong_before(self, i: int, j: int) -> bool:
        """Whether the smaller unit, from j on, is the right one: 1000 times as much cannot have flowed."""
        course, reach_ms = self._course, self._rules.reach_ms
        for near, factor in ((_around(course, i, -reach_ms), 1), (_around(course, j, reach_ms), UNITS)):
            most = self._rules.most(np.diff(course.time_ms[near]))
            if (np.diff(course.value[near]) * factor > most).any():
                return True
        return False

    def _before_reset(self, i: int, j: int, most: int) -> int:
        """What the counter still advanced before it was reset, where that was seen."""
        if self._peak is None:
            return 0
        gained = int(self._peak[j] - self._course.value[i])
        return gained if 0 < gained <= most else 0

    def _decision(self, kind: Kind, i: int, odd: int, j: int, energy: int) -> Decision:
        value = self._counts.value_milliwh
        return Decision(
            channel=int(self._counts.channel[i]),
            start_ms=int(self._counts.time_ms[i]),
            end_ms=int(self._counts.time_ms[j]),
            kind=kind,
            before_milliwh=int(value[i]),
            odd_milliwh=int(value[odd]),
            after_milliwh=int(value[j]),
            counted_milliwh=energy,
            plain_milliwh=int(np.maximum(np.diff(value[i : j + 1]), 0).sum()),
        )


def _around(course: Course, at: int, reach_ms: int) -> slice:
    """The readings of its channel from one reading on, or back, in reach; it is the first or the last."""
    first, end = np.searchsorted(course.channel, (course.channel[at], course.channel[at] + 1)).tolist()
    limit = int(course.time_ms[at]) + reach_ms
    if reach_ms < 0:
        return slice(first + int(np.searchsorted(course.time_ms[first : at + 1], limit)), at + 1)
    return slice(at, at + int(np.searchsorted(course.time_ms[at:end], limit, "right")))


def _in_units(value: I64, power: I64) -> I64:
    """(n,) each value times 1000 to its power."""
    for one in np.unique(power[power != 0]).tolist():
        factor = UNITS ** abs(one)
        value = np.where(power == one, value * factor if one > 0 else value // factor, value)
    return value


def _units(had: int, has: int, most: int) -> int:
    """1 if `has` must be made 1000 times greater to go on from `had`, -1 if smaller, 0 if neither fits."""
    slack = had // UNITS
    for step, made in ((1, has * UNITS), (-1, has // UNITS)):
        if min(had, made) >= _LEAST_UNITS_MILLIWH and -slack <= made - had <= slack + min(most, had // 10):
            return step
    return 0


def _trusted(counts: Counts, overrides: Overrides) -> Bools:
    """(n,) whether the step from reading i to i + 1 is taken as it is."""
    found = np.zeros(len(counts), np.bool_)
    for channel, start_ms, end_ms in overrides.trusted:
        inside = (counts.channel == channel) & (counts.time_ms >= start_ms) & (counts.time_ms <= end_ms)
        found[:-1] |= inside[1:] & inside[:-1]
    return found


def _replaced(counts: Counts, overrides: Overrides) -> Bools:
    """(n,) whether reading i is the first of another meter."""
    found = np.zeros(len(counts), np.bool_)
    for channel, at_ms in overrides.replaced:
        first, end = np.searchsorted(counts.channel, (channel, channel + 1)).tolist()
        at = first + int(np.searchsorted(counts.time_ms[first:end], at_ms))
        if at < end:
            found[at] = True
    return found
