"""Up to where devices were asked for what they had kept, in the catalog; implements ports.BackfillBook."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from chowon.domain.sites import UNPLACED, Placement
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.tables import backfills


class CatalogBackfills:
    """The book of backfills."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def through(self, placed: Sequence[Placement], first_ms: int) -> list[int]:
        """As ports.BackfillBook.through."""
        with self._catalog.reading() as connection:
            known = _known(connection, placed)
        fresh = [placement for placement in placed if _name(placement) not in known]
        if fresh:
            self.settle(fresh, first_ms)
        return [known.get(_name(placement), first_ms) for placement in placed]

    def settle(self, placed: Sequence[Placement], through_ms: int) -> None:
        """As ports.BackfillBook.settle."""
        with self._catalog.writing() as connection:
            known = _known(connection, placed)
            for placement in placed:
                name = _name(placement)
                row = dict(zip(("family", "device", "name", "channel_id"), name, strict=True))
                if name not in known:
                    connection.execute(insert(backfills).values(**row, through_ms=through_ms))
                elif known[name] < through_ms:
                    connection.execute(update(backfills).where(_is(name)).values(through_ms=through_ms))


def _name(placement: Placement) -> tuple[str, str, str, int]:
    key, channel = placement.key, placement.channel
    assert channel is not None, "only what feeds a channel is filled"
    return key.site.removeprefix(UNPLACED), key.meter, key.channel, channel.id


def _is(name: tuple[str, str, str, int]) -> ColumnElement[bool]:
    columns = (backfills.c.family, backfills.c.device, backfills.c.name, backfills.c.channel_id)
    return and_(*(column == value for column, value in zip(columns, name, strict=True)))


def _known(connection: Connection, placed: Sequence[Placement]) -> dict[tuple[str, str, str, int], Any]:
    wanted = or_(*(_is(_name(placement)) for placement in placed)) if placed else None
    rows = [] if wanted is None else connection.execute(select(backfills).where(wanted)).all()
    return {(row.family, row.device, row.name, row.channel_id): row.through_ms for row in rows}
