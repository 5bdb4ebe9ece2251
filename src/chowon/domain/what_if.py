"""A use as it would have been: without an appliance, with solar, a battery, an electric car.

Every function takes a profile and gives another one of the same intervals. Energies are whole numbers of the
profile's own unit. After solar or a battery an interval takes from the grid or gives to it, never both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

import numpy as np

from chowon.domain.bill.usage import Profile
from chowon.domain.quantities import HOUR_MS, I64
from chowon.errors import UsageInvalid

Plan = Literal["self_use", "by_price"]
DAY_MIN: Final = 1440


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery behind the meter. Errors: UsageInvalid."""

    kwh: Decimal
    """What it can give when it is full"""
    kw: Decimal
    """What it takes and gives at most"""
    efficiency: Decimal = Decimal("0.9")
    """What it gives / what it took; the loss is counted when it charges"""

    def __post_init__(self) -> None:
        for name, number in (("kwh", self.kwh), ("kw", self.kw)):
            if not number.is_finite() or not 0 <= number <= 1_000_000:
                raise UsageInvalid(f"battery: {name}: found {number}; expected 0 to 1,000,000")
        if not self.efficiency.is_finite() or not 0 < self.efficiency <= 1:
            raise UsageInvalid(f"battery: efficiency: found {self.efficiency}; expected above 0, at most 1")


@dataclass(frozen=True, slots=True)
class Charging:
    """A car that charges each night, or day, between two times of the clock. Errors: UsageInvalid."""

    kwh_a_day: Decimal
    from_min: int
    """Minute of the day at which it begins, 0-1439"""
    until_min: int
    """Minute at which it ends; not later than the beginning: of the next day"""
    kw: Decimal

    def __post_init__(self) -> None:
        if not (0 <= self.from_min < DAY_MIN and 0 <= self.until_min <= DAY_MIN):
            raise UsageInvalid(
                f"ev: found minutes {self.from_min} to {self.until_min}; expected times of a day"
            )
        for name, number in (("kwh_a_day", self.kwh_a_day), ("kw", self.kw)):
            if not number.is_finite() or not 0 <= number <= 10_000:
                raise UsageInvalid(f"ev: {name}: found {number}; expected 0 to 10,000")
        if self.kw * self.window_min < self.kwh_a_day * 60:
            raise UsageInvalid(
                f"ev: {self.kwh_a_day} kWh need more than {self.window_min} min at {self.kw} kW; "
                "expected a longer time, more kW or fewer kWh"
            )

    @property
    def window_min(self) -> int:
        """How long it may charge."""
        length = self.until_min - self.from_min
        return length if length > 0 else length + DAY_MIN


