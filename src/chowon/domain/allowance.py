"""How much one sender may ask for: what is above is refused, so that one cannot starve the others."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

MOST_TOLD_APART: Final = 50_000
"""So many senders are told apart; with more, all start anew with a full allowance."""


@dataclass(slots=True)
class _Left:
    times: float
    at_s: float


class Allowance:
    """A token bucket a sender: `per_s` times a second for ever, `burst` of them at once."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._left: dict[Hashable, _Left] = {}

    def takes(self, sender: Hashable, now_s: float, times: int = 1) -> bool:
        """Whether that much more of this sender is within its allowance. A clock set back gives nothing."""
        left = self._left.get(sender)
        if left is None:
            if len(self._left) >= MOST_TOLD_APART:
                self._left.clear()
            left = self._left[sender] = _Left(self._burst, now_s)
        left.times = min(self._burst, left.times + max(now_s - left.at_s, 0.0) * self._per_s)
        left.at_s = now_s
        if left.times < times:
            return False
        left.times -= times
        return True
