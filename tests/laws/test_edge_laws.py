"""Laws of the step detector: batches, gaps, replays, restarts, scale, noise."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.nilm.events.detector import Detector, from_arrays
from chowon.domain.nilm.events.edges import EdgeRules, Edges, Told, joined

ROWS = 3
LEVELS_DW = [0, 300, 900, 2000, 8000, 20_000]


@st.composite
def streams(draw):
    """(row, time_ms, power_dw) in order of time: loads that switch, noise, gaps, meters of any pace."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, times, powers = [], [], []
    for row in range(ROWS):
        n = draw(st.integers(0, 90))
        pace = random.choice([1000, 1000, 1000, 2000, 3000, 6000])
        waits = np.where(random.random(n) < 0.02, random.integers(10_000, 400_000, n), pace)
        waits = waits + random.integers(0, 300, n) * (random.random() < 0.5)
        changes = random.random(n) < random.choice([0.02, 0.1, 0.5])
        level = random.choice(LEVELS_DW, n)[np.maximum.accumulate(np.where(changes, np.arange(n), 0))]
        noise = random.normal(0, random.choice([0, 3, 30, 200]), n)
        rows.append(np.full(n, row))
        times.append(1_700_000_000_000 + np.cumsum(waits))
        powers.append(np.round(level + noise))
    row, time_ms, power_dw = (np.concatenate(parts).astype(np.int64) for parts in (rows, times, powers))
    order = np.lexsort((row, time_ms))
    return row[order], time_ms[order], power_dw[order]


def same(one: Edges, other: Edges) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in Edges.__slots__)


def told(detector: Detector, stream, cuts=()) -> Edges:
    parts = [np.split(column, sorted(cuts)) for column in stream]
    return joined([detector.apply(*batch).edges for batch in zip(*parts, strict=True)])


def kept(detector: Detector) -> dict[str, list]:
    return {name: column.tolist() for name, column in detector.arrays().items()}


cut_places = st.lists(st.integers(0, ROWS * 90), max_size=12)


@given(streams(), cut_places)
def test_how_readings_are_cut_into_batches_changes_nothing(stream, cuts):
    whole, cut = Detector(ROWS), Detector(ROWS)
    assert same(told(whole, stream), told(cut, stream, cuts))
    assert kept(whole) == kept(cut)


@settings(max_examples=30)
@given(streams())
def test_reading_by_reading_is_as_all_at_once(stream):
    whole, single = Detector(ROWS), Detector(ROWS)
    assert same(told(whole, stream), told(single, stream, range(len(stream[0]))))


@given(streams(), st.randoms(use_true_random=False))
def test_the_order_within_a_batch_and_readings_twice_in_it_change_nothing(stream, random):
    order = list(range(len(stream[0]))) * 2
    random.shuffle(order)
    mixed = [column[np.array(order, np.int64)] for column in stream]
    assert same(told(Detector(ROWS), stream), told(Detector(ROWS), mixed))


@given(streams(), cut_places, st.integers(0, ROWS * 90))
def test_a_restart_changes_nothing(stream, cuts, at):
    before, after = ([column[:at] for column in stream], [column[at:] for column in stream])
    whole, first = Detector(ROWS), Detector(ROWS)
    head = told(first, before, [c for c in cuts if c < at])
    carried = {
        name: np.frombuffer(c.tobytes(), c.dtype).reshape(c.shape) for name, c in first.arrays().items()
    }
    assert same(told(whole, stream), joined([head, told(from_arrays(carried), after)]))


@given(streams(), st.integers(0, ROWS * 90))
def test_a_replay_tells_nothing_again_and_names_the_rows_that_it_is_too_late_for(stream, at):
    detector = Detector(ROWS)
    told(detector, stream)
    state = kept(detector)
    again = detector.apply(*(column[at:] for column in stream))
    assert len(again.edges) == 0
    assert kept(detector) == state
    last = {row: int(stream[1][stream[0] == row].max()) for row in set(stream[0].tolist())}
    late = {r for r, t in zip(stream[0][at:].tolist(), stream[1][at:].tolist(), strict=True) if t < last[r]}
    assert set(again.late.tolist()) == late


@given(streams(), st.integers(-3, 3), st.permutations(range(ROWS)))
def test_neither_when_nor_which_row_matters(stream, days, rows):
    row, time_ms, power_dw = stream
    moved = np.array(rows)[row], time_ms + days * 86_400_000, power_dw
    first, second = told(Detector(ROWS), stream), told(Detector(ROWS), moved)
    for r in range(ROWS):
        a, b = first.where(first.row == r), second.where(second.row == rows[r])
        assert np.array_equal(a.at_ms + days * 86_400_000, b.at_ms)
        assert np.array_equal(a.size_w, b.size_w)


