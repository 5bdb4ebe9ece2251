"""How well edges of the mains were told, against those of appliances that were measured one by one."""

from dataclasses import dataclass

import numpy as np

from chowon.domain.nilm.events.edges import Edges, Told
from chowon.domain.nilm.power import F64
from chowon.domain.quantities import I64

WITHIN_MS = 10_000
ALIKE = 0.3
"""A told edge is an appliance's if its size is at most this much, and 15 W, away"""
_ALIKE_W = 15.0


@dataclass(frozen=True, slots=True)
class EventScores:
    """What was found of one home's edges."""

    least_w: float
    """of the edges that count"""
    true_edges: int
    told_edges: int
    found_share: float | None
    """of the appliances' edges"""
    right_share: float | None
    """of the told edges: those of an appliance. What nobody measured by itself counts as wrong"""
    f1: float | None
    delay_p50_s: float | None
    """from the first reading that shows an edge until it is told provisionally"""
    delay_max_s: float | None
    settled_p50_s: float | None


def scored(true: Edges, mains: Edges, least_w: float) -> EventScores:
    """Scores of the settled edges of at least so many W.

    An edge that is found may be a little below `least_w`, and so may an appliance's that a told one is of:
    else every edge near it counts as wrong at random.
    """
    true_settled, settled = (_in_time(one.where(one.told == Told.SETTLED)) for one in (true, mains))
    wanted = true_settled.where(np.abs(true_settled.size_w) >= least_w)
    told = settled.where(np.abs(settled.size_w) >= least_w)
    found = _share(paired(wanted, settled))
    right = _share(paired(told, true_settled))
    shown = mains.where(mains.told == Told.PROVISIONAL)
    delays = (shown.told_ms - shown.at_ms) / 1000
    waits = (settled.told_ms - settled.at_ms) / 1000
    f1 = 2 * found * right / (found + right) if found and right else None
    return EventScores(
        least_w, len(wanted), len(told), found, right, f1, _quantile(delays, 0.5), _quantile(delays, 1.0),
        _quantile(waits, 0.5),
    )  # fmt: skip


def paired(edges: Edges, others: Edges) -> I64:
    """(e,) which of the others each edge is, -1 for none: the nearest in size within 10 s, each once.

    Both in order of `at_ms`. A loop over edges.
    """
    found = np.full(len(edges), -1, np.int64)
    begin = np.searchsorted(others.at_ms, edges.at_ms - WITHIN_MS)
    end = np.searchsorted(others.at_ms, edges.at_ms + WITHIN_MS, side="right")
    free = np.ones(len(others), np.bool_)
    sizes, other_sizes = edges.size_w, others.size_w
    for n in np.flatnonzero(end > begin).tolist():
        near = np.arange(begin[n], end[n])
        off = np.abs(other_sizes[near] - sizes[n])
        fits = free[near] & (off <= ALIKE * abs(sizes[n]) + _ALIKE_W) & (other_sizes[near] * sizes[n] > 0)
        if fits.any():
            found[n] = near[fits][off[fits].argmin()]
            free[found[n]] = False
    return found


def _in_time(edges: Edges) -> Edges:
    return edges.where(np.argsort(edges.at_ms, kind="stable"))


def _share(found: I64) -> float | None:
    return float((found >= 0).mean()) if len(found) else None


def _quantile(values: F64, which: float) -> float | None:
    return float(np.quantile(values, which)) if len(values) else None
