"""What was told of a home beside what was measured, appliance by appliance."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from chowon.domain.bill import Prepared, average_shares, costs_by_energy, prepare
from chowon.domain.clock import Period, reading_date
from chowon.domain.nilm import scores
from chowon.domain.nilm.months import month_kwh
from chowon.domain.nilm.power import F64, Home, Power
from chowon.domain.nilm.runs import OnRule, runs_by_rule, states
from chowon.domain.quantities import HOUR_MS, Bools
from chowon.registry import TariffBook

EVENT_TOLERANCE_MS = 60_000
"""A start told this far from the true one is the same event; one interval where that is longer"""


@dataclass(frozen=True, slots=True)
class ApplianceScore:
    """An appliance's figures; None where one has no value. docs/benchmarks/nilm.md defines each."""

    hours: float
    true_kwh: float
    told_kwh: float
    mae_w: float | None
    zero_mae_w: float | None
    mean_mae_w: float | None
    f1: float | None
    event_f1: float | None
    energy_error_pct: float | None
    month_energy_error_pct: float | None
    kwh_per_month: float | None
    kwh_error_per_month: float | None
    matched_energy: float | None
    sae: float | None
    false_alarms_per_day: float | None
    delay_s: float | None
    runs: int
    runs_found: float | None
    won_per_month: int | None
    won_error_per_month: int | None


@dataclass(frozen=True, slots=True)
class Billing:
    """The month by which all months are billed."""

    prepared: Prepared
    days: int


def billing(tariff: str, month: date) -> Billing:
    """Whole months of this tariff, all billed as `month`. Errors: NotFound."""
    start = month.replace(day=1)
    following = reading_date(start.year + start.month // 12, start.month % 12 + 1, 1)
    period = Period(start, following)
    return Billing(prepare(TariffBook().load(tariff), period), period.days)


def truth_of(home: Home, kind: str, absent: bool) -> Power | None:
    """The appliance's measured power; 0 W throughout where the home surely has none; None if nobody knows."""
    if kind in home.appliances:
        return home.appliances[kind]
    mains = home.mains
    return Power(mains.start_ms, mains.step_ms, np.zeros(len(mains)), mains.known) if absent else None


def score(
    mains: Power,
    truth: Power,
    told: Power | None,
    rule: OnRule,
    lookahead_ms: int | None,
    mean_w: float | None,
    bill: Billing,
) -> ApplianceScore:
    """The figures over all intervals for which mains and appliance are known.

    told: None for a kind that the model never learnt: scored as 0 W. mean_w: what the mean predictor says.
    """
    step_ms, n = mains.step_ms, len(mains)
    known = mains.known & truth.known
    true_power = Power(mains.start_ms, step_ms, _within(truth.power_w, known, rule), known)
    nothing = np.zeros(n)
    told_power = Power(
        mains.start_ms, step_ms, nothing if told is None else _within(told.power_w, known, rule), known
    )
    true_w, told_w = true_power.power_w[known], told_power.power_w[known]
    true_runs, told_runs = runs_by_rule(true_power, rule), runs_by_rule(told_power, rule)
    true_kwh, told_kwh = scores.energy_kwh(true_w, step_ms), scores.energy_kwh(told_w, step_ms)
    months = [month_kwh(w, step_ms, bill.days) for w in (mains.power_w[known], true_w, told_w)]
    won, won_error = _won(bill, *months)
    return ApplianceScore(
        hours=round(int(known.sum()) * step_ms / HOUR_MS, 1),
        true_kwh=true_kwh,
        told_kwh=told_kwh,
        mae_w=scores.mae_w(true_w, told_w),
        zero_mae_w=scores.mae_w(true_w, 0.0),
        mean_mae_w=None if mean_w is None else scores.mae_w(true_w, mean_w),
        f1=scores.f1(states(n, true_runs), states(n, told_runs)),
        event_f1=scores.event_f1(true_runs, told_runs, max(1, EVENT_TOLERANCE_MS // step_ms)),
        energy_error_pct=scores.energy_error_pct(true_kwh, told_kwh),
        month_energy_error_pct=scores.summed_error_pct(months[1], months[2]),
        kwh_per_month=float(months[1].mean()) if len(months[1]) else None,
        kwh_error_per_month=scores.mean_error_kwh(months[1], months[2]),
        matched_energy=scores.matched_energy(true_w, told_w),
        sae=scores.signal_aggregate_error(true_kwh, told_kwh),
        false_alarms_per_day=scores.false_alarms_per_day(true_runs, told_runs, n, step_ms, int(known.sum())),
        delay_s=None
        if lookahead_ms is None
        else scores.median_delay_s(true_runs, told_runs, n, step_ms, lookahead_ms),
        runs=len(true_runs),
        runs_found=scores.runs_found(true_runs, told_runs, n),
        won_per_month=won,
        won_error_per_month=won_error,
    )


def value_of(lookahead_ms: int | None, step_ms: int) -> str:
    """When a value can be shown: "provisional" within 10 s, "settled" within 30 min, else "nightly"."""
    if lookahead_ms is None or lookahead_ms + step_ms > 30 * 60_000:
        return "nightly"
    return "provisional" if lookahead_ms + step_ms <= 10_000 else "settled"


def _within(power_w: F64, known: Bools, rule: OnRule) -> F64:
    return np.where(known, np.minimum(power_w, rule.most_w), 0.0)


def _won(bill: Billing, mains: F64, true: F64, told: F64) -> tuple[int | None, int | None]:
    """(the appliance's share, how far the told share is off), won a month on average."""
    shares = [
        (_share(bill, whole, is_), _share(bill, whole, said))
        for whole, is_, said in zip(mains.tolist(), true.tolist(), told.tolist(), strict=True)
        if whole > 0
    ]
    if not shares:
        return None, None
    return (
        round(sum(is_ for is_, _ in shares) / len(shares)),
        round(sum(abs(said - is_) for is_, said in shares) / len(shares)),
    )


def _share(bill: Billing, mains_kwh: float, kwh: float) -> Decimal:
    """The average share of a month's bill (chowon.domain.bill.shares); never more than all of it."""
    whole = Decimal(round(mains_kwh * 1000)) / 1000
    part = min(Decimal(round(max(kwh, 0.0) * 1000)) / 1000, whole)
    return average_shares(costs_by_energy(bill.prepared, {"it": part, "rest": whole - part})).shares["it"]
