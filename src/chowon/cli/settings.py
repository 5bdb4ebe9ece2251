"""The options that settle where chowon runs, shared by all commands that need the data folder."""

from pathlib import Path
from typing import Annotated

import typer

from chowon.config import Loaded, load

ConfigFile = Annotated[Path | None, typer.Option("--config", help="settings, a TOML file")]
DataFolder = Annotated[Path | None, typer.Option("--data", help="data folder", file_okay=False)]


def loaded(config: Path | None, data: Path | None, **options: object) -> Loaded:
    """Settings from file, environment and options; the data folder's own chowon.toml if no file is named.

    options: setting with "__" for ".", e.g. server__port. Errors: Misconfigured.
    """
    overrides = {name.replace("__", "."): value for name, value in options.items()} | {"data.folder": data}
    found = load(config, overrides=overrides)
    own = found.config.data.folder / "chowon.toml"
    return load(own, overrides=overrides) if config is None and own.is_file() else found
