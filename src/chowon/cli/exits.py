"""How commands end: 0 done, 1 the answer is "no" (a check that failed), 2 the input is unusable."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from chowon.errors import ChowonError


@contextmanager
def clear_errors() -> Iterator[None]:
    """Say a chowon error on stderr and exit with 2; other exceptions pass as the bugs that they are."""
    try:
        yield
    except ChowonError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
