"""Free-form questions in SQL over lake and journal together, by DuckDB: one moment, names and units.

Views: `readings` (time, site, meter, channel, role, power_w, voltage_v, …), `channels`, `sites`.
"""

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from chowon.domain.readings import QUANTITIES
from chowon.errors import BadInput, ExtraMissing, StoreUnavailable
from chowon.store.columns import table_of_readings
from chowon.store.opening import Reader, Store
from chowon.store.view import View, Views

if TYPE_CHECKING:
    import duckdb

UNITS: Final = {
    "power_dw": ("power_w", 10),
    "reactive_dvar": ("reactive_var", 10),
    "voltage_dv": ("voltage_v", 10),
    "current_ma": ("current_a", 1000),
    "frequency_mhz": ("frequency_hz", 1000),
    "import_milliwh": ("import_wh", 1000),
    "export_milliwh": ("export_wh", 1000),
}
"""Stored column → (name outside, stored units in one of that)."""


def ask(store: Reader | Store, question: str) -> pa.Table:
    """The answer to one SQL statement.

    Errors: ExtraMissing (DuckDB is not installed), BadInput (what DuckDB says of the statement),
    StoreUnavailable (the lake was tidied meanwhile: ask again).
    """
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ExtraMissing("chowon sql", "sql") from error
    view = Views(store.lake, store.files, store.journal).current()
    with duckdb.connect() as db:
        _define(db, view, store)
        try:
            found: Any = db.sql(question)  # None for a statement without rows
            answer: pa.Table = pa.table({}) if found is None else found.to_arrow_table()
        except duckdb.IOException as error:
            raise StoreUnavailable(f"the lake was tidied while it was read; ask again ({error})") from error
        except duckdb.Error as error:
            raise BadInput(f"{error}") from error
    return answer


def _define(db: "duckdb.DuckDBPyConnection", view: View, store: Reader | Store) -> None:
    sites = store.sites.sites()
    channels = [(c.id, c.key.site, c.key.meter, c.key.channel, c.role) for s in sites for c in s.channels]
    _table(db, "channels", ("id", "site", "meter", "channel", "role"), channels)
    about = [(s.id, s.key, s.name, s.timezone, s.reading_day, s.tariff) for s in sites]
    _table(db, "sites", ("id", "site", "name", "timezone", "reading_day", "tariff"), about)
    files = [(str(view.lake.folder / f.path), f.id) for f in view.snapshot.files if f.kind == "raw"]
    tail = table_of_readings(view.tail, QUANTITIES)
    order = pa.array(range(2**62, 2**62 + len(tail)), pa.int64())
    db.register("tail", tail.append_column("generation", order))
    stored = "SELECT * FROM tail"
    if files:
        _table(db, "files", ("path", "generation"), files)
        paths = ", ".join("'" + path.replace("'", "''") + "'" for path, _ in files)
        stored += (
            " UNION ALL BY NAME SELECT r.* EXCLUDE (filename), f.generation FROM"
            f" read_parquet([{paths}], union_by_name = true, filename = true) r"
            " JOIN files f ON f.path = r.filename"
        )
    measures = ", ".join(f"r.{column} / {scale} AS {name}" for column, (name, scale) in UNITS.items())
    newest = "row_number() OVER (PARTITION BY channel, time ORDER BY generation DESC) = 1"
    db.execute(  # every word in it is ours
        f"CREATE VIEW readings AS SELECT r.time, c.site, c.meter, c.channel, c.role, {measures} "
        f"FROM (SELECT * FROM ({stored}) QUALIFY {newest}) r JOIN channels c ON c.id = r.channel"
    )


def _table(
    db: "duckdb.DuckDBPyConnection", name: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    words = [[row[at] for row in rows] for at in range(len(columns))]
    db.register(name, pa.table(dict(zip(columns, map(pa.array, words), strict=True))))
