"""`chowon tariff`: which tariffs there are, and whether a file is one."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chowon.cli.exits import clear_errors
from chowon.cli.settings import DataFolder, loaded

if TYPE_CHECKING:
    from chowon.domain.bill.needs import Needs
    from chowon.domain.tariff import Tariff

app = typer.Typer(name="tariff", help="Which tariffs there are.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command("list")
def list_tariffs(data: DataFolder = None, as_json: AsJson = False) -> None:
    """All tariffs that can be used: where, since when, and what they may need to know besides kWh."""
    from rich.table import Column, Table

    from chowon.cli.bill_table import wide_console
    from chowon.domain.bill.needs import needs_of
    from chowon.registry import TariffBook

    with clear_errors():
        book = TariffBook.beside(loaded(None, data).config.data.folder)
        tariffs = [book.load(tariff_id) for tariff_id in book.ids()]
    if as_json:
        rows = [
            {
                "id": t.id,
                "name": {"ko": t.name.ko, "en": t.name.en},
                "country": t.country,
                "currency": t.currency,
                "from": t.since.isoformat(),
                "options": {name: list(option.values) for name, option in t.options.items()},
                "needs": asdict(needs_of(t)),
            }
            for t in tariffs
        ]
        typer.echo(json.dumps({"tariffs": rows}, ensure_ascii=False, indent=1))
        return
    table = Table(Column("id", no_wrap=True), "이름", "name", "country", "known from", "may need", "options")
    for t in tariffs:
        where = f"{t.country} {t.currency}"
        needs = ", ".join(_words(needs_of(t)))
        table.add_row(t.id, t.name.ko, t.name.en, where, t.since.isoformat(), needs, ", ".join(t.options))
    wide_console().print(table)


def _words(needs: "Needs") -> list[str]:
    """What some customer of the tariff must tell besides kWh."""
    flags = {"use by hour": needs.hours, "export": needs.export, "demand": needs.demand}
    found = [word for word, is_needed in flags.items() if is_needed]
    found += [f"prices {name}" for name in needs.series]
    return found + [f"option {name}" for name in needs.options]


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A tariff's TOML file.")],
    as_json: AsJson = False,
) -> None:
    """Read a tariff's file and recompute its own cases.

    Exits with 1 on a case that comes out otherwise, with 2 on a file that is no tariff.
    """
    from chowon.domain.bill.cases import wrong_amounts
    from chowon.domain.bill.falls import falls_of
    from chowon.errors import TariffInvalid
    from chowon.registry import read_tariff

    with clear_errors():
        try:
            tariff = read_tariff(file, str(file))
        except TariffInvalid as error:
            if as_json:
                found = [{"where": p.where, "found": p.found, "expected": p.expected} for p in error.problems]
                typer.echo(json.dumps({"file": str(file), "problems": found}, ensure_ascii=False, indent=1))
            raise
        wrong = [str(w) for w in wrong_amounts(tariff)]
        if tariff.never_falls:
            years = range(max(tariff.since.year, _last_price(tariff).year - 1), _last_price(tariff).year + 1)
            wrong += [f"never_falls: {fall}" for fall in falls_of(tariff, years)]
    if as_json:
        answer = {"file": str(file), "id": tariff.id, "cases": len(tariff.cases), "wrong": wrong}
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=1))
    else:
        summary = f"{len(tariff.lines)} lines, {len(tariff.cases)} cases, {len(wrong)} wrong amounts"
        typer.echo("\n".join([*wrong, f"{tariff.id}: {summary}"]))
    if wrong:
        raise typer.Exit(1)


@app.command()
def show(
    tariff_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the tariff; `list` shows all.")],
    data: DataFolder = None,
) -> None:
    """A tariff as one JSON document with the keys of its file; numbers are texts, exact as written."""
    from chowon.domain.tariff.writing import document_of
    from chowon.registry import TariffBook

    with clear_errors():
        document = document_of(TariffBook.beside(loaded(None, data).config.data.folder).load(tariff_id))
    typer.echo(json.dumps(document, ensure_ascii=False, indent=1, default=str))


def _last_price(tariff: "Tariff") -> date:
    """The newest date from which a price of the tariff is in force."""
    return max((p.since for line in tariff.lines for p in getattr(line, "prices", ())), default=tariff.since)
