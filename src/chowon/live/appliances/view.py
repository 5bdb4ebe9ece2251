"""What runs now, as GET /now and the live socket tell it (docs/reference/api.md)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

import numpy as np

from chowon.domain.nilm.events.agreeing import Agreeing
from chowon.domain.nilm.events.parts_now import parts_now
from chowon.domain.nilm.events.running import Guess, Option
from chowon.domain.tariff import Text
from chowon.live.appliances.kinds_view import KindsNow
from chowon.live.appliances.price import Price

Why = Literal["silent", "slow", "learning"]
SHOWN_GUESSES: Final = 3


@dataclass(frozen=True, slots=True)
class Metered:
    """A part that a meter of its own tells."""

    channel: int
    name: str
    power_w: float


@dataclass(frozen=True, slots=True)
class Perhaps:
    """An appliance that something may be."""

    appliance: int
    name: str | None
    label: Text | None
    probability: float


@dataclass(frozen=True, slots=True)
class Suggested:
    """A kind that a model takes something for; nobody has said so."""

    name: str
    label: Text
    share: float
    """Of the energy of its runs that a model takes for the kind's, 0.5-1"""


@dataclass(frozen=True, slots=True)
class RunningNow:
    """Something that is on."""

    since_ms: int
    """When it began; no other of the site began then"""
    power_w: float
    first_w: float
    """The step with which it began"""
    settled: bool
    """False: told a moment ago, and it may be withdrawn"""
    appliance: int | None
    label: Text | None
    """What it is, where that is sure enough to say"""
    suggested: Suggested | None
    """Of what surely is an appliance without a name: what it may be"""
    guesses: tuple[Perhaps, ...]
    """The likeliest first"""
    tie: bool
    """The first two are nearly as likely: neither is to be shown as the one"""
    ask: bool
    """It is worth asking a person what it is"""
    energy_wh: float
    cost_per_hour: Decimal | None
    cost: Decimal | None
    """Of its energy so far, at what the next kWh costs"""


@dataclass(frozen=True, slots=True)
class PartsOfNow:
    """always_on + metered + running + rest - given = power, to 0.1 W; none is below 0."""

    why: Why | None
    """Why nothing can be told; then all is 0"""
    time_ms: int
    power_w: float
    """What the site uses: with what its roof gives, of which a meter tells"""
    always_on_w: float
    always_on_hours: int
    """Of the last 24, that it is known from; of fewer than 3 it is only an upper bound"""
    rest_w: float
    given_w: float
    metered: tuple[Metered, ...] = ()
    running: tuple[RunningNow, ...] = ()
    kinds: KindsNow | None = None
    """What a model tells besides, from the mean power of 10 s or a minute; None where nothing is told yet"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a site at one instant."""

    time_ms: int
    mains_dw: int
    """Without what has a meter of its own"""
    always_on_w: float
    always_on_hours: int
    guesses: tuple[Guess, ...]
    asked: frozenset[int]
    """Begins of those that are worth a question"""
    metered: Sequence[tuple[int, str, int]]
    """(channel, name, 0.1 W)"""
    agreed: Mapping[int, Agreeing]
    """What clusters may be, by an appliance's id"""
    kinds: KindsNow | None = None


def nothing(why: Why, time_ms: int) -> PartsOfNow:
    """No parts, and why."""
    return PartsOfNow(why, time_ms, 0.0, 0.0, 0, 0.0, 0.0)


def parts_of_now(facts: Facts, price: Price | None, label: Callable[[str], Text]) -> PartsOfNow:
    """The parts. label: what people call something of this name."""
    parts = parts_now(
        np.array([facts.mains_dw]),
        np.array([facts.always_on_w]),
        np.array([[guess.run.power_w for guess in facts.guesses]]).reshape(1, -1),
    )
    metered_dw = sum(power_dw for _, _, power_dw in facts.metered)
    return PartsOfNow(
        None,
        facts.time_ms,
        (facts.mains_dw + metered_dw) / 10,
        int(parts.always_on_dw[0]) / 10,
        facts.always_on_hours,
        int(parts.rest_dw[0]) / 10,
        int(parts.given_dw[0]) / 10,
        tuple(Metered(channel, name, power_dw / 10) for channel, name, power_dw in facts.metered),
        tuple(
            _running(guess, int(on_dw) / 10, facts, price, label)
            for guess, on_dw in zip(facts.guesses, parts.on_dw[0].tolist(), strict=True)
        ),
        facts.kinds,
    )


def _running(
    guess: Guess, power_w: float, facts: Facts, price: Price | None, label: Callable[[str], Text]
) -> RunningNow:
    run, best = guess.run, guess.options[0] if guess.options else None
    used_wh = round(run.energy_wh(facts.time_ms), 1)
    return RunningNow(
        since_ms=run.at_ms,
        power_w=power_w,
        first_w=round(run.first_w, 1),
        settled=run.settled,
        appliance=None if best is None else best.appliance,
        label=None if guess.name is None else label(guess.name),
        suggested=suggested(facts.agreed, guess, label),
        guesses=tuple(_perhaps(option, label) for option in guess.options[:SHOWN_GUESSES]),
        tie=guess.tie,
        ask=run.at_ms in facts.asked,
        energy_wh=used_wh,
        cost_per_hour=None if price is None else price.of(power_w),
        cost=None if price is None else price.of(used_wh),
    )


def suggested(agreed: Mapping[int, Agreeing], guess: Guess, label: Callable[[str], Text]) -> Suggested | None:
    """What something on may be, where it is surely an appliance and nobody has named it."""
    if guess.name is not None or guess.sure is None:
        return None
    return suggested_of(agreed.get(guess.sure.appliance), label)


def suggested_of(agreed: Agreeing | None, label: Callable[[str], Text]) -> Suggested | None:
    """The same, for people."""
    return None if agreed is None else Suggested(agreed.kind, label(agreed.kind), round(agreed.share, 2))


def _perhaps(option: Option, label: Callable[[str], Text]) -> Perhaps:
    named = None if option.name is None else label(option.name)
    return Perhaps(option.appliance, option.name, named, round(option.probability, 2))
