"""Laws of devices that announce themselves: whatever comes, a reason or readings, and nothing left over."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.errors import PayloadRejected
from chowon.ingest.announcements import Announcements
from chowon.meters.decoded import Envelope
from chowon.meters.fields import is_key
from chowon.meters.value_template import at, parsed

NOW_MS = 1_795_400_000_000

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_templates = st.sampled_from(["{{ value }}", "{{ value_json.p }}", "{{ value_json.q[0] * 2 }}", "{{ x }}"])
_keys = {
    "name": st.sampled_from([None, "Power", "Energy exported", "Phase A power", "에너지"]),
    "uniq_id": st.sampled_from(["u1", "u2", "u3"]),
    "stat_t": st.sampled_from(["s/1", "s/2", "#", "~/s"]),
    "~": st.sampled_from(["s", "t"]),
    "dev_cla": st.sampled_from(["power", "energy", "voltage", "humidity"]),
    "stat_cla": st.sampled_from(["total", "total_increasing", "measurement"]),
    "unit_of_meas": st.sampled_from(["W", "kWh", "V", "%"]),
    "val_tpl": _templates,
    "dev": st.fixed_dictionaries({"ids": st.sampled_from(["d1", ["d2"], [], "일"])}),
    "exp_aft": st.sampled_from([60, -1, "x"]),
}
_sensor = st.fixed_dictionaries({}, optional={key: value | _json for key, value in _keys.items()})
_device = st.fixed_dictionaries(
    {"cmps": st.dictionaries(st.sampled_from("abc"), _sensor.map(lambda s: {"p": "sensor"} | s), max_size=3)},
    optional={"dev": _keys["dev"], "stat_t": _keys["stat_t"]},
)
_topics = st.sampled_from(
    [f"homeassistant/{kind}/{node}/config" for kind in ("sensor", "device") for node in ("x", "x/y", "z")]
)
_messages = st.lists(st.tuples(_topics, _sensor | _device | st.just("")), max_size=8)


def _learn(known: Announcements, topic: str, sent: object) -> None:
    try:
        known.learn(topic, b"" if sent == "" else json.dumps(sent).encode())
    except PayloadRejected as refused:
        if not refused.problems:
            pytest.fail("a message is refused without a reason")


@settings(deadline=None)
@given(messages=_messages, state=_json | st.just({"p": 5, "q": [1]}))
def test_whatever_is_announced_and_said_gives_readings_or_reasons(messages: list[Any], state: object) -> None:
    known = Announcements(most_sensors=5)
    for topic, sent in messages:
        _learn(known, topic, sent)
    assert len(known.sensors()) <= 5
    assert {s.state_topic for s in known.sensors()} == known.topics()
    for topic in known.topics():
        assert not set(topic) & set("+#\0")
        decoded = known.decode(topic, json.dumps(state).encode(), Envelope(NOW_MS, topic=topic))
        assert bool(decoded.problems) == bool(decoded.rejected)
        assert all(is_key(key.meter) and is_key(key.channel) for key in decoded.keys)
        assert ((decoded.time_ms >= NOW_MS) & (decoded.time_ms < NOW_MS + 7)).all()


@settings(deadline=None)
@given(messages=_messages, data=st.data())
def test_what_is_known_does_not_depend_on_the_order_of_announcing(
    messages: list[Any], data: st.DataObject
) -> None:
    latest = dict(messages)
    forth, back = Announcements(), Announcements()
    for topic, sent in latest.items():
        _learn(forth, topic, sent)
    for topic in data.draw(st.permutations(sorted(latest))):
        _learn(back, topic, latest[topic])
    assert forth.sensors() == back.sensors()


@settings(deadline=None)
@given(messages=_messages)
def test_taking_all_announcements_back_leaves_nothing(messages: list[Any]) -> None:
    known = Announcements()
    for topic, sent in messages:
        _learn(known, topic, sent)
    for topic, _ in messages:
        known.learn(topic, b"")
    assert (known.topics(), known.sensors(), known._count) == (frozenset(), (), 0)
    assert (known._configs_of, known._devices_of) == ({}, {})


_names = st.text("abcxyz_", min_size=1, max_size=5).filter(lambda name: name not in ("get", "items", "keys"))


@settings(deadline=None)
@given(
    names=st.lists(_names, min_size=1, max_size=4),
    factors=st.lists(st.tuples(st.sampled_from("*/"), st.sampled_from([2, 4, 10, 0.5])), max_size=4),
    quoted=st.booleans(),
)
def test_a_template_picks_and_scales_as_its_expression_does(
    names: list[str], factors: list[tuple[str, float]], quoted: bool
) -> None:
    path = "".join(f"['{name}']" if quoted else f".{name}" for name in names)
    picked = parsed("{{ value_json" + path + "".join(f" {sign} {by}" for sign, by in factors) + " }}")
    message: Any = 7.0
    for name in reversed(names):
        message = {name: message}
    expected = 7.0
    for sign, by in factors:
        expected = expected * by if sign == "*" else expected / by
    assert picked.path is not None
    assert at(message, picked.path) == 7.0
    assert 7.0 * picked.factor == pytest.approx(expected)


@settings(deadline=None)
@given(text=st.text("{}value_json.[]'()|*/0159 float-", max_size=40))
def test_any_text_is_a_template_or_is_refused_with_a_reason(text: str) -> None:
    try:
        parsed("{{" + text + "}}")
    except ValueError as error:
        assert str(error)  # noqa: PT017
