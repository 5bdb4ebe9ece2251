"""What people decided about what was measured: visible, with a reason, and taken back at any time.

Readings stay as they are; corrections change what is made of them, minute by minute, in the order in which
they were made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from chowon.domain.counters import FLOWS, Flow, Overrides
from chowon.domain.excursions import Rules
from chowon.domain.quantities import DWMS_PER_WH, I64, U32
from chowon.domain.rollups import Rollup
from chowon.domain.settle import TIME_BITS, Groups, settled

CorrectionKind = Literal["trusted", "replaced", "energy", "turned", "connection"]
"""trusted: take the counter's differences as they are; replaced: the first reading from `start_ms` on is
another meter's; energy: this much, 0 to leave the span out; turned: import and export change places;
connection: at all times, power up to this is plausible."""
_DWMS_PER_MILLIWH: Final = DWMS_PER_WH // 1000


@dataclass(frozen=True, slots=True)
class Correction:
    """One of them. Spans of `energy` and `turned` are whole minutes."""

    id: int
    channel: int
    kind: CorrectionKind
    flow: Flow | None
    """of trusted, replaced and energy: which one; None: both"""
    start_ms: int
    end_ms: int
    """exclusive; of trusted inclusive: the reading after; of replaced the same as start_ms"""
    milliwh: int | None
    """of energy"""
    plausible_w: int | None
    """of connection"""
    reason: str
    made_by: str
    made_ms: int

    def flows(self) -> tuple[Flow, ...]:
        """Which flows it changes."""
        return FLOWS if self.flow is None else (self.flow,)


def overrides(corrections: Sequence[Correction], flow: Flow) -> Overrides:
    """Those that change how one flow's counters are read."""
    mine = [c for c in corrections if flow in c.flows()]
    return Overrides(
        trusted=tuple((c.channel, c.start_ms, c.end_ms) for c in mine if c.kind == "trusted"),
        replaced=tuple((c.channel, c.start_ms) for c in mine if c.kind == "replaced"),
    )


def rules_of(corrections: Sequence[Correction], channels: U32, rules: Rules) -> list[tuple[Rules, U32]]:
    """(rules, the channels that they are for): of several connections of a channel the newest counts."""
    newest = {c.channel: c.plausible_w for c in corrections if c.plausible_w is not None}
    plausible_w = np.array([newest.get(c, rules.plausible_w) for c in channels.tolist()], np.int64)
    return [
        (replace(rules, plausible_w=w), channels[plausible_w == w]) for w in np.unique(plausible_w).tolist()
    ]


def extent(corrections: Sequence[Correction], start_ms: int, end_ms: int) -> tuple[int, int]:
    """The span on which [start, end) depends: set energies that touch it, and those that touch them."""
    left = [c for c in corrections if c.kind == "energy"]
    while True:
        touching = [c for c in left if c.start_ms < end_ms and c.end_ms > start_ms]
        if not touching:
            return start_ms, end_ms
        left = [c for c in left if c not in touching]
        start_ms = min(start_ms, *(c.start_ms for c in touching))
        end_ms = max(end_ms, *(c.end_ms for c in touching))


def corrected(minutes: Rollup, corrections: Sequence[Correction]) -> Rollup:
    """The minutes with what people set. All minutes of every energy that is set must be among what is asked.

    A set energy has the shape of what was there; without any it is spread evenly.
    """
    for one in sorted(corrections, key=lambda c: c.id):
        if one.kind == "turned":
            minutes = _turned(minutes, one)
        elif one.kind == "energy":
            minutes = _set(minutes, one)
    return minutes


def _turned(minutes: Rollup, one: Correction) -> Rollup:
    inside = (minutes.channel == one.channel) & (minutes.start_ms >= one.start_ms)
    inside &= minutes.start_ms < one.end_ms
    imported, exported = minutes.import_dwms, minutes.export_dwms
    return replace(
        minutes,
        import_dwms=np.where(inside, exported, imported),
        export_dwms=np.where(inside, imported, exported),
    )


def _set(minutes: Rollup, one: Correction) -> Rollup:
    def groups(flow: Flow) -> Groups:
        rows = 1 if flow in one.flows() else 0
        start_ms, end_ms = np.full(rows, one.start_ms, np.int64), np.full(rows, one.end_ms, np.int64)
        energy = np.full(rows, (one.milliwh or 0) * _DWMS_PER_MILLIWH, np.int64)
        return Groups(np.full(rows, one.channel, np.uint32), start_ms, end_ms, energy)

    known = replace(minutes, covered_ms=minutes.known_ms)
    answer = settled(known, *(groups(flow) for flow in FLOWS))
    covered_ms = np.zeros(len(answer), np.int64)
    covered_ms[_places(answer, minutes)] = minutes.covered_ms
    return replace(answer, covered_ms=covered_ms)


def _places(rows: Rollup, some: Rollup) -> I64:
    """Where the rows `some`, all of them among `rows`, stand; both sorted."""
    ids = np.unique(rows.channel)
    keys, mine = (
        (np.searchsorted(ids, r.channel).astype(np.int64) << TIME_BITS) + r.start_ms for r in (rows, some)
    )
    return np.searchsorted(keys, mine)
