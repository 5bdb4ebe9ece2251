"""Charges that depend on no use: fixed ones and a bill's minimum."""

from decimal import Decimal, Inexact, localcontext
from typing import Final

from chowon.tariff_import.tariff_file import Toml
from chowon.tariff_import.urdb import words
from chowon.tariff_import.urdb.draft import Draft
from chowon.tariff_import.urdb.timing import plain

_UNITS: Final = ("$/month", "$/day", "$/year")
_METERS: Final = "additional_meters"


def add_fixed(draft: Draft) -> None:
    """The lines of fixedchargefirstmeter, fixedchargeeaaddl and the fixedmonthlycharge of older answers."""
    item = draft.item
    monthly = item.number("fixedmonthlycharge", "$ a month")
    first = item.number("fixedchargefirstmeter", "$ by fixedchargeunits")
    more = item.number("fixedchargeeaaddl", "$ by fixedchargeunits")
    if monthly and first:
        item.note("fixedmonthlycharge", "either this or fixedchargefirstmeter")
    if first or more:
        per = _per(draft, "fixedchargeunits")
        if first and per is not None:
            _add(draft, "fixed", "fixedchargefirstmeter", first, per)
        if more and per is not None:
            label = plain(words.METERS_OPTION)
            draft.options[_METERS] = {"label": label, "unit": "meters", "least": 0, "default": 0}
            _add(draft, "more_meters", "fixedchargeeaaddl", more, per, times=_METERS)
    elif monthly:
        _add(draft, "fixed", "fixedmonthlycharge", monthly, "$/month")


def add_minimum(draft: Draft) -> None:
    """The line of mincharge or of the minmonthlycharge of older answers: of all lines above."""
    item = draft.item
    monthly = item.number("minmonthlycharge", "$ a month")
    amount = item.number("mincharge", "$ by minchargeunits")
    if monthly and amount:
        item.note("minmonthlycharge", "either this or mincharge")
    if amount and _per(draft, "minchargeunits") not in (None, "$/month"):
        item.note("minchargeunits", "$/month: a minimum a day or a year can't be expressed yet")
    least = amount or monthly
    if least:
        draft.line("minimum", "minimum", words.MINIMUM, [draft.price(amount=least)])


def _per(draft: Draft, key: str) -> str | None:
    unit = draft.item.text(key)
    if unit is not None and unit.lower() in _UNITS:
        return unit.lower()
    if unit is not None or not draft.item.has(key):
        draft.item.note(key, " or ".join(_UNITS))
    return None


def _add(draft: Draft, id_: str, key: str, amount: Decimal, per: str, **settings: object) -> None:
    if per == "$/year":
        monthly = _twelfth(amount)
        if monthly is None:
            draft.item.note(key, "an amount a year whose 12th part has an end: 120, not 100")
            return
        amount, per = monthly, "$/month"
    label = words.FIXED if id_ == "fixed" else words.MORE_METERS
    when: Toml = {} if per == "$/month" else {"per": "day"}
    draft.line(id_, "fixed", label, [draft.price(amount=amount)], **when, **settings)


def _twelfth(amount: Decimal) -> Decimal | None:
    """The exact 12th part; None where it has no end."""
    with localcontext(prec=60) as context:
        context.traps[Inexact] = True
        try:
            return amount / 12
        except Inexact:
            return None
