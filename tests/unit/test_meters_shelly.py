"""Traps of Shelly's formats; what holds for every decoder stands in tests/laws/test_meters_laws.py."""

import json

import pytest

from chowon.errors import PayloadRejected
from chowon.meters import shelly_records
from chowon.meters.decoded import Envelope
from tests.devices import NOW_MS, of_channel, rows, said

RPC = "shellypro3em-a0b1c2d3e4f5/events/rpc"
TS = NOW_MS / 1000 - 10


def _notify(topic: str = RPC, method: str = "NotifyStatus", ts: object = TS, **components: object):
    source = "shellypro3em-a0b1c2d3e4f5"
    params = {"ts": ts, **{name.replace("_", ":"): status for name, status in components.items()}}
    return said(topic, {"src": source, "dst": "x", "method": method, "params": params})


def test_a_message_without_power_is_not_zero_watts() -> None:
    (row,) = rows(_notify(switch_0={"id": 0, "voltage": 221.4}))
    assert "power_w" not in row
    assert row["voltage_v"] == 221.4


def test_counters_alone_never_replace_the_power_of_the_same_instant() -> None:
    power = of_channel(_notify(em_0={"id": 0, "total_act_power": 100.0}), "main")
    energy = of_channel(_notify(emdata_0={"id": 0, "total_act": 5.0}), "main")
    assert energy["time"] == power["time"] + 1


def test_power_and_counter_of_one_message_are_one_reading() -> None:
    decoded = _notify(em_0={"a_act_power": 1.5}, emdata_0={"a_total_act_energy": 7.25})
    assert rows(decoded) == [
        {
            "site": "~shelly",
            "meter": "shellypro3em-a0b1c2d3e4f5",
            "channel": "a",
            "time": NOW_MS - 10_000,
            "power_w": 1.5,
            "import_wh": 7.25,
        }
    ]


def test_both_spellings_of_active_power_are_read() -> None:
    decoded = _notify(em_0={"a_act_power": 1.0, "b_active_power": 2.0, "total_act_power": 3.0})
    assert {row["channel"]: row["power_w"] for row in rows(decoded)} == {"a": 1.0, "b": 2.0, "main": 3.0}


def test_a_device_has_the_same_key_by_its_status_and_by_its_notifications() -> None:
    by_status = said("shellyplusplugs-e86beae8a0b4/status/switch:0", {"id": 0, "apower": 5.0})
    by_notification = said(
        "shellyplusplugs-e86beae8a0b4/events/rpc",
        {
            "src": "shellyplusplugs-e86beae8a0b4",
            "method": "NotifyStatus",
            "params": {"ts": TS, "switch:0": {"apower": 5.0}},
        },
    )
    assert by_status.keys == by_notification.keys


def test_a_prefix_of_several_levels_is_one_device() -> None:
    decoded = said("house/cellar/em/status/em1:1", {"id": 1, "act_power": -4.0})
    assert str(decoded.keys[0]) == "~shelly/house_cellar_em/2"


def test_two_clamps_are_two_channels() -> None:
    decoded = _notify(em1_0={"act_power": 10.0}, em1_1={"act_power": 20.0})
    assert {row["channel"]: row["power_w"] for row in rows(decoded)} == {"1": 10.0, "2": 20.0}


def test_a_second_three_phase_meter_does_not_meet_the_first() -> None:
    decoded = _notify(em_0={"a_act_power": 1.0}, em_1={"a_act_power": 2.0, "total_act_power": 2.0})
    assert [row["channel"] for row in rows(decoded)] == ["a", "2-a", "2-main"]


def test_a_device_that_was_never_told_the_time_is_stamped_on_arrival() -> None:
    assert rows(_notify(ts=12.5, switch_0={"apower": 1.0}))[0]["time"] == NOW_MS
    assert rows(_notify(ts=None, switch_0={"apower": 1.0}))[0]["time"] == NOW_MS


