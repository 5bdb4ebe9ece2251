"""`chowon enertalk`: help for those who point an orphaned EnerTalk meter here."""

from dataclasses import asdict
from typing import Annotated

import typer

from chowon.cli.output import AsJson, emit, table

app = typer.Typer(no_args_is_help=True, help="EnerTalk meters whose vendor is gone.")


@app.callback()
def _group() -> None:
    """Keeps `check` a command of its own."""


@app.command()
def check(
    host: Annotated[
        str | None, typer.Argument(help="where to look; the name that meters ask for, if left out")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="port that meters come to")] = 5010,
    as_json: AsJson = False,
) -> None:
    """Go the way of a meter: name, network, TLS 1.0, an acknowledged hello. Exit 1 if a step fails."""
    from chowon.ingest.enertalk_check import way
    from chowon.ingest.enertalk_tls import VENDOR_HOST

    steps = list(way(host or VENDOR_HOST, port))
    emit(
        [asdict(step) for step in steps],
        as_json,
        lambda: table(("", "step", ""), [("ok" if s.well else "FAILED", s.step, s.said) for s in steps]),
    )
    if not all(step.well for step in steps):
        raise typer.Exit(1)
