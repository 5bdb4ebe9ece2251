"""What is wrong when nothing arrives, and what a device is to be told."""

from dataclasses import fields, replace

import pytest

from chowon.i18n import known, said
from chowon.ingest.mqtt import MqttStats
from chowon.ingest.reception import MqttPlace, diagnose
from chowon.ingest.setup import _TEMPLATES, snippet

OURS = MqttPlace("127.0.0.1", 18830, embedded=True, username=None, password=False, tls=False)
OPEN = replace(OURS, host="192.168.0.5", username="meters", password=True)
NOTHING: dict[str, object] = {field.name: 0 for field in fields(MqttStats)}
QUIET = MqttStats(**(NOTHING | {"listening": True, "connection_problem": None}))


def _ids(*asked: object) -> list[str]:
    found = diagnose(*asked)  # type: ignore[arg-type]
    for finding in found:
        told = said(f"reception.{finding.id}", finding.places)
        assert told.ko
        assert told.en
    return [finding.id for finding in found]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((None, None, None), ["mqtt_off"]),
        ((OURS, QUIET, False), ["broker_dead", "loopback_only"]),
        ((OURS, QUIET, True), ["loopback_only"]),
        ((OPEN, QUIET, True), ["nothing_received"]),
        ((replace(OURS, embedded=False), QUIET, True), ["nothing_received"]),
        ((OPEN, replace(QUIET, listening=False, connection_problem="refused"), True), ["not_listening"]),
        ((OPEN, replace(QUIET, received=3, poison=3), True), ["nothing_read"]),
        ((OPEN, replace(QUIET, received=3, poison=2), True), ["hearing_most"]),
        ((OURS, replace(QUIET, received=3), True), ["loopback_only", "hearing"]),
    ],
)
def test_the_first_cause_is_told_first(asked: tuple[object, ...], expected: list[str]) -> None:
    assert _ids(*asked) == expected


def test_a_broker_that_refuses_is_quoted() -> None:
    stats = replace(QUIET, listening=False, connection_problem="wrong password")
    (finding,) = diagnose(OPEN, stats, True)
    assert said("reception.not_listening", finding.places).en.endswith("192.168.0.5:18830: wrong password")


@pytest.mark.parametrize("family", [*_TEMPLATES, "nobody-knows-it"])
def test_settings_to_copy_hold_address_port_and_user_but_no_password(family: str) -> None:
    text = snippet(family, OPEN)
    assert "192.168.0.5" in text
    assert "18830" in text
    assert "meters" in text
    assert "THE-PASSWORD" in text
    assert "THE-PASSWORD" not in snippet(family, OURS)


def test_every_family_with_settings_has_its_words() -> None:
    assert all(known(f"setup.{family}") for family in _TEMPLATES)
