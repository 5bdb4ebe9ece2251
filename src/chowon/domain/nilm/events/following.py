"""Runs of what switches in one home, from its edges: what is on and since when, and what is over.

A rise begins something. A fall ends what is as large as it, or two things together, or a part of something
larger (a washing machine whose heater stops). Power drifts while something is on (a fridge), so what fits
best is taken, and what fits badly only where nothing fits well and the mains are as they were before it.
Nothing is on that the mains cannot bear: if what is on takes more than they do, something ended unseen; but
nobody can say so of a home that also gives to the grid. A loop over edges, some hundreds a day and home.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations, pairwise
from typing import Final

from chowon.domain.nilm.events.edges import Edges, Told
from chowon.domain.quantities import DAY_MS, MINUTE_MS

MOST_OPEN: Final = 24
STAYS_MS: Final = DAY_MS
"""What is on for so long is part of what is always on"""
BRIDGED_MS: Final = 15 * MINUTE_MS
"""After a shorter gap what was on may still be on"""
_ALIKE: Final = 0.12
_ALIKE_W: Final = 12.0
_NOISES: Final = 3.0
_DRIFTED: Final = 2.0
"""What nothing is as large as may have ended something whose power drifted: so many times the tolerance"""
_GIVEN_W: Final = 50.0
_PAIRED: Final = 8
"""Two of so many of the latest may end together"""


class Ended(StrEnum):
    """How the end of a run is known."""

    FALL = "fall"
    """A fall as large"""
    TOGETHER = "together"
    """A fall as large as it and others that ended with it"""
    UNSEEN = "unseen"
    """The mains were too low for it to be still on"""
    GAP = "gap"
    """A gap came, and nobody knows"""
    STAYED = "stayed"
    """On for a day: part of what is always on from here"""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """Something that is on."""

    at_ms: int
    """Since when; one of a kind in its home"""
    levels: tuple[tuple[int, float], ...]
    """(since ms, W), in order"""
    overshoot_w: float
    """How far it went above its first power when it began"""
    noise_w: float
    """The home's noise before it"""
    under_w: float
    """What the mains took when it began, without it and the others that were on"""
    settled: bool = True
    """Or told provisionally: its power may change, or there may be none"""

    @property
    def power_w(self) -> float:
        """What it takes now."""
        return self.levels[-1][1]

    @property
    def first_w(self) -> float:
        """What it took first: the size of its edge."""
        return self.levels[0][1]

    def energy_wh(self, until_ms: int) -> float:
        """What it used so far, as edges tell it."""
        return _energy_wh(self.levels, max(until_ms, self.levels[-1][0]))


@dataclass(frozen=True, slots=True)
class Run:
    """Something that was on."""

    at_ms: int
    end_ms: int
    levels: tuple[tuple[int, float], ...]
    overshoot_w: float
    noise_w: float
    noise_on_w: float
    """The home's noise while it was on, at its end"""
    ended: Ended

    @property
    def first_w(self) -> float:
        """What it took first."""
        return self.levels[0][1]

    @property
    def seconds(self) -> float:
        """How long it was on."""
        return (self.end_ms - self.at_ms) / 1000

    @property
    def energy_wh(self) -> float:
        """What it used, as edges tell it."""
        return _energy_wh(self.levels, self.end_ms)


@dataclass(frozen=True, slots=True)
class Change:
    """One edge of one home."""

    since_ms: int
    at_ms: int
    before_w: float
    after_w: float
    noise_w: float
    overshoot_w: float

    @property
    def size_w(self) -> float:
        """Above 0 for a rise."""
        return self.after_w - self.before_w


@dataclass(frozen=True, slots=True)
class Following:
    """What is on in a home."""

    on: tuple[OpenRun, ...] = ()
    """What is on, as settled edges tell it, the oldest first"""
    shown: Change | None = None
    """An edge that is told provisionally"""
    gives: bool = False
    """Whether the home was ever seen to give to the grid"""

    @property
    def now(self) -> tuple[OpenRun, ...]:
        """What is on, the provisional edge taken for true."""
        if self.shown is None:
            return self.on
        after = _after(self.on, self.shown, self.gives)[0]
        return tuple(replace(s, settled=False) if s.at_ms == self.shown.at_ms else s for s in after)


def follow(home: Following, edges: Edges) -> tuple[Following, tuple[Run, ...]]:
    """What is on after these edges of this home, in order of `told_ms`; and what they ended."""
    over: list[Run] = []
    for told, change in changes(edges):
        if told is Told.PROVISIONAL:
            home = replace(home, shown=change)
            continue
        on, ended = home.on, tuple[Run, ...]()
        gives = home.gives or min(change.before_w, change.after_w) < -_GIVEN_W
        if told is Told.SETTLED:
            on, ended = _after(home.on, change, gives)
        elif told is Told.RESUMED:
            on, ended = _resumed(home.on, change, gives)
        home = Following(on, gives=gives)
        over += ended
    return home, tuple(over)