def like_the_use(profile: Profile, kwh: Decimal) -> I64:
    """(n,) these kWh spread over the profile in proportion to what was taken from the grid; the sum is exact.

    Errors: UsageInvalid for more than was taken.
    """
    wanted, taken = units(kwh, profile), int(profile.import_energy.sum())
    if wanted > taken:
        found = Decimal(taken) / profile.per_kwh
        raise UsageInvalid(f"without {kwh} kWh: found a use of {found:.3f} kWh; expected no more than it")
    if not taken:
        return np.zeros(len(profile), np.int64)
    so_far = [energy * wanted // taken for energy in np.cumsum(profile.import_energy).tolist()]
    ends = np.array([0, *so_far], np.int64)
    part: I64 = ends[1:] - ends[:-1]
    return part


def without(profile: Profile, part: I64) -> Profile:
    """The profile less an appliance's own (n,) energy; what it didn't take from the grid is given to it."""
    given = np.maximum(part - profile.import_energy, 0)
    exported = given if profile.export_energy is None else profile.export_energy + given
    return replace(profile, import_energy=profile.import_energy - part + given, export_energy=exported)


def with_solar(profile: Profile, production: I64) -> Profile:
    """The profile with what a roof gives, (n,): used at once as far as it goes, else given to the grid."""
    return _of_net(profile, _net(profile) - production) if production.any() else profile


def with_charging(profile: Profile, charging: Charging, sessions: Sequence[tuple[int, int]]) -> Profile:
    """The profile with a car that charges as soon as it may, in each of these [start, end) ms UTC.

    Each session takes exactly its kWh, from its start on at the car's power; one that the clock's change has
    made too short for that, evenly. What a session takes beyond the profile's end stands at the beginning:
    it is what the night before the first day took.
    """
    added = np.zeros(len(profile), np.int64)
    each = units(charging.kwh_a_day, profile)
    most = int(charging.kw * profile.per_kwh * profile.step_ms / HOUR_MS)
    span_ms = len(profile) * profile.step_ms
    for start_ms, end_ms in sessions:
        first, end = -(-(start_ms - profile.start_ms) // profile.step_ms), end_ms - profile.start_ms
        places = np.arange(first, max(first + 1, end // profile.step_ms))
        at_most = max(most, -(-each // len(places)))
        energy = np.clip(each - np.arange(len(places)) * at_most, 0, at_most)
        np.add.at(added, places % (span_ms // profile.step_ms), energy)
    if profile.export_energy is None:
        return replace(profile, import_energy=profile.import_energy + added)
    kept = np.minimum(added, profile.export_energy)
    imported = profile.import_energy + added - kept
    return replace(profile, import_energy=imported, export_energy=profile.export_energy - kept)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a battery has made of a profile."""

    profile: Profile
    charged: I64
    """(n,) taken in, before the loss"""
    discharged: I64
    """(n,) given back"""
    left: int
    """What it could still give at the end"""


def with_battery(
    profile: Profile, battery: Battery, charges: Sequence[bool] | None, discharges: Sequence[bool] | None
) -> Stored:
    """The profile with a battery, empty at first. It never gives anything to the grid.

    In every interval it takes in what would be given to the grid. charges: (n,) where it also fills itself
    from the grid; None: nowhere. discharges: (n,) where it covers what is taken from the grid; None: always.
    """
    capacity = units(battery.kwh, profile)
    most = int(battery.kw * profile.per_kwh * profile.step_ms / HOUR_MS)
    gain = Fraction(battery.efficiency)
    over, under = gain.numerator, gain.denominator
    charged, discharged = [], []
    held = 0  # in units × `under`, so that no loss is rounded away
    full = capacity * under
    net = _net(profile).tolist()
    for n, need in enumerate(net):
        room = (full - held) // over
        wanted = most if charges is not None and charges[n] else max(-need, 0)
        taken = min(wanted, most, room)
        gives = taken == 0 and need > 0 and (discharges is None or discharges[n])
        given = min(need, most, held // under) if gives else 0
        held += taken * over - given * under
        charged.append(taken)
        discharged.append(given)
    taken_in, given_back = np.array(charged, np.int64), np.array(discharged, np.int64)
    if not taken_in.any():
        return Stored(profile, taken_in, given_back, 0)
    changed = _of_net(profile, _net(profile) + taken_in - given_back)
    return Stored(changed, taken_in, given_back, held // under)


def by_price(
    prices: Sequence[Decimal], days: Sequence[int], battery: Battery, step_ms: int
) -> tuple[list[bool], list[bool]]:
    """(charges, discharges), (n,) each: when a battery fills itself and when it gives, day by day.

    Of each day the cheapest intervals, as many as filling it needs at its power, and all at the same price;
    the dearest likewise. It gives only where the price × its efficiency is above that day's dearest price of
    charging. prices: (n,) of the next kWh. days: (n,) the same number for the intervals of a day.
    """
    charges, discharges = [False] * len(prices), [False] * len(prices)
    if not battery.kwh or not battery.kw:
        return charges, discharges
    hours = Fraction(battery.kwh) / Fraction(battery.kw)
    giving = -(-hours * HOUR_MS // step_ms)
    filling = -(-hours / Fraction(battery.efficiency) * HOUR_MS // step_ms)
    of_day: dict[int, list[int]] = {}
    for n, day in enumerate(days):
        of_day.setdefault(day, []).append(n)
    for places in of_day.values():
        ranked = sorted(prices[n] for n in places)
        low = ranked[min(int(filling), len(ranked)) - 1]
        high = ranked[-min(int(giving), len(ranked))]
        for n in places:
            discharges[n] = prices[n] >= high and prices[n] * battery.efficiency > low
            charges[n] = prices[n] <= low and not discharges[n] and ranked[-1] * battery.efficiency > low
    return charges, discharges


def units(kwh: Decimal, profile: Profile) -> int:
    """kWh in the profile's own unit, rounded."""
    if not kwh.is_finite() or kwh < 0:
        raise UsageInvalid(f"kWh: found {kwh}; expected 0 or more")
    return round(kwh * profile.per_kwh)


def _net(profile: Profile) -> I64:
    exported = profile.export_energy
    return profile.import_energy if exported is None else profile.import_energy - exported


def _of_net(profile: Profile, net: I64) -> Profile:
    return replace(profile, import_energy=np.maximum(net, 0), export_energy=np.maximum(-net, 0))