def test_what_the_broker_had_kept_is_taken_only_with_a_stamp_of_its_own() -> None:
    assert len(said("shelly-x/status/switch:0", {"apower": 1.0}, retained=True)) == 0
    stamped = {"src": "shelly-x", "method": "NotifyStatus", "params": {"ts": TS, "switch:0": {"apower": 1.0}}}
    assert len(said("shelly-x/events/rpc", stamped, retained=True)) == 1
    stamped["params"] = {"ts": 3.0, "switch:0": {"apower": 1.0}}
    assert len(said("shelly-x/events/rpc", stamped, retained=True)) == 0


@pytest.mark.parametrize("component", ["input:0", "wifi", "temperature:100", "sys", "em", "switch:x"])
def test_components_that_do_not_measure_are_no_fault_whatever_they_say(component: str) -> None:
    decoded = said(f"shelly-x/status/{component}", "not even JSON")
    assert (len(decoded), decoded.rejected) == (0, 0)


def test_events_are_nothing() -> None:
    decoded = _notify(method="NotifyEvent", events=[{"component": "input:0", "event": "single_push"}])
    assert (len(decoded), decoded.rejected) == (0, 0)


def test_a_quantity_out_of_the_devices_range_is_left_out_and_the_others_kept() -> None:
    status = {"voltage": 300.1, "act_power": 9.0, "errors": ["out_of_range:active_power"]}
    (row,) = rows(_notify(em1_0=status))
    assert "power_w" not in row
    assert row["voltage_v"] == 300.1


def test_a_meter_that_calls_itself_broken_is_told_and_not_believed() -> None:
    decoded = _notify(em_0={"a_act_power": 0.0, "errors": ["power_meter_failure"]})
    assert len(decoded) == 0
    assert [p.where for p in decoded.problems] == ["em:0.errors"]


def test_an_order_of_phases_that_the_device_dislikes_does_not_spoil_its_readings() -> None:
    decoded = _notify(em_0={"a_act_power": 1.0, "errors": ["phase_sequence"]})
    assert (len(decoded), decoded.rejected) == (1, 0)


def test_a_component_that_is_no_object_is_named() -> None:
    (problem,) = _notify(em_0=5, switch_0={"apower": 1.0}).problems
    assert problem.where == "em:0"


def test_the_energy_of_last_minutes_is_not_taken_for_a_counter() -> None:
    decoded = _notify(switch_0={"aenergy": {"by_minute": [7148.092, 7160.587], "minute_ts": 5}})
    assert len(decoded) == 0
    assert decoded.rejected == 0


def test_watt_minutes_of_the_first_generation_become_watt_hours() -> None:
    assert rows(said("shellies/shellyplug-s-1/relay/0/energy", "600"))[0]["import_wh"] == 10.0


def test_the_single_quantities_of_the_first_generation_never_meet() -> None:
    parts = ("power", "reactive_power", "voltage", "current", "total", "total_returned")
    times = [rows(said(f"shellies/shellyem3-1/emeter/2/{part}", "5"))[0]["time"] for part in parts]
    assert len(set(times)) == len(parts)
    assert max(times) - NOW_MS < 7


@pytest.mark.parametrize("rest", ["relay/0/overpower_value", "emeter/0/energy", "emeter/0/pf", "input/0/x"])
def test_other_numbers_of_the_first_generation_are_nothing(rest: str) -> None:
    decoded = said(f"shellies/shellyem-1/{rest}", "1")
    assert (len(decoded), decoded.rejected) == (0, 0)


def test_a_word_in_place_of_power_is_refused_by_name() -> None:
    with pytest.raises(PayloadRejected, match="a number as text"):
        said("shellies/shellyem-1/emeter/0/power", "on")


# What the device had stored

_KEYS = ["a_total_act_energy", "a_total_act_ret_energy", "b_total_act_energy", "b_total_act_ret_energy"]
_KEYS += ["c_total_act_energy", "c_total_act_ret_energy", "n_avg_current"]
_START_S = NOW_MS // 1000 - 600


def _stored(answer: object, kind: str = "emdata", index: int = 0, start_ms: int = 0, end_ms: int = NOW_MS):
    return shelly_records.decode(
        json.dumps(answer).encode(),
        "shellypro3em-x",
        kind,
        index,
        Envelope(NOW_MS),
        start_ms=start_ms,
        end_ms=end_ms,
    )


