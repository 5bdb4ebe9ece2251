"""What a site takes that no meter of its own explains, as one stream."""

import numpy as np

from chowon.domain.readings import concat
from chowon.live.appliances.mains import LATE_MS, Mains
from tests.appliances import START_MS, channel, readings, site


def told(stream) -> list[tuple[float, float]]:
    """(seconds, W) in order."""
    rows = zip(stream.time_ms.tolist(), stream.power_dw.tolist(), strict=True)
    return sorted(((at - START_MS) / 1000, power_dw / 10) for at, power_dw in rows)


def of(*channels) -> Mains:
    mains = Mains()
    assert mains.add(site(*channels)) == 0
    return mains


def test_one_meter_is_the_stream_itself():
    mains = of(channel(1))
    stream, late = mains.feed(readings(1, [0, 1, 2], [60, 70, 80]))
    assert told(stream) == [(0, 60), (1, 70), (2, 80)]
    assert not len(late)


def test_readings_of_other_channels_are_none_of_it():
    stream, _ = of(channel(1)).feed(readings(900, [0, 1], 60))
    assert told(stream) == []


def test_three_phases_in_one_message_are_one_step():
    mains = of(channel(1, "phase"), channel(2, "phase"), channel(3, "phase"))
    batch = concat([readings(number, [0, 1], [100 * number, 200 * number]) for number in (1, 2, 3)])
    stream, _ = mains.feed(batch)
    assert told(stream) == [(0, 600), (1, 1200)]


def test_phases_in_messages_of_their_own_wait_for_each_other():
    mains = of(channel(1, "phase"), channel(2, "phase"))
    mains.feed(concat([readings(1, [0], 100), readings(2, [0], 100)]))
    stream, _ = mains.feed(readings(1, [1], 900))
    assert told(stream) == []
    stream, _ = mains.feed(readings(2, [1], 900))
    assert told(stream) == [(1, 1800)]


def test_a_phase_that_is_late_is_waited_for_four_seconds_and_a_silent_one_makes_the_sum_unknown():
    mains = of(channel(1, "phase"), channel(2, "phase"))
    mains.feed(concat([readings(1, [0], 100), readings(2, [0], 100)]))
    stream, _ = mains.feed(readings(1, range(1, 21), 100))
    assert told(stream) == [(second, 200) for second in range(1, 11)]  # it stands for 10 s


def test_a_plug_is_taken_out_of_it_and_one_that_is_silent_explains_nothing():
    mains = of(channel(1), channel(2, "plug"))
    stream, _ = mains.feed(concat([readings(1, range(30), 500), readings(2, [0, 1, 2], 400)]))
    powers = dict(told(stream))
    assert {powers[second] for second in range(13)} == {100}
    assert {powers[second] for second in range(13, 26)} == {500}


def test_a_plug_that_tells_changes_only_holds_nothing_up():
    mains = of(channel(1), channel(2, "plug", hold_ms=900_000))
    stream, _ = mains.feed(concat([readings(1, range(30), 500), readings(2, [0], 400)]))
    assert told(stream) == [(second, 100) for second in range(30)]


def test_what_a_roof_gives_is_used_in_the_home_whichever_way_round_it_counts():
    for sign in (1, -1):
        mains = of(channel(1), channel(2, "solar"))
        stream, _ = mains.feed(concat([readings(1, [0], -200), readings(2, [0], sign * 900)]))
        assert told(stream) == [(0, 700)]


def test_a_reading_a_little_late_counts_from_then_on_and_an_old_one_is_for_the_store():
    mains = of(channel(1), channel(2, "plug", hold_ms=900_000))
    mains.feed(concat([readings(1, range(30), 500), readings(2, [0], 0)]))
    stream, late = mains.feed(readings(2, [20], 400))
    assert told(stream) == []
    assert not len(late)
    stream, late = mains.feed(readings(1, [30], 500))
    assert told(stream) == [(30, 100)]
    mains.feed(readings(1, [200], 500))
    _, late = mains.feed(readings(1, [200 - LATE_MS / 1000 - 1], 0))
    assert late.tolist() == [0]


def test_a_row_that_was_dropped_tells_nothing_and_its_channel_may_have_another():
    mains = of(channel(1), channel(2, "plug"))
    mains.feed(readings(1, [0], 500))
    row = mains.add(site(channel(1)))
    mains.drop(0)
    stream, _ = mains.feed(concat([readings(1, [1], 500), readings(2, [1], 100)]))
    assert stream.row.tolist() == [row]
    assert told(stream) == [(1, 500)]


def test_what_is_kept_of_a_row_goes_on_in_another():
    whole, first, second = (of(channel(1), channel(2)) for _ in range(3))
    begin = concat([readings(1, range(5), 100), readings(2, [0, 1, 2], 50)])
    rest = concat([readings(1, [5, 6], 100), readings(2, range(3, 7), 70)])
    whole.feed(begin)
    first.feed(begin)
    second.put(0, first.kept(0))
    assert told(second.feed(rest)[0]) == told(whole.feed(rest)[0]) != []


def test_newer_readings_are_those_that_it_has_not_seen():
    mains = of(channel(1), channel(2, "plug"))
    mains.feed(concat([readings(1, [0, 1], 500), readings(2, [0], 100)]))
    found = mains.newer(concat([readings(1, [1, 2], 500), readings(2, [1], 100), readings(9, [5], 1)]))
    assert sorted(found.channel.tolist()) == [1, 2]
    assert np.unique(found.time_ms).tolist() == [START_MS + 1000, START_MS + 2000]
