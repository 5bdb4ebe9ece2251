"""What a home's own runs, named by people, change in the network: the two weights of a kind, nothing else.

Sixty-four features of each interval, which any home gets from the trunk, say by one set of weights how likely
a kind is on, and by another what share of the mains it takes. A home's own machine lies near others of its
kind among these features, and not where the network looks for it. A few runs are enough to move the weights
there: they stay as near to what they were as these runs allow, in what they say of the rest of the home
(docs/decisions/0025-witnessed-runs.md; what each part of it moved: docs/explanation/nilm-experiments.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64
from chowon.domain.nilm.runs import Runs, states
from chowon.domain.quantities import Bools
from chowon.models.nilm.network.library import F32

_FOUND: Final = 0.6
"""A run of which so much is told already is known"""
_MOST_KNOWN: Final = 0.5
"""Where more than so many of the runs are known, the network knows the machine, and misses some by chance"""
_ON: Final = 0.0
"""Logit: in a run that was missed the kind is to be as likely as this"""
_OFF: Final = -2.0
"""Logit: where people said that it did not run, no likelier than this"""
_RAN_COUNTS: Final = 0.03
_NOT_RAN_COUNTS: Final = 0.03
"""Beside one for all the rest of the home"""
_NEAR: Final = 1e-3
"""Of the squared distance from the weights that it came with"""
_ANCHORS: Final = 40_000
"""Intervals of the rest of the home that are looked at, at most; evenly taken from all"""
_LEAST_GAIN: Final = 2.0
"""In its own runs the mains take so many times what the network tells, at least: then it tells too little"""
_LEAST_RUNS: Final = 2
_LEAST_LONG: Final = 20
"""Intervals; what runs shorter is told rightly, and may have company for all of its run"""
_AROUND: Final = 15
"""Intervals before and after a run, the lower ones of which ran anyway"""
_LOWER: Final = 0.25
_BENDS: Final = 0.2
"""Of what the runs take on average: where an error counts no longer by its square"""
_NEAR_SHARE: Final = 1e-2
_LEAST_SCALE_W: Final = 20.0
_ROUNDS: Final = 40
_HALVES: Final = 30
_LITTLE: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What tells one kind from what was heard."""

    gate: F64
    """(features + 1,) the last for what is always there"""
    share: F64
    """Alike"""


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """Runs of a home that people named, as seen from one kind."""

    ran: Runs
    not_ran: Bools
    """(n,) where it surely did not run"""
    others: Bools
    """(n,) where something else ran; it may have run as well"""
    told: Bools
    """(n,) where the kind is told on by the weights that it came with"""


def learnt(head: Head, heard: F32, mains_w: F64, known: Bools, named: Named, most_w: float) -> Head:
    """The weights as these runs move them. heard: (n, features + 1). The same for the same input."""
    gate = _gate(head.gate, heard, known, named)
    share = _share(head.share, heard, mains_w, named.ran, most_w)
    return Head(gate, share)


