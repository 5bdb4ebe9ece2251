"""Edges told from the mains, the runs that they are paired to, and the sum of what is on."""

import json

import numpy as np
import pytest

from chowon.bench.nilm.followed import followed_speed
from chowon.domain.nilm.always_on import always_on_w
from chowon.domain.nilm.events.detector import Detector, from_arrays
from chowon.domain.nilm.events.edges import EdgeRules, Edges, Told
from chowon.domain.nilm.events.following import Ended, Following, follow
from chowon.domain.nilm.events.kept import following_as_data, following_of_data
from chowon.domain.nilm.events.parts_now import parts_now, power_at
from chowon.domain.nilm.power import Trace, on_grid
from chowon.errors import BadInput

T0 = 1_700_000_000_000 // 3_600_000 * 3_600_000


def heard(watts, every_ms=1000, rules=None, hold_ms=10_000) -> Edges:
    detector = Detector(1, rules)
    detector.hold(np.array([0]), hold_ms)
    times = T0 + every_ms * np.arange(len(watts), dtype=np.int64)
    return detector.apply(np.zeros(len(watts), np.int64), times, np.rint(10 * np.asarray(watts))).edges


def told(edges: Edges, what: Told) -> list[tuple[float, float, float]]:
    """(seconds, told after s, W)."""
    found = edges.where(edges.told == what)
    return [
        ((at - T0) / 1000, (said - at) / 1000, round(w, 1))
        for at, said, w in zip(
            found.at_ms.tolist(), found.told_ms.tolist(), found.size_w.tolist(), strict=True
        )
    ]


def constant(*spans):
    return np.concatenate([np.full(n, float(w)) for n, w in spans])


def test_a_kettle_is_told_a_second_after_it_shows_and_settled_three_later():
    edges = heard(constant((60, 100), (90, 2100), (60, 100)))
    assert told(edges, Told.PROVISIONAL) == [(60, 1, 2000), (150, 1, -2000)]
    assert told(edges, Told.SETTLED) == [(60, 4, 2000), (150, 4, -2000)]


@pytest.mark.parametrize("every_ms", [1000, 2000, 3000, 5000, 6000])
def test_meters_of_any_pace_are_told_within_ten_seconds(every_ms):
    edges = heard(constant((30, 100), (20, 2100), (30, 100)), every_ms)
    shown = told(edges, Told.PROVISIONAL)
    assert [w for _, _, w in shown] == [2000, -2000]
    assert all(after <= 10 for _, after, _ in shown)


def test_a_switch_within_a_second_is_one_edge():
    edges = heard(constant((60, 100), (1, 900), (60, 2100)))
    assert told(edges, Told.SETTLED) == [(60, 5, 2000)]


def test_a_load_that_never_settles_is_told_within_ten_seconds_all_the_same():
    wild = 1000 + 400 * (np.arange(40) % 2) + 37 * (np.arange(40) % 3)
    edges = heard(np.concatenate([constant((60, 100)), wild, constant((60, 100))]))
    shown = edges.where(edges.told == Told.PROVISIONAL)
    assert shown.at_ms[0] == T0 + 60_000
    assert shown.told_ms[0] <= T0 + 70_000


def test_an_inrush_is_told_with_the_edge_and_not_as_one_of_its_own():
    edges = heard(constant((60, 100), (1, 900), (120, 220)))
    settled = edges.where(edges.told == Told.SETTLED)
    assert settled.size_w.tolist() == [120.0]
    assert settled.overshoot_w.tolist() == [680.0]


def test_a_spike_is_withdrawn_or_never_told():
    edges = heard(constant((60, 100), (2, 900), (60, 100)))
    assert not told(edges, Told.SETTLED)
    assert len(told(edges, Told.WITHDRAWN)) == len(told(edges, Told.PROVISIONAL)) == 1


