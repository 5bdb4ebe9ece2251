"""Results of experiments as JSON, one file a protocol: what the scoreboard is made from."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from chowon.bench.nilm.run import Results, Row
from chowon.errors import DataSetInvalid, NotFound, Problem


def write(results: Results, folder: Path) -> Path:
    """Keep the results in this folder; the file's path. Figures to six digits, a row a line to compare.

    Rows that are there of models which did not run now stay, where the experiment is still the same.
    Errors: DataSetInvalid where what is there cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{results.protocol}.json"
    document = _rounded(asdict(_joined(_read(path), results) if path.exists() else results))
    rows = b",\n".join(msgspec.json.encode(_plain(row)) for row in document.pop("rows"))
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


def _joined(before: Results, now: Results) -> Results:
    """The results of now, with the rows before of other models."""
    if _experiment(before) != _experiment(now):
        return now
    rows = _by_model(before.rows) | _by_model(now.rows)
    return replace(now, rows=tuple(row for theirs in rows.values() for row in theirs))


def _experiment(results: Results) -> Any:
    """All that figures depend on."""
    return _rounded(asdict(replace(results, title="", note="", rows=(), goals={})))


def _by_model(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.model, []).append(row)
    return found


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Without seeds where there were all."""
    return {name: value for name, value in row.items() if name != "seeds" or value}


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
