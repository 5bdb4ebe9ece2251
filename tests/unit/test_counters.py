"""The vectors: what a counter did, and the energy that it means."""

import numpy as np
import pytest

from chowon.domain.counters import Counts, Overrides, counted, counts_of
from chowon.domain.excursions import Rules
from chowon.domain.quantities import ABSENT_I64, DAY_MS, HOUR_MS, MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings
from tests.store_samples import NOON_MS

KWH = 1_000_000
MONTH_MS = 31 * DAY_MS


def counts(*kwh: float, step_ms: int | list[int] = MINUTE_MS, channel: int = 1) -> Counts:
    """A counter that is read every so often."""
    steps = [step_ms] * (len(kwh) - 1) if isinstance(step_ms, int) else step_ms
    return Counts(
        np.full(len(kwh), channel, np.uint32),
        (NOON_MS + np.concatenate([[0], np.cumsum(steps)]).astype(np.int64))[: len(kwh)],
        np.array([round(v * KWH) for v in kwh], np.int64),
    )


def told(*kwh: float, step_ms: int | list[int] = MINUTE_MS, **how) -> tuple[float, list[str]]:
    """(energy in kWh, kinds of the decisions)"""
    found = counted(counts(*kwh, step_ms=step_ms), Rules(), **how)
    assert (found.steps.advance_milliwh >= 0).all()
    return round(int(found.steps.advance_milliwh.sum()) / KWH, 6), [d.kind for d in found.decisions]


VECTORS = {
    "plain use": ((10, 10.1, 10.1, 10.3), 0.3, []),
    "noise": ((215.6, 215.7, 215.6), 0.0, ["noise"]),
    "noise, then on": ((215.6, 215.7, 215.6, 215.7, 215.8), 0.2, ["noise"]),
    "noise downwards": ((215.6, 215.5, 215.6, 215.7), 0.1, ["noise"]),
    "dropout": ((55, 0, 55), 0.0, ["dropout"]),
    "dropout with use meanwhile": ((55, 0, 0, 55.2), 0.2, ["dropout"]),
    "long dropout": ((55, *[0] * 600, 55.2), 0.2, ["dropout"]),
    "dropout that moves on the way back": ((55, 0, 30, 55.1), 0.1, ["dropout"]),
    "a flapping counter": ((55, 0, 55, 0, 55.1, 0, 55.2), 0.2, ["dropout"] * 3),
    "reset": ((10, 0, 0.4), 0.4, ["reset"]),
    "reset and on at once": ((10, 0.3, 0.4), 0.4, ["reset"]),
    "reset of a young counter": ((0, 0.1, 0.2, 0.3, 0, 0.1, 0.2, 0.3, 0.4), 0.7, ["reset"]),
    "rollover at 16 bits of Wh": ((65.5, 65.53, 0.01), 0.046, ["rollover"]),
    "rollover at 32 bits of mWh": ((4294.96, 0.01), 0.017296, ["rollover"]),
    "rollover at 32 bits of Wh": ((4_294_967.2, 0.1), 0.196, ["rollover"]),
    "rollover of a display": ((99_999.9, 0.1), 0.2, ["rollover"]),
    "replaced by a lower one": ((5000, 5000.1, 1234, 1234.2), 0.3, ["replaced"]),
    "replaced by a higher one": ((5000, 5000.1, 7234, 7234.2), 0.3, ["replaced"]),
    "spike": ((55, 9999, 55.1), 0.1, ["spike"]),
    "spike of several readings": ((55, 9999, 12_000, 55.1), 0.1, ["spike"]),
    "spike of a new counter": ((0, 9999, 0.01), 0.01, ["spike"]),
    "kWh become Wh": ((5000, 5_000_100, 5_000_200, 5_000_300), 0.3, ["unit_change"]),
    "Wh become kWh": ((5000, 5000.1, 5.0002, 5.0003), 0.3, ["unit_change"]),
    "Wh that were taken for kWh become kWh": ((5_000_000, 5000.1, 5000.2), 0.1, ["unit_change"]),
    "there and back": ((5000, 5_000_100, *[5_000_100] * 1500, 5000.2), 0.2, ["unit_change"] * 2),
    "only one reading": ((5000,), 0.0, []),
    "none": ((), 0.0, []),
}


