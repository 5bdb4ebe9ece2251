"""Laws of runs, of the sum of what is on, and of what is learnt of a home."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.nilm.events.clusters import MOST_CLUSTERS
from chowon.domain.nilm.events.detector import Detector
from chowon.domain.nilm.events.edges import Edges
from chowon.domain.nilm.events.following import MOST_OPEN, Ended, Following, Run, follow
from chowon.domain.nilm.events.known import Known, Merge, Name, NotThis, Split, learn, take
from chowon.domain.nilm.events.parts_now import parts_now, power_at
from chowon.domain.nilm.events.running import running
from tests.laws.test_edge_laws import streams, told


def of_row(edges: Edges, row: int = 0) -> Edges:
    return edges.where(edges.row == row)


@settings(max_examples=60)
@given(streams(), st.lists(st.integers(0, 100), max_size=5))
def test_edges_told_in_lots_are_followed_as_if_told_at_once(stream, cuts):
    edges = of_row(told(Detector(3), stream))
    whole, runs = follow(Following(), edges)
    home, in_lots = Following(), ()
    for lot in np.split(np.arange(len(edges)), sorted(min(c, len(edges)) for c in cuts)):
        home, over = follow(home, edges.where(lot))
        in_lots += over
    assert (home, in_lots) == (whole, runs)


@settings(max_examples=60)
@given(streams())
def test_every_run_began_with_a_rise_and_ends_once_after_it(stream):
    edges = of_row(told(Detector(3), stream))
    home, runs = follow(Following(), edges)
    rises = set(edges.at_ms[edges.size_w > 0].tolist())
    begun = [one.at_ms for one in (*runs, *home.on)]
    assert set(begun) <= rises
    assert len(set(begun)) == len(begun)
    assert len(home.on) <= MOST_OPEN
    for run in runs:
        assert run.end_ms >= run.levels[-1][0] >= run.at_ms
        assert all(w > 0 for _, w in run.levels)
        assert run.energy_wh >= 0
    assert all(step.power_w > 0 for step in home.on)


@settings(max_examples=60)
@given(streams(), st.floats(0, 500))
def test_always_on_and_what_is_on_and_the_rest_are_the_mains_at_every_reading(stream, always_w):
    row, time_ms, power_dw = (column[stream[0] == 0] for column in stream)
    home, runs = follow(Following(), of_row(told(Detector(3), stream)))
    on = [power_at(run.levels, run.end_ms, time_ms) for run in runs]
    on += [power_at(step.levels, None, time_ms) for step in home.on]
    on_w = np.array(on).T if on else np.zeros((len(row), 0))
    found = parts_now(power_dw, np.full(len(row), always_w), on_w)
    total = found.always_on_dw + found.on_dw.sum(axis=1) + found.rest_dw - found.given_dw
    assert np.array_equal(total, power_dw)
    for part in (found.always_on_dw, found.on_dw, found.rest_dw, found.given_dw):
        assert (part >= 0).all()


sizes = st.floats(20, 5000)
made = st.builds(
    lambda hour, watts, seconds, over, ended: Run(
        hour * 3_600_000,
        hour * 3_600_000 + 1000 * seconds,
        ((hour * 3_600_000, watts),),
        over * watts,
        1.0,
        1.0,
        ended,
    ),
    st.integers(1, 2000),
    sizes,
    st.integers(1, 20_000),
    st.floats(0, 3),
    st.sampled_from([Ended.FALL, Ended.FALL, Ended.TOGETHER, Ended.UNSEEN]),
)
lives = st.lists(made, max_size=60).map(lambda runs: sorted(runs, key=lambda run: run.at_ms))


def lived(runs) -> Known:
    known = Known()
    for run in runs:
        known, cluster = take(known, run)
        assert cluster is None or known.cluster(cluster)
    return known


@given(lives)
def test_clusters_are_bounded_have_ids_of_their_own_and_keep_every_run_that_is_theirs(runs):
    known = lived(runs)
    ids = [one.id for one in known.clusters]
    assert len(set(ids)) == len(ids) <= MOST_CLUSTERS
    assert all(0 < one < known.next_id for one in ids)
    kept = sum(one.runs for one in known.clusters)
    seen = sum(run.ended in (Ended.FALL, Ended.TOGETHER) for run in runs)
    assert kept <= seen
    if known.next_id <= MOST_CLUSTERS:
        assert kept == seen
    for one in known.clusters:
        assert all(math.isfinite(number.mean) and number.variance >= 0 for number in (one.size, one.lasts))


@given(lives, st.data())
def test_merging_an_appliance_and_taking_it_out_again_is_as_before(runs, data):
    known = lived(runs)
    ids = [one.id for one in known.clusters]
    if len(ids) < 2:
        return
    pick = st.sampled_from(ids)
    for name in data.draw(st.lists(st.sampled_from(["kettle", "iron", "lamp"]), max_size=3)):
        known = learn(known, Name(data.draw(pick), name))
    into, other = data.draw(pick), data.draw(pick)
    if known.appliance_of(into) == known.appliance_of(other):
        return
    merged = learn(known, Merge(into, other))
    assert merged.name_of(other) == merged.name_of(into)
    assert learn(merged, Split(known.appliance_of(other))) == known


@given(lives, st.data())
def test_whatever_people_say_every_cluster_has_one_appliance_and_names_only_those(runs, data):
    known = lived(runs)
    ids = [one.id for one in known.clusters]
    if not ids:
        return
    one, name = st.sampled_from(ids), st.sampled_from(["kettle", "iron"])
    taps = st.one_of(
        st.builds(Name, one, name),
        st.builds(NotThis, one, name),
        st.builds(Merge, one, one),
        st.builds(Split, one),
    )
    for tap in data.draw(st.lists(taps, max_size=12)):
        known = learn(known, tap)
        if isinstance(tap, Name):
            assert known.name_of(tap.cluster) == tap.name
        if isinstance(tap, NotThis):
            assert known.name_of(tap.cluster) != tap.name
    for cluster in ids:
        root = known.appliance_of(cluster)
        assert root in ids
        assert known.appliance_of(root) == root


@given(lives, st.lists(st.tuples(st.integers(1, 50), sizes), max_size=5), st.integers(0, 4000))
def test_probabilities_are_of_one_whole_and_the_likeliest_comes_first(runs, on, later_s):
    known = lived(runs)
    rises = Following()
    for n, (gone_s, watts) in enumerate(on):
        at = np.array([10_000_000_000 + 60_000 * n + gone_s])
        zero = np.zeros(1)
        rise = Edges(
            at * 0, at - 1, at, at, np.ones(1, np.int8), zero + 5000 * n, zero + 5000 * n + watts, zero, zero
        )
        rises, _ = follow(rises, rise)
    guesses = running(known, rises.on, 10_000_000_000 + 300_000 + 1000 * later_s)
    assert [guess.run for guess in guesses] == list(rises.on)
    for guess in guesses:
        chances = [one.probability for one in guess.options]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) <= 1 + 1e-9
        assert len({one.appliance for one in guess.options}) == len(chances)
