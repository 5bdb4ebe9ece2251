"""What a use costs under a tariff. Start with `prepare` (many uses of one period), `bill` (one) or
`prepare_fleet` (arrays of homes).
"""

from chowon.domain.bill.engine import bill, prepare
from chowon.domain.bill.fleet import Fleet, prepare_fleet
from chowon.domain.bill.homes_usage import FleetProfile, FleetUse
from chowon.domain.bill.outcome import (
    Bill,
    Line,
    NextKwh,
    OverBlock,
    Part,
    Segment,
    Subtotal,
    Tier,
    TierStanding,
)
from chowon.domain.bill.plain import number_text, plain_bill, plain_line, plain_standing
from chowon.domain.bill.prepared import Prepared
from chowon.domain.bill.usage import Prices, Profile, Usage

__all__ = [
    "Bill",
    "Fleet",
    "FleetProfile",
    "FleetUse",
    "Line",
    "NextKwh",
    "OverBlock",
    "Part",
    "Prepared",
    "Prices",
    "Profile",
    "Segment",
    "Subtotal",
    "Tier",
    "TierStanding",
    "Usage",
    "bill",
    "number_text",
    "plain_bill",
    "plain_line",
    "plain_standing",
    "prepare",
    "prepare_fleet",
]
