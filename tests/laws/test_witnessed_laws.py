"""Whenever runs were seen, and in whatever order it was said: a lesson names the very minutes of each."""

from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.nilm.power import Power
from chowon.domain.nilm.witnessed import Witnessed, mark_of_seen
from chowon.domain.quantities import DAY_MS, MINUTE_MS
from chowon.domain.sites import Site
from chowon.jobs import witnessed
from chowon.jobs.witnessed import MONTH_DAYS, MOST_DAYS, Lesson, lesson
from tests.memory import MemoryHistory

SITE = Site(1, "home", "Home", "Asia/Seoul", 1, "kr.kepco.residential.low")
BEGAN_MIN = 29_700_000
run = st.builds(
    lambda kind, start_min, minutes, ran: Witnessed(
        kind, (BEGAN_MIN + start_min) * MINUTE_MS, (BEGAN_MIN + start_min + minutes) * MINUTE_MS, ran
    ),
    st.sampled_from(["kettle", "dishwasher"]),
    st.one_of(st.integers(0, 200 * 1440), st.integers(0, 5000 * 1440)),
    st.integers(1, 720),
    st.booleans(),
)
runs = st.lists(run, min_size=1, max_size=40)


def minutes_since_1970(_history, _site, from_ms: int, to_ms: int) -> Power:
    """Mains whose power says which minute it is of; a meter that is silent on some days."""
    minute = np.arange(from_ms // MINUTE_MS, to_ms // MINUTE_MS)
    return Power(from_ms, MINUTE_MS, minute.astype(np.float64), minute // 1440 % 5 != 0)


def taught(seen: list[Witnessed]) -> Lesson | None:
    with patch.object(witnessed, "unmeasured_mains", minutes_since_1970):
        return lesson(MemoryHistory(), SITE, seen)


@given(runs)
def test_each_interval_of_a_lesson_is_the_minute_that_was_seen(seen):
    it = taught(seen)
    if it is None:
        return
    for ran, by_kind in ((True, it.ran), (False, it.not_ran)):
        for kind, found in by_kind.items():
            for start, end in zip(found.start, found.end, strict=True):
                minutes = it.mains.power_w[start:end]
                begin_ms = int(minutes[0]) * MINUTE_MS
                assert Witnessed(kind, begin_ms, begin_ms + (end - start) * MINUTE_MS, ran) in seen
                assert (np.diff(minutes) == 1).all()
                assert it.mains.known[start:end].mean() >= 0.5
            assert (np.diff(found.start) >= 0).all()


@given(runs)
def test_a_lesson_is_a_bounded_number_of_days_and_has_the_newest_run_that_was_heard(seen):
    it = taught(seen)
    newest = max(seen, key=lambda one: one.end_ms)
    around = minutes_since_1970(None, None, newest.start_ms, newest.end_ms)
    if around.known.mean() >= 0.5:
        assert it is not None
        mine = (it.ran if newest.ran else it.not_ran)[newest.kind]
        assert newest.start_ms // MINUTE_MS in it.mains.power_w[mine.start]
    if it is not None:
        assert len(it.mains) <= MOST_DAYS * 1440
        assert len(it.mains) >= (MONTH_DAYS - 3) * 1440  # of the last days nothing may have been heard
        assert it.mains.start_ms % DAY_MS == 0


@given(runs, st.randoms())
def test_the_order_in_which_it_was_said_changes_nothing(seen, chance):
    other = chance.sample(seen, len(seen))
    assert mark_of_seen(seen) == mark_of_seen(other)
    one, again = taught(seen), taught(other)
    if one is None or again is None:
        assert one is again
        return
    assert (one.mains.power_w == again.mains.power_w).all()
    for some, others in ((one.ran, again.ran), (one.not_ran, again.not_ran)):
        assert list(some) == list(others)
        assert [runs.start.tolist() for runs in some.values()] == [r.start.tolist() for r in others.values()]
        assert [runs.end.tolist() for runs in some.values()] == [r.end.tolist() for r in others.values()]
