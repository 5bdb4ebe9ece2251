"""What a bill would be with what was not measured: the gaps, and the rest of a period that still runs.

Under a tariff that asks only how much was used, the rest goes on at the mean pace; under one by the hour,
and in gaps, at the usual power of the quarter of an hour (domain.estimate). Of an interval meter that
measures each phase, every channel is looked at by itself: of a silent phase the others are no measurement.
"""

import contextlib
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.bill import (
    Paths,
    Prepared,
    Usage,
    arrival,
    at_this_pace,
    kwh_a_day_below,
    tiers_ahead,
)
from chowon.domain.clock import local_day
from chowon.domain.estimate import Quarters, quarters, usual_energy
from chowon.domain.quantities import I64, QUARTER_MS
from chowon.domain.sites import Site
from chowon.errors import UsageInvalid
from chowon.jobs.measured import Measured, used
from chowon.jobs.profile import DWMS_PER_KWH, SiteProfile, profile_of, site_profile
from chowon.ports import History

_DWMS_PER_WH: Final = DWMS_PER_KWH // 1000
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the gaps would have used, and the bill with it."""

    missing_kwh: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class NextTier:
    """The tier that the use comes to within the period, if it goes on like this."""

    tier: int
    at_kwh: Decimal
    at_ms: int
    day: date
    jump: Decimal
    """What entering it costs at once, all in"""
    energy_price: Decimal
    """Of a kWh in it"""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The end of the period, if the use goes on like this."""

    kwh: Decimal
    total: Decimal
    next_tier: NextTier | None
    kwh_a_day: Decimal | None
    """What may be used a day to stay in this tier; None in the last one, or without tiers"""


def estimate(
    history: History, site: Site, prepared: Prepared, found: Measured, until_ms: int
) -> Estimate | None:
    """None where nothing is missing, or where it can't be said: too little was measured, a price is unknown.

    until_ms: the end of what counts. Errors: StoreUnavailable.
    """
    read = found.quarters or site_profile(history, site, found.from_ms, found.to_ms)
    of = quarters_of(site, prepared)
    missing = [of.missing_ms(channel.known_ms, until_ms) for channel in read.channels]
    if not any(wanted.any() for wanted in missing):
        return None
    usual = _usual(read, missing, of)
    if usual is None:
        return None
    use = with_more(prepared, read, usual)
    with contextlib.suppress(UsageInvalid):  # a price series may have gaps of its own
        total = prepared.total(_as_read(prepared, use) if until_ms >= found.to_ms else use)
        return Estimate(Decimal(int(usual[0].sum())) / DWMS_PER_KWH, total)
    return None


def outlook(site: Site, prepared: Prepared, found: Measured, now_ms: int) -> Outlook | None:
    """Of a period that isn't over; None where it can't be said, as `estimate`."""
    ahead = _by_hour(site, prepared, found, now_ms) if found.quarters else _at_mean_pace(found, now_ms)
    if ahead is None:
        return None
    with contextlib.suppress(UsageInvalid):  # prices of days to come may not be known yet
        return outlook_on(site, prepared, found, now_ms, *ahead)
    return None


def outlook_on(
    site: Site, prepared: Prepared, found: Measured, now_ms: int, end: Usage, path: Paths
) -> Outlook:
    """The end of the period on one path. end: the whole period's use, at its end. Errors: UsageInvalid."""
    total = prepared.total(_as_read(prepared, end))
    return Outlook(end.kwh, total, *_next_tier(site, prepared, found, now_ms, end, path))


def path_of(of: Quarters, import_dwms: I64, now_ms: int) -> Paths:
    """One path of what is to come of each quarter. import_dwms: (n,)."""
    left = of.to_come_ms(now_ms) > 0
    edges = np.concatenate([[max(now_ms, int(of.start_ms[0]))], of.start_ms[left] + QUARTER_MS])
    so_much_wh = np.cumsum(import_dwms[left]) // _DWMS_PER_WH
    return Paths(edges.astype(np.int64), np.diff(so_much_wh, prepend=np.int64(0))[np.newaxis])


