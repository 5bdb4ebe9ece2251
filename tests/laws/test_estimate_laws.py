"""What the rule for gaps may and may not do."""

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.clock import Period
from chowon.domain.estimate import quarters, usual_energy
from chowon.domain.quantities import HOUR_MS, QUARTER_MS

DAYS = Period(date(2026, 3, 27), date(2026, 4, 3))
"""With the day of 23 hours, in Berlin, and a weekend"""
OF = quarters(DAYS, ZoneInfo("Europe/Berlin"), lambda day: day == date(2026, 4, 1))
N = len(OF.start_ms)
END_MS = int(OF.start_ms[-1]) + QUARTER_MS


@st.composite
def measured(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """(energy, covered_ms): whole days, half quarters and nothing at all, in any order."""
    seed = np.random.default_rng(draw(st.integers(0, 2**32)))
    shares = draw(st.sampled_from([(0, 0, 1), (1, 0, 0), (1, 1, 2), (8, 1, 1), (0, 1, 0)]))
    choice = seed.choice(3, N, p=np.array(shares) / sum(shares))
    covered = np.where(choice == 0, 0, np.where(choice == 1, seed.integers(1, QUARTER_MS, N), QUARTER_MS))
    power = seed.integers(0, draw(st.integers(1, 10**6)), N)
    return power * covered, covered


@given(measured(), st.integers(int(OF.start_ms[0]), END_MS))
def test_only_what_is_missing_is_filled(flow, until_ms):
    energy, covered = flow
    missing = OF.missing_ms(covered, until_ms)
    assert (missing[covered == QUARTER_MS] == 0).all()
    assert (missing + covered <= QUARTER_MS).all()
    usual = usual_energy(energy, covered, missing, OF)
    if usual is None:
        assert covered.sum() < HOUR_MS
        return
    assert (usual[missing == 0] == 0).all()
    power = energy[covered > 0] / covered[covered > 0]
    filled = usual[missing > 0] / missing[missing > 0]
    assert (filled >= power.min() - 1e-3).all()
    assert (filled <= power.max() + 1e-3).all()


@given(measured(), st.integers(0, 10**6))
def test_what_always_used_the_same_has_used_it_in_the_gaps(flow, power):
    _, covered = flow
    usual = usual_energy(power * covered, covered, OF.missing_ms(covered, END_MS), OF)
    if usual is not None:
        assert int((power * covered + usual).sum()) == power * N * QUARTER_MS


@given(st.integers(int(OF.start_ms[0]) - HOUR_MS, END_MS + HOUR_MS))
def test_what_is_over_and_what_is_to_come_share_the_period(now_ms):
    nothing = np.zeros(N, np.int64)
    gone, to_come = OF.missing_ms(nothing, now_ms), OF.to_come_ms(now_ms)
    running = (gone == 0) & (to_come < QUARTER_MS)
    assert running.sum() <= 1
    assert ((gone + to_come == QUARTER_MS) | running).all()
