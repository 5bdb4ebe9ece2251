"""What the tellings of sites' days sum up to, in the catalog."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from sqlalchemy import Connection, insert, select

from chowon.domain.nilm.told import NOTHING_TAKEN, ToldDay, Took
from chowon.store.catalog.chunks import chunks
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.tables import appliance_days, appliance_sums


class CatalogTold:
    """Every telling of every day; of one site, day and value the last one counts."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def days(self, site_id: int, first: date, end: date) -> list[ToldDay]:
        """As ports.ToldDays."""
        columns = appliance_days.c
        wanted = columns.site_id == site_id, columns.day >= first.isoformat(), columns.day < end.isoformat()
        with self._catalog.reading() as connection:
            rows = connection.execute(select(appliance_days).where(*wanted).order_by(columns.id)).all()
            sums = _sums(connection, [row.id for row in rows])
        return [
            ToldDay(
                row.site_id,
                date.fromisoformat(row.day),
                row.value,
                row.told_ms,
                row.told_by,
                row.mains,
                row.known_min,
                dict.fromkeys(row.kinds.split(), NOTHING_TAKEN) | sums.get(row.id, {}),
            )
            for row in rows
        ]

    def add(self, days: Sequence[ToldDay]) -> None:
        """All or none of these."""
        sums = []
        with self._catalog.writing() as connection:
            for told in days:
                number = connection.execute(
                    insert(appliance_days).values(_row(told)).returning(appliance_days.c.id)
                ).scalar_one()
                sums += [
                    {"told": number, "kind": kind, **asdict(it)}
                    for kind, it in told.took.items()
                    if it != NOTHING_TAKEN
                ]
            if sums:
                connection.execute(insert(appliance_sums), sums)


def _row(told: ToldDay) -> dict[str, object]:
    names = ("site_id", "value", "told_ms", "told_by", "mains", "known_min")
    kinds = " ".join(sorted(told.took))
    return {name: getattr(told, name) for name in names} | {"day": told.day.isoformat(), "kinds": kinds}


def _sums(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, Took]]:
    found: dict[int, dict[str, Took]] = {}
    for some in chunks(numbers):
        for row in connection.execute(select(appliance_sums).where(appliance_sums.c.told.in_(some))):
            found.setdefault(row.told, {})[row.kind] = Took(row.milliwh, row.on_min, row.runs)
    return found
