"""Devices that announce themselves for Home Assistant: recordings, traps, bounds."""

import json
from pathlib import Path
from typing import Any

import pytest

from chowon.errors import PayloadRejected
from chowon.ingest import announcements
from chowon.ingest.announcements import Announcements, read_by
from chowon.meters.decoded import Envelope
from chowon.meters.home_assistant import Announced, discovered
from chowon.meters.value_template import Picked, at, parsed
from tests.devices import NOW_MS, REGISTRY, rows

RECORDINGS = sorted((Path(__file__).parents[1] / "recordings/home-assistant").glob("*.json"))
CONFIG = "homeassistant/sensor/x/power/config"
POWER: dict[str, Any] = {
    "name": "Power",
    "unique_id": "x_power",
    "state_topic": "x/power",
    "device_class": "power",
    "unit_of_measurement": "W",
    "device": {"identifiers": ["x"], "name": "X", "model": "M1"},
}


def _sensors(**changes: object) -> tuple[Announced, ...]:
    return discovered(CONFIG, json.dumps(POWER | changes).encode()).sensors


def _problem(**changes: object) -> str:
    (problem,) = discovered(CONFIG, json.dumps(POWER | changes).encode()).problems
    return str(problem)


def _learned(*messages: tuple[str, object]) -> Announcements:
    found = Announcements()
    for topic, sent in messages:
        found.learn(topic, json.dumps(sent).encode() if sent != "" else b"")
    return found


def _said(known: Announcements, topic: str, payload: object, retained: bool = False) -> list[dict[str, Any]]:
    raw = payload if isinstance(payload, str) else json.dumps(payload)
    return rows(known.decode(topic, raw.encode(), Envelope(NOW_MS, topic=topic, retained=retained)))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: p.stem)
def test_a_recorded_device_means_what_stands_beside_it(path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    known = Announcements()
    problems = []
    for topic, sent in recorded["announced_by"]:
        assert known.announces(topic)
        problems += known.learn(topic, json.dumps(sent).encode())
    assert [p.where for p in problems] == recorded["problems"]
    assert sorted(known.topics()) == recorded["topics"]
    for message in recorded["messages"]:
        found = _said(known, message["topic"], message["payload"], message.get("retained", False))
        expected = [
            {"site": "~home-assistant", "time": NOW_MS + row.pop("after_ms")} | row
            for row in message["readings"]
        ]
        by_place = lambda row: (row["channel"], row["time"])  # noqa: E731
        assert sorted(found, key=by_place) == sorted(expected, key=by_place)


def test_a_sensor_is_known_with_its_device() -> None:
    (sensor,) = _sensors(availability_topic="x/status", expire_after=120)
    assert sensor == Announced(
        "x_power", "x", "X", "M1", "main", "power_w", 1.0, "x/power", None, ("x/status",), 120.0
    )


@pytest.mark.parametrize(
    ("unit", "kind", "factor"),
    [
        ("mW", "power", 0.001),
        ("kW", "power", 1000),
        ("MW", "power", 1e6),
        ("mV", "voltage", 0.001),
        ("mA", "current", 0.001),
        ("Hz", "frequency", 1),
        ("kvar", "reactive_power", 1000),
    ],
)
def test_units_are_turned_into_ours(unit: str, kind: str, factor: float) -> None:
    (sensor,) = _sensors(unit_of_measurement=unit, device_class=kind)
    assert sensor.factor == pytest.approx(factor)


@pytest.mark.parametrize("unit", ["wh", "kwh", "KWH", "J", None, 5])
def test_a_unit_that_is_not_known_is_a_problem(unit: object) -> None:
    assert "power.unit_of_measurement" in _problem(
        unit_of_measurement=unit, device_class="energy", state_class="total"
    )


def test_a_counter_must_say_that_it_counts() -> None:
    assert "total_increasing" in _problem(device_class="energy", unit_of_measurement="kWh")
    assert _sensors(device_class=None, unit_of_measurement="kWh") == ()


def test_a_sensor_without_class_is_known_by_its_unit() -> None:
    (sensor,) = _sensors(device_class=None)
    assert sensor.quantity == "power_w"


@pytest.mark.parametrize("kind", ["temperature", "power_factor", "apparent_power", "battery", ["power"], {}])
def test_other_classes_are_nothing(kind: object) -> None:
    found = discovered(
        CONFIG, json.dumps(POWER | {"device_class": kind, "unit_of_measurement": "%"}).encode()
    )
    assert (found.sensors, found.problems) == ((), ())


@pytest.mark.parametrize("topic", ["#", "a/+/b", "", None, 7, "$SYS/x", "a\0b", "x" * 2000])
def test_a_state_topic_that_would_subscribe_to_more_is_refused(topic: object) -> None:
    assert "power.state_topic" in _problem(state_topic=topic)


def test_the_base_topic_stands_at_either_end() -> None:
    assert _sensors(**{"~": "a/b", "state_topic": "~/c"})[0].state_topic == "a/b/c"
    assert _sensors(**{"~": "a/b", "state_topic": "c/~"})[0].state_topic == "c/a/b"


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("Power", "main"),
        (None, "main"),
        ("X Power Phase A", "a"),
        ("Heat pump energy", "heat_pump"),
        ("Active power L1", "l1"),
        ("소비전력 A", "a"),
    ],
)
def test_a_channel_is_what_remains_of_the_name(name: str | None, channel: str) -> None:
    (sensor,) = _sensors(name=name)
    assert sensor.channel == channel


