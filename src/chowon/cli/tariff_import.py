"""`chowon tariff import`: a rate of another data base as a tariff file of ours."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from chowon.cli.exits import clear_errors
from chowon.cli.output import AsJson, emit, note


def import_rate(
    file: Annotated[Path, typer.Argument(help="JSON of the OpenEI URDB API, version 7 or 8")],
    timezone: Annotated[str, typer.Option(help="where the rate's hours are: America/Los_Angeles, …")],
    label: Annotated[
        str | None, typer.Option(help="URDB's label of the rate, where there are several")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="the tariff's first day, YYYY-MM-DD [the rate's start date]")
    ] = None,
    without_export: Annotated[
        bool, typer.Option(help="leave out net metering and sell prices: the site gives nothing to the grid")
    ] = False,
    without_attrs: Annotated[
        bool, typer.Option(help="leave out energyattrs, demandattrs, fixedattrs: you have read them")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="a new TOML file; left out: to stdout")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a tariff file of a US rate. What our language can't express is named, and no file is made then."""
    from chowon.errors import NotFound, TariffInvalid
    from chowon.tariff_import.urdb import Wishes, imported

    with clear_errors():
        wishes = Wishes(
            timezone=timezone,
            label=label,
            since=_day(since),
            without_export=without_export,
            without_attrs=without_attrs,
        )
        try:
            content = file.read_bytes()
        except OSError as error:
            raise NotFound(f"{file}: {error.strerror}; name a file that can be read") from error
        try:
            made = imported(content, str(file), wishes)
        except TariffInvalid as error:
            if as_json:
                problems = [asdict(p) for p in error.problems]
                typer.echo(
                    json.dumps({"file": str(file), "problems": problems}, ensure_ascii=False, indent=1)
                )
            raise
        if out is not None:
            _write(out, made.text)
    for told in made.notes:
        note(told)
    where = {"out": str(out)} if out is not None else {"toml": made.text}
    answer = {"file": str(file), "id": made.id, "notes": made.notes, **where}
    emit(answer, as_json, lambda: made.text if out is None else f"{made.id} in {out}")


def _day(text: str | None) -> date | None:
    from chowon.errors import BadInput

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"--from: found {text!r}; expected a day like 2026-01-01") from error


def _write(out: Path, text: str) -> None:
    from chowon.errors import BadInput

    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadInput(f"--out {out}: {error.strerror}; name a new file in a folder that exists") from error
