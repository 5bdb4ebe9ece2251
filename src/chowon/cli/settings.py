"""The options that settle where chowon runs, shared by all commands that need the data folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chowon.config import Loaded, load
from chowon.errors import NotFound

if TYPE_CHECKING:
    from chowon.domain.sites import Site

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


def named(sites: Sequence["Site"], key: str) -> "Site":
    """The site of this key. Errors: NotFound, with the known ones."""
    for site in sites:
        if site.key == key:
            return site
    known = ", ".join(site.key for site in sites) or "none yet"
    raise NotFound(f"no site {key!r}; known: {known}")
