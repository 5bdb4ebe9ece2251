"""Which device feeds which channel, in the catalog; implements ports.DeviceBook."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from chowon.domain.sites import UNPLACED, Channel, ChannelKey, Placement
from chowon.errors import BadInput, NotFound
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.tables import channels, meters, placements, sites

_ASKED_AT_ONCE: Final = 200
"""So many keys a query: databases bound the number of values."""


class CatalogPlacements:
    """The device book."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def find(self, keys: Sequence[ChannelKey]) -> list[Placement | None]:
        """The decision about each of these device channels, None where nobody has decided."""
        found: dict[ChannelKey, Placement] = {}
        with self._catalog.reading() as connection:
            for first in range(0, len(keys), _ASKED_AT_ONCE):
                wanted = [(_family(k), k.meter, k.channel) for k in keys[first : first + _ASKED_AT_ONCE]]
                name = tuple_(placements.c.family, placements.c.device, placements.c.name)
                rows = connection.execute(_placements().where(name.in_(wanted)))
                found |= {p.key: p for p in map(_placement, rows)}
        return [found.get(key) for key in keys]

    def placements(self) -> list[Placement]:
        """All decisions, by family, device and channel."""
        with self._catalog.reading() as connection:
            return [_placement(row) for row in connection.execute(_placements())]

    def place(self, decided: Sequence[Placement]) -> None:
        """Write these decisions over earlier ones about the same device channels; all or none.

        Errors: BadInput for a channel that another device channel feeds already.
        """
        try:
            with self._catalog.writing() as connection:
                for placement in decided:
                    _remove(connection, placement.key)
                for placement in decided:
                    connection.execute(insert(placements).values(_row(placement)))
        except IntegrityError as error:
            raise BadInput(self._taken(decided)) from error

    def remove(self, family: str, device: str) -> None:
        """Forget all decisions about a device. Errors: NotFound."""
        of_device = (placements.c.family == family, placements.c.device == device)
        with self._catalog.writing() as connection:
            if connection.execute(delete(placements).where(*of_device)).rowcount == 0:
                raise NotFound(f"no device {family}/{device} has a place; GET /api/v1/devices lists them")

    def _taken(self, decided: Sequence[Placement]) -> str:
        wanted = [p.channel.id for p in decided if p.channel is not None]
        ours = {p.key for p in decided}
        taken = [p for p in self.placements() if p.channel and p.channel.id in wanted and p.key not in ours]
        if not taken:
            return "two channels of the device are to feed the same channel; give each its own"
        by, channel = taken[0], taken[0].channel
        assert channel is not None
        return (
            f"channel {channel.key} is fed by {by.key} already; remove that device first, or choose another "
            "channel"
        )


def _remove(connection: Connection, key: ChannelKey) -> None:
    connection.execute(
        delete(placements).where(
            placements.c.family == _family(key),
            placements.c.device == key.meter,
            placements.c.name == key.channel,
        )
    )


def _row(placement: Placement) -> dict[str, object]:
    key = placement.key
    return {
        "family": _family(key),
        "device": key.meter,
        "name": key.channel,
        "channel_id": None if placement.channel is None else placement.channel.id,
        "turned": placement.turned,
    }


def _family(key: ChannelKey) -> str:
    return key.site.removeprefix(UNPLACED)


def _placements() -> Select[Any]:
    return (
        select(
            placements.c.family,
            placements.c.device,
            placements.c.name,
            placements.c.turned,
            channels.c.id,
            channels.c.key,
            channels.c.role,
            channels.c.hold_ms,
            meters.c.key.label("meter_key"),
            sites.c.key.label("site_key"),
        )
        .select_from(placements.outerjoin(channels).outerjoin(meters).outerjoin(sites))
        .order_by(placements.c.family, placements.c.device, placements.c.name)
    )


def _placement(row: Row[Any]) -> Placement:
    key = ChannelKey(UNPLACED + row.family, row.device, row.name)
    if row.id is None:
        return Placement(key, None, row.turned)
    channel = Channel(row.id, ChannelKey(row.site_key, row.meter_key, row.key), row.role, row.hold_ms)
    return Placement(key, channel, row.turned)
