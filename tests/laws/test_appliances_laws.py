"""What runs now, whatever comes: the parts are the mains; cuts, repetitions and starts change nothing."""

import asyncio
import itertools
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.readings import Readings
from tests.appliances import Watched, channel, readings


@st.composite
def streams(draw) -> tuple[list[float], list[float]]:
    """(seconds, W) of a meter: levels with noise, silences, steps of any size; sometimes it gives."""
    second, at, watts = 0.0, [], []
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for _ in range(draw(st.integers(1, 8))):
        level = draw(st.sampled_from([0.0, 60.0, 90.0, 160.0, 1200.0, 2060.0, -500.0]))
        step = draw(st.sampled_from([1.0, 2.0, 5.0]))
        for _ in range(draw(st.integers(1, 60))):
            at.append(second)
            watts.append(level + random.normal(0, draw(st.sampled_from([0.0, 2.0]))))
            second += step
        second += draw(st.sampled_from([0.0, 0.0, 0.0, 30.0, 2000.0]))
    return at, watts


def heard(found: Readings, cuts: list[int]) -> Watched:
    """A home that heard these readings in so many pieces."""
    home = Watched()
    asyncio.run(home.appliances.tick())
    bounds = sorted({0, len(found), *(cut % (len(found) + 1) for cut in cuts)})
    for begin, end in itertools.pairwise(bounds):
        home.hears(found.where(np.arange(begin, end)))
        home.appliances.home(1)
    home.second = int(found.time_ms[-1] - found.time_ms[0]) // 1000 + 1
    return home


CUTS = st.lists(st.integers(0, 500), max_size=5)


@settings(max_examples=60)
@given(streams(), CUTS)
def test_the_parts_are_the_mains_and_none_is_below_nothing(stream, cuts):
    found = readings(1, *stream)
    parts = heard(found, cuts).parts()
    assert found.power_dw is not None
    assert (parts.why, round(10 * parts.power_w)) == (None, int(found.power_dw[-1]))
    amounts = [parts.always_on_w, parts.rest_w, *(one.power_w for one in parts.running)]
    assert min(amounts) >= 0
    assert parts.given_w >= 0
    assert round(10 * (sum(amounts) - parts.given_w)) == int(found.power_dw[-1])


@settings(max_examples=60)
@given(streams(), CUTS)
def test_how_readings_are_cut_changes_nothing(stream, cuts):
    found = readings(1, *stream)
    assert heard(found, cuts).appliances.home(1) == heard(found, []).appliances.home(1)


@settings(max_examples=60)
@given(streams(), CUTS)
def test_a_start_at_any_moment_goes_on_as_if_there_had_been_none(stream, cuts):
    home = heard(readings(1, *stream), cuts)
    before, parts = home.appliances.home(1), home.parts()
    home.appliances.close()
    asyncio.run(home.appliances.tick())
    home.began()
    asyncio.run(home.appliances.tick())
    assert home.appliances.home(1) == before
    assert home.parts() == parts


@settings(max_examples=40)
@given(streams(), CUTS)
def test_what_is_read_again_and_what_is_sent_again_teach_nothing_twice(stream, cuts):
    found = readings(1, *stream)
    home = heard(found, cuts)
    before = home.appliances.home(1)
    home.hears(found.where(np.arange(len(found) - 1, len(found))))
    home.appliances.read_again([1])
    asyncio.run(home.appliances.tick())
    assert home.appliances.home(1) == before


@settings(max_examples=40)
@given(streams(), st.integers(0, 2**32 - 1))
def test_a_plug_beside_the_main_meter_keeps_the_sum(stream, seed):
    at, watts = stream
    home = Watched(channel(1), channel(2, "plug"))
    asyncio.run(home.appliances.tick())
    plug = np.random.default_rng(seed).choice([0.0, 500.0], len(at))
    home.hears(readings(1, at, np.add(watts, plug)))
    home.hears(readings(2, at, plug))
    home.second = int(at[-1]) + 1
    parts = home.parts()
    whole = parts.always_on_w + parts.rest_w + sum(one.power_w for one in (*parts.running, *parts.metered))
    assert round(10 * (whole - parts.given_w)) == round(10 * parts.power_w)
    assert replace(parts, why=None).metered[0].power_w == plug[-1]
