"""Results of experiments as JSON, one file a protocol: what the scoreboard is made from."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from chowon.bench.nilm.run import Results
from chowon.errors import DataSetInvalid, NotFound, Problem


def write(results: Results, folder: Path) -> Path:
    """Keep the results in this folder; the file's path. Figures to six digits, a row a line to compare."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{results.protocol}.json"
    document = _rounded(asdict(results))
    rows = b",\n".join(msgspec.json.encode(row) for row in document.pop("rows"))
    head = msgspec.json.format(msgspec.json.encode(document), indent=1).rstrip().removesuffix(b"}").rstrip()
    path.write_bytes(head + b',\n "rows": [\n' + rows + b"\n]}\n")
    return path


def read_all(folder: Path) -> list[Results]:
    """All results in this folder, by protocol. Errors: NotFound without any; DataSetInvalid."""
    found = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not found:
        raise NotFound(
            f"{folder}: no results; `chowon bench nilm --protocol all --results {folder}` makes them"
        )
    return [_read(path) for path in found]


def _read(path: Path) -> Results:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except msgspec.DecodeError as error:
        problem = Problem("file", str(error), "results as `chowon bench nilm --results` writes them")
        raise DataSetInvalid(f"{path} cannot be read", [problem]) from error


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
