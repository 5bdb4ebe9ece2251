"""What is known of a site's period besides its use: demands of earlier months, credit that it began with.

Money is Decimal in the tariff's currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from chowon.domain.bill.usage import Usage
from chowon.domain.tariff.terms import ZERO

CreditUnit = Literal["kWh", "money"]


@dataclass(frozen=True, slots=True)
class PastDemand:
    """The greatest demand of an earlier month."""

    month: str
    """The reading month, "2026-01\""""
    kw: Decimal
    source: Literal["recorded", "measured"]


@dataclass(frozen=True, slots=True)
class Carried:
    """Credit that a period began with."""

    amount: Decimal
    """kWh or money, as the tariff carries it"""
    source: Literal["recorded", "reckoned"]
    """Written down by a person, or what our own bills of the periods before have left"""
    since: date
    """The start of the period for which it was recorded, or of the first one that was reckoned"""


@dataclass(frozen=True, slots=True)
class Known:
    """What comes to every use of a prepared period; a use that tells the same itself is left as it is."""

    past_demand: tuple[PastDemand, ...] = ()
    unknown_months: tuple[str, ...] = ()
    """Earlier reading months whose demand would count, and of which nobody knows it"""
    carried: Carried | None = None
    """None where the tariff carries nothing on"""

    def on(self, usage: Usage) -> Usage:
        """The use with what is known."""
        if self.past_demand and not usage.past_demand_kw:
            usage = replace(usage, past_demand_kw=self.demands_kw)
        if self.carried is not None and self.carried.amount and not usage.carried:
            usage = replace(usage, carried=self.carried.amount)
        return usage

    @property
    def demands_kw(self) -> Mapping[str, Decimal]:
        """By reading month."""
        return {past.month: past.kw for past in self.past_demand}

    @property
    def changes_bills(self) -> bool:
        """Whether a bill may be another one than without it."""
        return bool(self.past_demand) or (self.carried is not None and self.carried.amount != ZERO)


NOTHING_KNOWN = Known()
