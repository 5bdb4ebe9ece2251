"""What many homes used in one period, as arrays: `Usage` and `Profile` of each of them.

Energies are whole numbers, `per_kwh` of them a kWh; instants are ms UTC.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar

import numpy as np

from chowon.domain.bill.usage import Grid, Profile, Usage
from chowon.domain.quantities import I32, I64
from chowon.domain.tariff.terms import ZERO
from chowon.errors import UsageInvalid

Homes: TypeAlias = slice | I64
"""Some of the homes: neighbours, or by their places"""
_MOST: Final = 2**62
"""Sums stay below it, so that 64 bits hold them."""
_TOO_MUCH: Final = 10**12
"""A `Usage` has fewer kWh, kW or credit."""
_NONE: Final[Mapping[str, I64]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class FleetProfile:
    """Energy by interval, all homes on the same clock. It may be longer than the period that is billed.

    Errors: UsageInvalid for one that can't be.
    """

    start_ms: int
    """The first interval's start; a multiple of `step_ms`"""
    step_ms: int
    """An hour or a whole part of it"""
    import_energy: I64 | I32
    """(homes, intervals) taken from the grid, 0 or more"""
    export_energy: I64 | I32 | None = None
    """(homes, intervals) given to the grid, 0 or more"""

    def __post_init__(self) -> None:
        for name, energy in (("import_energy", self.import_energy), ("export_energy", self.export_energy)):
            if energy is not None:
                _check_intervals(name, energy, self.import_energy)
        _ = self.grid  # which checks the steps

    @property
    def grid(self) -> Grid:
        """Its intervals."""
        return Grid(self.start_ms, self.step_ms, self.import_energy.shape[1])

    def of(self, homes: Homes) -> "FleetProfile":
        """These homes' intervals."""
        exported = None if self.export_energy is None else self.export_energy[homes]
        return _unchecked(self, {"import_energy": self.import_energy[homes], "export_energy": exported})

    def of_home(self, home: int, first: int, end: int, per_kwh: int) -> Profile:
        """One home's intervals from the first up to the end."""
        flows = (self.import_energy, self.export_energy)
        imported, exported = (None if e is None else e[home, first:end].astype(np.int64) for e in flows)
        assert imported is not None
        return Profile(self.start_ms + first * self.step_ms, self.step_ms, imported, exported, per_kwh)


