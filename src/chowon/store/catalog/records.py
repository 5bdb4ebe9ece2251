"""What people have written down of sites, in the catalog; implements ports.RecordBook."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from chowon.domain.records import Recorded, Records, RecordsChange, Written
from chowon.errors import NotFound
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.revisions import grow, revision_of
from chowon.store.catalog.tables import site_records, sites

_BOOK: Final = "records"
_DEMAND, _CARRIED, _SERIES = "past_demand_kw", "carried", "series"


class CatalogRecords:
    """The record book."""

    def __init__(self, catalog: Catalog, now_ms: Callable[[], int]) -> None:
        self._catalog = catalog
        self._now_ms = now_ms

    def records(self, site_id: int) -> Records:
        """Of one site; nothing of one that is not known."""
        with self._catalog.reading() as connection:
            return _records(connection, site_id)

    def change(self, site_id: int, change: RecordsChange, by: str) -> Records:
        """The records after the change; a record that stays the same keeps when it was written.

        Errors: NotFound; BadInput.
        """
        change.check()
        wanted = {
            _DEMAND: {month: _text(kw) for month, kw in change.past_demand_kw.items()},
            _CARRIED: {day.isoformat(): _text(amount) for day, amount in change.carried.items()},
            _SERIES: dict(change.series),
        }
        with self._catalog.writing() as connection:
            if connection.execute(select(sites.c.id).where(sites.c.id == site_id)).scalar() is None:
                raise NotFound(f"no site {site_id}; GET /sites lists them")
            changes = [
                (kind, key, value)
                for kind, values in wanted.items()
                for key, value in values.items()
                if value != _value(connection, site_id, kind, key)
            ]
            for kind, key, value in changes:
                self._write(connection, site_id, (kind, key), value, by)
            if changes:
                grow(connection, _BOOK)
            return _records(connection, site_id)

    def revision(self) -> int:
        """Grows with every change."""
        with self._catalog.reading() as connection:
            return revision_of(connection, _BOOK)

    def _write(
        self, connection: Connection, site_id: int, at: tuple[str, str], value: str | None, by: str
    ) -> None:
        columns, (kind, key) = site_records.c, at
        connection.execute(
            delete(site_records).where(columns.site_id == site_id, columns.kind == kind, columns.key == key)
        )
        if value is not None:
            row = {"site_id": site_id, "kind": kind, "key": key, "value": value}
            told = {"written_ms": self._now_ms(), "written_by": by}
            connection.execute(insert(site_records).values(row | told))


def _value(connection: Connection, site_id: int, kind: str, key: str) -> str | None:
    columns = site_records.c
    found = select(columns.value).where(columns.site_id == site_id, columns.kind == kind, columns.key == key)
    value: str | None = connection.execute(found).scalar()
    return value


def _records(connection: Connection, site_id: int) -> Records:
    of_site = select(site_records).where(site_records.c.site_id == site_id)
    demand, carried, series = {}, {}, {}
    for row in connection.execute(of_site.order_by(site_records.c.kind, site_records.c.key)):
        written = Written(row.written_ms, row.written_by)
        if row.kind == _DEMAND:
            demand[row.key] = Recorded(Decimal(row.value), written)
        elif row.kind == _CARRIED:
            carried[date.fromisoformat(row.key)] = Recorded(Decimal(row.value), written)
        elif row.kind == _SERIES:
            series[row.key] = row.value
    return Records(demand, carried, series)


def _text(number: Decimal | None) -> str | None:
    """Without trailing zeros, so that 95 and 95.0 are the same record."""
    if number is None:
        return None
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
