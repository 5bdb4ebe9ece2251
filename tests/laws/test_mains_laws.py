"""The stream of a site is the same however its readings are cut into batches."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.readings import Readings, concat
from chowon.live.appliances.mains import Mains
from tests.appliances import START_MS, channel, site

ROLES = st.sampled_from(["main", "phase", "plug", "solar"])


@st.composite
def heard(draw) -> tuple[tuple, Readings, list[int]]:
    """Channels, what they tell in order of time, and where it is cut: between two instants."""
    roles = [draw(st.sampled_from(["main", "phase"])), *draw(st.lists(ROLES, max_size=3))]
    channels = tuple(
        channel(n, role, draw(st.sampled_from([3000, 10_000, 60_000]))) for n, role in enumerate(roles)
    )
    n = draw(st.integers(1, 60))
    steps = draw(st.lists(st.integers(0, 5000), min_size=n, max_size=n))
    number = draw(st.lists(st.integers(0, len(channels) - 1), min_size=n, max_size=n))
    power = draw(st.lists(st.integers(-30_000, 30_000), min_size=n, max_size=n))
    found = Readings(
        np.array(number, np.uint32), START_MS + np.cumsum(steps).astype(np.int64), np.array(power, np.int32)
    )
    _, last = np.unique(found.time_ms * 8 + found.channel, return_index=True)
    found = found.where(np.sort(last))
    between = [0, *(np.flatnonzero(np.diff(found.time_ms)) + 1).tolist(), len(found)]
    return channels, found, sorted(draw(st.lists(st.sampled_from(between), max_size=6)))


def streams(channels: tuple, batches: list[Readings]) -> list[tuple[int, int]]:
    mains = Mains()
    mains.add(site(*channels))
    told = [mains.feed(batch)[0] for batch in batches]
    return sorted(
        pair for one in told for pair in zip(one.time_ms.tolist(), one.power_dw.tolist(), strict=True)
    )


@given(heard())
def test_the_cuts_between_batches_change_nothing(case):
    channels, found, cuts = case
    bounds = [0, *cuts, len(found)]
    parts = [found.where(np.arange(begin, end)) for begin, end in itertools.pairwise(bounds)]
    assert streams(channels, parts) == streams(channels, [concat(parts)])


@given(heard())
def test_every_sum_is_that_of_the_newest_readings_that_still_stand(case):
    channels, found, _ = case
    signs = {"main": 1, "phase": 1, "plug": -1}
    rows = list(zip(found.channel.tolist(), found.time_ms.tolist(), found.power_dw.tolist(), strict=True))
    for at, power_dw in streams(channels, [found]):
        total = 0
        for one in channels:
            before = [(t, dw) for number, t, dw in rows if number == one.id and t <= at]
            if before and at - before[-1][0] <= one.hold_ms:
                dw = before[-1][1]
                total += abs(dw) if one.role == "solar" else signs[one.role] * dw
            else:
                assert one.role not in ("main", "phase")
        assert power_dw == total
