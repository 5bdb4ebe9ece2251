"""What a site's use costs so far: by two sums where the tariff asks only how much, else by quarters."""

from dataclasses import dataclass
from decimal import Decimal

from chowon.domain.bill import NextKwh, Prepared, Profile, TierStanding, Usage
from chowon.domain.quantities import DWMS_PER_WH, I64, QUARTER_MS
from chowon.live.state import ChannelStates, Window

_DWMS_PER_KWH = 1000 * DWMS_PER_WH


@dataclass(frozen=True, slots=True)
class CostsNow:
    """Won, as of one instant."""

    today: Decimal
    """what today has added to the bill so far"""
    period: Decimal
    """the bill if the meter were read now"""
    next_kwh: NextKwh
    """used at this instant"""
    standing: TierStanding | None


def needs_quarters(prepared: Prepared) -> bool:
    """Whether a bill asks for more than how much was taken from the grid: when, or what was given back."""
    return prepared.by_interval or prepared.tariff.net_kwh


def costs(prepared: Prepared, window: Window, states: ChannelStates, slots: I64, now_ms: int) -> CostsNow:
    """Of the site whose main channels have these slots.

    Errors: UsageInvalid, TariffInvalid where the tariff needs what nobody has told, such as prices.
    """
    by_quarter = needs_quarters(prepared)
    used = _by_quarter if by_quarter else _in_all
    usage, before_today = used(window, states, slots)
    return CostsNow(
        today=prepared.accrued(usage) - prepared.accrued(before_today),
        period=prepared.total(usage),
        next_kwh=prepared.next_kwh(usage, now_ms if by_quarter else None),
        standing=prepared.standing(usage),
    )


def _in_all(_: Window, states: ChannelStates, slots: I64) -> tuple[Usage, Usage]:
    """(up to now, up to the start of today)."""
    period_dwms, today_dwms = int(states.period_dwms[slots].sum()), int(states.today_dwms[slots].sum())
    return Usage(Decimal(period_dwms) / _DWMS_PER_KWH), Usage(
        Decimal(period_dwms - today_dwms) / _DWMS_PER_KWH
    )


def _by_quarter(window: Window, states: ChannelStates, slots: I64) -> tuple[Usage, Usage]:
    start_ms = window.period_start_ms
    imported, exported = states.quarters.summed(slots, (window.period_end_ms - start_ms) // QUARTER_MS)
    today = (window.day_start_ms - start_ms) // QUARTER_MS
    return _usage(start_ms, imported, exported), _usage(start_ms, imported[:today], exported[:today])


def _usage(start_ms: int, imported: I64, exported: I64) -> Usage:
    kwh, export_kwh = (Decimal(int(energy.sum())) / _DWMS_PER_KWH for energy in (imported, exported))
    profile = Profile(start_ms, QUARTER_MS, imported, exported, per_kwh=_DWMS_PER_KWH)
    return Usage(kwh, profile, export_kwh=export_kwh, partial=True)
