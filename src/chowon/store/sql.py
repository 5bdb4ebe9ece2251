"""Free-form questions in SQL over lake and journal together, by DuckDB: one moment, names and units.

Views: `readings` (time, site, meter, channel, role, power_w, voltage_v, …), `channels`, `sites`, and
`appliances` (time, site, kind, power_w): by minute, as told by the last night that told it.
"""

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from chowon.domain.readings import QUANTITIES
from chowon.errors import BadInput, ExtraMissing, StoreUnavailable
from chowon.store.catalog.files import Kind
from chowon.store.columns import table_of_readings
from chowon.store.opening import Reader, Store
from chowon.store.told_rows import kind_of
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
    _define_appliances(db, view)
    files = _files(view, "raw")
    tail = table_of_readings(view.tail, QUANTITIES)
    order = pa.array(range(2**62, 2**62 + len(tail)), pa.int64())
    db.register("tail", tail.append_column("generation", order))
    stored = "SELECT * FROM tail"
    if files:
        _table(db, "files", ("path", "generation"), files)
        stored += f" UNION ALL BY NAME {_rows_of(files, 'files')}"
    measures = ", ".join(f"r.{column} / {scale} AS {name}" for column, (name, scale) in UNITS.items())
    newest = "row_number() OVER (PARTITION BY channel, time ORDER BY generation DESC) = 1"
    db.execute(  # every word in it is ours
        f"CREATE VIEW readings AS SELECT r.time, c.site, c.meter, c.channel, c.role, {measures} "
        f"FROM (SELECT * FROM ({stored}) QUALIFY {newest}) r JOIN channels c ON c.id = r.channel"
    )


def _define_appliances(db: "duckdb.DuckDBPyConnection", view: View) -> None:
    files = _files(view, "told")
    columns = {name for f in view.snapshot.files if f.kind == "told" for name in view.lake.columns(f)[2:]}
    if not columns:
        _table(db, "appliances", ("time", "site", "kind", "power_w"), [])
        return
    _table(db, "told_files", ("path", "generation"), files)
    newest = "row_number() OVER (PARTITION BY site, start ORDER BY generation DESC) = 1"
    names = ", ".join(f'"{name}" AS "{kind_of(name)}"' for name in sorted(columns))
    db.execute(
        "CREATE VIEW appliances AS SELECT t.start AS time, s.site, t.kind, t.power_dw / 10 AS power_w FROM "
        f"(UNPIVOT (SELECT site, start, {names} FROM ({_rows_of(files, 'told_files')}) QUALIFY {newest}) "
        "ON COLUMNS(* EXCLUDE (site, start)) INTO NAME kind VALUE power_dw) t JOIN sites s ON s.id = t.site"
    )


def _files(view: View, kind: Kind) -> list[tuple[str, int]]:
    """(path, id) of each."""
    return [(str(view.lake.folder / f.path), f.id) for f in view.snapshot.files if f.kind == kind]


def _rows_of(files: list[tuple[str, int]], listed: str) -> str:
    """All rows of these files, each with its file's id as `generation`. listed: the table of the files."""
    paths = ", ".join("'" + path.replace("'", "''") + "'" for path, _ in files)
    return (
        f"SELECT r.* EXCLUDE (filename), f.generation FROM read_parquet([{paths}], union_by_name = true, "
        f"filename = true) r JOIN {listed} f ON f.path = r.filename"
    )


def _table(
    db: "duckdb.DuckDBPyConnection", name: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    words = [[row[at] for row in rows] for at in range(len(columns))]
    db.register(name, pa.table(dict(zip(columns, map(pa.array, words), strict=True))))
