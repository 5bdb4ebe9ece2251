"""Data to stdout, notes to stderr, JSON when asked."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


def note(text: str) -> None:
    """Something for the person at the terminal, not for a program that reads the output."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)


def emit(data: object, as_json: bool, human: Callable[[], Table | Group | str]) -> None:
    """The result: as JSON, or as a person reads it."""
    if as_json:
        typer.echo(json.dumps(data, ensure_ascii=False, default=_plain))
        return
    shown = human()
    if isinstance(shown, str):
        typer.echo(shown)
    else:
        Console(highlight=False).print(shown)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A plain table."""
    made = Table(*columns, box=None, header_style="dim", pad_edge=False)
    for row in rows:
        made.add_row(*(str(v) for v in row))
    return made


def short(value: object) -> str:
    """A figure for a table: three digits, or whole from 100 on."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def pairs(values: Mapping[str, object]) -> Table:
    """Names and values."""
    made = Table(box=None, show_header=False, pad_edge=False)
    for name, value in values.items():
        made.add_row(f"[dim]{name}[/dim]", str(value))
    return made


def progress() -> Progress:
    """A bar on stderr for work that takes longer than a moment."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no place in JSON")
