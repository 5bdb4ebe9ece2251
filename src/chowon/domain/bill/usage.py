"""What was used in a period: a number, the registers of a meter, or energy by interval.

Energy is whole numbers of the profile's own unit or Decimal kWh; instants are ms UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np

from chowon.domain.quantities import HOUR_MS, I64, MINUTE_MS
from chowon.domain.tariff.terms import ZERO
from chowon.errors import UsageInvalid, shortened

_TOO_MUCH_KWH: Final = Decimal(10**12)
"""Below it every amount fits exactly into Decimal's 28 digits."""
_MOST_ENERGY: Final = 2**62
"""Sums of a profile stay below it, so that 64 bits hold them."""
PERIOD_EDGE: Final = "the period begins or ends"
_NONE: Final[Mapping[str, Decimal]] = {}


@dataclass(frozen=True, slots=True)
class Grid:
    """Intervals one after the other. Errors: UsageInvalid for steps that don't divide an hour."""

    start_ms: int
    step_ms: int
    n: int

    def __post_init__(self) -> None:
        if self.step_ms < 1 or HOUR_MS % self.step_ms or self.start_ms % self.step_ms:
            raise UsageInvalid(
                f"profile: found steps of {self.step_ms} ms from {self.start_ms}; expected an hour or a "
                "whole part of it, from a multiple of it on"
            )

    @property
    def end_ms(self) -> int:
        """Where the last interval ends."""
        return self.start_ms + self.n * self.step_ms

    def places(self, instants_ms: I64, what: str) -> I64:
        """(n,) the intervals that begin at these instants, 0 to the number of intervals.

        what: happens at the instants, for the message. Errors: UsageInvalid for one inside an interval.
        """
        into = np.clip(instants_ms, self.start_ms, self.end_ms) - self.start_ms
        if (into % self.step_ms).any():
            raise UsageInvalid(
                f"profile: found intervals of {self.step_ms // MINUTE_MS} min, but {what} inside one; "
                "expected finer intervals"
            )
        found: I64 = into // self.step_ms
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Energy by interval, as an interval meter keeps it. Errors: UsageInvalid for one that can't be."""

    start_ms: int
    """The first interval's start; a multiple of `step_ms`"""
    step_ms: int
    """An hour or a whole part of it"""
    import_energy: I64
    """(n,) taken from the grid, `per_kwh` of them a kWh"""
    export_energy: I64 | None = None
    """(n,) given to the grid"""
    per_kwh: int = 1000
    """1000: the energies are Wh"""

    def __post_init__(self) -> None:
        _ = self.grid  # which checks the steps
        for name, energy in (("import_energy", self.import_energy), ("export_energy", self.export_energy)):
            if energy is not None:
                _check_energy(name, energy, len(self.import_energy))

    def __len__(self) -> int:
        return len(self.import_energy)

    @property
    def grid(self) -> Grid:
        """Its intervals."""
        return Grid(self.start_ms, self.step_ms, len(self))

    @property
    def end_ms(self) -> int:
        """Where the last interval ends."""
        return self.grid.end_ms

    def places(self, instants_ms: I64, what: str) -> I64:
        """As `Grid.places`."""
        return self.grid.places(instants_ms, what)

    def kwh(self, from_ms: int, to_ms: int) -> tuple[Decimal, Decimal]:
        """(import, export) between two instants."""
        first, end = self.grid.places(np.array([from_ms, to_ms], np.int64), PERIOD_EDGE).tolist()
        flows = (self.import_energy, self.export_energy)
        imported, exported = (0 if e is None else int(e[first:end].sum()) for e in flows)
        return Decimal(imported) / self.per_kwh, Decimal(exported) / self.per_kwh


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used in a period. Errors: UsageInvalid for a float, a negative or an impossible number."""

    kwh: Decimal
    """Energy taken from the grid; whole for a meter that was read, with decimals while the period is open."""
    profile: Profile | None = None
    """The same by interval; what is billed by the hour, and by season where the tariff measures it"""
    bands: Mapping[str, Decimal] = field(default_factory=lambda: _NONE)
    """The same by band, as a time-of-use meter is read; their sum is `kwh`."""
    export_kwh: Decimal = ZERO
    """Energy given to the grid"""
    demand_kw: Decimal | None = None
    """The greatest demand of the period, where the meter tells it"""
    past_demand_kw: Mapping[str, Decimal] = field(default_factory=lambda: _NONE)
    """Of earlier months, by reading month: {"2026-01": 95}"""
    carried: Decimal = ZERO
    """Credit from the period before: kWh or money, as the tariff carries it"""
    partial: bool = False
    """Whether intervals may be missing from the profile: the period is still open, or has gaps."""

    def __post_init__(self) -> None:
        _check("kWh", self.kwh)
        others = {"export_kwh": self.export_kwh, "carried": self.carried, "demand_kw": self.demand_kw}
        for name, number in (*others.items(), *self.bands.items(), *self.past_demand_kw.items()):
            if number is not ZERO and number is not None:
                _check(name, number)
        if self.bands and sum(self.bands.values(), ZERO) != self.kwh:
            raise UsageInvalid(
                f"usage: found bands that add up to {sum(self.bands.values(), ZERO)} kWh; expected {self.kwh}"
            )


def _check(name: str, number: object) -> None:  # a caller without type checking may hand in anything
    if not isinstance(number, Decimal) or not number.is_finite() or not 0 <= number < _TOO_MUCH_KWH:
        what = "kWh" if name == "kWh" else "a number"
        where = "usage" if name == "kWh" else f"usage: {name}"
        raise UsageInvalid(
            f"{where}: found {shortened(number)}; expected {what} as a Decimal, 0 or more, below 10^12"
        )


def _check_energy(name: str, energy: object, n: int) -> None:
    if not isinstance(energy, np.ndarray) or energy.dtype != np.int64 or energy.shape != (n,):
        found = f"{energy.dtype} of shape {energy.shape}" if isinstance(energy, np.ndarray) else type(energy)
        raise UsageInvalid(f"profile: {name}: found {found}; expected int64 of shape ({n},)")
    if n and (energy.min() < 0 or int(energy.max()) * n > _MOST_ENERGY):
        raise UsageInvalid(
            f"profile: {name}: found {energy.min()} to {energy.max()}; expected 0 or more, in sum below 2^62"
        )
