"""Which device feeds which channel, on both kinds of database."""

from dataclasses import replace

import pytest

from chowon.domain.sites import ChannelKey, Placement
from chowon.errors import BadInput, NotFound
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.placements import CatalogPlacements
from chowon.store.catalog.sites import CatalogSites
from tests.unit.test_store_catalog import book, catalog, postgres, url

__all__ = ["book", "catalog", "postgres", "url"]  # fixtures

PHASE_A = ChannelKey("~shelly", "shellyem3-1a2b", "a")
PHASE_B = ChannelKey("~shelly", "shellyem3-1a2b", "b")


@pytest.fixture
def devices(catalog: Catalog) -> CatalogPlacements:
    return CatalogPlacements(catalog)


def test_a_decision_is_found_again(devices: CatalogPlacements, book: CatalogSites) -> None:
    channel = book.register(ChannelKey("home", "roof", "phase_a"), 60_000)
    decided = [Placement(PHASE_A, channel, turned=True), Placement(PHASE_B, None)]
    devices.place(decided)
    assert devices.find([PHASE_B, PHASE_A, replace(PHASE_A, channel="c")]) == [*reversed(decided), None]
    assert devices.placements() == decided


def test_a_later_decision_replaces_the_earlier(devices: CatalogPlacements, book: CatalogSites) -> None:
    first = book.register(ChannelKey("home", "roof", "phase_a"), 60_000)
    second = book.register(ChannelKey("home", "roof", "phase_b"), 60_000)
    devices.place([Placement(PHASE_A, first), Placement(PHASE_B, second)])
    swapped = [Placement(PHASE_A, second), Placement(PHASE_B, first)]
    devices.place(swapped)
    assert devices.placements() == swapped


def test_two_devices_never_feed_one_channel(devices: CatalogPlacements, book: CatalogSites) -> None:
    channel = book.register(ChannelKey("home", "roof", "main"), 60_000)
    other = Placement(ChannelKey("~tasmota", "plug", "main"), channel)
    devices.place([other])
    with pytest.raises(BadInput, match=r"fed by ~tasmota/plug/main already; remove that device first"):
        devices.place([Placement(PHASE_B, None), Placement(PHASE_A, channel)])
    with pytest.raises(BadInput, match="give each its own"):
        devices.place([Placement(other.key, None), Placement(PHASE_A, channel), Placement(PHASE_B, channel)])
    assert devices.placements() == [other]


def test_a_device_is_forgotten_whole(devices: CatalogPlacements, book: CatalogSites) -> None:
    channel = book.register(ChannelKey("home", "roof", "phase_a"), 60_000)
    devices.place([Placement(PHASE_A, channel), Placement(PHASE_B, None)])
    devices.remove("shelly", "shellyem3-1a2b")
    assert devices.placements() == []
    with pytest.raises(NotFound, match="shelly/shellyem3-1a2b"):
        devices.remove("shelly", "shellyem3-1a2b")
