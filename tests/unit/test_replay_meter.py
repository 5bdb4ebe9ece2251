import json

import numpy as np
import pytest

from chowon.domain.quantities import ABSENT_I32
from chowon.errors import MeterMisconfigured
from chowon.replay.meter import payloads, topic
from chowon.replay.recording import Samples

TIME_MS = 1_795_400_000_000 + np.arange(5) * 1000


def samples(power_dw: list[int], voltage_dv: list[int] | None = None, **appliances: list[int]) -> Samples:
    columns = {"main": power_dw, **appliances}
    return Samples(
        TIME_MS[: len(power_dw)],
        {name: np.array(column, np.int32) for name, column in columns.items()},
        None if voltage_dv is None else np.array(voltage_dv, np.int32),
    )


def test_a_reading_says_its_channel_time_power_and_voltage():
    [(payload, through_ms)] = payloads(samples([8125], [2204]))
    assert json.loads(payload) == [
        {"channel": "main", "time": 1_795_400_000_000, "power_w": 812.5, "voltage_v": 220.4}
    ]
    assert through_ms == 1_795_400_000_000


def test_what_was_not_measured_is_not_said():
    [(payload, _)] = payloads(samples([8125, ABSENT_I32, ABSENT_I32], [ABSENT_I32, 2204, ABSENT_I32]))
    assert json.loads(payload) == [
        {"channel": "main", "time": 1_795_400_000_000, "power_w": 812.5},
        {"channel": "main", "time": 1_795_400_001_000, "voltage_v": 220.4},
    ]


def test_a_silence_is_no_message():
    assert list(payloads(samples([ABSENT_I32, ABSENT_I32]))) == []


def test_appliances_are_channels_of_the_same_meter():
    [(payload, _)] = payloads(samples([8125], [2204], kettle=[-10]))
    assert [(r["channel"], r["power_w"]) for r in json.loads(payload)] == [("main", 812.5), ("kettle", -1.0)]
    assert "voltage_v" not in json.loads(payload)[1]


def test_much_at_once_goes_out_in_several_messages_in_order():
    sent = list(payloads(samples([1, 2, 3, 4, 5]), rows=2))
    assert [[r["power_w"] for r in json.loads(p)] for p, _ in sent] == [[0.1, 0.2], [0.3, 0.4], [0.5]]
    assert [through_ms for _, through_ms in sent] == TIME_MS[[1, 3, 4]].tolist()


def test_the_topic_names_site_and_meter():
    assert topic("home", "main") == "chowon/v1/home/main"


@pytest.mark.parametrize("name", ["", "우리집", "a/b", "#", "Home", "x" * 65])
def test_a_name_that_no_server_takes_is_told_before_anything_is_sent(name):
    with pytest.raises(MeterMisconfigured, match="expected 1–64"):
        topic(name, "main")
