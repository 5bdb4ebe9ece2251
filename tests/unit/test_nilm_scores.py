"""Every score beside a sum done by hand."""

import numpy as np
import pytest

from chowon.domain.nilm import scores
from chowon.domain.nilm.months import month_kwh
from chowon.domain.nilm.runs import OnRule, Runs, overlapped, runs_by_rule, runs_of, states
from tests.nilm_homes import power

W = np.array


def runs(*spans: tuple[int, int]) -> Runs:
    return Runs(W([a for a, _ in spans], np.int64), W([b for _, b in spans], np.int64))


def spans(found: Runs) -> list[tuple[int, int]]:
    return list(zip(found.start.tolist(), found.end.tolist(), strict=True))


def test_the_mean_absolute_error_counts_too_much_and_too_little_alike():
    assert scores.mae_w(W([0.0, 100.0, 50.0, 0.0]), W([10.0, 80.0, 50.0, 30.0])) == 15.0


def test_the_zero_predictors_error_is_the_mean_power():
    assert scores.mae_w(W([0.0, 100.0, 50.0, 50.0]), 0.0) == 50.0


def test_nothing_known_has_no_error():
    assert scores.mae_w(W([]), W([])) is None
    assert scores.false_alarms_per_day(runs(), runs(), 0, 1000, 0) is None


def test_a_kilowatt_for_half_an_hour_is_half_a_kilowatt_hour():
    assert scores.energy_kwh(np.full(30, 1000.0), 60_000) == pytest.approx(0.5)


def test_too_little_energy_is_below_zero():
    assert scores.energy_error_pct(2.0, 1.5) == -25.0
    assert scores.signal_aggregate_error(2.0, 1.5) == 0.25


def test_an_appliance_that_took_nothing_has_no_energy_error():
    assert scores.energy_error_pct(0.0, 1.0) is None
    assert scores.signal_aggregate_error(0.0, 1.0) is None
    assert scores.summed_error_pct(W([0.0]), W([1.0])) is None


def test_a_month_too_high_does_not_make_up_for_one_too_low():
    assert scores.summed_error_pct(W([10.0, 10.0]), W([15.0, 5.0])) == 50.0


def test_the_error_of_a_month_in_kwh_has_a_value_for_an_appliance_that_is_not_there():
    assert scores.mean_error_kwh(W([10.0, 10.0]), W([15.0, 6.0])) == 4.5
    assert scores.mean_error_kwh(W([0.0]), W([3.0])) == 3.0
    assert scores.mean_error_kwh(W([]), W([])) is None


def test_matched_energy_is_what_both_have_of_what_either_has():
    assert scores.matched_energy(W([100.0, 0.0, 50.0]), W([50.0, 50.0, 50.0])) == 100 / 200
    assert scores.matched_energy(W([0.0, 0.0]), W([0.0, 0.0])) is None


def test_f1_of_two_hits_one_miss_and_one_false_alarm():
    assert scores.f1(W([1, 1, 1, 0, 0], bool), W([1, 1, 0, 1, 0], bool)) == pytest.approx(2 / 3)


def test_f1_of_an_appliance_that_was_never_on_and_never_told_has_no_value():
    assert scores.f1(W([False]), W([False])) is None


def test_a_told_start_counts_for_one_true_start_only():
    true, told = runs((10, 12), (13, 15)), runs((11, 14))
    assert scores.event_f1(true, told, 2) == pytest.approx(2 * 1 / 3)


def test_a_start_too_far_away_is_another_event():
    assert scores.event_f1(runs((10, 12)), runs((13, 14)), 2) == 0.0
    assert scores.event_f1(runs(), runs(), 2) is None


def test_a_false_alarm_is_a_told_run_that_overlaps_no_true_one():
    true, told = runs((10, 20)), runs((5, 10), (19, 25), (30, 31))
    n = 1440
    assert scores.false_alarms_per_day(true, told, n, 60_000, known=720) == 2 / 0.5


def test_the_share_of_runs_found():
    assert scores.runs_found(runs((0, 2), (4, 6)), runs((5, 9)), 10) == 0.5
    assert scores.runs_found(runs(), runs((5, 9)), 10) is None


def test_delay_is_the_end_of_the_interval_and_the_look_ahead():
    true, told = runs((10, 20)), runs((12, 15))
    assert scores.median_delay_s(true, told, 30, 6_000, 0) == 18.0
    assert scores.median_delay_s(true, told, 30, 6_000, 12_000) == 30.0


def test_a_run_told_before_it_began_is_told_when_its_first_interval_is_over():
    assert scores.median_delay_s(runs((10, 20)), runs((3, 15)), 30, 6_000, 0) == 6.0
    assert scores.median_delay_s(runs((10, 20)), runs((3, 5)), 30, 6_000, 0) is None


def test_runs_are_the_stretches_of_true():
    on = W([1, 1, 0, 1], bool)
    assert spans(runs_of(on)) == [(0, 2), (3, 4)]
    assert states(4, runs_of(on)).tolist() == on.tolist()
    assert overlapped(runs_of(on), W([0, 0, 0, 1], bool)).tolist() == [False, True]


def test_a_short_pause_belongs_to_the_run_and_a_short_run_is_none():
    rule = OnRule(100, min_on_ms=120_000, min_off_ms=120_000)
    watts = [200, 0, 200, 0, 0, 200, 0, 0, 0]
    assert spans(runs_by_rule(power(watts), rule)) == [(0, 3)]


def test_a_gap_ends_a_run_however_short():
    rule = OnRule(100, min_off_ms=600_000)
    assert spans(runs_by_rule(power([200, 200, 200], known=[1, 0, 1]), rule)) == [(0, 1), (2, 3)]


def test_a_month_is_measured_time_and_a_last_one_of_a_week_is_scaled_up():
    hour_ms = 3_600_000
    assert month_kwh(np.full(31 * 24, 1000.0), hour_ms, 31).tolist() == [744.0]
    assert month_kwh(np.full(31 * 24 + 7 * 24, 1000.0), hour_ms, 31).tolist() == pytest.approx([744.0, 744.0])
    assert month_kwh(np.full(31 * 24 + 7 * 24 - 1, 1000.0), hour_ms, 31).tolist() == [744.0]
