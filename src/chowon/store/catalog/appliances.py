"""What was learnt of sites' appliances, in the catalog; implements ports.ApplianceBook."""

import json
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from chowon.domain.nilm.events.kept import (
    KeptHome,
    Tapped,
    home_as_data,
    home_of_data,
    tap_as_data,
    tap_of_data,
)
from chowon.domain.nilm.events.known import Tap
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.tables import appliance_homes, appliance_taps

MOST_TAPS: Final = 1000
"""So many of a site are kept, the newest ones: more than a family says in years"""


class CatalogAppliances:
    """The appliance book."""

    def __init__(self, catalog: Catalog, now_ms: Callable[[], int]) -> None:
        self._catalog, self._now_ms = catalog, now_ms

    def homes(self) -> dict[int, KeptHome]:
        """Of all sites of which something is kept. Errors: BadInput for those of a newer chowon."""
        with self._catalog.reading() as connection:
            rows = connection.execute(select(appliance_homes.c.site_id, appliance_homes.c.known)).all()
        return {site_id: home_of_data(json.loads(known)) for site_id, known in rows}

    def keep(self, homes: Mapping[int, KeptHome]) -> None:
        """In place of what was kept of these sites."""
        with self._catalog.writing() as connection:
            for site_id, home in homes.items():
                self._put(connection, site_id, home)

    def tapped(self, site_id: int, home: KeptHome, tap: Tap, by: str) -> None:
        """Keep what a person said, and what is known after it; both or none."""
        said = {"site_id": site_id, "tap": json.dumps(tap_as_data(tap))}
        with self._catalog.writing() as connection:
            connection.execute(
                insert(appliance_taps).values(said | {"made_by": by, "made_ms": self._now_ms()})
            )
            self._forget(connection, site_id)
            self._put(connection, site_id, home)

    def taps(self, site_id: int) -> list[Tapped]:
        """The newest that was said of a site, in its order."""
        columns = appliance_taps.c
        of_site = select(appliance_taps).where(columns.site_id == site_id).order_by(columns.id)
        with self._catalog.reading() as connection:
            rows = connection.execute(of_site).all()
        return [Tapped(tap_of_data(json.loads(row.tap)), row.made_by, row.made_ms) for row in rows]

    def _forget(self, connection: Connection, site_id: int) -> None:
        """Taps beyond the newest `MOST_TAPS` of a site."""
        columns = appliance_taps.c
        newest_first = select(columns.id).where(columns.site_id == site_id).order_by(columns.id.desc())
        too_old = newest_first.offset(MOST_TAPS).limit(1).scalar_subquery()
        connection.execute(delete(appliance_taps).where(columns.site_id == site_id, columns.id <= too_old))

    def _put(self, connection: Connection, site_id: int, home: KeptHome) -> None:
        row = {
            "site_id": site_id,
            "known": json.dumps(home_as_data(home)),
            "written_ms": self._now_ms(),
        }
        connection.execute(delete(appliance_homes).where(appliance_homes.c.site_id == site_id))
        connection.execute(insert(appliance_homes).values(row))