@dataclass(frozen=True, slots=True, eq=False)
class FleetUse:
    """What homes used: at least one of `energy`, `bands` and `profile`. Errors: UsageInvalid.

    Every array is (homes,) int64, 0 or more, below 10^12 kWh, kW or units of credit.
    """

    energy: I64 | None = None
    """Taken from the grid in the period; left out, the sum of `bands` or of the profile's intervals"""
    profile: FleetProfile | None = None
    bands: Mapping[str, I64] = field(default_factory=lambda: _NONE)
    """By band, as time-of-use meters are read; together they are `energy`."""
    export_energy: I64 | None = None
    """Given to the grid in the period; left out, the sum of the profile's"""
    demand_w: I64 | None = None
    """The greatest demand of the period, where meters tell it, W"""
    past_demand_w: Mapping[str, I64] = field(default_factory=lambda: _NONE)
    """Of earlier months, W, by reading month: {"2026-01": …}"""
    carried: I64 | None = None
    """Credit from the period before, `Fleet.per_carried` of them a unit: what `Fleet.carried` gave"""
    per_kwh: int = 1000
    """How many energies are a kWh; 1000: Wh"""
    partial: bool = False
    """As `Usage.partial`, of all homes"""

    def __post_init__(self) -> None:
        if self.energy is None and self.profile is None and not self.bands:
            raise UsageInvalid("uses of homes: found none; expected energy, bands or a profile")
        homes = len(self)
        for name, numbers, per_unit in self._arrays():
            _check(name, numbers, homes, min(_TOO_MUCH * per_unit, _MOST))
        if self.energy is not None and self.bands and (self.energy != sum(self.bands.values())).any():
            raise UsageInvalid("uses of homes: found bands that don't add up to energy; expected the same")

    def __len__(self) -> int:
        if self.profile is not None:
            return len(self.profile.import_energy)
        _, numbers, _ = next(self._arrays())
        given: object = numbers
        return len(numbers) if isinstance(given, np.ndarray) and given.ndim == 1 else 0

    def of(self, homes: Homes) -> "FleetUse":
        """These homes' use."""
        several = {name: getattr(self, name) for name in ("bands", "past_demand_w")}
        one = {name: getattr(self, name) for name in ("energy", "export_energy", "demand_w", "carried")}
        changes: dict[str, object] = {n: None if a is None else a[homes] for n, a in one.items()}
        changes |= {n: {key: a[homes] for key, a in arrays.items()} for n, arrays in several.items()}
        changes["profile"] = None if self.profile is None else self.profile.of(homes)
        return _unchecked(self, changes)

    @property
    def is_a_number(self) -> bool:
        """Whether nothing is known but `energy`."""
        others = (self.profile, self.export_energy, self.demand_w, self.carried)
        return not self.bands and not self.past_demand_w and all(other is None for other in others)

    def of_home(self, home: int, energy: tuple[int, int], profile: Profile | None, per: int) -> Usage:
        """One home's use. energy: import and export; per: units of `carried` that make one."""
        imported, exported = (Decimal(e) / self.per_kwh for e in energy)
        bands = {band: Decimal(int(e[home])) / self.per_kwh for band, e in self.bands.items()}
        return Usage(
            sum(bands.values(), ZERO) if bands else imported,
            profile,
            bands,
            exported,
            None if self.demand_w is None else Decimal(int(self.demand_w[home])) / 1000,
            {month: Decimal(int(w[home])) / 1000 for month, w in self.past_demand_w.items()},
            Decimal(0 if self.carried is None else int(self.carried[home])) / per,
            self.partial,
        )

    def _arrays(self) -> Iterator[tuple[str, I64, int]]:
        """(name, (homes,), how many of them make a unit)"""
        if self.energy is not None:
            yield "energy", self.energy, self.per_kwh
        for band, energy in self.bands.items():
            yield f"bands {band!r}", energy, self.per_kwh
        if self.export_energy is not None:
            yield "export_energy", self.export_energy, self.per_kwh
        if self.demand_w is not None:
            yield "demand_w", self.demand_w, 1000
        for month, demand_w in self.past_demand_w.items():
            yield f"past_demand_w {month!r}", demand_w, 1000
        if self.carried is not None:
            yield "carried", self.carried, _MOST


_P = TypeVar("_P", FleetProfile, FleetUse)


def _unchecked(whole: _P, changes: Mapping[str, object]) -> _P:
    """A part of what has been checked: checking all intervals again would take as long as the bills."""
    part = object.__new__(type(whole))
    for name in whole.__dataclass_fields__:
        object.__setattr__(part, name, changes[name] if name in changes else getattr(whole, name))
    return part


def _check(name: str, numbers: object, homes: int, below: int) -> None:
    """numbers: a caller without type checking may hand in anything."""
    expected = f"expected an array of int64, one for each of {homes} homes, 0 or more, below {below}"
    if not isinstance(numbers, np.ndarray):
        raise UsageInvalid(f"uses of homes: {name}: found {type(numbers).__name__}; {expected}")
    if numbers.dtype != np.int64 or numbers.shape != (homes,):
        found = f"{numbers.dtype} of shape {numbers.shape}"
        raise UsageInvalid(f"uses of homes: {name}: found {found}; {expected}")
    if homes and not 0 <= numbers.min() <= numbers.max() < below:
        raise UsageInvalid(f"uses of homes: {name}: found {numbers.min()} to {numbers.max()}; {expected}")


def _check_intervals(name: str, energy: object, imported: object) -> None:
    shape = (
        imported.shape if isinstance(imported, np.ndarray) and imported.ndim == 2 else "(homes, intervals)"
    )
    if (
        not isinstance(energy, np.ndarray)
        or energy.dtype not in (np.int32, np.int64)
        or energy.shape != shape
    ):
        found = f"{energy.dtype} of shape {energy.shape}" if isinstance(energy, np.ndarray) else type(energy)
        raise UsageInvalid(f"uses of homes: {name}: found {found}; expected int64 or int32 of shape {shape}")
    if energy.size and (energy.min() < 0 or int(energy.max()) * energy.shape[1] > _MOST):
        raise UsageInvalid(
            f"uses of homes: {name}: found {energy.min()} to {energy.max()}; expected 0 or more, in sum "
            "below 2^62"
        )
