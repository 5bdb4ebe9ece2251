"""A mean and a spread that go on learning, and what they say of a value."""

import math
from dataclasses import dataclass, replace
from typing import Final

MEMORY: Final = 40.0
"""Older values fade as if there had never been more"""
_BEFORE: Final = 2.0
"""What is expected of a spread before anything is seen weighs as much as so many values"""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one number of a cluster."""

    count: float = 0.0
    mean: float = 0.0
    variance: float = 0.0

    def with_(self, value: float) -> "Spread":
        """One more value."""
        count = min(self.count + 1, MEMORY)
        off = value - self.mean
        mean = self.mean + off / count
        variance = self.variance + (off * (value - mean) - self.variance) / count
        return Spread(count, mean, variance)

    def and_(self, other: "Spread") -> "Spread":
        """Both as one."""
        count = self.count + other.count
        if not count:
            return self
        part = other.count / count
        off = other.mean - self.mean
        variance = self.variance + (other.variance - self.variance) * part + part * (1 - part) * off * off
        return Spread(min(count, MEMORY), self.mean + off * part, variance)

    def expected(self, usual: "Usual") -> "Spread":
        """What the next value will be: its mean, and its spread with what is usual of such a number."""
        seen = self.count * self.variance + _BEFORE * usual.spread**2
        variance = seen / (self.count + _BEFORE) * (1 + 1 / max(self.count, 1.0))
        return replace(self, variance=min(max(variance, usual.least**2), usual.most**2))

    def distance(self, value: float) -> float:
        """How many standard deviations away."""
        return abs(value - self.mean) / math.sqrt(self.variance)

    def density(self, value: float) -> float:
        """Of a normal distribution."""
        z = self.distance(value)
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi * self.variance)

    def beyond(self, value: float) -> float:
        """The probability of at least so much."""
        return 0.5 * math.erfc((value - self.mean) / math.sqrt(2 * self.variance))


@dataclass(frozen=True, slots=True)
class Usual:
    """What is known of the spread of a number before any value is seen."""

    spread: float
    least: float
    most: float
    """However far apart the values were: a cluster that takes in everything tells nothing"""
