"""Sites, meters and channels in the catalog; implements ports.SiteBook."""

import contextlib
import json
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Row, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from chowon.domain.quantities import DAY_MS, DEFAULT_HOLD_MS, I64, U32
from chowon.domain.sites import Channel, ChannelKey, Role, Site
from chowon.errors import BadInput, NotFound, shortened
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.tables import channels, meters, sites

LONGEST_HOLD_MS: Final = 31 * DAY_MS
"""A meter that is read once a month; longer, one reading would touch too many minutes."""
_ATTEMPTS: Final = 5
"""How often others may be quicker"""
_KEY: Final = re.compile(r"[a-z0-9_.-]{1,64}")
_PHASES: Final = frozenset({"phase_a", "phase_b", "phase_c", "l1", "l2", "l3"})
EXPORT: Final = "export"
"""What was given, where a meter tells it apart from what was taken; it adds to main"""
_SOLAR: Final = frozenset({"solar", "pv"})


@dataclass(frozen=True, slots=True)
class SiteDefaults:
    """What a site gets that nobody has described yet."""

    timezone: str = "Asia/Seoul"
    reading_day: int = 1
    tariff: str = "kr.kepco.residential.low"


class CatalogSites:
    """The site book. Known channels are remembered; only this process changes them."""

    def __init__(self, catalog: Catalog, defaults: SiteDefaults) -> None:
        self._catalog = catalog
        self._defaults = defaults
        self._lock = threading.Lock()
        self._known: dict[ChannelKey, Channel] = {}
        self._holds_ms: I64 = np.zeros(0, np.int64)
        """by channel id; −1 where there is none"""
        with catalog.reading() as connection:
            self._remember(_channel(row) for row in connection.execute(_channels()))

    def sites(self) -> list[Site]:
        """All sites with their channels."""
        with self._catalog.reading() as connection:
            rows = connection.execute(select(sites).order_by(sites.c.id)).all()
            of_site: dict[int, list[Channel]] = {}
            for row in connection.execute(_channels()):
                of_site.setdefault(row.site_id, []).append(_channel(row))
        return [_site(row, of_site.get(row.id, ())) for row in rows]

    def site(self, site_id: int) -> Site:
        """One site. Errors: NotFound."""
        with self._catalog.reading() as connection:
            row = connection.execute(select(sites).where(sites.c.id == site_id)).one_or_none()
            if row is None:
                raise NotFound(f"no site {site_id}; GET /sites lists them")
            found = connection.execute(_channels().where(sites.c.id == site_id)).all()
        return _site(row, [_channel(r) for r in found])

    def resolve(self, keys: Sequence[ChannelKey]) -> list[Channel | None]:
        """The channel behind each key, None where it is not known."""
        known = self._known
        missing = {key for key in keys if key not in known}
        if missing:
            with self._catalog.reading() as connection:
                wanted = sorted({key.site for key in missing})
                found = connection.execute(_channels().where(sites.c.key.in_(wanted))).all()
            self._remember(_channel(row) for row in found)
            known = self._known
        return [known.get(key) for key in keys]

    def register(self, key: ChannelKey, hold_ms: int) -> Channel:
        """As `register_all`, of one."""
        (channel,) = self.register_all([key], hold_ms)
        return channel

    def register_all(self, keys: Sequence[ChannelKey], hold_ms: int) -> list[Channel]:
        """Make these channels known (and their sites and meters), in one go; the known ones as they are.

        Errors: BadInput for a key that is not 1–64 characters of [a-z0-9_.-] or a hold that is
        not 1 ms to 31 days.
        """
        for key in keys:
            _check(key, hold_ms)
        for _ in range(_ATTEMPTS):
            missing = [key for key, known in zip(keys, self.resolve(keys), strict=True) if known is None]
            if not missing:
                break
            # IntegrityError: another process was quicker, and its rows are those that count
            with contextlib.suppress(IntegrityError), self._catalog.writing() as connection:
                self._insert(connection, list(dict.fromkeys(missing)), hold_ms)
        found = [channel for channel in self.resolve(keys) if channel is not None]
        if len(found) < len(keys):
            raise NotFound("a channel was removed while it was being registered; send it again")
        return found

    def configure(self, site: Site) -> None:
        """Change a site's name, timezone, reading day, tariff and options, roles, and what it is without.

        Errors: NotFound.
        """
        with self._catalog.writing() as connection:
            changed = connection.execute(
                update(sites)
                .where(sites.c.id == site.id)
                .values(
                    name=site.name,
                    timezone=site.timezone,
                    reading_day=site.reading_day,
                    tariff=site.tariff,
                    tariff_options=json.dumps(site.tariff_options, ensure_ascii=False),
                    without=" ".join(sorted(site.without)),
                )
            )
            if changed.rowcount != 1:
                raise NotFound(f"no site {site.id}; GET /sites lists them")
            for channel in site.channels:
                connection.execute(
                    update(channels).where(channels.c.id == channel.id).values(role=channel.role)
                )
        self._remember(site.channels)

    def holds(self, ids: U32) -> I64:
        """(n,) the longest silence, ms, that a sample of each of these channels bridges."""
        found = _looked_up(self._holds_ms, ids)
        if (found < 0).any():
            with self._catalog.reading() as connection:
                self._remember(_channel(row) for row in connection.execute(_channels()))
            found = _looked_up(self._holds_ms, ids)
        return np.where(found < 0, DEFAULT_HOLD_MS, found)

    def look_again(self) -> None:
        """Holds were changed."""
        with self._catalog.reading() as connection:
            self._remember(_channel(row) for row in connection.execute(_channels()))

    def _insert(self, connection: Connection, keys: Sequence[ChannelKey], hold_ms: int) -> None:
        """keys: each once."""
        known_sites = self._site_ids(connection, {key.site for key in keys})
        known_meters: dict[tuple[str, str], int] = {}
        for site, meter in dict.fromkeys((key.site, key.meter) for key in keys):
            of_meter = (meters.c.site_id == known_sites[site], meters.c.key == meter)
            meter_id = connection.execute(select(meters.c.id).where(*of_meter)).scalar()
            if meter_id is None:
                row = {"site_id": known_sites[site], "key": meter}
                meter_id = connection.execute(insert(meters).values(row).returning(meters.c.id)).scalar_one()
            known_meters[site, meter] = meter_id
        rows = [
            {
                "meter_id": known_meters[key.site, key.meter],
                "key": key.channel,
                "role": role_of(key),
                "hold_ms": hold_ms,
            }
            for key in keys
        ]
        connection.execute(insert(channels), rows)

    def _site_ids(self, connection: Connection, wanted: set[str]) -> dict[str, int]:
        """The id of each site, made where there is none."""
        found: dict[str, int] = {}
        for key in sorted(wanted):
            site_id = connection.execute(select(sites.c.id).where(sites.c.key == key)).scalar()
            if site_id is None:
                row = {
                    "key": key,
                    "name": key,
                    "timezone": self._defaults.timezone,
                    "reading_day": self._defaults.reading_day,
                    "tariff": self._defaults.tariff,
                    "tariff_options": "{}",
                }
                site_id = connection.execute(insert(sites).values(row).returning(sites.c.id)).scalar_one()
            found[key] = site_id
        return found

    def _remember(self, found: Iterable[Channel]) -> None:
        with self._lock:
            fresh = {channel.key: channel for channel in found}
            self._known = self._known | fresh
            if fresh:
                self._holds_ms = _with_holds(self._holds_ms, [(c.id, c.hold_ms) for c in fresh.values()])


