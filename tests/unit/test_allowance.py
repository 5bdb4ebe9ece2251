"""A topic may send so many messages; others are not touched by what one sends."""

from chowon.domain import allowance
from chowon.domain.allowance import Allowance


def _taken(allowed: Allowance, topic: str, times_s: list[float]) -> int:
    return sum(allowed.takes(topic, time_s) for time_s in times_s)


def test_a_burst_is_taken_and_then_the_rate() -> None:
    allowed = Allowance(per_s=8, burst=64)
    assert _taken(allowed, "flood", [0.0] * 500) == 64
    assert _taken(allowed, "flood", [n / 64 for n in range(1, 641)]) == 80  # ten seconds, 64 a second


def test_one_topic_takes_nothing_from_another() -> None:
    allowed = Allowance(per_s=1, burst=1)
    _taken(allowed, "flood", [0.0] * 1000)
    assert allowed.takes("meter", 0.0)


def test_whoever_was_quiet_has_no_more_than_a_burst() -> None:
    allowed = Allowance(per_s=10, burst=20)
    _taken(allowed, "meter", [0.0] * 20)
    assert _taken(allowed, "meter", [86_400.0] * 500) == 20


def test_invented_topics_do_not_fill_memory(monkeypatch) -> None:
    monkeypatch.setattr(allowance, "MOST_TOLD_APART", 10)
    allowed = Allowance(per_s=1, burst=1)
    assert all(allowed.takes(f"topic/{n}", 0.0) for n in range(1000))
    assert len(allowed._left) <= 10


def test_a_clock_that_is_set_back_takes_nothing_away_for_ever() -> None:
    allowed = Allowance(per_s=1, burst=2)
    assert allowed.takes("meter", 1_000_000.0)
    assert allowed.takes("meter", 0.0)
    assert not allowed.takes("meter", 0.0)
    assert allowed.takes("meter", 1.0)


def test_several_at_once_are_taken_together_or_not_at_all() -> None:
    allowed = Allowance(per_s=1, burst=5)
    assert not allowed.takes("meter", 0.0, times=6)
    assert allowed.takes("meter", 0.0, times=5)
    assert not allowed.takes("meter", 0.0)