def test_stored_minutes_become_their_mean_power() -> None:
    values = [[2.0, 0, 1.0, 0, 0.5, 3.5, None], [0, 0, 0, 0, 0, 0, None]]
    answer = {"keys": _KEYS, "data": [{"ts": _START_S, "period": 60, "values": values}]}
    decoded = _stored(answer)
    assert {row["channel"]: row["power_w"] for row in rows(decoded) if row["time"] == _START_S * 1000} == {
        "a": 120.0,
        "b": 60.0,
        "c": -180.0,
        "main": 0.0,
    }
    assert {row["time"] for row in rows(decoded)} == {_START_S * 1000, (_START_S + 60) * 1000}


def test_the_energy_of_stored_minutes_is_that_of_their_readings() -> None:
    wh = [1.25, 0.0, 3.5]
    answer = {"keys": ["total_act_energy", "total_act_ret_energy"], "data": []}
    answer["data"] = [{"ts": _START_S, "period": 60, "values": [[e, 0] for e in wh]}]
    powers = [row["power_w"] for row in rows(_stored(answer, "em1data", 1))]
    assert sum(power * 60 / 3600 for power in powers) == sum(wh)
    assert _stored(answer, "em1data", 1).keys[0].channel == "2"


def test_a_missing_phase_leaves_the_sum_unknown_not_smaller() -> None:
    answer = {
        "keys": _KEYS,
        "data": [{"ts": _START_S, "period": 60, "values": [[1, 0, None, None, 1, 0, 0]]}],
    }
    decoded = _stored(answer)
    assert [row["channel"] for row in rows(decoded)] == ["a", "c"]
    assert [key.channel for key in decoded.keys] == ["a", "c"]


def test_a_stored_minute_that_is_not_all_in_the_gap_is_left_out() -> None:
    values = [[n, 0, 0, 0, 0, 0, 0] for n in range(4)]
    answer = {"keys": _KEYS, "data": [{"ts": _START_S, "period": 60, "values": values}]}
    decoded = _stored(answer, start_ms=_START_S * 1000 + 1, end_ms=(_START_S + 180) * 1000)
    assert sorted({row["time"] // 1000 - _START_S for row in rows(decoded)}) == [60, 120]


def test_the_answer_may_come_in_the_frame_of_a_remote_call() -> None:
    answer = {"keys": _KEYS, "data": [{"ts": _START_S, "period": 300, "values": [[5, 0, 0, 0, 0, 0, 0]]}]}
    framed = _stored({"id": 7, "src": "shellypro3em-x", "dst": "chowon", "result": answer})
    assert of_channel(framed, "a")["power_w"] == 60.0


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ({"data": []}, "keys"),
        ({"keys": ["x"], "data": {}}, "data"),
        ({"keys": ["x"], "data": [5]}, "data[0]"),
        ({"keys": ["x"], "data": [{"ts": 1, "period": 0, "values": []}]}, "data[0].period"),
        ({"keys": ["x"], "data": [{"ts": "1", "period": 60, "values": []}]}, "data[0].ts"),
        ({"keys": ["x"], "data": [{"ts": 1, "period": 60, "values": [[1, 2]]}]}, "data[0].values[0]"),
        ({"keys": ["x"], "data": [{"ts": 1, "period": 60, "values": [["y"]]}]}, "data[0].values[0]"),
        ({"keys": ["x"], "data": [{"ts": 1, "period": 60, "values": [[1e308]]}]}, "data[0].values[0]"),
    ],
)
def test_an_answer_that_cannot_be_read_says_where(answer: object, where: str) -> None:
    with pytest.raises(PayloadRejected) as refused:
        _stored(answer)
    assert [p.where for p in refused.value.problems] == [where]


def test_the_list_of_records_tells_what_can_be_asked_for() -> None:
    blocks = [{"ts": _START_S, "period": 60, "records": 5}]
    answer = json.dumps({"data_blocks": blocks, "next_record_ts": _START_S + 900}).encode()
    (block,) = shelly_records.blocks(answer)
    assert (block.start_ms, block.end_ms) == (_START_S * 1000, (_START_S + 300) * 1000)
    assert shelly_records.next_ms(answer) == (_START_S + 900) * 1000
    assert shelly_records.next_ms(b'{"data_blocks": []}') is None
