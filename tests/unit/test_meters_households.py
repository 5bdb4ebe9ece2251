"""Traps of Tasmota, Zigbee2MQTT and OpenEnergyMonitor; laws stand in tests/laws/test_meters_laws.py."""

import pytest

from chowon.errors import PayloadRejected
from tests.devices import NOW_MS, of_channel, rows, said

_ENERGY = {"Total": 14.834, "Power": 87, "Voltage": 221, "Current": 0.457}


# Tasmota


@pytest.mark.parametrize("topic", ["tele/plug/SENSOR", "plug/tele/SENSOR", "stat/plug/STATUS8"])
def test_both_orders_of_the_full_topic_are_one_device(topic: str) -> None:
    sent = {"Time": "2026-11-23T17:49:33", "ENERGY": _ENERGY}
    decoded = said(topic, {"StatusSNS": sent} if "stat" in topic else sent)
    assert [str(key) for key in decoded.keys] == ["~tasmota/plug/main"]


def test_a_local_time_without_offset_is_not_believed() -> None:
    decoded = said("tele/plug/SENSOR", {"Time": "2026-11-22T01:00:00", "ENERGY": _ENERGY})
    assert rows(decoded)[0]["time"] == NOW_MS


def test_a_time_with_offset_is_believed_unless_it_was_never_set() -> None:
    for sent, expected in [
        ("2026-11-22T09:00:00+09:00", 1_795_305_600_000),
        ("1970-01-01T09:00:05+09:00", NOW_MS),
    ]:
        decoded = said("tele/plug/SENSOR", {"Time": sent, "ENERGY": _ENERGY})
        assert rows(decoded)[0]["time"] == expected


def test_what_the_broker_kept_of_tasmota_is_nothing() -> None:
    assert len(said("tele/plug/SENSOR", {"ENERGY": _ENERGY}, retained=True)) == 0


def test_a_meter_that_tells_import_is_not_read_by_its_total_of_both_directions() -> None:
    energy = {"Total": 412.017, "ImportActive": 404.767, "ExportActive": 7.25}
    (row,) = rows(said("tele/em/SENSOR", {"ENERGY": energy}))
    assert (row["import_wh"], row["export_wh"]) == (404_767.0, 7250.0)
    assert row["time"] == NOW_MS + 1


def test_an_array_with_an_unknown_channel_has_no_sum() -> None:
    decoded = said("tele/em/SENSOR", {"ENERGY": {"Total": 1, "Power": [5, None, 7]}})
    assert "power_w" not in of_channel(decoded, "main")
    assert of_channel(decoded, "3")["power_w"] == 7.0


def test_the_sum_of_channels_is_the_power_of_the_device() -> None:
    decoded = said("tele/em/SENSOR", {"ENERGY": {"Power": [1250.5, -80.5, 30]}})
    assert of_channel(decoded, "main")["power_w"] == 1200.0


def test_a_bad_channel_of_an_array_is_named_and_its_neighbours_are_kept() -> None:
    decoded = said("tele/em/SENSOR", {"ENERGY": {"Power": [5, "x"]}})
    assert [row["channel"] for row in rows(decoded)] == ["1"]
    assert [p.where for p in decoded.problems] == ["ENERGY[1].Power"]


def test_an_array_of_a_thousand_channels_is_refused() -> None:
    decoded = said("tele/em/SENSOR", {"ENERGY": {"Power": [1] * 1000}})
    assert (len(decoded), decoded.rejected) == (0, 1)


def test_energy_that_is_no_object_is_named() -> None:
    (problem,) = said("tele/em/SENSOR", {"ENERGY": 5}).problems
    assert problem.where == "ENERGY"


# Zigbee2MQTT


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("zigbee2mqtt/lamp", {"state": "ON", "brightness": 254, "power_on_behavior": "previous"}),
        ("zigbee2mqtt/door", {"battery": 97, "voltage": 3005}),
        ("zigbee2mqtt/plug", {"power": None, "energy": None, "voltage": 220}),
        ("zigbee2mqtt/bridge", {"power": 5}),
        ("zigbee2mqtt/bridge/state", {"state": "online"}),
        ("zigbee2mqtt/plug/set", {"power": 5}),
        ("zigbee2mqtt/plug/get", {"power": ""}),
        ("zigbee2mqtt/plug/availability", "online"),
        ("zigbee2mqtt/plug/power", "12.5"),
        ("zigbee2mqtt/plug", ""),
    ],
)
def test_what_is_not_about_electricity_is_no_fault(topic: str, payload: object) -> None:
    decoded = said(topic, payload)
    assert (len(decoded), decoded.rejected) == (0, 0)


