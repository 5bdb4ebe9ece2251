"""`chowon prices`: price series by interval, for tariffs that follow a market."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from chowon.cli.output import AsJson, emit, note, table
from chowon.cli.settings import ConfigFile, DataFolder, loaded
from chowon.errors import BadInput, NotFound

if TYPE_CHECKING:
    from chowon.domain.records import KeptSeries

app = typer.Typer(no_args_is_help=True, help="Prices by interval, such as those of a day-ahead market.")
_WRITER = "command"
_SHOWN_MS = 86_400_000


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet with time, price; one row an interval")],
    series: Annotated[str, typer.Option(help="the name that the tariff gives the series, e.g. day_ahead")],
    timezone: Annotated[str, typer.Option(help="of times without an offset")] = "UTC",
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Keep a file of prices; the same intervals again are replaced. A running server follows by itself."""
    from chowon.cli.interval_file import read_prices
    from chowon.domain.records import MOST_INTERVALS, check_series_name, price_rows
    from chowon.store.opening import open_prices

    check_series_name(series)
    read = read_prices(file, _zone(timezone))
    told = [(read.start_ms + n * read.step_ms, p) for n, p in enumerate(read.values) if p is not None]
    rows = []
    for n in range(0, len(told), MOST_INTERVALS):
        rows += price_rows(read.step_ms, told[n : n + MOST_INTERVALS], f"{file}: interval {{}}".format)
    with open_prices(loaded(config, data).config.data.folder) as book:
        book.put(series, rows, _WRITER)
        kept = next(s for s in book.series() if s.name == series)
    emit(
        {"accepted": len(rows), **_plain(kept)},
        as_json,
        lambda: (
            f"{len(rows)} intervals kept; {series} has prices from {_iso(kept.from_ms)} to {_iso(kept.to_ms)}"
        ),
    )


@app.command()
def show(
    series: Annotated[str | None, typer.Argument(help="one series with its last day; left out: all")] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Which series are kept, from when to when, and who wrote them last."""
    from chowon.domain.bill import number_text
    from chowon.store.opening import open_reader

    reader = open_reader(loaded(config, data).config.data.folder)
    try:
        kept = [s for s in reader.prices.series() if series in (None, s.name)]
        if series is not None and not kept:
            raise NotFound(f"no prices {series!r}; `chowon prices show` lists the known ones")
        rows = []
        if series is not None:
            rows = reader.prices.rows(series, kept[0].to_ms - _SHOWN_MS, kept[0].to_ms)
    finally:
        reader.close()
    if series is None:
        cells = [(s.name, _iso(s.from_ms), _iso(s.to_ms), s.intervals, s.written.by) for s in kept]
        columns = ("series", "from", "to", "intervals", "written by")
        emit([_plain(s) for s in kept], as_json, lambda: table(columns, cells))
        return
    prices = [{"time": r.start_ms, "step_min": r.step_ms // 60_000, "price": r.price} for r in rows]
    emit(
        _plain(kept[0]) | {"last_day": prices},
        as_json,
        lambda: table(("time", "price"), [(_iso(r.start_ms), number_text(r.price)) for r in rows]),
    )
    span = f"{_iso(kept[0].from_ms)} to {_iso(kept[0].to_ms)}"
    note(f"{kept[0].intervals} intervals from {span}; the last day is shown")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadInput(f"--timezone: {name!r} is not an IANA name such as Europe/Copenhagen") from error


def _plain(kept: "KeptSeries") -> dict[str, object]:
    return {
        "series": kept.name,
        "from_ms": kept.from_ms,
        "to_ms": kept.to_ms,
        "intervals": kept.intervals,
        "written_ms": kept.written.at_ms,
        "written_by": kept.written.by,
    }


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="minutes")
