"""The rule for gaps, by examples."""

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.clock import Period
from chowon.domain.estimate import quarters, usual_energy
from chowon.domain.quantities import QUARTER_MS

WEEK = Period(date(2026, 11, 16), date(2026, 11, 23))
"""Monday to Sunday"""
OF = quarters(WEEK, ZoneInfo("Asia/Seoul"), lambda day: day == date(2026, 11, 20))


def filled(power_by_day: list[int | None], slot: int = 40) -> list[int] | None:
    """The power that one quarter of each day gets; None: not measured on that day."""
    covered = np.zeros(7 * 96, np.int64)
    energy = np.zeros(7 * 96, np.int64)
    for day, power in enumerate(power_by_day):
        if power is not None:
            covered[day * 96 : (day + 1) * 96] = QUARTER_MS
            energy[day * 96 : (day + 1) * 96] = QUARTER_MS * power
    usual = usual_energy(energy, covered, np.full(7 * 96, QUARTER_MS), OF)
    return None if usual is None else (usual[slot::96] // QUARTER_MS).tolist()


def test_working_days_stand_for_working_days_and_days_off_for_days_off():
    # Friday is a holiday: it gets Saturday's 900, and Thursday the mean of 100, 200 and 300.
    assert filled([100, 200, 300, None, None, 900, None]) == [200, 200, 200, 200, 900, 900, 900]


def test_a_kind_of_day_that_was_never_measured_gets_the_mean_of_all_days():
    assert filled([100, 300, None, None, None, None, None]) == [200] * 7


def test_an_hour_of_the_day_that_was_never_measured_gets_the_mean_of_all_hours():
    covered, energy = np.zeros((2, 7 * 96), np.int64)
    covered[:8], energy[:8] = QUARTER_MS, QUARTER_MS * np.arange(8)
    usual = usual_energy(energy, covered, np.full(7 * 96, QUARTER_MS), OF)
    assert (usual[50:53] == 3.5 * QUARTER_MS).all()
    assert usual[96 + 2] == 2 * QUARTER_MS


def test_less_than_an_hour_of_measurement_tells_nothing():
    covered = np.zeros(7 * 96, np.int64)
    covered[:3] = QUARTER_MS
    assert usual_energy(covered * 500, covered, np.full(7 * 96, QUARTER_MS), OF) is None


def test_some_seconds_of_a_quarter_do_not_speak_for_that_of_other_days():
    covered, energy = np.zeros((2, 7 * 96), np.int64)
    covered[:8], energy[:8] = QUARTER_MS, QUARTER_MS * 10
    covered[20], energy[20] = 1000, 1000 * 90_000
    usual = usual_energy(energy, covered, np.full(7 * 96, QUARTER_MS), OF)
    mean = energy.sum() / covered.sum()
    assert usual[96 + 20] == round(mean * QUARTER_MS)


def test_quarters_go_by_the_clock_on_the_wall():
    of = quarters(Period(date(2026, 3, 28), date(2026, 3, 31)), ZoneInfo("Europe/Berlin"), lambda day: False)
    assert len(of.slot) == 3 * 96 - 4
    assert of.slot[96 : 96 + 12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15]
    assert of.slot[-96:].tolist() == list(range(96))
    assert (of.kind[: 96 + 92] == 1).all()
    assert (of.kind[-96:] == 0).all()