def test_slow_drift_is_no_edge_and_the_fall_after_it_is_as_large_as_it_was_at_the_end():
    drifting = np.linspace(220, 180, 1200)
    edges = heard(np.concatenate([constant((60, 100)), drifting, constant((60, 100))]))
    assert [w for *_, w in told(edges, Told.SETTLED)] == pytest.approx([120, -80], abs=1)


def test_two_appliances_five_seconds_apart_are_two_edges():
    edges = heard(constant((60, 100), (6, 1100), (60, 1600)))
    assert [w for *_, w in told(edges, Told.SETTLED)] == [1000, 500]


def test_a_noisy_home_hides_small_edges_and_a_quiet_one_shows_them():
    quiet, random = constant((300, 500), (300, 540)), np.random.default_rng(1)
    assert len(told(heard(quiet), Told.SETTLED)) == 1
    assert not told(heard(quiet + random.normal(0, 60, 600)), Told.SETTLED)


def test_rules_set_the_least_edge():
    watts = constant((120, 100), (120, 130))
    assert told(heard(watts), Told.SETTLED)
    assert not told(heard(watts, rules=EdgeRules(least_w=50)), Told.SETTLED)


def test_a_gap_is_no_edge_and_tells_where_the_power_resumed():
    detector = Detector(1)
    first = constant((60, 100))
    detector.apply(np.zeros(60, np.int64), T0 + 1000 * np.arange(60), 10 * first)
    again = detector.apply(np.zeros(5, np.int64), T0 + 100_000 + 1000 * np.arange(5), np.full(5, 9000))
    assert again.edges.told.tolist() == [Told.RESUMED]
    assert (again.edges.since_ms[0], again.edges.at_ms[0]) == (T0 + 59_000, T0 + 100_000)
    assert (again.edges.before_w[0], again.edges.after_w[0]) == (100, 900)


def test_an_edge_shown_when_a_gap_begins_is_withdrawn():
    detector = Detector(1)
    watts = constant((60, 100), (2, 2100))
    shown = detector.apply(np.zeros(62, np.int64), T0 + 1000 * np.arange(62), 10 * watts)
    assert shown.edges.told.tolist() == [Told.PROVISIONAL]
    after = detector.apply(np.array([0]), np.array([T0 + 300_000]), np.array([21_000]))
    assert after.edges.told.tolist() == [Told.WITHDRAWN]


def test_a_late_reading_takes_no_part_and_a_row_that_begins_anew_is_as_if_never_heard():
    detector = Detector(2)
    detector.hold(np.array([1]), 60_000)
    late = detector.apply(np.array([1, 1]), np.array([5000, 6000]), np.array([100, 100])).late
    assert late.tolist() == []
    assert detector.apply(np.array([1]), np.array([5500]), np.array([100])).late.tolist() == [1]
    detector.forget(np.array([1]))
    fresh = Detector(2)
    fresh.hold(np.array([1]), 60_000)
    for name, column in detector.arrays().items():
        assert np.array_equal(column, fresh.arrays()[name]), name


def test_more_rows_change_nothing_for_those_that_are_there():
    small, large = Detector(1), Detector(1)
    row, times, power = np.zeros(90, np.int64), T0 + 1000 * np.arange(90), 10 * constant((60, 100), (30, 900))
    small.apply(row[:61], times[:61], power[:61])
    small.grow(5)
    large.apply(row[:61], times[:61], power[:61])
    assert len(small) == 5
    first, second = (d.apply(row[61:], times[61:], power[61:]).edges for d in (small, large))
    assert first.size_w.tolist() == second.size_w.tolist() == [800, 800]


