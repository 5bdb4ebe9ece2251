"""Edges (after Hart 1992): a rise that fits an appliance and the next fall as large are a run.

An edge is one step of the mains, or two of the same direction, as a switch inside an interval makes. A rise
whose fall is not seen is forgotten, so a run is known only when it is over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.nilm.levels import KindFacts
from chowon.domain.nilm.power import F64, Power, within
from chowon.domain.quantities import I64, Bools
from chowon.models.nilm.interface import Model
from chowon.models.nilm.of_facts import OfFacts

LEAST_EDGE_W: Final = 25.0
FITS: Final = 0.2
"""A rise is a kind's, and a fall ends a run, if it is at most this much of it away"""
_LONGEST: Final = 2
"""No run lasts longer than so many times the kind's long ones"""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Steps of the mains, in order."""

    at: I64
    """(e,) the first interval at the new power"""
    size_w: F64
    """(e,) above 0 for a rise"""
    first_w: F64
    """(e,) what of it came in its first interval"""


@dataclass(slots=True)
class _Run:
    start: int
    size_w: float
    first_w: float
    until: int
    """No fall at or after this interval is its own: a gap begins here, or it would last too long"""


def edges_of(mains: Power) -> Edges:
    """All steps of at least `LEAST_EDGE_W` between neighbouring known intervals."""
    heard = mains.known[1:] & mains.known[:-1]
    step_w = np.where(heard, np.diff(mains.power_w), 0.0)
    sign = np.where(np.abs(step_w) >= LEAST_EDGE_W, np.sign(step_w), 0.0)
    place = np.arange(len(sign))
    begins = np.concatenate([[True], sign[1:] != sign[:-1]])[: len(sign)]
    since = place - np.maximum.accumulate(np.where(begins, place, 0))
    at = np.flatnonzero((sign != 0) & (since % 2 == 0))
    following = np.append(step_w, 0.0)[at + 1] * (np.append(sign, 0.0)[at + 1] == sign[at])
    return Edges((at + 1).astype(np.int64), step_w[at] + following, step_w[at])


class _Told:
    def __init__(self, facts: Mapping[str, KindFacts]) -> None:
        self._facts = facts

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """Runs between a rise and its fall, at the rise's power."""
        known = {kind: self._facts[kind] for kind in kinds if kind in self._facts}
        told = {kind: np.zeros(len(mains)) for kind in known}
        running: dict[str, _Run] = {}
        edges, gap_at = edges_of(mains), _next_unknown(mains.known)
        for at, size_w, first_w in zip(
            *(c.tolist() for c in (edges.at, edges.size_w, edges.first_w)), strict=True
        ):
            _forget_overdue(running, at)
            if size_w > 0:
                kind = _kind_of(size_w, known, running)
                if kind is not None:
                    most = max(1, _LONGEST * known[kind].longest_run_ms // mains.step_ms)
                    running[kind] = _Run(at, size_w, first_w, min(at + most + 1, int(gap_at[at])))
            elif (kind := _ended_by(-size_w, running)) is not None:
                run = running.pop(kind)
                _write(told[kind], run, at)
                told[kind][at] = run.size_w * max(0.0, 1 - first_w / size_w)
        return within(mains, told)


MODEL: Final[Model] = OfFacts("hart", within_mains=True, told=_Told, looks_ahead=True)  # to a run's end


def _kind_of(size_w: float, known: Mapping[str, KindFacts], running: Mapping[str, _Run]) -> str | None:
    """The kind that is off and has a level nearest to this rise."""
    fits = [
        (abs(size_w - level), kind)
        for kind, facts in known.items()
        if kind not in running
        for level in facts.levels_w
        if abs(size_w - level) <= FITS * level
    ]
    return min(fits)[1] if fits else None


def _ended_by(size_w: float, running: Mapping[str, _Run]) -> str | None:
    fits = [
        (abs(size_w - run.size_w), kind)
        for kind, run in running.items()
        if abs(size_w - run.size_w) <= FITS * run.size_w
    ]
    return min(fits)[1] if fits else None


def _write(told_w: F64, run: _Run, end: int) -> None:
    told_w[run.start : end] = run.size_w
    told_w[run.start] = min(run.first_w, run.size_w)


def _forget_overdue(running: dict[str, _Run], at: int) -> None:
    for kind in [kind for kind, run in running.items() if run.until <= at]:
        del running[kind]


def _next_unknown(known: Bools) -> I64:
    """(n,) the first unknown interval from each on; n where none is."""
    at = np.where(known, len(known), np.arange(len(known)))
    return np.minimum.accumulate(at[::-1])[::-1].astype(np.int64)
