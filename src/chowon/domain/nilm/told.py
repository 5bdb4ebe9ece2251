"""What was told of a site's appliances on one of its days: three values, and what each of them sums up to."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np

from chowon.domain.nilm.power import F64, Power
from chowon.domain.nilm.runs import runs_of
from chowon.domain.quantities import I32, MINUTE_MS, Bools

Value = Literal["provisional", "settled", "nightly"]
"""Told within 10 s, after 20 minutes, and after the day, from both sides"""
LiveValue = Literal["provisional", "settled"]
_DW_MIN_PER_5_MILLIWH: Final = 3
_HARDLY_LESS: Final = 0.01
"""0.1 W that floating point has made a little smaller are not lost"""


@dataclass(frozen=True, slots=True)
class Took:
    """What a kind of appliance took on one day."""

    milliwh: int
    on_min: int
    """Minutes in which it took anything"""
    runs: int
    """That began on this day"""


NOTHING_TAKEN: Final = Took(0, 0, 0)


@dataclass(frozen=True, slots=True)
class ToldDay:
    """What one of the values says of a local day of a site. Told again, the newest counts."""

    site_id: int
    day: date
    value: Value
    told_ms: int
    told_by: str
    """Which weights, or what else, told it"""
    mains: str
    """`mark_of` the mains that it was told from; empty of live values"""
    known_min: int
    """Minutes of the day of which it could be told"""
    took: Mapping[str, Took]
    """Of every kind that was looked for"""


@dataclass(frozen=True, slots=True, eq=False)
class ToldMinutes:
    """The nightly value of a site by minute, over a span that is told anew as a whole."""

    site_id: int
    start_ms: int
    minutes: int
    power: Mapping[str, Power]
    """By minute, of the whole span, in 0.1 W; kinds that are not here are told no more"""


def took(power: Power, was_on: bool = False) -> Took:
    """The sums of a day's minutes, which are in 0.1 W. was_on: it was on in the minute before them."""
    on = power.power_w > 0
    begun = len(runs_of(on)) - bool(was_on and len(on) and on[0])
    sum_dw = int(in_deciwatts(power.power_w).sum(dtype=np.int64))
    return Took(round(sum_dw * 5 / _DW_MIN_PER_5_MILLIWH), int(on.sum()), begun)


def in_deciwatts(power_w: F64) -> I32:
    """(n,) whole 0.1 W, never more than was told: parts stay within the mains."""
    return np.asarray(np.floor(power_w * 10 + _HARDLY_LESS), np.int32)


def rounded(power: Power) -> Power:
    """The same in whole 0.1 W, as it is kept."""
    return Power(power.start_ms, power.step_ms, in_deciwatts(power.power_w) / 10, power.known)


def minutes_of(power: Power, start_ms: int, end_ms: int) -> Power:
    """The minutes in [start, end), which lie within."""
    inner = slice((start_ms - power.start_ms) // MINUTE_MS, (end_ms - power.start_ms) // MINUTE_MS)
    return Power(start_ms, MINUTE_MS, power.power_w[inner], power.known[inner])


def known_minutes(told: Iterable[Power]) -> int:
    """In how many minutes any of these is known; all of one span."""
    known: list[Bools] = [power.known for power in told]
    return int(np.logical_or.reduce(known).sum()) if known else 0


def mark_of(mains: Power) -> str:
    """32 characters that are others for other minutes, or the same ones at another time."""
    seen = hashlib.blake2b(mains.start_ms.to_bytes(8, "little", signed=True), digest_size=16)
    seen.update(np.rint(mains.power_w * 10).astype("<i8").tobytes())
    seen.update(mains.known.tobytes())
    return seen.hexdigest()


def newest(days: Iterable[ToldDay], value: Value = "nightly") -> dict[date, ToldDay]:
    """What counts of this value, by day. days: in the order in which they were told."""
    return {told.day: told for told in days if told.value == value}