def _looked_up(holds_ms: I64, ids: U32) -> I64:
    known = ids < len(holds_ms)
    return np.where(known, holds_ms[np.where(known, ids, 0)], -1) if len(holds_ms) else np.full(len(ids), -1)


def _with_holds(holds_ms: I64, more: Sequence[tuple[int, int]]) -> I64:
    """A table with room for all of them, as others may be reading this one."""
    size = max(len(holds_ms), 1 + max(channel for channel, _ in more))
    wider = np.full(size, -1, np.int64)
    wider[: len(holds_ms)] = holds_ms
    for channel, hold_ms in more:
        wider[channel] = hold_ms
    return wider


def role_of(key: ChannelKey) -> Role:
    """What a channel is, going by its names, until somebody says otherwise."""
    if key.channel in _PHASES or key.channel == EXPORT:
        return "phase"
    if key.channel in _SOLAR or (key.channel == "main" and key.meter in _SOLAR):
        return "solar"
    if key.channel.startswith("main-"):  # a phase of a meter that tells their sum as well
        return "aside"
    return "main" if key.channel == "main" else "circuit"


def _check(key: ChannelKey, hold_ms: int) -> None:
    for what, name in (("site", key.site), ("meter", key.meter), ("channel", key.channel)):
        if not _KEY.fullmatch(name):
            raise BadInput(f"{what} key {shortened(name)}: expected 1–64 characters of a–z, 0–9, _ . -")
    if not 1 <= hold_ms <= LONGEST_HOLD_MS:
        raise BadInput(f"{key}: hold_ms {hold_ms}, expected 1 … {LONGEST_HOLD_MS} ms")


def _channels() -> Select[Any]:
    return (
        select(
            channels,
            meters.c.key.label("meter_key"),
            sites.c.key.label("site_key"),
            sites.c.id.label("site_id"),
        )
        .join_from(channels, meters)
        .join(sites)
        .order_by(channels.c.id)
    )


def _channel(row: Row[Any]) -> Channel:
    return Channel(
        row.id, ChannelKey(row.site_key, row.meter_key, row.key), row.role, row.hold_ms, row.hold_by
    )


def _site(row: Row[Any], found: Iterable[Channel]) -> Site:
    return Site(
        id=row.id,
        key=row.key,
        name=row.name,
        timezone=row.timezone,
        reading_day=row.reading_day,
        tariff=row.tariff,
        tariff_options=json.loads(row.tariff_options),
        channels=tuple(found),
        without=frozenset(row.without.split()),
    )