def _next_tier(
    site: Site, prepared: Prepared, found: Measured, now_ms: int, end: Usage, path: Paths
) -> tuple[NextTier | None, Decimal | None]:
    """(the tier that is reached, the kWh a day that keep below it)"""
    so_far = Decimal(int(found.import_dwms.sum())) / DWMS_PER_KWH
    tiers = () if prepared.tariff.net_kwh else tiers_ahead(prepared, so_far, lambda kwh: _like(end, kwh))
    if not tiers:
        return None, None
    tier = tiers[0]
    a_day = kwh_a_day_below(tier.at_kwh, so_far, now_ms, found.to_ms)
    at_ms = arrival(tier.at_kwh, so_far, path).p50_ms
    if at_ms is None:
        return None, a_day
    price = prepared.next_kwh(_like(end, tier.at_kwh)).energy_price
    day = local_day(at_ms, ZoneInfo(site.timezone))
    return NextTier(tier.tier, tier.at_kwh, at_ms, day, tier.jump, price), a_day


def _at_mean_pace(found: Measured, now_ms: int) -> tuple[Usage, Paths] | None:
    """(the whole period's use, the rest of it)."""
    known_ms = int(found.known_ms.sum())
    kwh, export_kwh = (Decimal(int(e.sum())) / DWMS_PER_KWH for e in (found.import_dwms, found.export_dwms))
    path, back = (at_this_pace(e, known_ms, now_ms, found.to_ms) for e in (kwh, export_kwh))
    if path is None or back is None:
        return None
    rest, rest_back = (Decimal(int(p.energy_wh.sum())) / 1000 for p in (path, back))
    return Usage(kwh + rest, export_kwh=export_kwh + rest_back), path


def _by_hour(site: Site, prepared: Prepared, found: Measured, now_ms: int) -> tuple[Usage, Paths] | None:
    read, of = found.quarters, quarters_of(site, prepared)
    assert read is not None
    to_come = of.to_come_ms(now_ms)
    usual = _usual(read, [to_come] * len(read.channels), of)
    if usual is None:
        return None
    return with_more(prepared, read, usual), path_of(of, usual[0], now_ms)


def quarters_of(site: Site, prepared: Prepared) -> Quarters:
    """The quarters of the period."""
    return quarters(prepared.period, ZoneInfo(site.timezone), prepared.tariff.is_holiday)


def _usual(read: SiteProfile, wanted_ms: list[I64], of: Quarters) -> tuple[I64, I64] | None:
    """(import, export), each (n,): what all channels would usually use in so much of each quarter."""
    if not read.channels:
        return None
    imported, exported = (np.zeros(len(of.start_ms), np.int64) for _ in range(2))
    for channel, wanted in zip(read.channels, wanted_ms, strict=True):
        more = usual_energy(channel.import_dwms, channel.known_ms, wanted, of)
        back = usual_energy(channel.export_dwms, channel.known_ms, wanted, of)
        if more is None or back is None:
            return None
        imported, exported = imported + more, exported + back
    return imported, exported


def with_more(prepared: Prepared, read: SiteProfile, more: tuple[I64, I64]) -> Usage:
    """The use with what was not measured. more: (import, export), each (n,)."""
    imported, exported = (had + other for had, other in zip(read.flows, more, strict=True))
    profile = profile_of(read.profile.start_ms, imported, exported) if prepared.by_interval else None
    return used(int(imported.sum()), int(exported.sum()), profile)


def _as_read(prepared: Prepared, use: Usage) -> Usage:
    """As a closed period is billed."""
    if prepared.by_interval:
        return use
    kwh, export_kwh = (e.quantize(_ONE, ROUND_FLOOR) for e in (use.kwh, use.export_kwh))
    return Usage(kwh, export_kwh=export_kwh)


def _like(end: Usage, kwh: Decimal) -> Usage:
    """So many kWh at the same hours."""
    if end.profile is None or not end.kwh:
        return Usage(kwh)
    per_kwh = max(1, round(end.profile.per_kwh * end.kwh / kwh))
    return Usage(kwh, replace(end.profile, per_kwh=per_kwh, export_energy=None), partial=True)
