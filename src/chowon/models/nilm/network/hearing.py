"""What the trained network says of whole recordings, and what it is made of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import onnxruntime

from chowon.domain.nilm.power import F64, Power
from chowon.models.nilm.network.learning import Head
from chowon.models.nilm.network.library import F32

CHUNK: Final = 4096
"""Intervals told at once"""
MARGIN: Final = 512
"""Intervals seen before and after them"""
_AT_ONCE: Final = 4
LEAST: Final = 64
"""The network takes multiples of so many intervals"""


class Hearing:
    """Trained weights, opened."""

    def __init__(self, weights: bytes, kinds: Sequence[str]) -> None:
        """kinds: in the order of the outputs."""
        self._session = session(weights)
        self._kinds = tuple(kinds)

    def said(self, grid: Power, kinds: Sequence[str], heads: Mapping[str, Head]) -> tuple[F64, F64]:
        """((kinds, n) how likely on, (kinds, n) W while on). heads: of kinds that a home has others for."""
        n, of = len(grid), [self._kinds.index(kind) for kind in kinds]
        own = {i: heads[kind] for i, kind in enumerate(kinds) if kind in heads}
        likely_on, power_w = np.zeros((len(of), n)), np.zeros((len(of), n))
        if not of:
            return likely_on, power_w
        for told, found in self._asked(grid, ["logit", "power_w", *(["heard"] if own else [])]):
            likely_on[:, told], power_w[:, told] = likely(found[0][of]), found[1][of]
            for i, head in own.items():
                features = _with_one(found[2])
                likely_on[i, told] = likely(features @ head.gate.astype(np.float32))
                power_w[i, told] = likely(features @ head.share.astype(np.float32)) * np.maximum(
                    grid.power_w[told], 0.0
                )
        return likely_on, power_w

    def heard(self, grid: Power) -> F32:
        """(n, features + 1) what the trunk makes of each interval, and 1; 0 in long gaps."""
        heard = np.zeros((0, 0), np.float32)
        for told, (features,) in self._asked(grid, ["heard"]):
            if not heard.size:
                heard = np.zeros((len(grid), len(features) + 1), np.float32)
            heard[told] = _with_one(features)
        return heard

    def heads(self) -> dict[str, Head]:
        """By kind, as they came."""
        nothing = np.zeros((1, LEAST), np.float32)
        gates, shares = self._session.run(["gate", "share"], {"mains_w": nothing, "known": nothing})
        return {
            kind: Head(gate.astype(np.float64), share.astype(np.float64))
            for kind, gate, share in zip(self._kinds, gates, shares, strict=True)
        }

    def _asked(self, grid: Power, outputs: Sequence[str]) -> Iterator[tuple[slice, list[F32]]]:
        """(which intervals, each output of them, (…, intervals)) wherever anything is known."""
        n = len(grid)
        mains_w = np.pad(np.maximum(grid.power_w, 0.0), (MARGIN, CHUNK + MARGIN)).astype(np.float32)
        known = np.pad(grid.known, (MARGIN, CHUNK + MARGIN))
        starts = [s for s in range(0, n, CHUNK) if known[s + MARGIN : s + MARGIN + CHUNK].any()]
        for first in range(0, len(starts), _AT_ONCE):
            some = starts[first : first + _AT_ONCE]
            inputs = {
                "mains_w": np.stack([mains_w[s : s + CHUNK + 2 * MARGIN] for s in some]),
                "known": np.stack([known[s : s + CHUNK + 2 * MARGIN] for s in some]).astype(np.float32),
            }
            found = self._session.run(outputs, inputs)
            for at, start in enumerate(some):
                stop = min(n, start + CHUNK)
                inner = slice(MARGIN, MARGIN + stop - start)
                yield slice(start, stop), [output[at][:, inner] for output in found]


def session(weights: bytes) -> onnxruntime.InferenceSession:
    """The network, on one thread: (homes, n) `mains_w` and `known` to logits and W, (homes, kinds, n)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def likely(logits: F32 | F64) -> F64:
    """Likelihoods, alike."""
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def _with_one(heard: F32) -> F32:
    """(features, n) to (n, features + 1)."""
    return np.concatenate([heard.T, np.ones((heard.shape[1], 1), np.float32)], axis=1)
