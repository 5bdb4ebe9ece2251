"""`chowon bench`: figures that anyone can repeat. On a shared machine only the ratios mean much."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from chowon.cli.output import AsJson, emit, note, short, table
from chowon.errors import ExtraMissing

app = typer.Typer(
    no_args_is_help=True, help="Measure this machine (doors, ingest, store, live, bill) and models (nilm)."
)


@app.command()
def store(
    homes: Annotated[int, typer.Option(min=1, help="homes with a reading a second")] = 200,
    seconds: Annotated[int, typer.Option(min=60, help="length of the stream")] = 21_600,
    as_json: AsJson = False,
) -> None:
    """Durable appends, sealing, bytes a reading, queries; beside SQLite with a row a reading."""
    from chowon.bench.store import measure_store

    figures = asdict(measure_store(homes, seconds))
    emit(figures, as_json, lambda: _figures(figures))


@app.command()
def ingest(
    profile: Annotated[bool, typer.Option(help="also show in which functions the time goes")] = False,
    as_json: AsJson = False,
) -> None:
    """Readings a second of each format: decoded, and all the way to the disk."""
    from chowon.bench.ingest import measure_decoding, measure_to_durable
    from chowon.store.opening import open_store

    rows = [asdict(figure) for figure in measure_decoding()]
    spent: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="chowon-bench-") as folder:
        opened = open_store(Path(folder))
        into = opened.journal, opened.sites, opened.devices
        try:
            for seconds, payloads in ((1, 200), (60, 50)):
                for figure, shares in measure_to_durable(
                    *into, seconds=seconds, payloads=payloads, profile=profile
                ):
                    rows.append(asdict(figure))
                    spent[f"{figure.what}, {figure.readings_per_payload} a payload"] = _percent(shares)
        finally:
            opened.close()
    if not profile:
        emit(rows, as_json, lambda: _rows(rows))
        return
    emit({"figures": rows, "profile": spent}, as_json, lambda: Group(_rows(rows), _figures(spent)))


@app.command()
def lines(
    gzip: Annotated[bool, typer.Option(help="send compressed bodies")] = False, as_json: AsJson = False
) -> None:
    """Line protocol into chowon, and into InfluxDB and VictoriaMetrics where they are installed."""
    try:
        from chowon.bench.lines import measure
    except ModuleNotFoundError as error:
        raise ExtraMissing("chowon bench lines", "bench") from error
    rows = [asdict(figure) for figure in measure(compressed=gzip)]
    emit(rows, as_json, lambda: _rows(rows))


@app.command()
def live(
    homes: Annotated[int, typer.Option(min=1, help="homes that send a reading a second")] = 200,
    clients: Annotated[int, typer.Option(min=1, help="live clients")] = 20,
    samples: Annotated[int, typer.Option(min=5, help="seconds to measure")] = 60,
    as_json: AsJson = False,
) -> None:
    """Time from a reading to the disk and to a client's socket, start, memory; on a real server."""
    try:
        from chowon.bench.latency import measure
    except ModuleNotFoundError as error:
        raise ExtraMissing("chowon bench live", "bench") from error
    figures = asdict(asyncio.run(measure(homes, clients, samples)))
    emit(figures, as_json, lambda: _figures(figures))


@app.command()
def doors(as_json: AsJson = False) -> None:
    """Readings a second through each door of a running server to its disk."""
    try:
        from chowon.bench.doors import measure
    except ModuleNotFoundError as error:
        raise ExtraMissing("chowon bench doors", "bench") from error
    rows = [asdict(f) for f in asyncio.run(measure())]
    emit(rows, as_json, lambda: _rows(rows))


@app.command()
def bill(as_json: AsJson = False) -> None:
    """Bills a second on one core, home by home and many at once, by the hour too; time to load tariffs."""
    from chowon.bench import bill_hourly
    from chowon.bench.bill import measure

    load_ms, found = measure()
    rows = [asdict(f) for f in found]
    note(f"all tariffs loaded in {load_ms:.0f} ms")
    hourly = asdict(bill_hourly.measure())
    figures = {"load_all_tariffs_ms": round(load_ms, 1), "questions": rows, "hourly": hourly}
    emit(figures, as_json, lambda: Group(_rows(rows), _figures(hourly)))


@app.command("all")
def all_(as_json: AsJson = False) -> None:
    """Everything, one after the other."""
    note("chowon bench bill")
    bill(as_json)
    note("chowon bench ingest")
    ingest(profile=False, as_json=as_json)
    note("chowon bench lines")
    lines(gzip=False, as_json=as_json)
    note("chowon bench doors")
    doors(as_json)
    note("chowon bench store")
    store(200, 21_600, as_json)
    note("chowon bench live")
    live(200, 20, 60, as_json)


def _percent(shares: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{share:.0%} {function}" for function, share in shares if share >= 0.02)


def _figures(figures: dict[str, Any]) -> Any:
    return table(("figure", "value"), [(name, short(value)) for name, value in figures.items()])


def _rows(rows: Sequence[dict[str, Any]]) -> Any:
    return table(list(rows[0]), [[short(v) for v in row.values()] for row in rows])
