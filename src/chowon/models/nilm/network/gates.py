"""How likely a kind must be on to be told: by lessons that did not teach.

Of some likelihoods the one above which a kind is for as much of the time as it is on. Likelihoods of what is
hard to tell stay low, so one gate for all would tell too little of it.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chowon.domain.nilm.power import F64
from chowon.models.nilm.network.hearing import likely, session
from chowon.models.nilm.network.library import F32, Library
from chowon.models.nilm.network.recombine import Lesson, Lessons

GATES: Final = tuple(round(float(gate), 3) for gate in np.geomspace(0.05, 0.6, 30))
_BATCHES: Final = 64
"""Of fewer, the gates of what is seldom on are chance: from a fifth to two fifths for dishwashers, of 12"""
_BATCH: Final = 32

Flags: TypeAlias = NDArray[np.bool_] | F32
"""True, or above 0"""


def gates_of(onnx: bytes, of: Library, seed: int, after: int) -> dict[str, float]:
    """By kind, of trained weights. after: the number of the last batch that taught."""
    teller = session(onnx)
    counts = np.zeros((1 + len(GATES), len(of.kinds)))
    for i in range(_BATCHES):
        source = Lessons(of, (seed, after + 1 + i))
        made = [source.next() for _ in range(_BATCH)]
        (logits,) = teller.run(["logit"], {name: _columns(made, name) for name in ("mains_w", "known")})
        on, sure = (np.stack([getattr(lesson, name) for lesson in made]) for name in ("on", "sure"))
        counts += counted(likely(logits), on, sure)
    return as_long(of.kinds, counts)


def counted(likelihood: F64 | F32, on: Flags, sure: Flags) -> F64:
    """(1 + gates, kinds) intervals that are on, then those above each gate; sure ones only.

    All (homes, kinds, n).
    """
    told = np.where(sure > 0, likelihood, 0.0)
    found = [((on > 0) & (sure > 0)).sum((0, 2)), *((told >= gate).sum((0, 2)) for gate in GATES)]
    return np.stack(found).astype(np.float64)


def as_long(kinds: Sequence[str], counts: F64) -> dict[str, float]:
    """By kind the gate above which it is for as long as it is on. counts: sums of `counted`."""
    apart = np.abs(counts[1:] - counts[:1])
    return {kind: GATES[int(apart[:, i].argmin())] for i, kind in enumerate(kinds)}


def _columns(made: Sequence[Lesson], name: str) -> F32:
    return np.stack([getattr(lesson, name) for lesson in made]).astype(np.float32)
