"""Readings of a counter that readings around them prove wrong: it fell and came back, or rose and came back.

Both kinds are found by looking at a reading's neighbours within `Rules.reach_ms` and at nothing else, so
that the same readings are passed over whatever else is known. The order matters where two stories fit.
First single readings that stand too high, such as those of a clock that was set back, which come to lie
between older ones. Then dips, so that of a counter that flaps between 0 and 55 the zeros are wrong. Then
bumps.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.quantities import DAY_MS, I64, U32

_KWH: Final = 1_000_000
_MS_A_MILLIWH: Final = 3600
"""1 W makes 1 mWh in 3600 ms."""
_LONGEST_MS: Final = 400 * DAY_MS
"""No more is plausible in any longer time, so that energies of up to 10 MW fit their numbers."""
_NEAR: Final = 16
"""A counter that came back from a dip stands at most a 16th above where it was, or it jumped."""
_USUAL: Final = 25
"""Over the hours of a dropout flows no more than a 25th of the power that is plausible at a moment."""
_TOP: Final = 8
"""A counter rolls over from the last eighth of its range."""
_FIRST_LOOK: Final = 32


@dataclass(frozen=True, slots=True)
class Rules:
    """What is believed of a counter."""

    resolution_milliwh: int = 100_000
    """A fall of no more than this is noise: the last digit of a display in 0.1 kWh."""
    plausible_w: int = 100_000
    """No more power than this flows: twice what three phases of 63 A carry."""
    reach_ms: int = DAY_MS
    """For so long a counter may be wrong and come back."""
    moduli_milliwh: tuple[int, ...] = (
        *(2**16 * unit for unit in (1_000, 10_000, 100_000, _KWH)),
        *(2**32 * unit for unit in (1, 1_000)),
        *(10**digits * _KWH for digits in (3, 4, 5, 6)),
    )
    """Where counters start again at 0: 16 and 32 bits of their units, and displays of so many digits."""

    def most(self, elapsed_ms: I64, power_w: int | None = None) -> I64:
        """(n,) the greatest advance, milliwatt-hours, in so much time."""
        power = self.plausible_w if power_w is None else power_w
        return np.minimum(elapsed_ms, _LONGEST_MS) * power // _MS_A_MILLIWH + self.resolution_milliwh

    def most_in(self, elapsed_ms: int, power_w: int | None = None) -> int:
        """The same for one span."""
        power = self.plausible_w if power_w is None else power_w
        return min(elapsed_ms, _LONGEST_MS) * power // _MS_A_MILLIWH + self.resolution_milliwh

    def rolled_over(self, had: int, has: int, elapsed_ms: int) -> int | None:
        """The advance, if a counter that fell so much may have come to the end of its range."""
        over = [m - had + has for m in self.moduli_milliwh if m > had and m - had <= m // _TOP]
        return min(over) if over and min(over) <= self.most_in(elapsed_ms) else None


@dataclass(frozen=True, slots=True)
class Course:
    """n readings of counters, sorted by (channel, time), unique."""

    channel: U32
    time_ms: I64
    value: I64
    """(n,) milliwatt-hours"""

    @property
    def falls(self) -> I64:
        """Indices i at which the reading i + 1 of the same channel is lower."""
        lower = (self.value[1:] < self.value[:-1]) & (self.channel[1:] == self.channel[:-1])
        return np.flatnonzero(lower)

    def where(self, index: I64) -> "Course":
        """Some of the readings."""
        return Course(self.channel[index], self.time_ms[index], self.value[index])


@dataclass(frozen=True, slots=True)
class Excursion:
    """The readings between two others that go on from each other without them."""

    before: int
    """Index of the last reading that counts"""
    after: int
    """Index of the next one that counts"""
    odd: int
    """Index of the farthest reading in between"""
    depth: int
    """How far off that one was, milliwatt-hours"""
    dip: bool


def singles(course: Course, rules: Rules) -> list[Excursion]:
    """Where one reading rose more than is plausible, and the next goes on from the one before.

    Not above nearly 0: there the one that is low may be the wrong one.
    """
    value, time_ms = course.value, course.time_ms
    if len(value) < 3:
        return []
    span_ms = time_ms[2:] - time_ms[:-2]
    gained = value[2:] - value[:-2]
    ours = (course.channel[2:] == course.channel[:-2]) & (span_ms <= rules.reach_ms)
    goes_on = (gained >= 0) & (gained <= rules.most(span_ms)) & (value[:-2] > rules.resolution_milliwh)
    odd = (value[1:-1] - value[:-2] > rules.most(time_ms[1:-1] - time_ms[:-2])) & (value[1:-1] > value[2:])
    found = np.flatnonzero(ours & goes_on & odd)
    depth = value[found + 1] - value[found + 2]
    return [
        Excursion(i, i + 2, i + 1, d, dip=False) for i, d in zip(found.tolist(), depth.tolist(), strict=True)
    ]


def dips(course: Course, rules: Rules) -> list[Excursion]:
    """Where a counter fell, and came back at once to where it was or a plausible advance above."""
    found: list[Excursion] = []
    done = -1
    for i in course.falls.tolist():
        if i < done:
            continue  # inside a dip already: dips lie in each other or apart, never across
        j = _return(course, i, rules.reach_ms)
        if j is not None and (dip := _dip(course, i, j, rules)) is not None:
            found.append(dip)
            done = j
    return found


def bumps(course: Course, rules: Rules) -> list[Excursion]:
    """Where a counter rose, and fell back at once to where it was or a plausible advance above."""
    found: list[Excursion] = []
    done = len(course.value)
    for j in (course.falls[::-1] + 1).tolist():
        if j > done:
            continue
        i = _origin(course, j, rules.reach_ms)
        if i is not None and (bump := _bump(course, i, j, rules)) is not None:
            found.append(bump)
            done = i
    return found[::-1]


def _return(course: Course, i: int, reach_ms: int) -> int | None:
    """The first reading after i, in reach, that is as high as i."""
    start, width = i + 1, _FIRST_LOOK
    while start < len(course.value):
        end = min(start + width, len(course.value))
        ours = (course.channel[start:end] == course.channel[i]) & (
            course.time_ms[start:end] <= course.time_ms[i] + reach_ms
        )
        high = np.flatnonzero(ours & (course.value[start:end] >= course.value[i]))
        if len(high):
            return start + int(high[0])
        if not ours[-1]:
            return None
        start, width = end, 2 * width
    return None


def _origin(course: Course, j: int, reach_ms: int) -> int | None:
    """The last reading before j, in reach, that is as low as j."""
    end, width = j, _FIRST_LOOK
    while end > 0:
        start = max(end - width, 0)
        ours = (course.channel[start:end] == course.channel[j]) & (
            course.time_ms[start:end] >= course.time_ms[j] - reach_ms
        )
        low = np.flatnonzero(ours & (course.value[start:end] <= course.value[j]))
        if len(low):
            return start + int(low[-1])
        if not ours[0]:
            return None
        end, width = start, 2 * width
    return None


def _dip(course: Course, i: int, j: int, rules: Rules) -> Excursion | None:
    """A reset and the use after it come back step by step; a dropout comes back at once."""
    value, time_ms = course.value[i : j + 1], course.time_ms[i : j + 1]
    first_ms = int(time_ms[1] - time_ms[0])
    if value[1] and rules.rolled_over(int(value[0]), int(value[1]), first_ms) is not None:
        return None
    gained, elapsed_ms = int(value[-1] - value[0]), int(time_ms[-1] - time_ms[0])
    if gained > rules.most_in(elapsed_ms):
        return None
    odd = int(value.argmin())
    depth = int(value[0] - value[odd])
    rises = np.diff(value[1:])
    largest = int(rises.argmax())
    if 2 * int(rises[largest]) < depth:
        return None
    jumped = int(rises[largest]) > rules.most_in(int(time_ms[largest + 2] - time_ms[largest + 1]))
    near = gained <= max(int(value[0]) // _NEAR, rules.resolution_milliwh)
    usual = gained <= rules.most_in(elapsed_ms, rules.plausible_w // _USUAL)
    return Excursion(i, j, i + odd, depth, dip=True) if near or (jumped and usual) else None


def _bump(course: Course, i: int, j: int, rules: Rules) -> Excursion | None:
    """A counter that was used and then reset rose step by step; a wrong reading rises at once."""
    value, time_ms = course.value[i : j + 1], course.time_ms[i : j + 1]
    if int(value[-1] - value[0]) > rules.most_in(int(time_ms[-1] - time_ms[0])):
        return None
    odd = int(value.argmax())
    depth = int(value[odd] - value[-1])
    rises = np.diff(value[:-1])
    largest = int(rises.argmax())
    if 2 * int(rises[largest]) < depth:
        return None
    jumped = int(rises[largest]) > rules.most_in(int(time_ms[largest + 1] - time_ms[largest]))
    reset_to = int(value[-1]) <= rules.resolution_milliwh  # to nearly 0 a counter may well be reset
    return Excursion(i, j, i + odd, depth, dip=False) if jumped or not reset_to else None
