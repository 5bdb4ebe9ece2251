"""A channel's sums as the store has them: where live state starts from, and returns to after late data."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from chowon.domain.energy import Held, between, gaps, held, import_dwms
from chowon.domain.quantities import ABSENT_I32, DAY_MS, I32, I64, QUARTER_MS, U32
from chowon.domain.readings import Readings
from chowon.domain.rollups import Rollup, rollup
from chowon.live.quarters import QuarterSums
from chowon.live.state import GAP_SHOWN_MS, Sums, Window
from chowon.live.steps import last_steps
from chowon.ports import History


def sums_from_store(
    history: History,
    windows: Mapping[int, Window],
    hold_ms: Mapping[int, int],
    until_ms: int,
    by_quarter: Collection[int] = (),
) -> dict[int, Sums]:
    """The sums of each channel in its window, of readings up to `until_ms`.

    by_quarter: the channels whose energy is told by quarter of an hour as well.
    Errors: StoreUnavailable, Damaged.

    Closed quarters come from rollups; the open one from raw readings, in one query, whose newest sample is
    the `last_ms` told: a sample that arrives between two queries is counted once, by whoever applies it.
    """
    found: dict[int, Sums] = {}
    for window in set(windows.values()):
        channels = [c for c, w in windows.items() if w == window]
        newest = {c: min(t, until_ms) for c, t in history.last_times(channels).items()}
        for quarter_ms in {t // QUARTER_MS * QUARTER_MS for t in newest.values()}:
            mine = [c for c, t in newest.items() if t // QUARTER_MS * QUARTER_MS == quarter_ms]
            at_once = _at_once(history, mine, window, quarter_ms)
            for at in range(0, len(mine), at_once):
                some = mine[at : at + at_once]
                found |= _of_channels(history, some, window, quarter_ms, hold_ms, until_ms, by_quarter)
        found |= {c: NOTHING for c in channels if c not in newest}
    return found


AT_ONCE: Final = 64
"""A month of so many channels by the minute is held in memory; channels with counters ask every quarter."""
MOST_AT_ONCE: Final = 512
"""Of a period that began lately; each question has its price, however little it is about."""
_NONE = np.zeros(0, np.int64)
NOTHING = Sums(None, 0, None, 0, 0, 0, 0, None, 0, QuarterSums(_NONE, _NONE, _NONE))
"""The sums of a channel without a reading."""


def _at_once(history: History, channels: Sequence[int], window: Window, until_ms: int) -> int:
    """How many channels to ask for together: as many minutes as a month of `AT_ONCE` has."""
    heard = history.span(channels)
    since_ms = window.period_start_ms if heard is None else max(window.period_start_ms, heard[0])
    days = max(until_ms - since_ms, 0) // DAY_MS + 1
    return min(max(AT_ONCE, AT_ONCE * 31 // days), MOST_AT_ONCE)


def _of_channels(
    history: History,
    channels: Sequence[int],
    window: Window,
    quarter_ms: int,
    hold_ms: Mapping[int, int],
    until_ms: int,
    by_quarter: Collection[int],
) -> dict[int, Sums]:
    """Sums of channels whose newest readings lie in the same quarter of an hour."""
    closed_end = min(quarter_ms, window.period_end_ms)
    rows = history.rollup(channels, window.period_start_ms, closed_end, "15min", "UTC")
    first = quarter_ms - GAP_SHOWN_MS - max(hold_ms[c] for c in channels)
    tail = history.readings(channels, first, until_ms + 1)
    holds = np.array([hold_ms[c] for c in channels], np.int64)
    ids = np.array(channels, np.uint32)
    order = np.argsort(ids)
    return _sums(ids[order], rows, tail, window, quarter_ms, holds[order], by_quarter)


def _sums(
    ids: U32,
    rows: Rollup,
    tail: Readings,
    window: Window,
    open_ms: int,
    hold_ms: I64,
    by_quarter: Collection[int],
) -> dict[int, Sums]:
    """Of all these channels (sorted) at once: each has few readings, and each call its price."""
    pieces = held(tail, hold_ms[np.searchsorted(ids, tail.channel)])
    open_today = between(pieces, max(open_ms, window.day_start_ms), window.day_end_ms)
    open_period = between(pieces, max(open_ms, window.period_start_ms), window.period_end_ms)
    today = (rows.start_ms >= window.day_start_ms) & (rows.start_ms < window.day_end_ms)
    of_rows, newest = _Parts(ids, rows.channel), _Parts(ids, pieces.channel)
    of_today, of_period = _Parts(ids, open_today.channel), _Parts(ids, open_period.channel)
    gap_channel, _, gap_end_ms = gaps(pieces)
    steps = last_steps(tail)
    quarters = _quarters(ids, rows, open_period, by_quarter)
    columns = (
        newest.last(pieces.time_ms),
        [power_dw or 0 for power_dw in newest.last(pieces.power_dw)],
        _last_voltages(ids, tail),
        (of_rows.sums(rows.import_dwms * today) + of_today.sums(import_dwms(open_today))).tolist(),
        (of_rows.sums(rows.known_ms * today) + of_today.sums(open_today.held_ms)).tolist(),
        (of_rows.sums(rows.import_dwms) + of_period.sums(import_dwms(open_period))).tolist(),
        (of_rows.sums(rows.known_ms) + of_period.sums(open_period.held_ms)).tolist(),
        _Parts(ids, gap_channel).last(gap_end_ms),
        [open_ms] * len(ids),
        [quarters.get(channel) for channel in ids.tolist()],
        [steps.get(channel) for channel in ids.tolist()],
    )
    return dict(zip(ids.tolist(), map(Sums, *columns), strict=True))


class _Parts:
    """Where the part of each channel lies in columns that are sorted by channel."""

    def __init__(self, ids: U32, channel: U32) -> None:
        self.begin = np.searchsorted(channel, ids, "left")
        self.end = np.searchsorted(channel, ids, "right")

    def sums(self, column: I64) -> I64:
        """(ids,) each channel's sum."""
        running = np.concatenate([np.zeros(1, np.int64), np.cumsum(column)])
        found: I64 = running[self.end] - running[self.begin]
        return found

    def last(self, column: I32 | I64) -> list[int | None]:
        """Each channel's last value; None where it has none."""
        pairs = zip(self.begin.tolist(), self.end.tolist(), strict=True)
        return [int(column[end - 1]) if end > begin else None for begin, end in pairs]


def _quarters(
    ids: U32, closed: Rollup, open_period: Held, by_quarter: Collection[int]
) -> dict[int, QuarterSums]:
    """Of the channels whose energy is told so."""
    wanted = [at for at, channel in enumerate(ids.tolist()) if channel in by_quarter]
    if not wanted:
        return {}
    running = rollup(open_period, QUARTER_MS)
    parts = [(rows, _Parts(ids, rows.channel)) for rows in (closed, running)]
    names = ("start_ms", "import_dwms", "export_dwms")
    return {
        int(ids[at]): QuarterSums(
            *(np.concatenate([getattr(r, n)[p.begin[at] : p.end[at]] for r, p in parts]) for n in names)
        )
        for at in wanted
    }


def _last_voltages(ids: U32, tail: Readings) -> list[int | None]:
    if tail.voltage_dv is None:
        return [None] * len(ids)
    told = tail.voltage_dv != ABSENT_I32
    return _Parts(ids, tail.channel[told]).last(tail.voltage_dv[told])