@pytest.mark.parametrize(
    "last_seen", [NOW_MS - 5000, "2026-11-23T02:13:15+00:00", "2026-11-23T02:13:15.000Z"]
)
def test_last_seen_is_the_instant_in_all_its_forms(last_seen: object) -> None:
    state = {"power": 5, "last_seen": last_seen}
    expected = NOW_MS - 5000
    assert rows(said("zigbee2mqtt/plug", state))[0]["time"] == expected
    assert rows(said("zigbee2mqtt/plug", state, retained=True))[0]["time"] == expected


def test_a_local_last_seen_without_zone_is_not_believed() -> None:
    state = {"power": 5, "last_seen": "2026-11-20T09:13:15"}
    assert rows(said("zigbee2mqtt/plug", state))[0]["time"] == NOW_MS


def test_the_plain_name_is_phase_a_where_only_b_and_c_have_names() -> None:
    state = {"power": 540, "power_phase_b": -120, "power_phase_c": 10, "energy": 2}
    decoded = said("zigbee2mqtt/em", state)
    assert {row["channel"]: row["power_w"] for row in rows(decoded)} == {
        "main": 430.0,
        "a": 540,
        "b": -120,
        "c": 10,
    }
    assert of_channel(decoded, "main")["import_wh"] == 2000.0


def test_the_plain_name_is_the_total_where_all_phases_have_names() -> None:
    decoded = said(
        "zigbee2mqtt/em", {"power": 30, "power_phase_a": 10, "power_phase_b": 11, "power_phase_c": 9}
    )
    assert {row["channel"]: row["power_w"] for row in rows(decoded)} == {"main": 30, "a": 10, "b": 11, "c": 9}


def test_two_clamps_have_no_sum() -> None:
    decoded = said("zigbee2mqtt/pj-1203a", {"power_a": 10, "power_b": 20})
    assert [row["channel"] for row in rows(decoded)] == ["a", "b"]


def test_a_direction_in_words_gives_power_its_sign() -> None:
    decoded = said(
        "zigbee2mqtt/x", {"power_a": 5, "energy_flow_a": "producing", "power_b": 6, "energy_flow_b": "sign"}
    )
    assert {row["channel"]: row["power_w"] for row in rows(decoded)} == {"a": -5.0, "b": 6.0}


def test_two_names_in_hangul_are_two_devices() -> None:
    keys = {said(f"zigbee2mqtt/{name}", {"power": 1}).keys[0].meter for name in ("거실", "부엌")}
    assert len(keys) == 2


# OpenEnergyMonitor


def test_the_numbers_of_one_node_never_meet() -> None:
    times = [rows(said(f"emon/emonpi/{key}", "5"))[0] for key in ("power", "vrms")]
    assert {row["channel"] for row in times} == {"main"}
    assert len({row["time"] for row in times}) == 2


@pytest.mark.parametrize("key", ["t1", "pulsecount", "E1", "power1pluspower2", "rssi"])
def test_keys_without_a_known_meaning_are_nothing(key: str) -> None:
    decoded = said(f"emon/emonpi/{key}", "whatever")
    assert (len(decoded), decoded.rejected) == (0, 0)


def test_net_counters_that_fall_are_left_out_and_power_is_kept() -> None:
    (row,) = rows(said("emon/emontx4", {"P2": -1504, "E2": -40213, "time": NOW_MS / 1000}))
    assert (row["channel"], row["power_w"]) == ("2", -1504.0)
    assert "import_wh" not in row


def test_a_voltage_alone_is_the_nodes_own() -> None:
    (row,) = rows(said("emon/emontx4", {"Vrms": 229.9}))
    assert (row["channel"], row["voltage_v"]) == ("main", 229.9)


def test_a_node_without_json_is_refused_by_name() -> None:
    with pytest.raises(PayloadRejected, match="the node's values by key"):
        said("emon/emontx4", "12,13")
