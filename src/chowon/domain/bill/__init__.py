"""What a use costs under a tariff. Start with `prepare` (many uses of one period), `bill` (one) or
`prepare_fleet` (arrays of homes); who caused it: `shares`; how it will end: `outlook` and `tiers_ahead`.
"""

from chowon.domain.bill.costs import Costs, costs_by_energy, costs_by_interval, costs_of_sets, smallest_unit
from chowon.domain.bill.engine import bill, prepare
from chowon.domain.bill.fleet import Fleet, prepare_fleet
from chowon.domain.bill.homes_usage import FleetProfile, FleetUse
from chowon.domain.bill.outcome import (
    BandUse,
    Bill,
    Line,
    NextKwh,
    Note,
    OverBlock,
    Part,
    Segment,
    Subtotal,
    Tier,
    TierStanding,
)
from chowon.domain.bill.outlook import (
    Arrival,
    Paths,
    PeriodEnd,
    Spread,
    arrival,
    at_this_pace,
    kwh_a_day_below,
    period_end,
    totals_by_energy,
)
from chowon.domain.bill.past import Carried, CreditUnit, Known, PastDemand
from chowon.domain.bill.plain import number_text, plain_bill, plain_line, plain_standing, price_text
from chowon.domain.bill.prepared import Prepared
from chowon.domain.bill.prices import Prices
from chowon.domain.bill.shares import (
    PerRun,
    SharedBill,
    average_shares,
    marginal_shares,
    per_run,
    shapley_shares,
)
from chowon.domain.bill.tiers_ahead import TierAhead, tiers_ahead
from chowon.domain.bill.usage import Profile, Usage

__all__ = [
    "Arrival",
    "BandUse",
    "Bill",
    "Carried",
    "Costs",
    "CreditUnit",
    "Fleet",
    "FleetProfile",
    "FleetUse",
    "Known",
    "Line",
    "NextKwh",
    "Note",
    "OverBlock",
    "Part",
    "PastDemand",
    "Paths",
    "PerRun",
    "PeriodEnd",
    "Prepared",
    "Prices",
    "Profile",
    "Segment",
    "SharedBill",
    "Spread",
    "Subtotal",
    "Tier",
    "TierAhead",
    "TierStanding",
    "Usage",
    "arrival",
    "at_this_pace",
    "average_shares",
    "bill",
    "costs_by_energy",
    "costs_by_interval",
    "costs_of_sets",
    "kwh_a_day_below",
    "marginal_shares",
    "number_text",
    "per_run",
    "period_end",
    "plain_bill",
    "plain_line",
    "plain_standing",
    "prepare",
    "prepare_fleet",
    "price_text",
    "shapley_shares",
    "smallest_unit",
    "tiers_ahead",
    "totals_by_energy",
]
