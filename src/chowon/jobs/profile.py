"""A site's energy by quarter of an hour, as bills by the hour need it."""

from dataclasses import dataclass

import numpy as np

from chowon.domain.bill import Profile
from chowon.domain.quantities import DWMS_PER_WH, I64, QUARTER_MS
from chowon.domain.site_usage import site_usage
from chowon.domain.sites import Site
from chowon.ports import History


@dataclass(frozen=True, slots=True)
class SiteProfile:
    """What a site used between two instants, and how much of it was measured."""

    profile: Profile
    """Quarters of an hour, energy in deciwatt-milliseconds; 0 where nothing was measured"""
    covered_ms: I64
    """(n,) ms of each quarter for which every main channel is known"""


def site_profile(history: History, site: Site, from_ms: int, to_ms: int) -> SiteProfile:
    """The quarters of [from_ms, to_ms), both whole quarters. Errors: StoreUnavailable."""
    channels = [channel.id for channel in site.main_channels]
    used = site_usage(history.rollup(channels, from_ms, to_ms, "15min", site.timezone), channels)
    place = (used.start_ms - from_ms) // QUARTER_MS
    n = (to_ms - from_ms) // QUARTER_MS
    imported, exported, covered = (np.zeros(n, np.int64) for _ in range(3))
    imported[place], exported[place], covered[place] = used.import_dwms, used.export_dwms, used.covered_ms
    profile = Profile(from_ms, QUARTER_MS, imported, exported, per_kwh=1000 * DWMS_PER_WH)
    return SiteProfile(profile, covered)
