"""A site's bill for a period, from what was measured: so far while it runs, as read when it is over."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.bill import BandUse, Bill, NextKwh, Prepared, Profile, TierStanding, Usage
from chowon.domain.clock import Period, day_starts_ms
from chowon.domain.estimate import missing_energy, quarters
from chowon.domain.quantities import I64
from chowon.domain.site_usage import site_usage
from chowon.domain.sites import Site
from chowon.jobs.profile import DWMS_PER_KWH, SiteProfile, profile_of, site_profile
from chowon.ports import History

_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the period that has begun."""

    day: date
    kwh: Decimal
    total_kwh: Decimal
    """used in the period up to the end of this day"""
    total: Decimal
    """the bill as it stood then"""
    coverage: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the gaps would have used by the rule of `domain.estimate`, and the bill with it."""

    missing_kwh: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """What a site's period has cost, and how much of it was measured."""

    period: Period
    from_ms: int
    to_ms: int
    until_ms: int
    """what counts lies before this instant: now, or the period's end"""
    closed: bool
    kwh: Decimal
    """measured, to the last digit"""
    export_kwh: Decimal
    coverage: float
    """measured share of the time gone by, 0–1"""
    missing_ms: int
    """time gone by for which there is no measurement; nothing is billed for it"""
    bill: Bill
    """of what was measured; of whole kWh once the period is closed, where the tariff asks for no more than
    how much in all, as a meter is read"""
    next_kwh: NextKwh
    standing: TierStanding | None
    days: tuple[Day, ...]
    bands: tuple[BandUse, ...] | None
    """under a tariff by time of use"""
    estimate: Estimate | None
    """None where nothing is missing, or too little was measured to say"""


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """What was measured of a period, by day of it and, where it is needed, by quarter of an hour."""

    quarters: SiteProfile | None
    starts_ms: I64
    """(days + 1,)"""
    import_dwms: I64
    """(days,)"""
    export_dwms: I64
    covered_ms: I64


def statement(history: History, site: Site, prepared: Prepared, now_ms: int) -> Statement:
    """The statement of the period that `prepared` was made for.

    Errors: StoreUnavailable; UsageInvalid where the tariff needs what nobody has told, such as prices.
    """
    period = prepared.period
    starts_ms = day_starts_ms(period.start, period.end, ZoneInfo(site.timezone))
    read = _by_quarter if prepared.by_interval else _by_day
    measured = read(history, site, starts_ms)
    from_ms, to_ms = int(starts_ms[0]), int(starts_ms[-1])
    closed = now_ms >= to_ms
    until_ms = min(now_ms, to_ms)
    whole = closed and not prepared.by_interval
    billed = _usage(measured, period.days, whole)
    covered_ms = int(measured.covered_ms.sum())
    missing_ms = max(0, until_ms - from_ms - covered_ms)
    here = prepared.by_interval and from_ms <= now_ms < to_ms
    return Statement(
        period=period,
        from_ms=from_ms,
        to_ms=to_ms,
        until_ms=until_ms,
        closed=closed,
        kwh=Decimal(int(measured.import_dwms.sum())) / DWMS_PER_KWH,
        export_kwh=Decimal(int(measured.export_dwms.sum())) / DWMS_PER_KWH,
        coverage=coverage(covered_ms, from_ms, to_ms, now_ms),
        missing_ms=missing_ms,
        bill=prepared.bill(billed),
        next_kwh=prepared.next_kwh(billed, now_ms if here else None),
        standing=prepared.standing(billed),
        days=_days(prepared, measured, now_ms, billed),
        bands=prepared.use_by_band(billed),
        estimate=_estimate(history, site, prepared, measured, until_ms, whole) if missing_ms else None,
    )


def coverage(covered_ms: int, start_ms: int, end_ms: int, now_ms: int) -> float:
    """The measured share, 0–1, of the part of [start, end) that has gone by."""
    gone = min(end_ms, max(now_ms, start_ms)) - start_ms
    return round(min(covered_ms / gone, 1.0), 4) if gone > 0 else 0.0


