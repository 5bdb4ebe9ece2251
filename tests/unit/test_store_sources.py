"""Meters made on the page, on both kinds of database."""

import pytest

from chowon.domain.sources import KeptSource
from chowon.errors import NotFound
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.sources import CatalogSources
from tests.unit.test_store_catalog import catalog, postgres, url

__all__ = ["catalog", "postgres", "url"]  # fixtures


def test_a_meter_is_kept_changed_and_forgotten(catalog: Catalog) -> None:
    clock = iter(range(1000, 9000, 1000))
    book = CatalogSources(catalog, lambda: next(clock))
    book.put("roof", '{"kind": "modbus"}', paused=False, by="anna")
    book.put("grid", '{"kind": "dsmr"}', paused=False, by="server")
    book.put("roof", '{"kind": "modbus", "title": "지붕"}', paused=True, by="bob")
    assert book.sources() == [
        KeptSource("grid", '{"kind": "dsmr"}', False, 2000, "server"),
        KeptSource("roof", '{"kind": "modbus", "title": "지붕"}', True, 3000, "bob"),
    ]
    book.remove("grid")
    assert [kept.name for kept in book.sources()] == ["roof"]
    with pytest.raises(NotFound, match="no meter 'grid'"):
        book.remove("grid")
