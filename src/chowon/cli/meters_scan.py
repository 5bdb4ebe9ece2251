"""`chowon meters scan`: which SunSpec devices answer at an address."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from chowon.cli.output import AsJson, emit, note, table
from chowon.cli.settings import ConfigFile, DataFolder, loaded
from chowon.errors import BadInput

MODBUS_PORT = 502


def scan(
    address: Annotated[str, typer.Argument(help="host, or host:port")],
    site: Annotated[str, typer.Option(help="site key, for the files")] = "home",
    units: Annotated[str, typer.Option(help="unit numbers, FIRST-LAST")] = "1-10",
    keep: Annotated[
        bool, typer.Option("--keep", help="write a file for each into meters/ of the data folder")
    ] = False,
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Ask an address for SunSpec meters and inverters; only addresses that you name are asked."""
    from chowon.ingest.modbus_scan import scan as scan_address
    from chowon.ingest.source_file import FOLDER

    tcp = address if ":" in address else f"{address}:{MODBUS_PORT}"
    found = asyncio.run(scan_address(tcp, site, _span(units)))
    told = [
        {
            "unit": f.unit,
            "maker": f.device.maker,
            "model": f.device.model,
            "serial": f.device.serial,
            "file": f.file,
        }
        for f in found
    ]
    rows = [[str(t["unit"]), str(t["maker"]), str(t["model"]), str(t["serial"])] for t in told]
    emit({"found": told}, as_json, lambda: table(("unit", "maker", "model", "serial number"), rows))
    folder = loaded(config, data).config.data.folder / FOLDER
    for one in found:
        path = folder / f"sunspec-{one.unit}.toml"
        if keep:
            _written(path, one.file)
            note(f"written: {path}; `chowon serve` reads it when it starts")
        elif not as_json:
            note(f"for {path}:\n{one.file}")
    if not found and not as_json:
        note(f"no SunSpec device among the units {units} of {tcp}; see its manual for its unit")


def _written(path: Path, text: str) -> None:
    if path.exists():
        raise BadInput(f"{path} is there already; remove it first, or copy what is shown by hand")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _span(units: str) -> range:
    first, _, last = units.partition("-")
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        found = range(0)
    if not found or found[0] < 0 or found[-1] > 247:
        raise BadInput(f"--units {units}: expected numbers from 0 to 247, such as 1-10")
    return found
