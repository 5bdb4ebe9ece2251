"""What one site looks like now: the answer of GET /now and of the live socket (docs/reference/api.md)."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from chowon.domain.bill import Prepared, TierStanding, number_text
from chowon.domain.clock import Period
from chowon.domain.quantities import ABSENT_I32, DWMS_PER_WH, I32, I64
from chowon.domain.tariff import Text
from chowon.errors import BadInput, ChowonError
from chowon.live.appliances.view import PartsOfNow
from chowon.live.costs import CostsNow, costs
from chowon.live.money import payable, price_of
from chowon.live.no_cost import no_cost
from chowon.live.state import GAP_SHOWN_MS, NEVER, ChannelStates, Window


@dataclass(frozen=True, slots=True)
class Today:
    """Use since local midnight."""

    day: str
    from_ms: int
    kwh: float
    cost: Decimal | None
    """what today has added to the bill so far"""
    coverage: float
    """share of the time gone by whose energy is known, by power or by a counter, 0–1"""
    yesterday_kwh: float | None
    """yesterday's use up to the same time of day; None if it was not measured"""


@dataclass(frozen=True, slots=True)
class PeriodSoFar:
    """Use and bill since the last reading day."""

    start: str
    end: str
    from_ms: int
    to_ms: int
    kwh: float
    cost: Decimal | None
    """the bill if the meter were read now"""
    coverage: float


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a progressive tariff."""

    upto_kwh: float | None
    energy_price: Decimal


@dataclass(frozen=True, slots=True)
class TierNow:
    """Where the period's use stands among the tiers."""

    index: int
    count: int
    from_kwh: float
    to_kwh: float | None
    distance_kwh: float | None
    """kWh left before the next tier; None in the last one"""
    base_jump: Decimal | None
    """what entering the next tier adds to the fixed charge at once, before taxes; None in the last one"""
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Now:
    """The state of a site at one instant. Field names and units: docs/reference/api.md."""

    site: int
    time_ms: int
    currency: str
    power_w: float | None
    voltage_v: float | None
    last_seen_ms: int | None
    stale: bool
    gap: bool
    cost_per_hour: Decimal | None
    marginal_price: Decimal | None
    energy_price: Decimal | None
    today: Today
    period: PeriodSoFar
    tier: TierNow | None
    no_cost: Text | None = None
    """why there are no costs and what to do; None where there are"""
    parts: PartsOfNow | None = None
    """what the power is made of; None where nobody follows what switches"""


@dataclass(frozen=True, slots=True)
class Frame:
    """The days and prices against which a site's sums are read; the same for a whole local day."""

    site: int
    currency: str
    day: str
    period: Period
    window: Window
    prepared: Prepared
    unpriced: ChowonError | None = None
    """Why nothing can be said of money; None where the tariff is ready"""


def view(frame: Frame, states: ChannelStates, slots: I64, now_ms: int, yesterday_kwh: float | None) -> Now:
    """The site's state from the arrays. `slots`: its main channels; with none, everything is unknown or 0."""
    last_ms, power_dw, holds_ms = _newest(states, slots)
    heard = last_ms != NEVER
    stale = not len(slots) or bool((~heard | (now_ms - last_ms > holds_ms)).any())
    power_w = None if stale else int(power_dw.sum(dtype=np.int64)) / 10
    today_dwms = int(states.today_dwms[slots].sum())
    period_dwms = int(states.period_dwms[slots].sum())
    window = frame.window
    cost, why_not = _costs(frame, states, slots, now_ms)
    marginal_price = None if cost is None else plain(cost.next_kwh.marginal_price)
    gap_end = states.gap_end_ms[slots]
    return Now(
        site=frame.site,
        time_ms=now_ms,
        currency=frame.currency,
        power_w=power_w,
        voltage_v=_voltage(states, slots, stale),
        last_seen_ms=int(last_ms.max()) if heard.any() else None,
        stale=stale,
        gap=bool((now_ms - gap_end < GAP_SHOWN_MS).any()),
        cost_per_hour=None
        if power_w is None or marginal_price is None
        else price_of(max(power_w, 0), marginal_price, frame.currency),
        marginal_price=marginal_price,
        energy_price=None if cost is None else plain(cost.next_kwh.energy_price),
        today=Today(
            day=frame.day,
            from_ms=window.day_start_ms,
            kwh=_kwh(today_dwms),
            cost=None if cost is None else payable(cost.today, frame.currency),
            coverage=_coverage(states.today_known_ms[slots], window.day_start_ms, now_ms),
            yesterday_kwh=yesterday_kwh,
        ),
        period=PeriodSoFar(
            start=frame.period.start.isoformat(),
            end=frame.period.end.isoformat(),
            from_ms=window.period_start_ms,
            to_ms=window.period_end_ms,
            kwh=_kwh(period_dwms),
            cost=None if cost is None else plain(cost.period),
            coverage=_coverage(states.period_known_ms[slots], window.period_start_ms, now_ms),
        ),
        tier=None if cost is None else tier_now(cost.standing),
        no_cost=why_not,
    )


def _newest(states: ChannelStates, slots: I64) -> tuple[I64, I32, I64]:
    """(time, power, for how long it stands) of each channel: the newest sample, or, of one that tells only
    a counter, the mean power of its newest step, which stands for twice as long as that lasted."""
    silent = (states.last_ms[slots] == NEVER) & (states.counted_ms[slots] != NEVER)
    last_ms = np.where(silent, states.counted_ms[slots], states.last_ms[slots])
    power_dw = np.where(silent, states.step_dw[slots], states.last_dw[slots])
    holds_ms = np.where(silent, 2 * states.step_ms[slots] - 1, states.hold_ms[slots])
    return last_ms, power_dw, holds_ms


def _costs(
    frame: Frame, states: ChannelStates, slots: I64, now_ms: int
) -> tuple[CostsNow, None] | tuple[None, Text]:
    """The costs, or why there are none; the rest of the view stands either way."""
    if frame.unpriced is not None:
        return None, no_cost(frame.prepared, frame.unpriced)
    try:
        return costs(frame.prepared, frame.window, states, slots, now_ms), None
    except BadInput as error:
        return None, no_cost(frame.prepared, error)


def tier_now(standing: TierStanding | None) -> TierNow | None:
    """A tier standing with numbers as the API writes them."""
    if standing is None:
        return None
    return TierNow(
        index=standing.index,
        count=standing.count,
        from_kwh=round(float(standing.from_kwh), 6),
        to_kwh=_number(standing.to_kwh),
        distance_kwh=_number(standing.distance_kwh),
        base_jump=None if standing.base_jump is None else plain(standing.base_jump),
        tiers=tuple(Tier(_number(t.upto_kwh), plain(t.energy_price)) for t in standing.tiers),
    )


def plain(amount: Decimal) -> Decimal:
    """The same amount, without exponent or trailing zeros when written."""
    return Decimal(number_text(amount))


def _voltage(states: ChannelStates, slots: I64, stale: bool) -> float | None:
    told = states.voltage_dv[slots]
    told = told[told != ABSENT_I32]
    return None if stale or not len(told) else round(float(told.mean()) / 10, 1)


def _coverage(known_ms: I64, start_ms: int, now_ms: int) -> float:
    """The channel of which least is known decides: a missing phase is missing energy."""
    gone = now_ms - start_ms
    if gone <= 0 or not len(known_ms):
        return 0.0
    return round(min(int(known_ms.min()) / gone, 1.0), 4)


def _kwh(dwms: int) -> float:
    return round(dwms / DWMS_PER_WH / 1000, 6)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), 6)
