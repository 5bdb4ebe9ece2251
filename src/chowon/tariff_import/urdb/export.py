"""What a rate says about energy given to the grid: by which rule it is settled, and at which prices."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

from chowon.tariff_import.urdb.draft import Draft
from chowon.tariff_import.urdb.structure import Structure

Rule = Literal["none", "net_metering", "net_billing"]
Sells = Mapping[int, Decimal]
"""What a kWh given to the grid earns in each period"""
_RULES: Final[Mapping[str, Rule]] = {
    "Net Metering": "net_metering",
    "Net Billing Instantaneous": "net_billing",
}
_HINT: Final = "(--without-export imports the rate for a site that gives nothing to the grid)"


def export_of(draft: Draft, energy: Structure, without_export: bool) -> Sells:
    """The sell prices of each period; refusals for what can't be expressed. Sets the draft's `net_kwh`."""
    nothing = dict.fromkeys(energy.used(), Decimal(0))
    told = {period: sorted({tier.sell for tier in energy.periods[period]}) for period in energy.used()}
    sold = [period for period in energy.used() if any(told[period])]
    if without_export:
        if _told_rule(draft) is not None or sold:
            draft.notes.append(
                "What the rate says about export is left out: only for a site that gives none."
            )
        return nothing
    rule = _rule(draft)
    if rule is None:
        return nothing
    for period in sold:
        where, found = f"{energy.where}[{period}] sell", str(told[period][-1])
        if rule == "none":
            draft.refuse(where, found, f"dgrules beside it: what is netted before isn't said {_HINT}")
        elif rule == "net_metering":
            draft.refuse(where, found, f"no price under net metering: for which kWh isn't said {_HINT}")
        elif len(told[period]) > 1:
            draft.refuse(
                where,
                "prices that differ by tier",
                f"one price: tiers of export can't be expressed {_HINT}",
            )
    draft.net_kwh = rule == "net_metering"
    return nothing if draft.net_kwh else {period: prices[0] for period, prices in told.items()}


def settle_export(draft: Draft) -> None:
    """Refuse net metering beside what it doesn't go with, and tell what isn't said; after all other lines."""
    kinds = {line["kind"] for line in draft.lines}
    if draft.net_kwh:
        if draft.calendars or "demand" in kinds:
            draft.refuse(
                "dgrules" if draft.item.has("dgrules") else "usenetmetering",
                "net metering beside periods of the day or a demand charge",
                f"net metering of a rate that prices all hours alike and no kW {_HINT}",
            )
        draft.notes.append(
            "Net metering: kWh given beyond the use are carried on. When they are settled isn't said."
        )
    elif any(line.get("of") == "export" for line in draft.lines):
        draft.notes.append(
            "What export earns beyond the charges makes a bill negative: whether it is paid out isn't said."
        )


def _told_rule(draft: Draft) -> str | None:
    """The rule by URDB's words; usenetmetering is what answers of older versions have."""
    item = draft.item
    if item.has("dgrules") or not item.has("usenetmetering"):
        return item.text("dgrules")
    used = item.content["usenetmetering"]
    if not isinstance(used, bool):
        item.note("usenetmetering", "true or false")
    return "Net Metering" if used else None


def _rule(draft: Draft) -> Rule | None:
    """None where it is refused."""
    told = _told_rule(draft)
    if told is None:
        return "none"
    rule = _RULES.get(told)
    if rule is None:
        names = " or ".join(repr(name) for name in _RULES)
        draft.item.note("dgrules", f"{names}: other rules can't be expressed {_HINT}")
    return rule