def _by_day(history: History, site: Site, starts_ms: I64) -> _Measured:
    """The quick way, for tariffs that ask only how much was used in all."""
    channels = [c.id for c in site.main_channels]
    rows = history.rollup(channels, int(starts_ms[0]), int(starts_ms[-1]), "1day", site.timezone)
    used = site_usage(rows, channels)
    place = np.searchsorted(starts_ms, used.start_ms)
    found = []
    for column in (used.import_dwms, used.export_dwms, used.covered_ms):
        by_day = np.zeros(len(starts_ms) - 1, np.int64)
        by_day[place] = column
        found.append(by_day)
    return _Measured(None, starts_ms, *found)


def _by_quarter(history: History, site: Site, starts_ms: I64) -> _Measured:
    read = site_profile(history, site, int(starts_ms[0]), int(starts_ms[-1]))
    profile, exported = read.profile, read.profile.export_energy
    edges = profile.places(starts_ms, "a day begins")
    assert exported is not None
    columns = (profile.import_energy, exported, read.covered_ms)
    sums = (np.concatenate([np.zeros(1, np.int64), np.cumsum(column)]) for column in columns)
    return _Measured(read, starts_ms, *(np.diff(sum_[edges]) for sum_ in sums))


def _usage(measured: _Measured, days: int, whole: bool) -> Usage:
    """What is billed for the first days of the period. whole: on whole kWh."""
    imported, exported = (int(e[:days].sum()) for e in (measured.import_dwms, measured.export_dwms))
    profile = None
    if measured.quarters is not None:
        read = measured.quarters.profile
        end = int(read.places(measured.starts_ms[days : days + 1], "a day begins")[0])
        assert read.export_energy is not None
        profile = profile_of(read.start_ms, read.import_energy[:end], read.export_energy[:end])
    return _used(imported, exported, profile, whole)


def _used(import_dwms: int, export_dwms: int, profile: Profile | None, whole: bool) -> Usage:
    kwh, export_kwh = (Decimal(e) / DWMS_PER_KWH for e in (import_dwms, export_dwms))
    if whole:
        kwh, export_kwh = (e.quantize(_ONE, ROUND_FLOOR) for e in (kwh, export_kwh))
    return Usage(kwh, profile, export_kwh=export_kwh, partial=True)


def _days(prepared: Prepared, measured: _Measured, now_ms: int, billed: Usage) -> tuple[Day, ...]:
    """Each day that has begun, with the bill as it stood at its end; never above what is billed."""
    found = []
    starts, by_interval = measured.starts_ms.tolist(), measured.quarters is not None
    totals = np.cumsum(measured.import_dwms).tolist()
    for n in range(sum(start <= now_ms for start in starts[:-1])):
        used = _usage(measured, n + 1, whole=False)
        if not by_interval:
            used = Usage(min(used.kwh, billed.kwh), export_kwh=min(used.export_kwh, billed.export_kwh))
        found.append(
            Day(
                day=prepared.period.start + timedelta(days=n),
                kwh=Decimal(int(measured.import_dwms[n])) / DWMS_PER_KWH,
                total_kwh=Decimal(totals[n]) / DWMS_PER_KWH,
                total=prepared.total(used),
                coverage=coverage(int(measured.covered_ms[n]), starts[n], starts[n + 1], now_ms),
            )
        )
    return tuple(found)


def _estimate(
    history: History, site: Site, prepared: Prepared, measured: _Measured, until_ms: int, whole: bool
) -> Estimate | None:
    starts_ms = measured.starts_ms
    read = measured.quarters or site_profile(history, site, int(starts_ms[0]), int(starts_ms[-1]))
    of = quarters(prepared.period, ZoneInfo(site.timezone), prepared.tariff.is_holiday, until_ms)
    imported, exported = read.profile.import_energy, read.profile.export_energy
    assert exported is not None
    if not read.channels or (read.covered_ms >= of.due_ms).all():
        return None
    missing_dwms = 0
    for channel in read.channels:  # each by itself: of a silent phase the others are no measurement
        more = missing_energy(channel.import_dwms, channel.covered_ms, of)
        back = missing_energy(channel.export_dwms, channel.covered_ms, of)
        if more is None or back is None:
            return None
        missing_dwms += int(more.sum())
        imported, exported = imported + more, exported + back
    profile = profile_of(int(starts_ms[0]), imported, exported) if prepared.by_interval else None
    used = _used(int(imported.sum()), int(exported.sum()), profile, whole)
    return Estimate(Decimal(missing_dwms) / DWMS_PER_KWH, prepared.total(used))
