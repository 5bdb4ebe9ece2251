"""Meters that chowon asks or listens to, in the catalog; implements ports.SourceBook."""

from collections.abc import Callable

from sqlalchemy import delete, insert, select

from chowon.domain.sources import KeptSource
from chowon.errors import NotFound
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.tables import sources


class CatalogSources:
    """The source book."""

    def __init__(self, catalog: Catalog, now_ms: Callable[[], int]) -> None:
        self._catalog, self._now_ms = catalog, now_ms

    def sources(self) -> list[KeptSource]:
        """All of them, by name."""
        with self._catalog.reading() as connection:
            rows = connection.execute(select(sources).order_by(sources.c.name))
            return [KeptSource(r.name, r.settings, r.paused, r.written_ms, r.written_by) for r in rows]

    def put(self, name: str, settings: str, *, paused: bool, by: str) -> None:
        """Keep this one, in place of one of the same name."""
        row = {"name": name, "settings": settings, "paused": paused}
        row |= {"written_ms": self._now_ms(), "written_by": by}
        with self._catalog.writing() as connection:
            connection.execute(delete(sources).where(sources.c.name == name))
            connection.execute(insert(sources).values(row))

    def remove(self, name: str) -> None:
        """Forget it. Errors: NotFound."""
        with self._catalog.writing() as connection:
            if connection.execute(delete(sources).where(sources.c.name == name)).rowcount == 0:
                raise NotFound(f"no meter '{name}' was made on the page; GET /api/v1/sources lists them")
