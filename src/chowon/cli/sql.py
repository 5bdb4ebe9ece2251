"""`chowon sql`: free-form questions."""

from typing import Annotated

import typer

from chowon.cli.output import emit, table
from chowon.cli.settings import ConfigFile, DataFolder, loaded

MAX_SHOWN = 200


def sql(
    question: Annotated[
        str, typer.Argument(help="SQL over the views readings, appliances, channels and sites")
    ],
    config: ConfigFile = None,
    data: DataFolder = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of a table")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, a list of objects")] = False,
) -> None:
    """Ask lake and journal in SQL (DuckDB). A running server goes on undisturbed."""
    import sys

    import pyarrow.csv as pa_csv

    from chowon.store.opening import open_reader
    from chowon.store.sql import ask

    reader = open_reader(loaded(config, data).config.data.folder)
    try:
        answer = ask(reader, question)
    finally:
        reader.close()
    if as_csv:
        pa_csv.write_csv(answer, sys.stdout.buffer)
        return
    shown = answer if as_json else answer.slice(0, MAX_SHOWN)
    rows = [{k: _word(v) for k, v in row.items()} for row in shown.to_pylist()]
    emit(rows, as_json, lambda: table(answer.column_names, [list(r.values()) for r in rows]))


def _word(value: object) -> object:
    return value if isinstance(value, int | float | str | None) else str(value)