def test_the_steady_power_is_told_with_whether_it_is_steady_now():
    detector, rows = Detector(2), np.array([0, 1])
    assert [column.tolist() for column in detector.steady_w(rows)] == [[0, 0], [False, False]]
    watts = constant((60, 100), (2, 900))
    detector.apply(np.zeros(60, np.int64), T0 + 1000 * np.arange(60), 10 * watts[:60])
    assert [column.tolist() for column in detector.steady_w(rows)] == [[100, 0], [True, False]]
    detector.apply(np.zeros(2, np.int64), T0 + 1000 * np.arange(60, 62), 10 * watts[60:])
    assert [column.tolist() for column in detector.steady_w(rows)] == [[100, 0], [False, False]]
    assert detector.last_ms(rows)[0] == T0 + 61_000


def test_edges_of_many_homes_come_apart_by_home():
    watts, detector = constant((60, 100), (60, 900), (60, 100)), Detector(3)
    row, times = np.repeat([0, 2], 180), T0 + 1000 * np.tile(np.arange(180), 2)
    edges = detector.apply(row, times, 10 * np.tile(watts, 2)).edges
    assert [(home, len(theirs)) for home, theirs in edges.by_row()] == [(0, 4), (2, 4)]
    assert list(heard(constant((60, 100))).by_row()) == []


def test_state_of_another_shape_is_refused_by_name():
    arrays = Detector(2).arrays()
    with pytest.raises(BadInput, match="quiet"):
        from_arrays({**arrays, "quiet": arrays["quiet"][:1]})
    with pytest.raises(BadInput, match="extra"):
        from_arrays({**arrays, "extra": arrays["quiet"]})


