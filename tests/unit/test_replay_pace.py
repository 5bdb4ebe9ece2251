import pytest

from chowon.errors import BadInput
from chowon.replay.pace import Clock, from_json, starting


def test_a_clock_of_speed_one_is_the_clock_on_the_wall():
    assert starting(1_000).now_ms(61_234) == 61_234


def test_a_fast_clock_starts_at_the_present_and_runs_ahead():
    clock = starting(1_000, speed=60)
    assert clock.now_ms(1_000) == 1_000
    assert clock.now_ms(2_000) == 61_000


def test_a_clock_goes_on_over_a_restart_as_if_there_had_been_none():
    clock = Clock(anchor_wall_ms=5, anchor_virtual_ms=70, speed=7)
    assert from_json(clock.to_json()) == clock


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"anchor_wall_ms": 1, "anchor_virtual_ms": 1, "speed": 1.5}', '{"speed": 1}']
)
def test_another_text_is_no_clock(text):
    with pytest.raises(BadInput, match="expected"):
        from_json(text)


@pytest.mark.parametrize("speed", [0, -3])
def test_time_never_stands_still_or_runs_backwards(speed):
    with pytest.raises(BadInput, match="speed"):
        starting(0, speed)
