"""The parts of a site's use: appliances, circuits, a solar roof, and the rest that nobody measured apart.

Energies are whole numbers of the site profile's own unit, by its intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from chowon.domain.bill.usage import Profile
from chowon.domain.quantities import I64
from chowon.domain.tariff.terms import Text
from chowon.errors import UsageInvalid

Source = Literal["metered", "detected"]
REST: Final = "rest"
"""The name of what no part explains; no part has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One part of a site's use, whoever found it: a meter of its own, or a model behind the main one."""

    name: str
    """Stays the same from period to period; one of a kind in its site"""
    label: Text
    source: Source
    taken: I64
    """(n,) 0 or more"""
    given: I64
    """(n,) 0 or more; what a solar roof makes"""
    covered_ms: I64
    """(n,) ms of each interval for which the part is known"""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A site's use cut into its parts and the rest.

    In every interval what they took less what they gave is what the main meter took less what it gave.
    """

    use: Profile
    parts: tuple[Part, ...]
    """As the main meter can bear them, in order of their names"""
    rest_taken: I64
    """(n,)"""
    rest_given: I64
    """(n,) more was given to the grid than the parts gave: by something without a meter of its own"""
    over: int
    """What the parts had measured beyond what the main meter can bear; it is in none of them"""

    @property
    def taken(self) -> I64:
        """(parts + 1, n), the rest last."""
        return np.vstack([*(part.taken for part in self.parts), self.rest_taken])

    @property
    def given(self) -> I64:
        """(parts + 1, n), the rest last."""
        return np.vstack([*(part.given for part in self.parts), self.rest_given])


def cut(use: Profile, parts: Sequence[Part]) -> Cut:
    """The use as a sum of its parts and the rest, exactly.

    Parts may have measured more than the main meter: another clock, another accuracy, a silence of the main
    one. In such an interval each part keeps the same share of what it took, rounded down to whole units, and
    the rest is what rounding leaves.
    Errors: UsageInvalid for parts with other intervals, or of the same name.
    """
    _check(use, parts)
    ordered = sorted(parts, key=lambda part: part.name)
    none = np.zeros(len(use), np.int64)
    exported = none if use.export_energy is None else use.export_energy
    made = sum((part.given for part in ordered), none)
    given = np.maximum(made, exported)
    load = use.import_energy - exported + given
    measured = sum((part.taken for part in ordered), none)
    over = np.flatnonzero(measured > load)
    kept = [_scaled(part.taken, over, load, measured) for part in ordered]
    taken = sum(kept, none)
    return Cut(
        use,
        tuple(replace(part, taken=own) for part, own in zip(ordered, kept, strict=True)),
        load - taken,
        given - made,
        int((measured - taken)[over].sum()),
    )


def _scaled(taken: I64, over: I64, load: I64, measured: I64) -> I64:
    """taken × load / measured at the places `over`; Python's numbers hold the product."""
    own = taken.copy()
    product = taken[over].astype(object) * load[over].astype(object)
    own[over] = (product // measured[over].astype(object)).astype(np.int64)
    return own


def _check(use: Profile, parts: Sequence[Part]) -> None:
    names = [part.name for part in parts]
    for part in parts:
        if names.count(part.name) > 1 or part.name == REST:
            raise UsageInvalid(
                f"part {part.name!r}: expected a name that no other part has, and not {REST!r}"
            )
        for energy in (part.taken, part.given, part.covered_ms):
            if energy.shape != (len(use),) or (len(energy) and energy.min() < 0):
                raise UsageInvalid(
                    f"part {part.name!r}: found {energy.shape}; expected {len(use)} intervals as the site's, "
                    "0 or more each"
                )
