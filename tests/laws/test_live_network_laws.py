"""What the stream of the live network must keep to, with the weights that come with chowon."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.nilm.live import TICK_MS
from chowon.domain.quantities import MINUTE_MS
from chowon.errors import BadInput
from chowon.models.nilm.live_network.front import DELAY, TICKS
from chowon.models.nilm.live_network.stream import FORGOTTEN, OUTPUTS, Stream, Weights
from chowon.models.nilm.network.shipped import LIVE, chosen

ONNX, CARD = chosen((), LIVE)
WEIGHTS = Weights(ONNX, CARD)
NEVER = dict.fromkeys(OUTPUTS, dict.fromkeys(CARD.kinds, 0.0))
SMOOTH = Weights(ONNX, replace(CARD, gates=NEVER))
"""Tells everything however unlikely, so that a hair of rounding moves what is told by a hair only"""
HAIR_W = 0.05
START = 1_700_000_040_000 // MINUTE_MS * MINUTE_MS


few = settings(max_examples=20)
"""Each example is some hundreds of ticks, several times"""


@st.composite
def fleets(draw, minutes: int = 45):
    """(mains_w (homes, ticks), known, which homes' meters are quick)."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    homes, n = draw(st.integers(1, 4)), minutes * TICKS
    watts = random.uniform(30, 300, (homes, 1)) + random.normal(0, 3, (homes, n))
    known = np.ones((homes, n), np.bool_)
    for _ in range(draw(st.integers(0, 12))):
        home, start, length = random.integers(homes), random.integers(n), random.integers(1, 120)
        watts[home, start : start + length] += random.choice([90.0, 700.0, 2000.0, 3000.0, -400.0])
    for _ in range(draw(st.integers(0, 4))):
        home, start = random.integers(homes), random.integers(n)
        known[home, start : start + random.integers(1, 60)] = False
    return watts.astype(np.float32), known, random.random(homes) < 0.5


def stream_of(quick, weights=SMOOTH) -> Stream:
    made = Stream(weights, len(quick))
    made.meters(quick, every_tick=True)
    return made


def run(stream: Stream, watts, known, start: int = 0, stop: int | None = None):
    ticks = range(start, watts.shape[1] if stop is None else stop)
    return [told for i in ticks for told in stream.step(watts[:, i], known[:, i], START + i * TICK_MS)]


def alike(first, second, atol: float = 0.0) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        pairs = [(one.present, other.present)]
        assert (one.settled is None) == (other.settled is None)
        pairs += [(one.settled, other.settled)] if one.settled is not None else []
        for mine, theirs in pairs:
            assert (mine.start_ms, mine.step_ms) == (theirs.start_ms, theirs.step_ms)
            assert np.array_equal(mine.known, theirs.known)
            assert np.allclose(mine.power_w, theirs.power_w, rtol=0, atol=atol)
            assert np.allclose(mine.rest_w, theirs.rest_w, rtol=0, atol=atol * len(CARD.kinds))


@few
@given(fleets())
def test_parts_and_rest_are_the_mains_at_every_tick(fleet):
    watts, known, quick = fleet
    heard = np.where(known, np.maximum(watts, 0), 0)
    for told in run(stream_of(quick, WEIGHTS), watts, known):
        for parts in (told.present, told.settled):
            if parts is None:
                continue
            assert parts.power_w.min() >= 0
            assert parts.rest_w.min() >= 0
            assert not parts.power_w[~parts.known].any()
            assert not parts.rest_w[~parts.known].any()
        at = (told.present.start_ms - START) // TICK_MS
        now = told.present.known & quick
        whole = told.present.power_w.sum(axis=1) + told.present.rest_w
        assert np.allclose(whole[now], heard[now, at], rtol=1e-5, atol=1e-2)
        assert np.array_equal(now, known[:, at] & quick)


@few
@given(fleets())
def test_a_settled_minute_is_told_once_when_it_is_as_old_as_declared(fleet):
    watts, known, quick = fleet
    told = run(stream_of(quick), watts, known)
    settled = [(one.present.start_ms, one.settled) for one in told if one.settled is not None]
    starts = [parts.start_ms for _, parts in settled]
    assert starts == sorted(set(starts))
    for at_ms, parts in settled:
        assert parts.start_ms + DELAY * MINUTE_MS == at_ms // MINUTE_MS * MINUTE_MS
        minute = (parts.start_ms - START) // MINUTE_MS
        if minute < 0:
            assert not parts.known.any()
            continue
        span = slice(minute * TICKS, (minute + 1) * TICKS)
        sure = np.where(quick, known[:, span].sum(axis=1) >= TICKS / 2, known[:, span.stop - 1])
        assert np.array_equal(parts.known, sure)


@few
@given(fleets())
def test_a_home_is_told_the_same_alone_and_among_others(fleet):
    watts, known, quick = fleet
    together = run(stream_of(quick), watts, known)
    every = {one.present.start_ms: one for one in together}
    for home in range(len(quick)):
        one = slice(home, home + 1)
        for told in run(stream_of(quick[one]), watts[one], known[one]):
            beside = every[told.present.start_ms]
            assert np.array_equal(told.present.known, beside.present.known[one])
            assert np.allclose(told.present.power_w, beside.present.power_w[one], rtol=0, atol=HAIR_W)
            if told.settled is not None and beside.settled is not None:
                assert np.allclose(told.settled.power_w, beside.settled.power_w[one], rtol=0, atol=HAIR_W)


@few
@given(fleets(), st.integers(1, 45 * TICKS - 1))
def test_going_on_from_kept_arrays_is_going_on(fleet, at):
    watts, known, quick = fleet
    whole = stream_of(quick)
    run(whole, watts, known, 0, at)
    kept = {name: array.copy() for name, array in whole.arrays().items()}
    again = Stream(SMOOTH, 0)
    again.restored(kept)
    alike(run(whole, watts, known, at), run(again, watts, known, at))


@few
@given(fleets(), st.integers(0, 44 * TICKS), st.integers(1, 90 * TICKS))
def test_ticks_that_never_came_are_as_ticks_of_which_nothing_is_known(fleet, at, missing):
    watts, known, quick = fleet
    n, homes = watts.shape[1], len(quick)
    gap = np.zeros((homes, missing), np.float32), np.zeros((homes, missing), np.bool_)
    longer = [
        np.concatenate([a[:, :at], b, a[:, at:]], axis=1) for a, b in zip((watts, known), gap, strict=True)
    ]
    told = run(stream_of(quick), *longer)
    skipping = stream_of(quick)
    heard = run(skipping, *longer, 0, at) + run(skipping, *longer, at + missing, n + missing)
    known_at = {one.present.start_ms: one for one in heard}
    for one in told:
        beside = known_at.get(one.present.start_ms)
        if beside is None:  # before the first tick that came, or long into the silence
            assert not one.present.known.any()
            assert one.settled is None or not one.settled.known.any()
        else:
            alike([one], [beside], HAIR_W)


@few
@given(fleets(), st.integers(1, 45 * TICKS - 1), st.integers(1, 200))
def test_a_replay_changes_nothing_and_tells_nothing(fleet, at, back):
    watts, known, quick = fleet
    stream = stream_of(quick)
    run(stream, watts, known, 0, at)
    before = {name: array.copy() for name, array in stream.arrays().items()}
    assert run(stream, watts + 500, known, max(0, at - back), at) == []
    assert all(np.array_equal(before[name], array) for name, array in stream.arrays().items())


@few
@given(fleets(), st.integers(0, 44 * TICKS))
def test_what_was_told_does_not_depend_on_what_comes(fleet, at):
    watts, known, quick = fleet
    other = np.concatenate([watts[:, :at], watts[:, at:][:, ::-1] + 700], axis=1)
    first, second = (run(stream_of(quick), mains, known) for mains in (watts, other))
    until = [one for one in first if one.present.start_ms < START + at * TICK_MS]
    alike(until, second[: len(until)])


@few
@given(fleets())
def test_after_a_long_silence_a_home_begins_anew(fleet):
    watts, known, quick = fleet
    homes, n = watts.shape
    silent = (FORGOTTEN + 1) * TICKS
    gap = np.zeros((homes, silent), np.float32), np.zeros((homes, silent), np.bool_)
    whole = [np.concatenate([a, b, a], axis=1) for a, b in zip((watts, known), gap, strict=True)]
    used = stream_of(quick)
    run(used, *whole, 0, n + silent)
    fresh = stream_of(quick)
    went, began = (run(one, *whole, n + silent) for one in (used, fresh))
    for one, other in zip(went, began, strict=True):
        since = known[:, : (one.present.start_ms - START) // TICK_MS - n - silent + 1].any(axis=1)
        for mine, theirs in ((one.present, other.present), (one.settled, other.settled)):
            if mine is not None and theirs is not None:
                assert np.allclose(mine.power_w[since], theirs.power_w[since], rtol=0, atol=HAIR_W)


@few
@given(fleets())
def test_what_a_home_has_not_takes_nothing(fleet):
    watts, known, quick = fleet
    stream = stream_of(quick)
    stream.owns(0, ("kettle", "no_such_kind"))
    others = [i for i, kind in enumerate(stream.kinds) if kind != "kettle"]
    for told in run(stream, watts, known):
        assert not told.present.power_w[0, others].any()
        assert told.settled is None or not told.settled.power_w[0, others].any()


@few
@given(fleets(), st.integers(1, 44 * TICKS))
def test_a_home_that_comes_or_is_forgotten_changes_no_other(fleet, at):
    watts, known, quick = fleet
    alone = run(stream_of(quick), watts, known)
    stream = stream_of(quick)
    heard = run(stream, watts, known, 0, at)
    stream.grow(len(quick) + 1)
    stream.forget(np.array([len(quick)]))
    more_w = np.concatenate([watts, watts[:1] + 50])
    heard += run(stream, more_w, np.concatenate([known, known[:1]]), at)
    every = {one.present.start_ms: one for one in heard}
    for told in alone:
        beside = every[told.present.start_ms]
        assert np.allclose(told.present.power_w, beside.present.power_w[: len(quick)], rtol=0, atol=HAIR_W)


def test_another_number_of_homes_is_refused():
    with pytest.raises(BadInput, match="expected one each"):
        Stream(WEIGHTS, 3).step(np.zeros(2, np.float32), np.ones(2, np.bool_), START)


def test_arrays_of_other_weights_are_refused():
    arrays = Stream(WEIGHTS, 3).arrays()
    with pytest.raises(BadInput, match="context"):
        Stream(WEIGHTS, 0).restored(arrays | {"context": arrays["context"][:, :-1]})
    with pytest.raises(BadInput, match="weights"):
        Stream(WEIGHTS, 0).restored(arrays | {"weights": arrays["weights"] + 1})


def test_what_is_no_number_is_not_known():
    stream = stream_of(np.ones(1, np.bool_), WEIGHTS)
    told = run(stream, np.full((1, TICKS), np.nan, np.float32), np.ones((1, TICKS), np.bool_))
    assert not any(one.present.known.any() for one in told)
    assert np.isfinite(stream.arrays()["trunk"]).all()
