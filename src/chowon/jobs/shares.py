"""What each part of a site's use costs: a period cut into parts, its bill shared by one of three rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from chowon.domain.bill import (
    Costs,
    Prepared,
    SharedBill,
    average_shares,
    marginal_shares,
    shapley_shares,
)
from chowon.domain.part_costs import costs_of_parts, in_arrays, takers_only
from chowon.domain.part_runs import RunCosts, RunTimes, costs_of_runs
from chowon.domain.parts import REST, Cut, Part, Source, cut
from chowon.domain.sites import Channel, Site
from chowon.domain.tariff import Text
from chowon.jobs.appliances import TOLD_NOTHING, Telling
from chowon.jobs.mains import Why
from chowon.jobs.period_use import PeriodUse, period_use
from chowon.jobs.profile import channel_quarters
from chowon.jobs.statement import coverage
from chowon.ports import History

Rule = Literal["average", "marginal", "shapley"]

BILLS: Final = 2**13
"""As many are evaluated for one answer, about: all sets of 12 parts and the rest. Of more parts the shares
are estimated from random orders, always the same ones."""
BILLS_ONE_BY_ONE: Final = 2**10
"""Where they don't come from the vectorised evaluator (demand charges on long numbers)"""
LEAST_PAIRS: Final = 16
REST_LABEL: Final = Text("나머지", "Everything else")
_OF_A_METER: Final = "main"
"""A channel of this name is all that its meter measures, so that the meter's name says more."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a part, or the rest, used and costs."""

    label: Text
    kwh: Decimal
    """What it took less what it gave, as far as the main meter bears it"""
    amount: Decimal | None
    """None where the rule has no share for it: it gave more than it took"""
    error: Decimal | None
    """The amount's standard error, where it is estimated"""


@dataclass(frozen=True, slots=True)
class PartShare(Share):
    """A part's share, and how far the part is known."""

    name: str
    source: Source
    coverage: float
    """The share of the time gone by for which it is known, 0-1"""
    f1: float | None
    """How well it is told in homes that the model never saw; None of a metered one"""
    runs: RunCosts | None
    """Its runs and what each cost, where that is known and the rule has a share for it"""


@dataclass(frozen=True, slots=True)
class Shares:
    """A period's use and bill by its parts.

    Their kWh and the rest's add up to what was taken from the grid less what was given to it.
    """

    use: PeriodUse
    currency: str
    shared: SharedBill
    parts: tuple[PartShare, ...]
    """Who used most comes first, who gave most last"""
    rest: Share
    over_kwh: Decimal
    """What the parts took beyond what the main meter bears, or while it was silent: left out"""
    untold: Why | None
    """Why no appliance is told from the main meter"""


def shares(
    history: History,
    site: Site,
    prepared: Prepared,
    rule: Rule,
    now_ms: int,
    telling: Telling | None = None,
) -> Shares:
    """The bill of the period that `prepared` was made for, by the site's metered parts.

    telling: tells more parts from the main meter. Errors: StoreUnavailable; UsageInvalid where the tariff
    needs what nobody has told, or, by the average, where nothing was taken.
    """
    use = period_use(history, site, prepared.period, now_ms)
    metered = metered_parts(history, site, use)
    told = TOLD_NOTHING if telling is None else telling.parts(history, site, use, metered)
    found = cut(use.profile, use.known_ms, [*metered, *told.parts])
    bills = BILLS if in_arrays(prepared, found, closed=use.closed) else BILLS_ONE_BY_ONE
    shared = _shared(costs_of_parts(prepared, found, closed=use.closed), rule, bills)
    energy = (found.taken.sum(axis=1) - found.given.sum(axis=1)).tolist()
    per_kwh = found.use.per_kwh

    def priced(name: str, dwms: int) -> tuple[Decimal, Decimal | None, Decimal | None]:
        return Decimal(dwms) / per_kwh, shared.shares.get(name), shared.errors.get(name)

    parts = [
        PartShare(
            part.label,
            *priced(part.name, dwms),
            part.name,
            part.source,
            _coverage(use, part),
            told.f1.get(part.name),
            _runs(shared, found, part, told.runs, prepared.tariff.currency),
        )
        for part, dwms in zip(found.parts, energy[:-1], strict=True)
    ]
    return Shares(
        use,
        prepared.tariff.currency,
        shared,
        tuple(sorted(parts, key=lambda part: (-part.kwh, part.name))),
        Share(REST_LABEL, *priced(REST, energy[-1])),
        Decimal(found.over) / per_kwh,
        told.why,
    )


def metered_parts(history: History, site: Site, use: PeriodUse) -> list[Part]:
    """The site's parts with a meter of their own: channels of role circuit, plug and solar.

    A solar meter may count what the roof makes either way round: the larger flow of the period is what it
    gives. Errors: StoreUnavailable.
    """
    channels = site.part_channels
    grid = use.profile.grid
    found = channel_quarters(history, site, channels, grid.start_ms, grid.end_ms)
    parts = []
    for channel, quarters in zip(channels, found, strict=True):
        taken, given = quarters.import_dwms, quarters.export_dwms
        if channel.role == "solar" and taken.sum() > given.sum():
            taken, given = given, taken
        name = f"{channel.key.meter}/{channel.key.channel}"
        parts.append(Part(name, _label(channel, channels), "metered", taken, given, quarters.known_ms))
    return parts


def _runs(
    shared: SharedBill, found: Cut, part: Part, times: Mapping[str, RunTimes], currency: str
) -> RunCosts | None:
    if part.name not in times or part.name not in shared.shares:
        return None
    return costs_of_runs(shared, found, part.name, times[part.name], currency)


def _shared(costs: Costs, rule: Rule, bills: int) -> SharedBill:
    if rule == "average":
        return average_shares(takers_only(costs))
    if rule == "marginal":
        return marginal_shares(costs)
    pairs = max(LEAST_PAIRS, bills // (2 * len(costs.kwh) + 2))
    return shapley_shares(costs, exact_upto=bills.bit_length() - 1, pairs=pairs)


def _coverage(use: PeriodUse, part: Part) -> float:
    start, end = int(use.day_starts_ms[0]), int(use.day_starts_ms[-1])
    return coverage(int(part.covered_ms.sum()), start, end, use.until_ms)


def _label(channel: Channel, channels: Sequence[Channel]) -> Text:
    """The shortest of the names by which a meter calls it; both where another part has that one too."""
    short = _short(channel)
    alike = [other for other in channels if _short(other) == short]
    words = f"{channel.key.meter} {channel.key.channel}" if len(alike) > 1 else short
    return Text(plain := words.replace("_", " "), plain)


def _short(channel: Channel) -> str:
    return channel.key.meter if channel.key.channel == _OF_A_METER else channel.key.channel
