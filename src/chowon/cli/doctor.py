"""`chowon doctor`: what is wrong with this installation, in plain words."""

from dataclasses import asdict

import typer

from chowon.cli.output import AsJson, emit, table
from chowon.cli.serve import wall_ms
from chowon.cli.settings import ConfigFile, DataFolder, loaded

_MARKS = {"well": "ok", "look": "look", "wrong": "WRONG"}


def doctor(config: ConfigFile = None, data: DataFolder = None, as_json: AsJson = False) -> None:
    """Look at settings, tariffs, disk, data folder and the running server. Exit 1 if something is wrong."""
    from chowon.checkup import examine

    findings = examine(loaded(config, data).config, wall_ms())
    emit(
        [asdict(f) for f in findings],
        as_json,
        lambda: table(("", "part", "finding"), [(_MARKS[f.state], f.part, f.said) for f in findings]),
    )
    if any(f.state == "wrong" for f in findings):
        raise typer.Exit(1)
