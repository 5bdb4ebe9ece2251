"""What came in and what was wrong lately: for the API, the metrics and `chowon doctor`."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.quantities import DEFAULT_HOLD_MS, I64, U32
from chowon.domain.readings import Readings
from chowon.errors import Problem
from chowon.ingest.quality import QualityWatch

RECENT: Final = 200
"""So many recent problems are kept; the oldest goes first."""
PER_PAYLOAD: Final = 10
"""So many of one payload, so that one bad batch does not push all others out."""
MAX_SOURCES: Final = 10_000
"""So many sources of rejected readings are told apart; those of further ones count as OTHERS."""
OTHERS: Final = "(others)"


@dataclass(frozen=True, slots=True)
class RecentProblem:
    """One problem, when it came and from where."""

    time_ms: int
    source: str
    """MQTT topic, or the door ("http", "influx v2", …)."""
    problem: Problem


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """What one channel sent since the start."""

    channel: int
    accepted: int
    last_received_ms: int


class Ledger:
    """Counts by channel as arrays, and a ring of recent problems."""

    def __init__(self, holds: Callable[[U32], I64] | None = None) -> None:
        """holds: (n,) channels → (n,) the longest silence, ms, that is no gap; the usual one without it."""
        self._holds = holds or (lambda channels: np.full(len(channels), DEFAULT_HOLD_MS))
        self.quality = QualityWatch()
        self._accepted: I64 = np.zeros(0, np.int64)
        self._last_ms: I64 = np.zeros(0, np.int64)
        self._recent: deque[RecentProblem] = deque(maxlen=RECENT)
        self._rejected_by: Counter[str] = Counter()
        self.rejected_readings = 0
        self.rejected_payloads = 0
        """Payloads that could not be read at all, or held nothing good."""

    def accepted(self, readings: Readings, received_ms: int, *, past: bool = False) -> None:
        """Counts durable readings by channel. past: they fill a gap, so nothing is judged by them."""
        if len(readings) == 0:
            return
        highest = int(readings.channel.max())
        if highest >= len(self._accepted):
            more = max(highest + 1, 2 * len(self._accepted)) - len(self._accepted)
            self._accepted = np.pad(self._accepted, (0, more))
            self._last_ms = np.pad(self._last_ms, (0, more))
        np.add.at(self._accepted, readings.channel, 1)
        if past:
            return
        self._last_ms[readings.channel] = received_ms
        self.quality.saw(readings, self._holds(readings.channel), received_ms)

    def rejected(self, source: str, problems: Sequence[Problem], readings: int, received_ms: int) -> None:
        """Counts refused readings, and keeps why."""
        self.rejected_readings += readings
        if problems or readings:
            known = source in self._rejected_by or len(self._rejected_by) < MAX_SOURCES
            self._rejected_by[source if known else OTHERS] += max(readings, 1)
        shown = problems[:PER_PAYLOAD]
        self._recent.extend(RecentProblem(received_ms, source, problem) for problem in shown)

    def recent_problems(self) -> tuple[RecentProblem, ...]:
        """The last ones, oldest first."""
        return tuple(self._recent)

    def rejected_by_source(self) -> dict[str, int]:
        """Refused readings by where they came from."""
        return dict(self._rejected_by)

    def of_channels(self) -> tuple[ChannelCount, ...]:
        """Every channel that sent something."""
        heard = np.flatnonzero(self._accepted)
        return tuple(ChannelCount(int(c), int(self._accepted[c]), int(self._last_ms[c])) for c in heard)
