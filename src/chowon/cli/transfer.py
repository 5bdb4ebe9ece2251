"""`chowon import` and `chowon export`: files in and out."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from chowon.cli.output import AsJson, emit, note, pairs, progress
from chowon.cli.serve import wall_ms
from chowon.cli.settings import ConfigFile, DataFolder, loaded, named
from chowon.errors import BadInput, NotAllowed, NotFound, PayloadRejected, Problem, Unavailable

Tally = dict[str, Any]


def import_(
    file: Annotated[
        Path,
        typer.Argument(help="Parquet, CSV(.gz) with time, power_w, …, a recording, or Green Button"),
    ],
    site: Annotated[str, typer.Option(help="site key, where the file does not name one")] = "home",
    meter: Annotated[str, typer.Option(help="meter key, likewise")] = "main",
    channel: Annotated[str, typer.Option(help="channel key, likewise")] = "main",
    hold: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="seconds that a reading stands for at most, for new channels [as the file's steps]",
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="what the columns of somebody else's CSV file mean, as TOML")
    ] = None,
    guess: Annotated[
        bool, typer.Option("--guess", help="write such a mapping for this file, and take nothing in")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="look at somebody else's CSV file and change how it is read first")
    ] = False,
    encoding: Annotated[str, typer.Option(help="of the file, for --guess; e.g. cp949, cp1252")] = "utf-8-sig",
    url: Annotated[str | None, typer.Option(help="a running server, e.g. http://127.0.0.1:8420")] = None,
    token: Annotated[str | None, typer.Option(envvar="CHOWON_TOKEN", help="its token")] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Take measurements from a file. What is wrong in it is named, the rest is kept."""
    from chowon.cli import import_ask
    from chowon.ingest import files

    settings = loaded(config, data).config
    if guess:
        _guess(file, encoding, settings.defaults.timezone)
        return
    if ask and mapping is not None:
        raise BadInput("--ask and --mapping: expected one of them")
    names = files.Names(site, meter, channel)
    meant = import_ask.ask(file, settings.defaults.timezone) if ask else _mapping(mapping)
    hold_ms = files.hold_ms(file, meant) if hold is None else round(hold * 1000)
    if url is not None:
        tally = _send(file, names, meant, lambda piece: _posted(url, token, piece, hold_ms))
    else:
        from chowon import app

        with app.local_door(settings, wall_ms, hold_ms) as take:
            tally = _send(file, names, meant, lambda piece: _taken(take, piece, file.name))
    emit(tally, as_json, lambda: pairs({k: v for k, v in tally.items() if k != "problems"}))
    for problem in tally["problems"]:
        note(f"  {problem['where']}: found {problem['found']}; expected {problem['expected']}")
    if tally["rejected"]:
        raise typer.Exit(1)


def export(
    site: Annotated[str, typer.Option(help="site key")] = "home",
    start: Annotated[str | None, typer.Option("--from", help="ISO 8601 with offset, or ms")] = None,
    end: Annotated[str | None, typer.Option("--to", help="likewise; not included")] = None,
    resolution: Annotated[
        Literal["raw", "1min", "15min", "1h", "1day"], typer.Option(help="raw readings or rollups")
    ] = "1h",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help=".csv, .parquet or .xml (Green Button); left out: CSV to stdout"),
    ] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="with -o: say as JSON what was written")] = False,
) -> None:
    """Write readings or rollups of a site to a file. A running server goes on undisturbed."""
    from chowon.api.usage import instant_ms
    from chowon.ingest.files import GREEN_BUTTON
    from chowon.jobs.export import raw_tables, rollup_tables
    from chowon.jobs.green_button import green_button
    from chowon.store.opening import open_reader

    reader = open_reader(loaded(config, data).config.data.folder)
    try:
        found = named(reader.sites.sites(), site)
        span = reader.history.span([c.id for c in found.channels])
        if span is None:
            raise NotFound(f"site {site!r} has no readings yet")
        start_ms = span[0] if start is None else instant_ms("--from", start)
        end_ms = span[1] + 1 if end is None else instant_ms("--to", end)
        if end_ms <= start_ms:
            raise BadInput("--to must be later than --from")
        if output is not None and output.suffix == GREEN_BUTTON:
            feed, rows = green_button(reader.history, found, start_ms, end_ms, wall_ms())
            feed.write(output, encoding="utf-8", xml_declaration=True)
        else:
            tables = (
                raw_tables(reader.history, found, start_ms, end_ms)
                if resolution == "raw"
                else rollup_tables(reader.history, found, start_ms, end_ms, resolution)
            )
            rows = _written(tables, output)
        if output is None:
            note(f"{rows:,} rows")
        else:
            told = {"rows": rows, "file": str(output)}
            emit(told, as_json, lambda: f"{rows:,} rows in {output}")
    finally:
        reader.close()


