"""What people saw run in sites, in the catalog; implements ports.WitnessBook."""

from collections.abc import Callable

from sqlalchemy import delete, func, insert, select

from chowon.domain.nilm.witnessed import MOST, KeptWitness, Witnessed
from chowon.errors import BadInput, NotFound
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.tables import witnessed_runs


class CatalogWitnessed:
    """The witness book."""

    def __init__(self, catalog: Catalog, now_ms: Callable[[], int]) -> None:
        self._catalog, self._now_ms = catalog, now_ms

    def of(self, site_id: int) -> list[KeptWitness]:
        """Of one site, by start; nothing of one that is not known."""
        columns = witnessed_runs.c
        of_site = select(witnessed_runs).where(columns.site_id == site_id)
        with self._catalog.reading() as connection:
            rows = connection.execute(of_site.order_by(columns.start_ms, columns.id)).all()
        return [
            KeptWitness(
                row.id,
                Witnessed(row.kind, row.start_ms, row.end_ms, row.ran),
                row.made_by,
                row.made_ms,
            )
            for row in rows
        ]

    def add(self, site_id: int, witnessed: Witnessed, by: str) -> int:
        """Keep this one in place of those of its kind that it overlaps; gives its id.

        Errors: BadInput where `MOST` others of the kind are kept.
        """
        columns = witnessed_runs.c
        of_kind = columns.site_id == site_id, columns.kind == witnessed.kind
        row = {name: getattr(witnessed, name) for name in Witnessed.__slots__}
        made = {"site_id": site_id, "made_by": by, "made_ms": self._now_ms()}
        with self._catalog.writing() as connection:
            overlap = columns.start_ms < witnessed.end_ms, columns.end_ms > witnessed.start_ms
            connection.execute(delete(witnessed_runs).where(*of_kind, *overlap))
            kept = connection.execute(select(func.count()).select_from(witnessed_runs).where(*of_kind))
            if kept.scalar_one() >= MOST:
                raise BadInput(
                    f"{witnessed.kind}: {MOST} of this kind are kept already; take one back first, such as "
                    "the oldest: DELETE …/appliances/witnessed/{id}"
                )
            added = connection.execute(insert(witnessed_runs).values(row | made).returning(columns.id))
            return int(added.scalar_one())

    def remove(self, site_id: int, number: int) -> None:
        """Forget it. Errors: NotFound where this site has none of this id."""
        mine = witnessed_runs.c.site_id == site_id, witnessed_runs.c.id == number
        with self._catalog.writing() as connection:
            if connection.execute(delete(witnessed_runs).where(*mine)).rowcount == 0:
                raise NotFound(
                    f"site {site_id} has no witnessed run {number}; GET …/appliances/witnessed lists them"
                )
