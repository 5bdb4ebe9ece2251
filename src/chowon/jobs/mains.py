"""What appliances without a meter of their own are told from: the mains of a site, less what is metered."""

from typing import Final, Literal

import numpy as np

from chowon.domain.nilm.power import F64, Power
from chowon.domain.quantities import MINUTE_MS, Bools
from chowon.domain.rollups import Rollup
from chowon.domain.sites import Channel, Site
from chowon.ports import History

_STANDS_STILL: Final = 0.75
"""The share of minutes that are exactly as the one before, from which on a meter is too slow"""
_LEAST_MINUTES: Final = 60
_DW_PER_W: Final = 10

Why = Literal["off", "slow", "silent"]


def unmeasured_mains(history: History, site: Site, from_ms: int, to_ms: int) -> Power:
    """What the main meter took less what other meters did, by minute. Errors: StoreUnavailable."""
    channels = [*site.main_channels, *site.part_channels]
    rows = history.rollup([channel.id for channel in channels], from_ms, to_ms, "1min", site.timezone)
    n = (to_ms - from_ms) // MINUTE_MS
    power_w, known = np.zeros(n), np.full(n, bool(site.main_channels))
    for channel in site.main_channels:
        theirs_w, theirs_known = _minutes(rows, channel, from_ms, n)
        power_w, known = power_w + theirs_w, known & theirs_known
    for channel in site.part_channels:
        theirs_w, _ = _minutes(rows, channel, from_ms, n)
        # A roof's meter may count either way round: what it gives is used in the home.
        power_w = power_w + (np.abs(theirs_w) if channel.role == "solar" else -theirs_w)
    return Power(from_ms, MINUTE_MS, np.where(known, power_w, 0.0), known)


def _minutes(rows: Rollup, channel: Channel, from_ms: int, n: int) -> tuple[F64, Bools]:
    """((n,) mean W of a channel, (n,) whether samples stand for half of the minute); 0 where unknown."""
    mine = rows.channel == channel.id
    place = (rows.start_ms[mine] - from_ms) // MINUTE_MS
    power_w, known = np.zeros(n), np.zeros(n, np.bool_)
    heard = rows.covered_ms[mine] * 2 >= MINUTE_MS
    net_dwms = (rows.import_dwms - rows.export_dwms)[mine]
    power_w[place] = np.where(heard, net_dwms / (np.maximum(rows.known_ms[mine], 1) * _DW_PER_W), 0.0)
    known[place] = heard
    return power_w, known


def why_not(mains: Power) -> Why | None:
    """Why no appliance can be told from these; None where it can."""
    power_w = mains.power_w[mains.known]
    if len(power_w) < _LEAST_MINUTES:
        return "silent"
    return "slow" if float((np.diff(power_w) == 0).mean()) > _STANDS_STILL else None