def _mapping(path: Path | None) -> Any:
    from chowon.ingest.csv_mapping import parse_mapping

    if path is None:
        return None
    try:
        return parse_mapping(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror or error}") from error


def _guess(file: Path, encoding: str, timezone: str) -> None:
    """The mapping on stdout; on stderr what to look at, and the first rows as they would be read."""
    from chowon.cli import import_ask
    from chowon.ingest import csv_foreign, csv_guess, csv_look
    from chowon.ingest.csv_mapping import Draft

    found = csv_guess.guess(csv_foreign.head(file, encoding), timezone, encoding)
    typer.echo(found.mapping.toml(), nl=False)
    for question in found.unsure:
        note(f"look at: {question}")
    import_ask.show_rows(csv_look.looked(file, Draft.of(found.mapping)))
    note(f"keep it in a file, then: chowon import {file} --mapping FILE")


def _send(file: Path, names: Any, mapping: Any, take: Callable[[Any], Tally]) -> Tally:
    """Offer the file piece by piece, with a progress bar; the sums of what became of them."""
    from chowon.ingest import files

    total: Tally = {"accepted": 0, "rejected": 0, "problems": []}
    with progress() as bar:
        task = bar.add_task(file.name, total=files.row_count(file))
        for piece in files.pieces(file, names, mapping):
            nothing: Tally = {"accepted": 0, "rejected": 0, "problems": []}
            outcome = nothing if piece.payload is None else take(piece)
            total["accepted"] += outcome["accepted"]
            total["rejected"] += outcome["rejected"] + piece.rejected
            told = [p | {"where": piece.located(p["where"])} for p in outcome["problems"]]
            total["problems"] = (total["problems"] + _told(piece.problems) + told)[:20]
            bar.advance(task, piece.rows)
    return total


def _taken(take: Callable[[bytes, str, str], Any], piece: Any, source: str) -> Tally:
    from chowon.ingest import files

    try:
        outcome = take(piece.payload, files.FORMAT, source)
    except PayloadRejected as error:
        return {
            "accepted": 0,
            "rejected": piece.rows - piece.rejected,
            "problems": _told(error.problems),
        }
    problems = _told(outcome.problems)
    return {"accepted": outcome.accepted, "rejected": outcome.rejected, "problems": problems}


def _told(problems: Iterable[Problem]) -> list[dict[str, str]]:
    return [{"where": p.where, "found": p.found, "expected": p.expected} for p in problems]


def _posted(url: str, token: str | None, piece: Any, hold_ms: int | None) -> Tally:
    from chowon.ingest import files

    if not url.startswith(("http://", "https://")):
        raise BadInput(f"--url {url}: expected http://… or https://…")
    headers = {"Content-Type": files.FORMAT} | ({"Authorization": f"Bearer {token}"} if token else {})
    where = f"{url.rstrip('/')}/api/v1/readings" + ("" if hold_ms is None else f"?hold_ms={hold_ms}")
    request = urllib.request.Request(where, piece.payload, headers)  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - checked above
            told = json.load(answer)
    except urllib.error.HTTPError as error:
        told = json.load(error)
        if error.code == 401:
            raise NotAllowed(told["error"]["message"]) from error
        if error.code != 422:
            raise Unavailable(f"{url}: {told['error']['message']}") from error
        return {"accepted": 0, "rejected": piece.rows - piece.rejected, "problems": told["error"]["problems"]}
    except (urllib.error.URLError, OSError) as error:
        raise Unavailable(f"{url} does not answer ({error}); is chowon serve running there?") from error
    return {"accepted": told["accepted"], "rejected": told["rejected_count"], "problems": told["rejected"]}


def _written(tables: Iterator[Any], output: Path | None) -> int:
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    if output is not None and output.suffix not in (".csv", ".parquet"):
        raise BadInput(f"{output}: expected a name that ends in .csv, .parquet or .xml")
    as_parquet = output is not None and output.suffix == ".parquet"
    rows = 0
    writer: Any = None
    try:
        for table in tables if as_parquet else map(_plain, tables):
            if writer is None:
                target = sys.stdout.buffer if output is None else str(output)
                writer = (pq.ParquetWriter if as_parquet else pa_csv.CSVWriter)(target, table.schema)
            writer.write_table(table)
            rows += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    return rows


def _plain(table: Any) -> Any:
    """Dictionaries as words: CSV has no dictionaries."""
    import pyarrow as pa

    words = [
        pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in table.schema
    ]
    return table.cast(pa.schema(words))
