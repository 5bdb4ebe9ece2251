"""What people said of appliances, in the catalog."""

import pytest

from chowon.domain.nilm.events.kept import KeptHome
from chowon.domain.nilm.events.known import Known, Name
from chowon.domain.sites import ChannelKey
from chowon.store.catalog import appliances
from chowon.store.catalog.appliances import CatalogAppliances
from tests.unit.test_store_catalog import book, catalog, postgres, url

__all__ = ["book", "catalog", "postgres", "url"]  # fixtures

HOME = KeptHome(Known(), 0, False)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(appliances, "MOST_TAPS", 3)


@pytest.mark.usefixtures("few")
def test_of_each_site_the_newest_taps_are_kept(catalog, book):
    book.register_all([ChannelKey(name, "main", "main") for name in ("loud", "quiet")], 10_000)
    loud, quiet = (site.id for site in book.sites())
    said = CatalogAppliances(catalog, lambda: 7)
    said.tapped(quiet, HOME, Name(1, "kettle"), "kim")
    for n in range(10):
        said.tapped(loud, HOME, Name(1, f"name {n}"), "lee")
    assert [one.tap.name for one in said.taps(loud)] == ["name 7", "name 8", "name 9"]
    assert [(one.tap.name, one.by, one.at_ms) for one in said.taps(quiet)] == [("kettle", "kim", 7)]
