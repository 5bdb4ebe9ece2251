"""Random streams of readings for the laws, and ways in which a network mangles them."""

import numpy as np
from hypothesis import strategies as st

from chowon.domain.quantities import ABSENT_I32
from chowon.domain.readings import Readings, concat

START_MS = 1_795_359_600_000
"""2026-11-23 00:00 in Seoul"""


@st.composite
def streams(draw: st.DrawFn, channels: int = 2, span_ms: int = 7_200_000, most: int = 60) -> Readings:
    """Readings of some channels within a span: steps of 1–30 s, some without power, some feeding in."""
    parts = []
    for channel in range(1, channels + 1):
        steps = draw(st.lists(st.integers(200, 30_000), min_size=1, max_size=most))
        start = START_MS + draw(st.integers(0, span_ms))
        time_ms = start + np.cumsum(np.array(steps, np.int64))
        power = draw(
            st.lists(
                st.one_of(st.integers(-50_000, 100_000), st.just(int(ABSENT_I32))),
                min_size=len(steps),
                max_size=len(steps),
            )
        )
        parts.append(Readings(np.full(len(steps), channel, np.uint32), time_ms, np.array(power, np.int32)))
    return concat(parts)


@st.composite
def mangled(draw: st.DrawFn, readings: Readings) -> list[Readings]:
    """The same readings in batches: cut anywhere, in any order, some sent twice."""
    n = len(readings)
    order = np.array(draw(st.permutations(range(n))), np.int64)
    if draw(st.booleans()):
        order = np.sort(order)
    again = np.array(draw(st.lists(st.integers(0, n - 1), max_size=10)), np.int64)
    order = np.concatenate([order, again])
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=8)))
    return [readings.where(part) for part in np.split(order, cuts) if len(part)]
