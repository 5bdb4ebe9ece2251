"""`chowon config`: the settings in force."""

from dataclasses import asdict
from typing import Annotated

import typer

from chowon.cli.output import AsJson, emit, table
from chowon.cli.settings import ConfigFile, DataFolder, loaded


def config(
    file: ConfigFile = None,
    data: DataFolder = None,
    explain: Annotated[bool, typer.Option("--explain", help="also say where each came from")] = False,
    as_json: AsJson = False,
) -> None:
    """Show every setting with its value; with --explain also its origin and meaning."""
    settings = list(loaded(file, data).explain())
    rows = [(s.key, s.value, s.origin, s.meaning) if explain else (s.key, s.value) for s in settings]
    columns = ("setting", "value", "from", "meaning")[: len(rows[0])]
    emit([asdict(s) for s in settings], as_json, lambda: table(columns, rows))