def _gate(before: F64, heard: F32, known: Bools, named: Named) -> F64:
    missed = [i for i in range(len(named.ran)) if not _is_known(named, i)]
    counts = len(missed) / max(len(named.ran), 1)
    n = len(known)
    ran = states(n, named.ran)
    off = named.not_ran & known & ~ran
    elsewhere = named.others & known & ~ran & ~off
    rest = np.flatnonzero(known & ~ran & ~off & ~elsewhere)
    on = states(n, Runs(named.ran.start[missed], named.ran.end[missed])) & known
    if not len(rest) or not (on.any() or off.any() or elsewhere.any()):
        return before
    anchors = heard[rest[:: -(-len(rest) // _ANCHORS)]]
    usual = _logistic(_said(anchors, before))
    counted = _RAN_COUNTS * counts if counts >= 1 - _MOST_KNOWN else 0.0

    def wrong(gate: F64) -> tuple[float, F64, F64]:
        parts = [
            _apart(anchors, gate, usual),
            _short_of(heard[on], gate, _ON, 1.0, counted),
            _short_of(heard[off], gate, _OFF, -1.0, _NOT_RAN_COUNTS),
            _likely(heard[elsewhere], gate),
            _moved(gate - before, _NEAR, len(gate) - 1),
        ]
        return sum(p[0] for p in parts), _sum([p[1] for p in parts]), _sum([p[2] for p in parts])

    return _least(wrong, before)


def _is_known(named: Named, run: int) -> bool:
    return float(named.told[named.ran.start[run] : named.ran.end[run]].mean()) >= _FOUND


def _share(before: F64, heard: F32, mains_w: F64, ran: Runs, most_w: float) -> F64:
    """The share of the mains, where the runs take much more than it says, by as much as the least of them.

    More may be a run's company.
    """
    if len(ran) < _LEAST_RUNS or np.median(ran.end - ran.start) < _LEAST_LONG:
        return before
    within = [slice(start, end) for start, end in zip(ran.start.tolist(), ran.end.tolist(), strict=True)]
    taken_w = [np.minimum(_above(mains_w, run), most_w) for run in within]
    told_w = [float((_logistic(heard[run] @ before) * mains_w[run]).sum()) for run in within]
    gains = [float(took.sum()) / max(told, 1.0) for took, told in zip(taken_w, told_w, strict=True)]
    least = min(gains)
    if least < _LEAST_GAIN:
        return before
    wanted = np.concatenate([took * (least / gain) for took, gain in zip(taken_w, gains, strict=True)])
    features = np.concatenate([heard[run] for run in within]).astype(np.float64)
    of_w = np.concatenate([mains_w[run] for run in within])
    scale = float(wanted.mean()) + _LEAST_SCALE_W

    def wrong(share: F64) -> tuple[float, F64, F64]:
        part = _logistic(features @ share)
        error = (part * of_w - wanted) / scale
        size = np.abs(error)
        value = np.where(size < _BENDS, size**2 / (2 * _BENDS), size - _BENDS / 2).mean()
        slope = (part * (1 - part) * of_w / scale)[:, None] * features
        gradient = (np.clip(error / _BENDS, -1, 1)[:, None] * slope).mean(axis=0)
        curve = (slope / np.maximum(size, _BENDS)[:, None]).T @ slope / len(error)
        moved = _moved(share - before, _NEAR_SHARE, len(share))
        return float(value) + moved[0], gradient + moved[1], curve + moved[2]

    return _least(wrong, before)


def _above(mains_w: F64, run: slice) -> F64:
    """What is above the lower of what ran before and after, W."""
    sides = [mains_w[max(0, run.start - _AROUND) : run.start], mains_w[run.stop : run.stop + _AROUND]]
    lower = [float(np.quantile(side, _LOWER)) for side in sides if len(side)]
    return np.maximum(mains_w[run] - (min(lower) if lower else 0.0), 0.0)


def _apart(features: F32, gate: F64, usual: F64) -> tuple[float, F64, F64]:
    """Cross entropy from what was said before."""
    logit = _said(features, gate)
    likely = _logistic(logit)
    value = float((np.logaddexp(0.0, logit) - usual * logit).mean())
    n = len(features)
    curve = (features * (likely * (1 - likely))[:, None].astype(np.float32)).T @ features / n
    return value, _said(features.T, likely - usual) / n, curve.astype(np.float64)


def _short_of(features: F32, gate: F64, limit: float, sign: float, counts: float) -> tuple[float, F64, F64]:
    """By how much logits are below the limit (sign 1), or above it (sign -1), squared."""
    n = max(len(features), 1)
    short = np.maximum(sign * (limit - _said(features, gate)), 0.0)
    active = features[short > 0].astype(np.float64)
    value = counts * float((short**2).sum()) / (2 * n)
    return value, -sign * counts * _said(features.T, short) / n, counts * active.T @ active / n


def _likely(features: F32, gate: F64) -> tuple[float, F64, F64]:
    """How likely it is where something else runs: what is sure is left alone, it may run as well."""
    n = max(len(features), 1)
    likely = _logistic(_said(features, gate))
    slope = likely * (1 - likely)
    bends = np.maximum(slope * (1 - 2 * likely), 0.0).astype(np.float32)
    curve = ((features * bends[:, None]).T @ features).astype(np.float64)
    counts = _NOT_RAN_COUNTS / n
    return counts * float(likely.sum()), counts * _said(features.T, slope), counts * curve


def _moved(by: F64, counts: float, of: int) -> tuple[float, F64, F64]:
    """The squared distance of the first `of` weights."""
    mask = np.arange(len(by)) < of
    return counts * float((by[mask] ** 2).sum()), 2 * counts * by * mask, np.diag(2 * counts * mask)


def _least(wrong: Callable[[F64], tuple[float, F64, F64]], start: F64) -> F64:
    """Newton's way to where it is least wrong, with a curvature that is never negative, and steps halved."""
    at, (value, gradient, curve) = start, wrong(start)
    for _ in range(_ROUNDS):
        step = np.linalg.solve(curve + _LITTLE * np.eye(len(at)), gradient)
        gain = float(gradient @ step)
        if gain < _LITTLE:
            break
        for half in range(_HALVES):
            there = at - step / 2**half
            found = wrong(there)
            if found[0] <= value - 1e-4 * gain / 2**half:
                break
        else:
            break
        at, (value, gradient, curve) = there, found
    return at


def _said(features: F32, weights: F64) -> F64:
    """The product, without a copy of the features in double precision."""
    return np.asarray(features @ weights.astype(np.float32), np.float64)


def _logistic(logit: F64) -> F64:
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -60.0, 60.0))), np.float64)


def _sum(parts: Sequence[F64]) -> F64:
    return np.asarray(np.sum(np.stack(parts), axis=0), np.float64)