def changes(edges: Edges) -> Iterator[tuple[Told, Change]]:
    """Edges one by one."""
    columns = (edges.told, edges.since_ms, edges.at_ms, edges.before_w, edges.after_w)
    rest = (edges.noise_w, edges.overshoot_w)
    for told, *facts in zip(*(column.tolist() for column in (*columns, *rest)), strict=True):
        yield Told(told), Change(*facts)


def _resumed(
    on: tuple[OpenRun, ...], change: Change, gives: bool
) -> tuple[tuple[OpenRun, ...], tuple[Run, ...]]:
    if change.at_ms - change.since_ms > BRIDGED_MS:
        return (), tuple(_over(s, change, Ended.GAP, change.since_ms) for s in on)
    if abs(change.size_w) <= _tolerance(0.0, change):
        return on, ()
    return _after(on, change, gives)


def _after(
    on: tuple[OpenRun, ...], change: Change, gives: bool
) -> tuple[tuple[OpenRun, ...], tuple[Run, ...]]:
    """What is on after an edge, and what it ended."""
    stayed = tuple(s for s in on if change.at_ms - s.at_ms > STAYS_MS)
    over = [_over(s, change, Ended.STAYED) for s in stayed]
    on = tuple(s for s in on if s not in stayed)
    if change.size_w > 0:
        under_w = change.before_w - sum(s.power_w for s in on)
        first = ((change.at_ms, change.size_w),)
        begun = OpenRun(change.at_ms, first, change.overshoot_w, change.noise_w, under_w)
        if len(on) >= MOST_OPEN:
            over.append(_over(on[0], change, Ended.UNSEEN))
        on = (*on[-(MOST_OPEN - 1) :], begun)
    else:
        on, ended = _fallen(on, change)
        over += ended
    kept, unseen = (on, []) if gives else _borne(on, change)
    return kept, (*over, *unseen)


def _fallen(on: tuple[OpenRun, ...], change: Change) -> tuple[tuple[OpenRun, ...], list[Run]]:
    fall_w = -change.size_w
    alone = _as_large(on, fall_w, change, 1.0)
    if alone is not None:
        return _without(on, alone), [_over(alone, change, Ended.FALL)]
    both = [
        (abs(a.power_w + b.power_w - fall_w), a, b)
        for a, b in combinations(on[-_PAIRED:], 2)
        if abs(a.power_w + b.power_w - fall_w) <= _tolerance(fall_w, change)
    ]
    if both:
        _, a, b = min(both, key=lambda one: one[0])
        return _without(on, a, b), [_over(one, change, Ended.TOGETHER) for one in (a, b)]
    on_w = sum(s.power_w for s in on)
    gone = tuple(s for s in on if change.after_w - on_w + s.power_w - s.under_w <= (s.power_w - fall_w) / 2)
    alone = _as_large(gone, fall_w, change, _DRIFTED)
    if alone is not None:
        return _without(on, alone), [_over(alone, change, Ended.FALL)]
    larger = [s for s in on if s.power_w > fall_w]
    if larger:
        part = larger[-1]
        left = (*part.levels, (change.at_ms, part.power_w - fall_w))
        return tuple(replace(s, levels=left) if s is part else s for s in on), []
    return on, []  # of something that began before anybody listened


def _as_large(on: tuple[OpenRun, ...], fall_w: float, change: Change, times: float) -> OpenRun | None:
    """The one most like a fall, of several the latest."""
    off = [(abs(s.power_w - fall_w) / _tolerance(s.power_w, change), -s.at_ms, s) for s in on]
    return min((one for one in off if one[0] <= times), key=lambda one: one[:2], default=(0, 0, None))[2]


def _borne(on: tuple[OpenRun, ...], change: Change) -> tuple[tuple[OpenRun, ...], list[Run]]:
    """What the mains can bear; the rest ended unseen, each time the one whose end explains most."""
    unseen: list[Run] = []
    most_w = max(change.after_w, 0.0) + 2 * _tolerance(max(change.after_w, 0.0), change)
    while on and (excess_w := sum(s.power_w for s in on) - most_w) > 0:
        gone = min(on, key=lambda s: (s.power_w < excess_w, abs(s.power_w - excess_w), s.at_ms))
        on = _without(on, gone)
        unseen.append(_over(gone, change, Ended.UNSEEN))
    return on, unseen


def _over(run: OpenRun, change: Change, how: Ended, end_ms: int | None = None) -> Run:
    end = max(change.at_ms if end_ms is None else end_ms, run.levels[-1][0])
    return Run(run.at_ms, end, run.levels, run.overshoot_w, run.noise_w, change.noise_w, how)


def _without(on: tuple[OpenRun, ...], *gone: OpenRun) -> tuple[OpenRun, ...]:
    return tuple(s for s in on if s not in gone)


def _tolerance(power_w: float, change: Change) -> float:
    return max(_ALIKE_W, _ALIKE * power_w, _NOISES * change.noise_w)


def _energy_wh(levels: tuple[tuple[int, float], ...], end_ms: int) -> float:
    bounds = [*levels, (end_ms, 0.0)]
    return sum(w * (end - begin) for (begin, w), (end, _) in pairwise(bounds)) / 3.6e6