@given(streams(), st.sampled_from([50_000, -30_000, 123]))
def test_what_always_runs_does_not_matter_but_for_the_noise_that_large_loads_bring(stream, more_dw):
    row, time_ms, power_dw = stream
    rules = EdgeRules(share=0)
    first = told(Detector(ROWS, rules), stream)
    second = told(Detector(ROWS, rules), (row, time_ms, power_dw + more_dw))
    assert np.array_equal(first.at_ms, second.at_ms)
    assert np.array_equal(first.told, second.told)
    assert np.allclose(first.size_w, second.size_w)


@given(streams(), st.sampled_from([2, 5, 16]))
def test_so_many_times_the_power_is_so_many_times_the_edge(stream, times):
    row, time_ms, power_dw = stream
    rules = EdgeRules()
    larger = EdgeRules(least_w=rules.least_w * times, first_w=rules.first_w * times)
    first = told(Detector(ROWS, rules), stream)
    second = told(Detector(ROWS, larger), (row, time_ms, power_dw * times))
    assert np.array_equal(first.at_ms, second.at_ms)
    assert np.array_equal(first.told, second.told)
    assert np.allclose(first.size_w * times, second.size_w)


@given(streams())
def test_a_clamp_that_sits_the_wrong_way_turns_the_sign_of_every_step(stream):
    row, time_ms, power_dw = stream
    first, second = told(Detector(ROWS), stream), told(Detector(ROWS), (row, time_ms, -power_dw))
    assert np.array_equal(first.at_ms, second.at_ms)
    assert np.allclose(first.size_w, -second.size_w)


@given(streams())
def test_each_edge_is_told_once_and_settled_or_withdrawn_if_it_was_shown(stream):
    found = told(Detector(ROWS), stream)
    for row in range(ROWS):
        mine = found.where(found.row == row)
        assert (np.diff(mine.told_ms) >= 0).all()
        assert (mine.told_ms >= mine.at_ms).all()
        shown: set[int] = set()
        for at, what in zip(mine.at_ms.tolist(), mine.told.tolist(), strict=True):
            if what == Told.PROVISIONAL:
                assert not shown
                shown.add(at)
            elif what == Told.WITHDRAWN:
                assert shown == {at}
                shown.clear()
            elif what == Told.SETTLED:
                assert shown <= {at}
                shown.clear()


@given(streams())
def test_settled_edges_and_resumptions_lead_from_level_to_level(stream):
    """Between two of them the power may drift, but never by an edge."""
    found = told(Detector(ROWS), stream)
    settled = found.where(found.told == Told.SETTLED)
    assert (np.abs(settled.size_w) >= 15).all()
    assert (settled.overshoot_w >= 0).all()
    assert (settled.noise_w >= 0).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 5, 30, 100]), st.sampled_from([1000, 3000, 6000]))
def test_noise_alone_is_no_edge(seed, noise_w, every_ms):
    n = 1000
    random = np.random.default_rng(seed)
    power_dw = np.round(10 * (500 + random.normal(0, noise_w, n))).astype(np.int64)
    detector = Detector(1)
    detector.apply(np.zeros(60, np.int64), every_ms * np.arange(60), power_dw[:60])
    found = detector.apply(np.zeros(n - 60, np.int64), every_ms * np.arange(60, n), power_dw[60:]).edges
    assert (found.told == Told.SETTLED).sum() == 0


@given(st.integers(0, 2**32 - 1), st.integers(1000, 6000), st.integers(0, 60))
def test_meters_of_a_regular_pace_are_told_within_ten_seconds_of_the_reading_that_shows_it(
    seed, pace, noise_dw
):
    random, n = np.random.default_rng(seed), 300
    level = random.choice(LEVELS_DW, n)[
        np.maximum.accumulate(np.where(random.random(n) < 0.1, np.arange(n), 0))
    ]
    power_dw = np.rint(level + random.normal(0, noise_dw, n)).astype(np.int64)
    found = told(Detector(1), (np.zeros(n, np.int64), pace * np.arange(n), power_dw))
    shown = found.where(found.told == Told.PROVISIONAL)
    assert (shown.told_ms - shown.at_ms <= 10_000).all()
