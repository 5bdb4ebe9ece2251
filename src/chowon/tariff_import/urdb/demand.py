"""Demand charges: of the month's peak, and of the peak in each period of a schedule."""

from typing import Final

from chowon.tariff_import.urdb import words
from chowon.tariff_import.urdb.draft import Draft
from chowon.tariff_import.urdb.structure import Structure
from chowon.tariff_import.urdb.timing import calendar_rules, plain

_CALENDAR: Final = "demand"
_ASSUMED_MIN: Final = 15


def add_demand(draft: Draft, flat: Structure | None, timed: Structure | None) -> None:
    """The lines of flatdemandstructure and demandratestructure."""
    charged = [
        (structure, key)
        for structure, key in ((flat, "flatdemandunit"), (timed, "demandrateunit"))
        if structure is not None and _is_charged(draft, structure, key)
    ]
    if not charged:
        return
    interval_min = _interval_min(draft)
    for structure, _ in charged:
        is_flat = structure is flat
        if all(len(month) == 1 for month in structure.months()):
            id_, label = ("demand", words.FLAT_DEMAND) if is_flat else ("demand_timed", words.TIMED_DEMAND)
            by_month = [structure.periods[min(month)][0].price for month in structure.months()]
            prices = draft.prices_by_month("per_kw", by_month)
            draft.line(id_, "demand", label, prices, interval_min=interval_min)
        else:
            _add_timed(draft, structure, interval_min)


def _add_timed(draft: Draft, demand: Structure, interval_min: int) -> None:
    """A line a period: each has a peak of its own, also where two cost the same."""
    rules = calendar_rules(demand.weekday, demand.weekend, _band, draft.seasons)
    draft.calendars[_CALENDAR] = {"version": [{"from": draft.since, "source": draft.source, "rule": rules}]}
    for period in demand.used():
        draft.bands[_band(period)] = {"label": plain(words.demand_period(period))}
        price = demand.periods[period][0].price
        if price:
            draft.line(
                _band(period),
                "demand",
                words.of_period(words.TIMED_DEMAND, period),
                [draft.price(per_kw=price)],
                interval_min=interval_min,
                calendar=_CALENDAR,
                bands=[_band(period)],
            )


def _band(period: int) -> str:
    return f"demand_{period + 1}"


def _is_charged(draft: Draft, demand: Structure, unit_key: str) -> bool:
    """Whether any of its periods costs something; refusals for what isn't one price a kW."""
    if not any(tier.price for period in demand.used() for tier in demand.periods[period]):
        return False
    for period in demand.used():
        if len({tier.price for tier in demand.periods[period]}) > 1:
            draft.refuse(
                f"{demand.where}[{period}]",
                f"{len(demand.periods[period])} tiers",
                "one tier: tiered demand charges can't be expressed yet",
            )
        for tier in demand.periods[period]:
            if tier.sell:
                draft.refuse(f"{demand.where}[{period}] sell", str(tier.sell), "no price for sold kW")
    units = {tier.unit for period in demand.used() for tier in demand.periods[period]}
    units = {unit.lower() for unit in (*units, draft.item.text(unit_key)) if unit}
    if units != {"kw"}:
        found = " and ".join(sorted(units)) or "nothing"
        draft.refuse(unit_key, found, "kW: other units of demand, or a demand a day, can't be expressed yet")
    return True


def _interval_min(draft: Draft) -> int:
    """Over how long demand is averaged, minutes."""
    minutes = draft.item.number("demandwindow")
    if minutes is None:
        draft.notes.append(
            f"Over how long demand is averaged isn't said: {_ASSUMED_MIN} minutes are assumed."
        )
        return _ASSUMED_MIN
    if minutes < 1 or 60 % minutes:
        draft.item.note("demandwindow", "whole minutes that an hour is a multiple of: 15, 30 or 60")
        return _ASSUMED_MIN
    return int(minutes)
