"""`chowon import FILE --ask`: a CSV file is looked at in the terminal, and how it is read, before a yes."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

import typer

from chowon.cli.output import note
from chowon.errors import BadInput
from chowon.ingest import csv_look, csv_readings
from chowon.ingest.csv_look import Look
from chowon.ingest.csv_mapping import Draft, Mapping, Meaning

_SHOWN: Final = 5
_OUT: Final = "-"
_TABLE: Final = ("delimiter", "header_line", "encoding")
"""What makes other columns: with one of them changed, all the rest is guessed anew"""
_PLAIN: Final = (*_TABLE, "decimal", "time", "time_format", "timezone", "stamp")


def ask(file: Path, timezone: str) -> Mapping:
    """The mapping that a person has agreed to. Errors: BadInput for a file that is no table; typer.Abort."""
    asking = _Asking(file, csv_look.guessed(file, timezone))
    if not asking.look.raw:
        raise BadInput(f"{file}: {'; '.join(text.en for text in asking.look.wrong)}")
    while True:
        _show(asking.look)
        mapping = asking.look.mapping
        ways = "a number changes it, y imports, s FILE saves how it is read, q leaves"
        said = str(typer.prompt(ways, default="y" if mapping else "q", err=True)).strip()
        if said == "q":
            raise typer.Abort
        if said == "y" and mapping is not None:
            return mapping
        if said.startswith("s ") and mapping is not None:
            Path(said[2:].strip()).write_text(mapping.toml(), "utf-8")
        elif said.isdecimal():
            asking.change(int(said))


@dataclass(slots=True)
class _Asking:
    file: Path
    look: Look

    def change(self, number: int) -> None:
        """Ask for the setting of this number, and look again."""
        names = _names(self.look)
        if not 1 <= number <= len(names):
            return
        name = names[number - 1]
        tree = self.look.draft.model_dump()
        try:
            if name in _PLAIN:
                draft = Draft.model_validate(tree | {name: self._plain(name)})
            else:
                others = [value for value in tree["value"] if value["column"] != name]
                draft = Draft.model_validate(tree | {"value": [*others, *self._column(name)]})
        except ValueError as error:
            note(f"that cannot be: {error}")
            return
        self.look = csv_look.looked(self.file, draft, guess=name in _TABLE)

    def _plain(self, name: str) -> Any:
        now = _shown(self.look.draft, name)
        if name == "time":
            said = typer.prompt("time column; date | time of day", default=now, err=True)
            return [part.strip() for part in said.split("|") if part.strip()]
        if name == "time_format":
            for one in self.look.formats:
                note(f"  {one.format} reads the first one as {one.reads}")
        said = typer.prompt(name, default=now, err=True)
        return "\t" if name == "delimiter" and said == "tab" else said

    def _column(self, name: str) -> list[dict[str, str]]:
        note(f"  {', '.join(get_args(Meaning))}; {_OUT} leaves it out")
        means = typer.prompt(f"{name} is", default=_OUT, err=True)
        if means == _OUT:
            return []
        default = "export" if means.startswith("interval_export") else "main"
        return [
            {"column": name, "means": means, "channel": typer.prompt("channel", default=default, err=True)}
        ]


def _names(look: Look) -> list[str]:
    """What can be changed, in the order of its numbers."""
    return [*_PLAIN, *(column.name for column in look.columns if column.name not in look.draft.time)]


def _shown(draft: Draft, name: str) -> str:
    if name == "delimiter":
        return "tab" if draft.delimiter == "\t" else draft.delimiter
    return " | ".join(draft.time) if name == "time" else str(getattr(draft, name))


def _show(look: Look) -> None:
    for row in look.raw:
        mark = ">" if row.line == look.draft.header_line else " "
        note(f"{mark}{row.line:4}  {' | '.join(row.cells)}")
    values = {value.column: value for value in look.draft.value}
    for n, name in enumerate(_names(look), 1):
        value = values.get(name)
        told = "left out" if value is None else f"{value.means}, channel {value.channel}"
        note(f"{n:3}  {name}: {_shown(look.draft, name) if name in _PLAIN else told}")
    for question in look.questions:
        note(f"look at: {question.said.en}")
    for text in look.wrong:
        note(f"missing: {text.en}")
    if look.found is not None:
        for problem in look.found.problems[:_SHOWN]:
            note(f"left out: {problem}")
    show_rows(look)


def show_rows(look: Look) -> None:
    """The first rows as they would be read."""
    if look.mapping is None or look.found is None:
        return
    zone = ZoneInfo(look.mapping.timezone)
    for row in csv_readings.converted(look.found, look.mapping, _SHOWN):
        when = datetime.fromtimestamp(row.start_ms / 1000, zone).isoformat()
        values = zip(look.mapping.value, row.values, strict=True)
        told = ", ".join(f"{value.channel} {v[0]:g} {v[1]}" for value, v in values if v is not None)
        note(f"line {row.line} is read as {when}: {told}")
