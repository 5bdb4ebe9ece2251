"""Every field of a URDB item that is known, by what becomes of it; any other field is refused.

Source: the response fields of the OpenEI utility rates API, versions 3 to 8,
https://openei.org/services/doc/rest/util_rates/?version=8.
"""

from decimal import Decimal
from typing import Final

from chowon.tariff_import.urdb.fields import Fields, as_number

READ: Final = frozenset(
    {
        *("label", "uri", "name", "utility", "country", "source", "startdate", "enddate"),
        *("energyratestructure", "energyweekdayschedule", "energyweekendschedule"),
        *("fueladjustmentsmonthly", "dgrules", "usenetmetering"),
        *("demandratestructure", "demandweekdayschedule", "demandweekendschedule", "demandrateunit"),
        *("flatdemandstructure", "flatdemandmonths", "flatdemandunit", "demandwindow"),
        *("fixedchargefirstmeter", "fixedchargeeaaddl", "fixedchargeunits", "fixedmonthlycharge"),
        *("mincharge", "minchargeunits", "minmonthlycharge"),
    }
)
"""Translated."""

NO_MATTER: Final = frozenset(
    {
        # about the entry
        *("approved", "is_default", "supercedes", "sector", "sourceparent"),
        *("eia", "eiaid", "revisions", "latest_update"),
        # who may have the rate; demandunits is the unit of these kW bounds
        *("peakkwcapacitymin", "peakkwcapacitymax", "peakkwcapacityhistory", "demandunits"),
        *("peakkwhusagemin", "peakkwhusagemax", "peakkwhusagehistory"),
        *("voltageminimum", "voltagemaximum", "voltagecategory", "phasewiring"),
    }
)
"""Don't change what a customer of the rate pays."""

WORDS: Final = (
    "servicetype",
    "description",
    "basicinformationcomments",
    "energycomments",
    "demandcomments",
)
"""Said for people, at the top of the file too: what a charge is for, or one that no field holds."""

ATTRS: Final = ("energyattrs", "demandattrs", "fixedattrs")
"""Charges and terms that no field holds, in words: refused unless somebody has read them."""

REFUSED_ABOVE_ZERO: Final = {
    "demandratchetpercentage": "ratchets of a percentage can't be expressed yet",
    "lookbackpercent": "which demand charges a lookback is of isn't said",
    "demandreactivepowercharge": "charges for reactive power can't be expressed yet",
    "annualmincharge": "a minimum a year can't be expressed yet",
    "coincidentratestructure": "charges for demand at the system's peak can't be expressed yet",
    "flatratebuy": "a price that stands outside energyratestructure isn't understood",
    "flatratesell": "a price that stands outside energyratestructure isn't understood",
    "flatratefueladj": "a price that stands outside energyratestructure isn't understood",
}
"""Change the bill unless every number in them is 0."""

IDLE: Final = frozenset(
    {"lookbackrange", "lookbackmonths", "coincidentrateunit", "coincidentrateschedule", "coincidentschedule"}
)
"""Say something about a field above only."""

_KNOWN: Final = READ | NO_MATTER | IDLE | {*WORDS, *ATTRS}


def refuse_others(item: Fields, without_attrs: bool) -> None:
    """Note each field that changes the bill and isn't translated, and each that isn't known."""
    if not without_attrs:
        for key in ATTRS:
            if item.has(key):
                item.note(key, "no charge in words: read it, then --without-attrs leaves it out")
    for key in item.content:
        if key in REFUSED_ABOVE_ZERO:
            if not _is_zero(item.content[key]):
                item.note(key, f"nothing or 0: {REFUSED_ABOVE_ZERO[key]}")
        elif item.has(key) and key not in _KNOWN:
            item.note(key, "a field that chowon knows: whether this one changes the bill isn't known")


def _is_zero(value: object) -> bool:
    if value is None or value in ("", False):
        return True
    if isinstance(value, list):
        return all(_is_zero(entry) for entry in value)
    if isinstance(value, dict):
        return all(_is_zero(entry) for key, entry in value.items() if key not in ("max", "unit"))
    return as_number(value) == Decimal(0)
