"""`chowon doctor`: what is wrong with this installation, in plain words."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from chowon.cli.output import AsJson, emit, table
from chowon.cli.serve import wall_ms
from chowon.cli.settings import ConfigFile, DataFolder, loaded

if TYPE_CHECKING:
    from chowon.config import Config

_MARKS = {"well": "ok", "look": "look", "wrong": "WRONG"}


def doctor(
    config: ConfigFile = None,
    data: DataFolder = None,
    deep: Annotated[bool, typer.Option("--deep", help="read every byte that is kept")] = False,
    set_aside: Annotated[
        int | None,
        typer.Option(help="number of an unreadable journal batch to set aside; its bytes are kept"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at settings, tariffs, disk, data folder and the running server. Exit 1 if something is wrong."""
    from chowon.checkup import examine

    settings = loaded(config, data).config
    if set_aside is not None:
        _set_aside(settings, set_aside)
    findings = examine(settings, wall_ms(), deep=deep)
    emit(
        [asdict(f) for f in findings],
        as_json,
        lambda: table(("", "part", "finding"), [(_MARKS[f.state], f.part, f.said) for f in findings]),
    )
    if any(f.state == "wrong" for f in findings):
        raise typer.Exit(1)


def _set_aside(settings: "Config", sequence: int) -> None:
    from chowon.app import opened

    store = opened(settings, wall_ms)
    try:
        store.journal.quarantine(sequence)
    finally:
        store.close()
