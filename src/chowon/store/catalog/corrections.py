"""The ledger of corrections in the catalog. A row is never deleted: one that is taken back says so."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, insert, select, update

from chowon.domain.corrections import Correction
from chowon.domain.quantities import U32
from chowon.errors import NotFound
from chowon.store.catalog.chunks import chunks
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.tables import corrections


class CatalogCorrections:
    """Implements ports.CorrectionBook."""

    def __init__(self, catalog: Catalog, now_ms: Callable[[], int]) -> None:
        self._catalog, self._now_ms = catalog, now_ms

    def in_force(self, channels: Sequence[int] | U32) -> list[Correction]:
        """Those of these channels that were not taken back, in the order in which they were made."""
        found = []
        with self._catalog.reading() as connection:
            for some in chunks([int(c) for c in channels]):
                query = select(corrections).where(
                    corrections.c.channel.in_(some), corrections.c.undone_ms.is_(None)
                )
                found += [_correction(row) for row in connection.execute(query)]
        return sorted(found, key=lambda c: c.id)

    def add(self, correction: Correction) -> Correction:
        """Note it, with its id and the time of this moment."""
        made = replace(correction, made_ms=self._now_ms())
        values = {name: getattr(made, name) for name in Correction.__slots__ if name != "id"}
        with self._catalog.writing() as connection:
            row = connection.execute(insert(corrections).values(values).returning(corrections.c.id))
            return replace(made, id=row.scalar_one())

    def take_back(self, correction_id: int, channels: Sequence[int], by: str) -> Correction:
        """It counts no more. Errors: NotFound if these channels have none of this id in force."""
        with self._catalog.writing() as connection:
            mine = (
                corrections.c.id == correction_id,
                corrections.c.channel.in_(channels),
                corrections.c.undone_ms.is_(None),
            )
            row = connection.execute(select(corrections).where(*mine)).one_or_none()
            if row is None:
                raise NotFound(f"no correction {correction_id} in force here; GET corrections lists them")
            undone = {"undone_by": by, "undone_ms": self._now_ms()}
            connection.execute(update(corrections).where(*mine).values(undone))
            return _correction(row)


def _correction(row: Row[Any]) -> Correction:
    return Correction(*(getattr(row, name) for name in Correction.__slots__))
