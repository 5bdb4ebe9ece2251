"""How many messages one topic may send: what is above is refused, so that one cannot starve the others."""

from dataclasses import dataclass
from typing import Final

MOST_TOPICS: Final = 50_000
"""So many topics are told apart; with more, all start anew with a full allowance."""


@dataclass(slots=True)
class _Left:
    messages: float
    at_s: float


class Allowance:
    """A token bucket a topic: `per_s` messages a second for ever, `burst` of them at once."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._left: dict[str, _Left] = {}

    def takes(self, topic: str, now_s: float) -> bool:
        """Whether one more message of this topic is within its allowance. now_s: monotonic."""
        left = self._left.get(topic)
        if left is None:
            if len(self._left) >= MOST_TOPICS:
                self._left.clear()
            left = self._left[topic] = _Left(self._burst, now_s)
        left.messages = min(self._burst, left.messages + (now_s - left.at_s) * self._per_s)
        left.at_s = now_s
        if left.messages < 1:
            return False
        left.messages -= 1
        return True
