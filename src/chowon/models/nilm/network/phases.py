"""A programme as another machine would run it: heated by another element, moved by another motor, and with
other times between heating and heating.

Stretching a whole run keeps its machine's proportions; few machines teach, and other homes' have others.
"""

from typing import Final

import numpy as np

from chowon.models.nilm.network.library import F32

_HEATS_W: Final = 800.0
"""Above it a machine heats, below it moves, pumps or waits"""
_LONG_MS: Final = 300_000
"""Shorter phases keep their length: a thermostat's, a drum's"""
_ELEMENT: Final = 0.12
_MOTOR: Final = 0.3
_PAUSE: Final = 0.3
_EACH: Final = 0.15
"""Natural logarithms, standard deviations: of heating power, of other power, of the length of all that does
not heat, and of each phase's"""


class Machine:
    """One machine that never was; its runs are alike."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._element, self._motor, self._pause = np.exp(rng.normal(0, (_ELEMENT, _MOTOR, _PAUSE)))

    def run(self, run: F32, step_ms: int) -> F32:
        """(n,) W of a run, as this machine would make it; (m,) W."""
        heats = run > _HEATS_W
        bounds = np.flatnonzero(np.diff(heats, prepend=~heats[:1], append=~heats[-1:]))
        pace = np.ones(len(run))
        for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            if (end - begin) * step_ms >= _LONG_MS:
                pace[begin:end] = np.exp(self._rng.normal(0, _EACH))
                if not heats[begin]:
                    pace[begin:end] *= self._pause
        at = np.cumsum(pace) - pace[0]
        made = np.interp(np.arange(0, at[-1] + 1e-6), at, run)
        return np.asarray(made * np.where(made > _HEATS_W, self._element, self._motor), np.float32)