@pytest.mark.parametrize(
    "name", ["Energy exported", "Grid export energy", "Returned energy", "produced energy"]
)
def test_a_counter_that_says_export_is_export(name: str) -> None:
    energy = {"device_class": "energy", "unit_of_measurement": "Wh", "state_class": "total"}
    assert _sensors(name=name, **energy)[0].quantity == "export_wh"


@pytest.mark.parametrize(
    ("template", "path", "factor"),
    [
        ("{{ value }}", None, 1),
        ("{{value|float / 1000}}", None, 0.001),
        ("{{ value_json.power }}", ("power",), 1),
        ("{{ value_json['ENERGY'].Power[1] }}", ("ENERGY", "Power", 1), 1),
        ('{{ value_json["a b"] | int }}', ("a b",), 1),
        ("{{ 1000 * value_json.kw | round(2, 'floor') }}", ("kw",), 1000),
        ("{{ (value_json.e|float/60/1000)|round(2) }}", ("e",), 1 / 60_000),
        ("{{- -value_json.p -}}", ("p",), -1),
        ("{{ value_json.p | default('') | is_defined }}", ("p",), 1),
    ],
)
def test_templates_that_pick_and_scale_are_understood(template: str, path: object, factor: float) -> None:
    picked = parsed(template)
    assert picked == Picked(path, pytest.approx(factor))


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{{ }}",
        "x",
        "{{ 5 }}",
        "{{ value_json }}",
        "{{ value_json.a + value_json.b }}",
        "{{ 1 / value }}",
        "{% if value %}1{% endif %}",
        "{{ value * value }}",
        "{{ value | abs }}",
        "{{ value_json.a.get('b') }}",
        "{{ value / 0 }}",
        "{{ states('x') }}",
        "{{ value }}{{ value }}",
        "{{ value_json[value] }}",
        "{{ value | round( }}",
        "{{" + "(" * 200 + "value" + ")" * 200 + "}}",
        "{{ value " + "*1" * 400 + "}}",
    ],
)
def test_other_templates_are_refused_with_what_is_understood(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(template)
    assert "power.value_template" in _problem(value_template=template)


def test_a_path_that_leads_nowhere_is_absent() -> None:
    for message in ({}, [], None, 5, "text", {"a": "text"}, {"a": [1]}):
        assert at(message, ("a", 1)) is None
    assert at({"a": [1, 2]}, ("a", 1)) == 2


@pytest.mark.parametrize(
    ("name", "channel"), [("Power produced", "produced"), ("Returned power A", "returned_a")]
)
def test_power_that_is_named_after_export_never_counts_as_import_by_itself(name: str, channel: str) -> None:
    (sensor,) = _sensors(name=name)
    assert (sensor.quantity, sensor.channel) == ("power_w", channel)


def test_an_empty_message_takes_the_announcement_back() -> None:
    known = _learned((CONFIG, POWER), (CONFIG, ""))
    assert (known.topics(), known.sensors()) == (frozenset(), ())
    assert _said(known, "x/power", "5") == []


def test_a_device_that_announces_itself_anew_replaces_what_it_said() -> None:
    known = _learned(
        (CONFIG, POWER), (CONFIG, POWER | {"state_topic": "y/power", "unit_of_measurement": "kW"})
    )
    assert known.topics() == {"y/power"}
    assert _said(known, "y/power", "1.5")[0]["power_w"] == 1500.0


def test_an_announcement_that_moves_to_another_device_leaves_nothing_behind() -> None:
    known = _learned((CONFIG, POWER), (CONFIG, POWER | {"device": {"identifiers": "z"}}))
    assert [row["meter"] for row in _said(known, "x/power", "5")] == ["z"]
    known.learn(CONFIG, b"")
    assert (known.topics(), known._configs_of, known._devices_of, known._settled) == (frozenset(), {}, {}, {})


def test_two_sensors_of_the_same_quantity_and_channel_are_told_apart_in_any_order() -> None:
    first = ("homeassistant/sensor/x/a/config", POWER | {"unique_id": "a", "state_topic": "x/a"})
    second = ("homeassistant/sensor/x/b/config", POWER | {"unique_id": "b", "state_topic": "x/b"})
    for known in (_learned(first, second), _learned(second, first)):
        assert {s.state_topic: s.channel for s in known.sensors()} == {"x/a": "main", "x/b": "b"}


@pytest.mark.parametrize(
    ("topic", "learned"),
    [
        ("zigbee2mqtt/plug", False),
        ("tele/plug/SENSOR", False),
        ("shellyplus1pm-x/status/switch:0", False),
        ("shellyplus1pm-x/events/rpc", False),
        ("solar/status/power", True),
        ("kitchen-plug/sensor/power/state", True),
    ],
)
def test_what_a_decoder_reads_anyway_is_not_read_twice(topic: str, learned: bool) -> None:
    known = Announcements(read_by(REGISTRY))
    known.learn(CONFIG, json.dumps(POWER | {"state_topic": topic}).encode())
    assert known.topics() == ({topic} if learned else frozenset())


def test_a_message_the_broker_kept_is_nothing() -> None:
    assert _said(_learned((CONFIG, POWER)), "x/power", "5", retained=True) == []


@pytest.mark.parametrize("payload", ["", "unavailable", "unknown", "None", "NaN"])
def test_words_for_no_value_are_nothing(payload: str) -> None:
    for changes in ({}, {"value_template": "{{ value_json.p }}"}):
        decoded = _learned((CONFIG, POWER | changes)).decode("x/power", payload.encode(), Envelope(NOW_MS))
        assert (len(decoded), decoded.rejected) == (0, 0)


@pytest.mark.parametrize(
    ("payload", "changes"),
    [("on", {}), ("{", {"value_template": "{{ value_json.p }}"})],
)
def test_a_state_that_is_no_number_is_a_problem(payload: str, changes: dict[str, object]) -> None:
    decoded = _learned((CONFIG, POWER | changes)).decode("x/power", payload.encode(), Envelope(NOW_MS))
    assert (len(decoded), decoded.rejected, len(decoded.problems)) == (0, 1, 1)


def test_no_more_sensors_are_kept_than_may_be_and_the_others_are_counted() -> None:
    known = Announcements(most_sensors=2)
    for n in range(4):
        sent = json.dumps(POWER | {"unique_id": str(n), "state_topic": f"x/{n}"}).encode()
        if n < 2:
            known.learn(f"homeassistant/sensor/{n}/config", sent)
        else:
            with pytest.raises(PayloadRejected, match="at most 2 sensors"):
                known.learn(f"homeassistant/sensor/{n}/config", sent)
    assert (known.topics(), known.refused) == ({"x/0", "x/1"}, 2)
    known.learn("homeassistant/sensor/1/config", b"")
    known.learn("homeassistant/sensor/3/config", sent)
    assert known.topics() == {"x/0", "x/3"}


def test_a_message_that_cannot_be_read_leaves_what_was_announced() -> None:
    known = _learned((CONFIG, POWER))
    for payload in (b"{", b"[]", b'"' + b"x" * 300_000 + b'"'):
        with pytest.raises(PayloadRejected):
            known.learn(CONFIG, payload)
    assert known.topics() == {"x/power"}


@pytest.mark.parametrize(
    "topic",
    ["homeassistant/switch/x/config", "homeassistant/sensor/x/state", "other/sensor/x/config", "x/config"],
)
def test_other_topics_announce_nothing(topic: str) -> None:
    assert not Announcements().announces(topic)


def test_the_subscriptions_bring_what_is_learned_from() -> None:
    assert "homeassistant/sensor/+/+/config" in Announcements().filters
    assert Announcements(prefix="ha/x").announces("ha/x/device/y/config")
    known = Announcements(prefix="ha/x")
    known.learn("ha/x/sensor/y/config", json.dumps(POWER).encode())
    assert known.topics() == {"x/power"}


def test_a_device_that_announces_thousands_of_sensors_one_by_one_costs_each_no_look_at_the_others(
    monkeypatch,
):
    looked_at = 0
    told_apart = announcements.told_apart

    def counting(sensors):
        nonlocal looked_at
        looked_at += len(sensors)
        return told_apart(sensors)

    monkeypatch.setattr(announcements, "told_apart", counting)
    known = Announcements()

    def announce(n: int) -> None:
        said = {
            "name": f"Outlet {n} power",
            "unique_id": f"o{n}",
            "state_topic": f"pdu/{n}",
            "unit_of_measurement": "W",
            "device_class": "power",
            "device": {"identifiers": ["pdu"]},
        }
        known.learn(f"homeassistant/sensor/pdu/o{n}/config", json.dumps(said).encode())

    for _ in range(2):
        for n in range(3000):
            announce(n)
            assert known.reads(f"pdu/{n}")
            assert not known.reads(f"pdu/{n}/other")
        for n in range(3000):
            assert len(known.decode(f"pdu/{n}", b"5", Envelope(NOW_MS, topic=f"pdu/{n}"))) == 1
    assert looked_at == 3000
    assert known.topics() is known.topics()
    assert len(known.topics()) == 3000
