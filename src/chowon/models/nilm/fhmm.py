"""A factorial hidden Markov model (Ghahramani & Jordan 1997; Kim et al. 2011): a chain of states a kind.

Each kind is off or at one of its learnt levels; how often it comes on and how long it runs follow from its
learnt mean power and long runs. One more chain stands for everything else. The mains above the always-on load
are the sum of all chains and noise; what is told is the likeliest course of all of them together, found
exactly (Viterbi), by the minute, in windows of a day that overlap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chowon.domain.nilm.always_on import always_on_w
from chowon.domain.nilm.levels import KindFacts, choices_within
from chowon.domain.nilm.power import F64, Power, wholly_coarser, within
from chowon.domain.quantities import DAY_MS, I64
from chowon.models.nilm.interface import Model
from chowon.models.nilm.of_facts import OfFacts

STEP_MS: Final = 60_000
"""A finer grid is made this coarse first: it bounds what a day costs"""
USUAL_SETS, MOST_SETS = 96, 512
"""States of all kinds together: the usual bound, and the one where so many kinds are asked for that each can
only be off or at its highest level. Beyond it kinds are never told."""
REST_W: Final = (0.0, 60.0, 200.0, 600.0, 1800.0)
"""Levels of everything else: chosen, not learnt"""
REST_DWELL_MS: Final = 600_000
NOISE_W, NOISE_SHARE = 30.0, 0.1
"""Standard deviation: so much, or this share of the sum where that is more"""
_WINDOW_MS, _MARGIN_MS = DAY_MS, 7_200_000
_RUNS_PER_LONG: Final = 3.0
"""Of lengths of runs that have no memory, the one that 95 of 100 are below is ln 20 = 3.0 times the mean"""
_LEAST_SHARE, _MOST_SHARE = 1e-4, 0.9
_BYTES: Final = 2**26
"""Memory for the ways that led to each state"""

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """One chain: its levels and how it moves between them."""

    levels_w: F64
    """(s,) the first is 0: off"""
    first: F64
    """(s,) the chance of each at the beginning"""
    moves: F64
    """(s, s) from, to; each row sums to 1"""


def chain_of(facts: KindFacts, levels_w: Sequence[float], step_ms: int) -> Chain:
    """Off and these levels, of which each is as likely as the others.

    A run has no memory and the facts' mean length; a change of level is as likely as its end. A kind whose
    mean power nobody knows (plugs taught it) runs once a day.
    """
    n = len(levels_w)
    run_ms = max(facts.longest_run_ms / _RUNS_PER_LONG, float(step_ms))
    share = run_ms / DAY_MS if facts.mean_w is None or not n else facts.mean_w / float(np.mean(levels_w))
    share = min(max(share, _LEAST_SHARE), _MOST_SHARE)
    ends = 1 - np.exp(-step_ms / run_ms)
    begins = 1 - np.exp(-step_ms / run_ms * share / (1 - share))
    moves = np.zeros((n + 1, n + 1))
    moves[0, 1:] = begins / max(n, 1)
    moves[1:, 0] = ends
    if n > 1:
        moves[1:, 1:] = (1 - ends) * ends / (n - 1)
    np.fill_diagonal(moves, 0.0)
    np.fill_diagonal(moves, 1 - moves.sum(axis=1))
    first = np.array([1 - share, *[share / n] * n]) if n else np.ones(1)
    return Chain(np.array([0.0, *levels_w]), first, moves)


def rest_chain(step_ms: int) -> Chain:
    """Everything else: it stays for ten minutes in the mean, and goes anywhere."""
    n = len(REST_W)
    leaves = 1 - np.exp(-step_ms / REST_DWELL_MS)
    moves = np.full((n, n), leaves / (n - 1))
    np.fill_diagonal(moves, 1 - leaves)
    return Chain(np.array(REST_W), np.full(n, 1 / n), moves)


class _Told:
    def __init__(self, facts: Mapping[str, KindFacts]) -> None:
        self._facts = facts

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """The likeliest course of all chains together."""
        known = [kind for kind in kinds if kind in self._facts]
        if not known or not mains.known.any():
            return within(mains, {kind: np.zeros(len(mains)) for kind in known})
        coarse, per_step = _coarse(mains)
        most = min(MOST_SETS, max(USUAL_SETS, 2 ** len(known)))
        choices = choices_within([self._facts[kind].levels_w for kind in known], most)
        chains = [
            chain_of(self._facts[kind], levels[1:], coarse.step_ms)
            for kind, levels in zip(known, choices, strict=True)
        ]
        course = _course(coarse, [*chains, rest_chain(coarse.step_ms)])
        told_w = {
            kind: np.repeat(chain.levels_w[course[at]], per_step)[: len(mains)]
            for at, (kind, chain) in enumerate(zip(known, chains, strict=True))
        }
        return within(mains, told_w)


MODEL: Final[Model] = OfFacts("fhmm", within_mains=True, told=_Told, looks_ahead=True)


def _coarse(mains: Power) -> tuple[Power, int]:
    """(the mains by the minute where they are finer, fine intervals in each)."""
    if mains.step_ms >= STEP_MS or STEP_MS % mains.step_ms:
        return mains, 1
    return wholly_coarser(mains, STEP_MS)


def _course(mains: Power, chains: Sequence[Chain]) -> I64:
    """(chains, n) the state of each chain in each interval; off where a whole window is unknown."""
    n = len(mains)
    core, margin = _WINDOW_MS // mains.step_ms, _MARGIN_MS // mains.step_ms
    core, margin = (core, margin) if n > core + margin else (n, 0)
    starts = np.arange(0, n, core)
    places = starts[:, np.newaxis] + np.arange(-margin, core + margin)
    inside = (places >= 0) & (places < n)
    above_w = (mains.power_w - always_on_w(mains))[np.clip(places, 0, n - 1)]
    heard = mains.known[np.clip(places, 0, n - 1)] & inside
    course = np.zeros((len(chains), len(starts) * core), np.int64)
    worth = np.flatnonzero(heard.any(axis=1))
    states = int(np.prod([len(chain.levels_w) for chain in chains]))
    at_once = max(1, _BYTES // (len(chains) * places.shape[1] * states))
    for at in range(0, len(worth), at_once):
        some = worth[at : at + at_once]
        found = _likeliest(above_w[some], heard[some], chains)[:, :, margin : margin + core]
        course.reshape(len(chains), len(starts), core)[:, some] = found
    return course[:, :n]


def _likeliest(above_w: F64, heard: NDArray[np.bool_], chains: Sequence[Chain]) -> I64:
    """(chains, windows, t) the likeliest course in each window. above_w, heard: (windows, t).

    As the chains move by themselves, the best way to each joint state is found chain by chain.
    """
    windows, length = above_w.shape
    shape = tuple(len(chain.levels_w) for chain in chains)
    sums_w = np.zeros(shape)
    for axis, chain in enumerate(chains):
        sums_w = sums_w + _along(chain.levels_w, axis, len(shape))
    noise_w = np.maximum(NOISE_W, NOISE_SHARE * sums_w)[..., np.newaxis].astype(np.float32)
    expected_w, settled = sums_w[..., np.newaxis].astype(np.float32), np.log(noise_w)
    with np.errstate(divide="ignore"):
        moves = [np.log(chain.moves).astype(np.float32) for chain in chains]
        firsts = [np.log(chain.first).astype(np.float32) for chain in chains]
    best: F32 = np.zeros((*shape, windows), np.float32)
    for axis, first in enumerate(firsts):
        best = best + _along(first, axis, len(shape))[..., np.newaxis]
    came: list[list[NDArray[np.uint8]]] = []
    for t in range(length):
        if t:
            best, ways = _moved(best, moves)
            came.append(ways)
        miss = (above_w[:, t].astype(np.float32) - expected_w) / noise_w
        best = best - np.where(heard[:, t], miss * miss / 2 + settled, np.float32(0))
        best = best - best.max(axis=tuple(range(len(shape))), keepdims=True)
    return _traced(best, came)


def _moved(best: F32, moves: Sequence[F32]) -> tuple[F32, list[NDArray[np.uint8]]]:
    """(the best way to each joint state, by chain the state that it came from) one step later."""
    ways = []
    for axis, move in enumerate(moves):
        here = [slice(None)] * best.ndim
        came = np.zeros(best.shape, np.uint8)
        found: Any = None
        for state in range(len(move)):
            here[axis] = slice(state, state + 1)
            way = best[tuple(here)] + _along(move[state], axis, best.ndim)
            if found is None:
                found = way
            else:
                better = way > found
                came[better] = state
                np.maximum(found, way, out=found)
        best = found
        ways.append(came)
    return best, ways


def _traced(best: F32, came: Sequence[Sequence[NDArray[np.uint8]]]) -> I64:
    """Back from the best last states along the ways that led there."""
    shape, windows = best.shape[:-1], best.shape[-1]
    course = np.zeros((len(shape), windows, len(came) + 1), np.int64)
    states = list(np.unravel_index(best.reshape(-1, windows).argmax(axis=0), shape))
    each = np.arange(windows)
    for t in range(len(came), -1, -1):
        for axis, state in enumerate(states):
            course[axis, :, t] = state
        if t:
            for axis in range(len(shape) - 1, -1, -1):
                states[axis] = came[t - 1][axis][(*states, each)].astype(np.intp)
    return course


def _along(values: Any, axis: int, axes: int) -> Any:
    """A vector laid along one of so many axes."""
    return values.reshape([-1 if at == axis else 1 for at in range(axes)])
