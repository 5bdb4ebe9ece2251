"""A channel's sums as the store has them: where live state starts from, and returns to after late data."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from chowon.domain.energy import Held, between, gaps, held, import_dwms
from chowon.domain.quantities import ABSENT_I32, QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.rollups import ROLLUP_COLUMNS, Rollup, rollup
from chowon.live.quarters import QuarterSums
from chowon.live.state import GAP_SHOWN_MS, Sums, Window
from chowon.live.steps import last_step
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
            for at in range(0, len(mine), AT_ONCE):
                some = mine[at : at + AT_ONCE]
                found |= _of_channels(history, some, window, quarter_ms, hold_ms, until_ms, by_quarter)
        found |= {c: NOTHING for c in channels if c not in newest}
    return found


AT_ONCE = 64
"""A month of so many channels by the minute is held in memory; channels with counters ask every quarter."""
_NONE = np.zeros(0, np.int64)
NOTHING = Sums(None, 0, None, 0, 0, 0, 0, None, 0, QuarterSums(_NONE, _NONE, _NONE))
"""The sums of a channel without a reading."""


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
    found = {}
    for channel in channels:  # both are sorted by channel: a slice each, not a mask over everything
        row_from, row_to = np.searchsorted(rows.channel, (channel, channel + 1))
        mine = Rollup(*(getattr(rows, name)[row_from:row_to] for name in ROLLUP_COLUMNS))
        tail_from, tail_to = np.searchsorted(tail.channel, (channel, channel + 1))
        its_tail = tail.where(slice(tail_from, tail_to))
        found[channel] = _sums(mine, its_tail, window, quarter_ms, hold_ms[channel], channel in by_quarter)
    return found


def _sums(rows: Rollup, tail: Readings, window: Window, open_ms: int, hold_ms: int, by_quarter: bool) -> Sums:
    pieces = held(tail, hold_ms)
    known = len(pieces.time_ms) > 0
    today = (rows.start_ms >= window.day_start_ms) & (rows.start_ms < window.day_end_ms)
    open_today = between(pieces, max(open_ms, window.day_start_ms), window.day_end_ms)
    open_period = between(pieces, max(open_ms, window.period_start_ms), window.period_end_ms)
    gap_ends = gaps(pieces)[2]
    return Sums(
        last_ms=int(pieces.time_ms[-1]) if known else None,
        last_dw=int(pieces.power_dw[-1]) if known else 0,
        last_voltage_dv=_last_voltage(tail),
        today_dwms=int(rows.import_dwms[today].sum()) + _energy(open_today),
        today_known_ms=int(rows.known_ms[today].sum()) + int(open_today.held_ms.sum()),
        period_dwms=int(rows.import_dwms.sum()) + _energy(open_period),
        period_known_ms=int(rows.known_ms.sum()) + int(open_period.held_ms.sum()),
        gap_end_ms=int(gap_ends[-1]) if len(gap_ends) else None,
        open_ms=open_ms,
        quarters=_quarters(rows, open_period) if by_quarter else None,
        step=last_step(tail),
    )


def _quarters(closed: Rollup, open_period: Held) -> QuarterSums:
    running = rollup(open_period, QUARTER_MS)
    columns = ("start_ms", "import_dwms", "export_dwms")
    return QuarterSums(*(np.concatenate([getattr(closed, c), getattr(running, c)]) for c in columns))


def _energy(pieces: Held) -> int:
    return int(import_dwms(pieces).sum())


def _last_voltage(tail: Readings) -> int | None:
    if tail.voltage_dv is None:
        return None
    told = tail.voltage_dv[tail.voltage_dv != ABSENT_I32]
    return int(told[-1]) if len(told) else None
