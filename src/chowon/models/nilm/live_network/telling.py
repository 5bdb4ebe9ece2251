"""The live network over a recording, as if it came in minute by minute or tick by tick."""

from collections.abc import Sequence

import numpy as np

from chowon.domain.nilm.live import TICK_MS
from chowon.domain.nilm.power import F64, Power, wholly_coarser, within
from chowon.domain.quantities import MINUTE_MS
from chowon.models.nilm.live_network.front import DELAY
from chowon.models.nilm.live_network.stream import Stream, Weights


class Teller:
    """Trained weights at work on one home."""

    def __init__(self, weights: Weights, *, settled: bool) -> None:
        self._weights, self._settled = weights, settled

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """As models.nilm.interface.Disaggregator. Errors: BadInput for mains coarser than a minute."""
        step_ms = grid_of(mains.step_ms)
        grid, ratio = wholly_coarser(mains, step_ms)
        names = self._weights.card.kinds
        asked = [kind for kind in kinds if kind in names]
        if not asked or not len(mains):
            return within(mains, {kind: np.zeros(len(mains)) for kind in asked})
        stream = Stream(self._weights, 1)
        stream.meters(np.array([0]), every_tick=step_ms == TICK_MS)
        stream.owns(0, tuple(asked))
        told_w = self._told(stream, grid)
        return within(
            mains, {kind: np.repeat(told_w[names.index(kind)], ratio)[: len(mains)] for kind in asked}
        )

    def _told(self, stream: Stream, grid: Power) -> F64:
        """(kinds, n) W of the grid's intervals."""
        n, step_ms = len(grid), grid.step_ms
        more = DELAY * MINUTE_MS // step_ms if self._settled else 0
        watts = np.pad(grid.power_w, (0, more)).astype(np.float32)[:, None]
        known = np.pad(grid.known, (0, more))[:, None]
        told_w = np.zeros((len(stream.kinds), n))
        begin_ms = grid.start_ms // MINUTE_MS * MINUTE_MS
        last_ms = begin_ms + step_ms - TICK_MS
        for i in range(n + more):
            for told in stream.step(watts[i], known[i], last_ms + i * step_ms):
                found = told.settled if self._settled else told.present
                if found is not None and found.known[0]:
                    first = (found.start_ms - begin_ms) // step_ms
                    told_w[:, first : first + max(1, found.step_ms // step_ms)] = found.power_w[0][:, None]
        return told_w


def grid_of(step_ms: int) -> int:
    """The interval by which mains of this step are told: 10 s where it is a part of these, else a minute."""
    return TICK_MS if TICK_MS % step_ms == 0 else MINUTE_MS


def lookahead_ms(step_ms: int, *, settled: bool) -> int:
    """How far past an interval's end is looked at to tell it: to the end of the tick or minute, and on."""
    return grid_of(step_ms) - step_ms + settled * (DELAY * MINUTE_MS + MINUTE_MS - grid_of(step_ms))
