"""Each channel's energy since its first reading, from the store: the same after any restart, on any machine.

Days that are over are summed once a day and kept; what came since is asked for anew each time. A reading
that comes later than a day after its time counts from the next UTC midnight on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.quantities import DAY_MS, I64
from chowon.ports import History

_STEP_MS: Final = 32 * DAY_MS
"""Of the past in one question, so that none holds much memory."""
_LATE_MS: Final = DAY_MS


@dataclass(frozen=True, slots=True, eq=False)
class Lifetime:
    """Energy of some channels since their first readings."""

    channels: I64
    """(n,) ids, ascending"""
    import_dwms: I64
    """(n,) taken from the grid, deciwatt-milliseconds"""
    export_dwms: I64
    """(n,) given to the grid"""

    def of(self, channels: Sequence[int]) -> tuple[int, int] | None:
        """(import, export) of these channels added up, dWms; None of none, or if one was not asked for."""
        asked = np.asarray(channels, np.int64)
        if not len(asked) or not np.isin(asked, self.channels).all():
            return None
        at = np.searchsorted(self.channels, asked)
        return int(self.import_dwms[at].sum()), int(self.export_dwms[at].sum())


class Totals:
    """Lifetime energy of the channels asked for. Not thread-safe: one question at a time."""

    def __init__(self, past: History) -> None:
        self._past = past
        self._closed = Lifetime(*(np.zeros(0, np.int64) for _ in range(3)))
        self._until_ms = 0

    def lifetime(self, channels: Sequence[int], now_ms: int) -> Lifetime:
        """Of these channels, as of now. Blocks while it reads. Errors: StoreUnavailable, Damaged."""
        ids = np.unique(np.asarray(channels, np.int64))
        until_ms = (now_ms - _LATE_MS) // DAY_MS * DAY_MS
        if until_ms != self._until_ms or not np.array_equal(ids, self._closed.channels):
            self._closed, self._until_ms = self._sum(ids, 0, until_ms), until_ms
        fresh = self._sum(ids, until_ms, 2**53)
        return Lifetime(
            ids,
            self._closed.import_dwms + fresh.import_dwms,
            self._closed.export_dwms + fresh.export_dwms,
        )

    def _sum(self, ids: I64, start_ms: int, end_ms: int) -> Lifetime:
        imported, exported = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
        asked = ids.tolist()
        span = self._past.span(asked) if asked else None
        if span is not None:
            first = max(start_ms, span[0] // DAY_MS * DAY_MS)
            end = min(end_ms, span[1] + DAY_MS)
            for begin in range(first, end, _STEP_MS):
                rows = self._past.rollup(asked, begin, min(begin + _STEP_MS, end), "1h", "UTC")
                at = np.searchsorted(ids, rows.channel)
                np.add.at(imported, at, rows.import_dwms)
                np.add.at(exported, at, rows.export_dwms)
        return Lifetime(ids, imported, exported)
