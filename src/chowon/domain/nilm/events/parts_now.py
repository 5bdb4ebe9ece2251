"""The mains as a sum: what is always on, what switched on, and the rest. In whole deciwatts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chowon.domain.nilm.power import F64
from chowon.domain.quantities import I64


@dataclass(frozen=True, slots=True, eq=False)
class PartsNow:
    """always_on + on + rest - given = mains, exactly; none is below 0."""

    always_on_dw: I64
    """(n,)"""
    on_dw: I64
    """(n, k)"""
    rest_dw: I64
    """(n,)"""
    given_dw: I64
    """(n,) where the home gives to the grid, what it gives; nothing else can be told there"""


def parts_now(mains_dw: I64, always_on_w: F64, on_w: F64) -> PartsNow:
    """The parts of n moments (or of n homes at one): on_w is (n, k).

    What is always on comes first, as far as the mains go; what is on and more than what is left keep the
    same share of it each, rounded down; what remains is the rest.
    """
    left = np.maximum(mains_dw, 0)
    always = np.minimum(_whole(always_on_w), left)
    left = left - always
    on = _whole(on_w)
    asked = on.sum(axis=1)
    scaled = on * left[:, None] // np.maximum(asked, 1)[:, None]
    on = np.where((asked > left)[:, None], scaled, on)
    return PartsNow(always, on, left - on.sum(axis=1), np.maximum(-mains_dw, 0))


def power_at(levels: Sequence[tuple[int, float]], end_ms: int | None, time_ms: I64) -> F64:
    """(n,) W of a run or an open one at these instants; 0 before it and from its end on."""
    since = np.array([begin for begin, _ in levels], np.int64)
    watts = np.array([0.0, *(power_w for _, power_w in levels)])
    power_w = watts[np.searchsorted(since, time_ms, side="right")]
    return np.asarray(power_w if end_ms is None else np.where(time_ms < end_ms, power_w, 0.0), np.float64)


def _whole(power_w: F64) -> I64:
    return np.maximum(np.rint(10 * power_w), 0).astype(np.int64)