@pytest.mark.parametrize(("kwh", "energy", "kinds"), VECTORS.values(), ids=VECTORS.keys())
def test_a_vector(kwh, energy, kinds):
    assert told(*kwh) == (energy, kinds)


def test_a_month_offline_counts_what_the_counter_advanced_and_nothing_if_it_did_not():
    assert told(200, 200, step_ms=MONTH_MS) == (0, [])
    assert told(200, 431.5, step_ms=MONTH_MS) == (231.5, [])


def test_a_month_offline_makes_no_unit_of_any_fall():
    assert told(20, 15, step_ms=MONTH_MS) == (0, ["replaced"])


def test_years_offline_at_any_plausible_power_fit_the_numbers():
    rules = Rules(plausible_w=10_000_000)
    years_ms = np.array([20 * 365 * DAY_MS])
    assert 0 < rules.most(years_ms)[0] * 36_000 < 2**63
    assert rules.most_in(int(years_ms[0])) == rules.most(years_ms)[0]


def test_a_meter_that_is_read_every_hour_comes_back_from_a_dropout_too():
    assert told(55, 0, 55.2, step_ms=HOUR_MS) == (0.2, ["dropout"])
    assert told(55, 0, 55.2, step_ms=6 * HOUR_MS) == (0.2, ["dropout"])


def test_a_counter_that_comes_back_after_longer_than_the_reach_counts_nothing_across():
    assert told(55, *[0] * 100, 55.2, step_ms=QUARTER_MS) == (0, ["reset", "replaced"])


def test_the_zeros_of_a_dropout_are_a_reset_until_it_comes_back():
    assert told(55, 0, 0) == (0, ["reset"])
    assert told(55, 0, 0, 55) == (0, ["dropout"])


def test_a_decision_tells_what_was_seen_and_what_was_counted():
    (decision,) = counted(counts(55, 54.9, 0, 55.2), Rules()).decisions
    assert (decision.channel, decision.kind) == (1, "dropout")
    assert (decision.start_ms, decision.end_ms) == (NOON_MS, NOON_MS + 3 * MINUTE_MS)
    assert (decision.before_milliwh, decision.odd_milliwh, decision.after_milliwh) == (
        55 * KWH,
        0,
        55_200_000,
    )
    assert (decision.counted_milliwh, decision.plain_milliwh) == (200_000, 55_200_000)


def test_what_was_counted_before_a_reset_is_not_lost_where_it_was_seen():
    seen = counts(10, 0.2)
    peak = np.array([10 * KWH, round(10.3 * KWH)])
    with_peak = Counts(seen.channel, seen.time_ms, seen.value_milliwh, peak)
    assert counted(with_peak, Rules()).steps.advance_milliwh.tolist() == [500_000]


def test_a_decision_that_was_taken_back_lets_the_plain_difference_stand():
    spike = counts(55, 60, 55.1)
    (decision,) = counted(spike, Rules()).decisions
    trusted = Overrides(trusted=((1, decision.start_ms, decision.end_ms),))
    found = counted(spike, Rules(), trusted)
    assert found.decisions == ()
    assert found.steps.advance_milliwh.tolist() == [5 * KWH, 0]


def test_a_person_may_say_that_the_meter_was_replaced():
    swapped = Overrides(replaced=((1, NOON_MS + 90_000), (2, NOON_MS)))
    assert told(10, 10.1, 10.4, 10.5, overrides=swapped) == (0.2, ["replaced"])


def test_channels_and_readings_without_a_counter_are_kept_apart():
    readings = Readings(
        np.array([1, 1, 1, 2, 2], np.uint32),
        NOON_MS + MINUTE_MS * np.array([0, 1, 2, 0, 1]),
        import_milliwh=np.array([5, ABSENT_I64, 9, 100 * KWH, 100 * KWH + 1]),
    )
    found = counted(counts_of(readings, "import"), Rules())
    assert found.steps.channel.tolist() == [1, 2]
    assert found.steps.advance_milliwh.tolist() == [4, 1]
    assert found.steps.end_ms.tolist() == [NOON_MS + 2 * MINUTE_MS, NOON_MS + MINUTE_MS]
    assert len(counts_of(readings, "export")) == 0
