"""Opening the catalog: SQLite or PostgreSQL, brought to this version's tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any, Final, NoReturn

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from chowon.errors import Misconfigured, StoreUnavailable

MIGRATIONS: Final = Path(__file__).parent / "migrations"
HEAD: Final = "0012"
"""The newest step in migrations/versions; a test holds it against the files."""


class Catalog:
    """Connections to the catalog: `reading` sees one consistent state, `writing` is all or nothing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose SELECTs all see the same moment. Errors: StoreUnavailable."""
        options = {"isolation_level": "REPEATABLE READ"} if self.engine.dialect.name == "postgresql" else {}
        with self._as_ours(), self.engine.connect() as connection:
            yield connection.execution_options(**options)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: durable when the with block ends, undone if it raises. Errors: StoreUnavailable."""
        writing = self.engine.execution_options(chowon_writes=True)
        with self._as_ours(), writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _as_ours(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # the caller knows what was not unique
        except (DBAPIError, PoolTimeoutError) as error:
            where = self.engine.url.render_as_string(hide_password=True)
            reason = getattr(error, "orig", error)
            raise StoreUnavailable(
                f"catalog {where}: {reason}; nothing was changed: "
                "check that the database runs, takes writes and has free space"
            ) from error


def open_catalog(url: str | URL, *, migrate: bool = True) -> Catalog:
    """The catalog behind an SQLAlchemy URL, with this version's tables.

    Errors: StoreUnavailable; Misconfigured if its tables are those of a newer chowon, or of an older one and
    `migrate` is false.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_on_sqlite)
    catalog = Catalog(engine)
    try:
        with catalog.reading() as connection:
            version = _version(connection)
        if version != HEAD:
            if not migrate:
                _refuse(version, "start chowon once with this data folder")
            with catalog.writing() as connection:
                _upgrade(connection, version)
    except BaseException:
        catalog.close()
        raise
    return catalog


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def _refuse(version: str | None, advice: str) -> NoReturn:
    raise Misconfigured(f"the catalog has version {version}, this chowon expects {HEAD}; {advice}")


def _upgrade(connection: Connection, version: str | None) -> None:
    from alembic import command  # noqa: PLC0415 — a quarter of a second that most starts are spared
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        _refuse(version, "install a newer chowon")


def _set_up_sqlite(connection: SqliteConnection, _record: Any) -> None:
    """The driver begins no transactions by itself: it would only do so before the first change."""
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_on_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("chowon_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
