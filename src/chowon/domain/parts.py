"""The parts of a site's use: appliances, circuits, a solar roof, and the rest that nobody measured apart.

Energies are whole numbers of the site profile's own unit, by its intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from chowon.domain.bill.usage import Profile
from chowon.domain.quantities import I64, Bools
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
    """What the parts took beyond what the main meter bears, or while it was silent; it is in none of them"""

    @property
    def taken(self) -> I64:
        """(parts + 1, n), the rest last."""
        return np.vstack([*(part.taken for part in self.parts), self.rest_taken])

    @property
    def given(self) -> I64:
        """(parts + 1, n), the rest last."""
        return np.vstack([*(part.given for part in self.parts), self.rest_given])


def cut(use: Profile, covered_ms: I64, parts: Sequence[Part]) -> Cut:
    """The use as a sum of its parts and the rest, exactly.

    Where the main meter was heard for less of an interval than a part, the part counts for that time only.
    Where parts still took more than the main meter bears (another clock, another accuracy), each keeps the
    same share of what it took. Both round down to whole units.
    covered_ms: (n,) ms of each interval for which the main meter is known.
    Errors: UsageInvalid for parts with other intervals, or of the same name.
    """
    _check(use, parts)
    heard = [_while_heard(part, covered_ms) for part in sorted(parts, key=lambda part: part.name)]
    none = np.zeros(len(use), np.int64)
    exported = none if use.export_energy is None else use.export_energy
    made = sum((part.given for part in heard), none)
    given = np.maximum(made, exported)
    load = use.import_energy - exported + given
    asked = sum((part.taken for part in heard), none)
    over = asked > load
    kept = [replace(part, taken=_scaled(part.taken, load, asked, over)) for part in heard]
    taken = sum((part.taken for part in kept), none)
    measured = sum((part.taken for part in parts), none)
    return Cut(use, tuple(kept), load - taken, given - made, int((measured - taken).sum()))


def _while_heard(part: Part, covered_ms: I64) -> Part:
    """The part's energy of the time for which the main meter is known too."""
    more = part.covered_ms > covered_ms
    taken, given = (_scaled(e, covered_ms, part.covered_ms, more) for e in (part.taken, part.given))
    return replace(part, taken=taken, given=given)


def _scaled(energy: I64, by: I64, of: I64, where: Bools) -> I64:
    """energy × by / of at some places; Python's numbers hold the product."""
    found = energy.copy()
    product = energy[where].astype(object) * by[where].astype(object)
    found[where] = (product // of[where].astype(object)).astype(np.int64)
    return found


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
