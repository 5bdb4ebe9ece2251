"""What a channel did in each minute under another hold: all of its past, counted anew from its readings."""

from collections.abc import Iterator

import numpy as np

from chowon.domain.quantities import DAY_MS, I64, MINUTE_MS, U32
from chowon.domain.rollups import Rollup
from chowon.store.columns import NO_ROW_MS, gone_rows, joined, newest
from chowon.store.recompute import Windows, recomputed
from chowon.store.view import View


def minutes_anew(view: View, channel: int, hold_ms: int, first_ms: int, last_ms: int) -> Iterator[Rollup]:
    """The rows of the channel from its first to its last reading in the lake, a month at a time.

    Minutes that had a row and have none any more are said to be gone.
    """
    ids = np.array([channel], np.uint32)

    def hold(channels: U32) -> I64:
        return np.full(len(channels), hold_ms, np.int64)

    days_ms = _days(view, ids, hold_ms, first_ms, last_ms)
    for start_ms, end_ms in _months(first_ms, last_ms):
        mine = days_ms[(days_ms + DAY_MS > start_ms) & (days_ms < end_ms)]
        starts, ends = np.maximum(mine, start_ms), np.minimum(mine + DAY_MS, end_ms)
        rows = recomputed(Windows(np.repeat(ids, len(mine)), starts, ends), view.raw, hold)
        old = view.sealed_minutes(ids, start_ms, end_ms)
        had = old.start_ms[old.covered_ms != NO_ROW_MS]
        gone = had[~np.isin(had, rows.start_ms)]
        yield newest(joined([gone_rows(np.full(len(gone), channel, np.uint32), gone), rows]))


def _days(view: View, ids: U32, hold_ms: int, first_ms: int, last_ms: int) -> I64:
    """The starts of the UTC days in which there may be something: with readings, and up to a hold after."""
    files = view.snapshot.overlapping("raw", ids, first_ms, last_ms + 1)
    spans = np.array([f.span for f in files], "datetime64[D]").astype(np.int64)
    after = np.arange(hold_ms // DAY_MS + 1)
    return np.unique(spans[:, None] + after) * DAY_MS


def _months(first_ms: int, last_ms: int) -> Iterator[tuple[int, int]]:
    """The whole minutes of [first, last], cut at the beginnings of months, UTC."""
    start_ms, end_ms = first_ms // MINUTE_MS * MINUTE_MS, (last_ms // MINUTE_MS + 1) * MINUTE_MS
    while start_ms < end_ms:
        month = np.datetime64(start_ms, "ms").astype("datetime64[M]") + 1
        next_ms = min(int(month.astype("datetime64[ms]").astype(np.int64)), end_ms)
        yield start_ms, next_ms
        start_ms = next_ms