def test_the_always_on_level_is_that_of_the_recording_by_ten_seconds_and_says_how_much_it_saw():
    random, n = np.random.default_rng(3), 26 * 3600
    fridge = np.where(np.arange(n) % 2700 < 900, 100.0, 0.0)
    watts = np.rint(10 * (80 + fridge + random.normal(0, 2, n))) / 10
    detector, hours = Detector(1), []
    for hour in range(26):
        span = slice(3600 * hour, 3600 * (hour + 1))
        times = T0 + 1000 * np.arange(n)[span]
        detector.apply(np.zeros(3600, np.int64), times, np.rint(10 * watts[span]))
        level, known = detector.base.level_w(np.array([0]))
        hours.append((int(known[0]), float(level[0])))
    trace = Trace(T0 + 1000 * np.arange(n, dtype=np.int64), watts)
    whole = always_on_w(on_grid(trace, 10_000, T0, 10_000, n // 10))
    assert hours[0] == (0, 0.0)
    assert [known for known, _ in hours[1:]] == [min(h, 24) for h in range(1, 26)]
    assert [level for _, level in hours[1:]] == pytest.approx(whole[3600 // 10 - 1 :: 360][1:], abs=0.01)


# what is on, and what it ended


def following(watts, every_ms=1000):
    return follow(Following(), heard(watts, every_ms))


def test_a_rise_and_a_fall_as_large_are_a_run():
    home, (run,) = following(constant((60, 100), (90, 2100), (60, 100)))
    assert home.on == ()
    assert (run.seconds, run.first_w, run.ended) == (90, pytest.approx(2000), Ended.FALL)
    assert run.energy_wh == pytest.approx(50)


def test_what_is_on_is_an_open_run_provisional_first():
    detector, row = Detector(1), np.zeros(62, np.int64)
    watts = constant((60, 100), (6, 1280))
    home, _ = follow(Following(), detector.apply(row, T0 + 1000 * np.arange(62), 10 * watts[:62]).edges)
    assert [(round(s.first_w), s.settled) for s in home.now] == [(1180, False)]
    assert home.on == ()
    home, _ = follow(home, detector.apply(row[:4], T0 + 1000 * np.arange(62, 66), 10 * watts[62:]).edges)
    assert [(round(s.first_w), s.settled) for s in home.now] == [(1180, True)]


def test_a_washing_machines_heater_ends_and_its_motor_goes_on():
    _, (run,) = following(constant((60, 100), (600, 2400), (600, 400), (60, 100)))
    assert [round(w) for _, w in run.levels] == [2300, 300]
    assert run.energy_wh == pytest.approx((2300 * 600 + 300 * 600) / 3600, rel=0.01)


def test_two_things_that_end_together_are_both_ended():
    home, runs = following(constant((60, 100), (30, 700), (30, 1900), (60, 100)))
    assert home.on == ()
    assert [(round(r.first_w), r.ended) for r in runs] == [(600, Ended.TOGETHER), (1200, Ended.TOGETHER)]


def test_nothing_is_on_that_the_mains_cannot_bear():
    """1,000 W rose twice; then the mains fell to 100 W at once by 3,000, which fits neither nor both."""
    edges = heard(constant((60, 1100), (30, 2100), (30, 3100), (60, 100)))
    home, runs = follow(Following(), edges)
    assert home.on == ()
    assert [r.ended for r in runs] == [Ended.UNSEEN, Ended.UNSEEN]


def test_a_home_that_gives_to_the_grid_may_have_more_on_than_the_mains_take():
    sunny = constant((60, 100), (60, 2100), (60, -500), (60, 100))
    home, runs = follow(Following(), heard(sunny))
    assert home.gives
    assert [round(one.first_w) for one in home.on] == [2000, 600]
    assert runs == ()


def test_a_short_gap_in_which_nothing_changed_ends_nothing_and_a_long_one_everything():
    for gap_s, on in ((60, 1), (3600, 0)):
        detector = Detector(1)
        times = T0 + 1000 * np.r_[np.arange(120), 120 + gap_s + np.arange(10)]
        power = 10 * np.r_[constant((60, 100), (60, 900)), np.full(10, 900.0)]
        home, runs = follow(Following(), detector.apply(np.zeros(130, np.int64), times, power).edges)
        assert len(home.on) == on
        assert [r.ended for r in runs] == [Ended.GAP] * (1 - on)


def test_what_ended_in_a_short_gap_ended():
    detector = Detector(1)
    times = T0 + 1000 * np.r_[np.arange(120), 180 + np.arange(10)]
    power = 10 * np.r_[constant((60, 100), (60, 900)), np.full(10, 100.0)]
    home, (run,) = follow(Following(), detector.apply(np.zeros(130, np.int64), times, power).edges)
    assert home.on == ()
    assert run.ended == Ended.FALL


def test_what_is_on_survives_being_written_as_json():
    edges = heard(constant((60, 100), (30, 700), (30, 1900), (2, 100)))
    home, _ = follow(Following(), edges)
    assert home.shown is not None
    assert following_of_data(json.loads(json.dumps(following_as_data(home)))) == home
    with pytest.raises(BadInput, match="version 7"):
        following_of_data({"version": 7})


# the sum


def test_what_does_not_fit_the_mains_is_scaled_and_the_rest_takes_what_is_left():
    found = parts_now(np.array([10_000, 5_000, 300, -700]), np.full(4, 60.0), np.array([[500.0, 300.0]] * 4))
    assert found.always_on_dw.tolist() == [600, 600, 300, 0]
    assert found.on_dw.tolist() == [[5000, 3000], [2750, 1650], [0, 0], [0, 0]]
    assert found.rest_dw.tolist() == [1400, 0, 0, 0]
    assert found.given_dw.tolist() == [0, 0, 0, 700]


def test_the_power_of_a_run_follows_its_levels():
    at = power_at(((10, 2000.0), (20, 300.0)), 30, np.array([9, 10, 19, 20, 29, 30]))
    assert at.tolist() == [0, 2000, 2000, 300, 300, 0]


def test_following_whole_homes_is_measured_with_what_their_edges_lead_to():
    found = followed_speed(20, 5)
    assert (found.homes, found.homes_a_core) == (20, pytest.approx(20_000 / found.ms_a_second, rel=0.05))
    assert min(found.replay_ms, found.kinds_replay_ms, found.kinds_ms_a_second) > 0
