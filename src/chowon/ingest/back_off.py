"""How long to wait before the next attempt."""


class BackOff:
    """Pauses that double up to the longest one, and begin anew when all was well for a while."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._next_s = first_s
        self._ready_s = 0.0

    def pause_s(self, now_s: float) -> float:
        """The pause after a failure at `now_s`, on a clock that never goes back.

        Well for a while: the last pause ended more than twice the longest pause ago.
        """
        if now_s - self._ready_s > 2 * self._longest_s:
            self._next_s = self._first_s
        pause_s = self._next_s
        self._next_s = min(2 * pause_s, self._longest_s)
        self._ready_s = now_s + pause_s
        return pause_s
