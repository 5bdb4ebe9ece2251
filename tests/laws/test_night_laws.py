"""Whatever nights told, and whenever: with the same model and readings a bill is as if all was told now."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import in_deciwatts, mark_of, minutes_of, newest, rounded, took
from chowon.domain.quantities import MINUTE_MS
from chowon.jobs.appliances import TellingParts
from tests.nights import FIRST, NightHome, at, days_on, night_home

DAYS = 4
hears = st.tuples(
    st.just("hears"),
    st.integers(0, DAYS - 1),
    st.integers(0, 24),
    st.tuples(st.integers(0, 1380), st.integers(60, 1440)).map(
        lambda ends: range(ends[0], max(ends[1], ends[0] + 60))
    ),
)
night = st.tuples(st.just("night"), st.integers(0, DAYS - 1), st.sampled_from([0.5, 1.0, 2.0, 13.0]))
happens = st.one_of(
    hears,
    hears,
    night,
    night,
    st.tuples(st.just("without"), st.sampled_from([(), ("kettle",), ("kettle", "fridge")])),
    st.tuples(st.just("seals")),
    st.tuples(st.just("begins"), st.sampled_from(["first", "second"])),
)
watts = st.lists(st.one_of(st.just(0.0), st.floats(0, 4000, allow_nan=False)), min_size=1, max_size=60)


@settings(max_examples=25, deadline=None)
@given(
    kettles=st.lists(st.integers(0, 6), min_size=DAYS, max_size=DAYS),
    before=st.lists(happens, max_size=3),
    after=st.lists(happens, max_size=6),
    hours=st.one_of(st.just(DAYS * 24), st.integers(1, DAYS * 24)),
)
def test_a_bill_with_what_nights_told_is_the_one_in_which_all_is_told_now(kettles, before, after, hours):
    with tempfile.TemporaryDirectory() as folder, night_home(Path(folder)) as home:
        for n, often in enumerate(kettles):
            home.takes(days_on(n), often)
        for what, *how in [*before, ("night", DAYS - 1, 2.0), *after]:
            _do(home, what, how)
        now_ms = at(FIRST, hours)
        with_nights, anew = (home.parts(now_ms, with_nights=nights) for nights in (True, False))
        assert _said(with_nights) == _said(anew)
        _sums_are_those_of_the_minutes(home)


def _do(home: NightHome, what: str, how) -> None:
    if what == "hears":
        home.takes(days_on(how[0]), how[1], how[2])
    elif what == "night":
        home.night(days_on(how[0]), how[1])
    elif what == "without":
        home.is_without(*how[0])
    elif what == "seals":
        home.sealer.run(at(days_on(DAYS + 60)))
    elif what == "begins":
        home.begins(how[0])


def _said(told: TellingParts):
    runs = {
        name: (times.start_ms.tolist(), times.end_ms.tolist()) for name, times in sorted(told.runs.items())
    }
    parts = sorted((part.name, part.taken.tolist(), part.covered_ms.tolist()) for part in told.parts)
    return told.why, parts, runs, dict(told.f1)


def _sums_are_those_of_the_minutes(home: NightHome) -> None:
    for day, told in newest(home.all_told()).items():
        start_ms, end_ms = at(day), at(days_on(1, day))
        minutes = home.book.minutes(1, start_ms, end_ms)
        for kind, sums in told.took.items():
            assert minutes[kind].known.sum() == told.known_min
            of_day = took(minutes[kind])
            assert (of_day.milliwh, of_day.on_min) == (sums.milliwh, sums.on_min)
            assert of_day.runs - sums.runs in (0, 1)  # one may have begun on the day before


@given(watts, st.data())
def test_days_that_are_told_apart_sum_up_to_what_they_are_together(power_w, data):
    power = rounded(Power(0, MINUTE_MS, np.array(power_w), np.ones(len(power_w), np.bool_)))
    cut_ms = data.draw(st.integers(0, len(power_w))) * MINUTE_MS
    before, after = (minutes_of(power, *ends) for ends in ((0, cut_ms), (cut_ms, len(power_w) * MINUTE_MS)))
    was_on = bool(len(before) and before.power_w[-1] > 0)
    whole, parts = took(power), (took(before), took(after, was_on))
    assert whole.runs == sum(part.runs for part in parts)
    assert whole.on_min == sum(part.on_min for part in parts)
    assert abs(whole.milliwh - sum(part.milliwh for part in parts)) <= 1


@given(watts)
def test_what_is_kept_is_what_was_told_to_a_tenth_of_a_watt_and_kept_again_the_same(power_w):
    told = np.array(power_w)
    kept = in_deciwatts(told)
    assert (np.abs(kept / 10 - told) < 0.1).all()
    assert (kept / 10 <= told + 0.001).all()
    assert (in_deciwatts(kept / 10) == kept).all()


@given(watts, watts)
def test_marks_are_the_same_for_the_same_minutes_only(one, other):
    def mains(power_w):
        return Power(0, MINUTE_MS, np.array(power_w), np.ones(len(power_w), np.bool_))

    same = len(one) == len(other) and (np.rint(np.array(one) * 10) == np.rint(np.array(other) * 10)).all()
    assert (mark_of(mains(one)) == mark_of(mains(other))) == bool(same)
