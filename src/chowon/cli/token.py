"""`chowon token`: who may ask the API."""

from typing import Annotated

import typer

from chowon.api.access import ALL_SCOPES
from chowon.cli.output import AsJson, emit, note, table
from chowon.cli.settings import ConfigFile, DataFolder, loaded
from chowon.errors import BadInput

app = typer.Typer(no_args_is_help=True, help="Access tokens: as soon as one exists, every request needs one.")
Name = Annotated[str, typer.Argument(help="what the token is for")]


@app.command()
def issue(
    name: Name,
    scope: Annotated[list[str], typer.Option(help="read, write or admin; may be given several times")],
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make a token; it is shown once and kept only as a hash."""
    from chowon.store.opening import open_tokens

    unknown = set(scope) - ALL_SCOPES
    if unknown:
        raise BadInput(f"--scope {', '.join(sorted(unknown))}: expected {', '.join(sorted(ALL_SCOPES))}")
    with open_tokens(loaded(config, data).config.data.folder) as tokens:
        token = tokens.issue(name, frozenset(scope))
    note("Keep this token: it cannot be shown again.")
    emit({"name": name, "scopes": sorted(scope), "token": token}, as_json, lambda: token)


@app.command()
def revoke(name: Name, config: ConfigFile = None, data: DataFolder = None, as_json: AsJson = False) -> None:
    """Stop all tokens of this name."""
    from chowon.store.opening import open_tokens

    with open_tokens(loaded(config, data).config.data.folder) as tokens:
        tokens.revoke(name)
    emit({"revoked": name}, as_json, lambda: f"revoked: {name}")


@app.command("list")
def list_(config: ConfigFile = None, data: DataFolder = None, as_json: AsJson = False) -> None:
    """Names of the tokens in force."""
    from chowon.store.opening import open_tokens

    with open_tokens(loaded(config, data).config.data.folder) as tokens:
        names = tokens.names()
    emit({"tokens": names}, as_json, lambda: table(["token"], [[n] for n in names]))
