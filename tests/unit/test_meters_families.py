"""Families of devices are found with their decoders."""

from chowon.meters.decoded import Family
from chowon.meters.registry import Registry, found

SHELLY, TASMOTA = Family("shelly", "Shelly", 150), Family("tasmota", "Tasmota", 750)


def test_a_family_that_two_decoders_read_is_listed_once_and_by_title() -> None:
    registry = Registry([], [TASMOTA, SHELLY, SHELLY])
    assert registry.families() == (SHELLY, TASMOTA)
    assert registry.family("tasmota") == TASMOTA
    assert registry.family("nosuch") is None


def test_every_family_found_has_a_hold_that_can_be_placed() -> None:
    for family in found().families():
        assert 1 <= family.hold_s <= 86_400
        assert family.name == family.name.lower()
