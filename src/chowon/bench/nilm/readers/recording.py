"""Recordings (docs/reference/recordings.md): a Parquet file with `timestamp`, `mains`, appliances.

A file without `mains` is one of plugs: a home whose mains nobody measured, which can teach.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chowon.bench.nilm.homes import RawHome, home_id, joined, trace_of
from chowon.bench.nilm.readers.tables import listed
from chowon.domain.nilm.power import Trace
from chowon.errors import DataSetInvalid, Problem, RecordingInvalid
from chowon.replay.check import of_columns
from chowon.replay.recording import Recording


def read(path: Path, home: str = "") -> RawHome:
    """The home in this file; its id comes from the metadata, or is `home` or the file's name without any.

    Errors: NotFound, RecordingInvalid; DataSetInvalid where it doesn't say of what it is composed.
    """
    plugs = _plugs(path)
    if plugs is None:
        with Recording.open(path) as recording:
            facts, appliances = recording.metadata, recording.facts.appliances
    else:
        facts, appliances = plugs
    known = facts.get("dataset") and facts.get("home")
    return RawHome(
        home_id(facts["dataset"], facts["home"]) if known else home or f"file/{path.stem}",
        [_column(path, "mains")] if plugs is None else (),
        {column: _column(path, column) for column in appliances},
        facts,
        _sources(path, facts),
    )


def read_all(pattern: Path) -> list[RawHome]:
    """The homes in all files of a folder, or of a pattern (`tracebase/kettle__*.parquet`), each id once.

    Errors: NotFound without any file; as `read`.
    """
    folder, files = (pattern, "*.parquet") if pattern.is_dir() else (pattern.parent, pattern.name)
    return joined([read(path) for path in listed(folder, files, "recordings")])


def _plugs(path: Path) -> tuple[dict[str, str], tuple[str, ...]] | None:
    """(metadata, columns) of a file without mains; None where there are some, or the file is no Parquet."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError):
        return None  # Recording.open says what is wrong
    columns = tuple(name for name in schema.names if name not in {"timestamp", "voltage"})
    if "mains" in columns or "timestamp" not in schema.names or not columns:
        return None
    problems = of_columns(schema, needed=["timestamp"])
    if problems:
        raise RecordingInvalid(f"recording {path} of plugs cannot be read", problems)
    return {k.decode(): v.decode() for k, v in (schema.metadata or {}).items()}, columns


def _sources(path: Path, facts: Mapping[str, str]) -> frozenset[str]:
    """The ids of the recordings of which a composed home was made, as its metadata names them.

    Of each column: {"dataset": "tracebase", "trace": "kettle__5AE2CA__complete"}, {"dataset": "ECO", "home":
    "household 1"}, or {"device": "5AE2CA"}, a tracebase plug of that column's appliance.
    """
    if "sources" not in facts:
        return frozenset()
    try:
        named = json.loads(facts["sources"])
        return frozenset(_source(column, source) for column, source in named.items())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        found = Problem("metadata sources", repr(error), "a data set with a home or trace, or a device, each")
        raise DataSetInvalid(f"recording {path} doesn't say what it is composed of", [found]) from error


def _source(column: str, source: Mapping[str, Any]) -> str:
    if "trace" in source:
        return home_id(source["dataset"], "__".join(source["trace"].split("__")[:2]))
    if "device" in source:
        return home_id(source.get("dataset", "tracebase"), f"{column}__{source['device']}")
    return home_id(source["dataset"], source["home"])


def _column(path: Path, name: str) -> Callable[[], Trace]:
    def column() -> Trace:
        table: Any = pq.read_table(path, columns=["timestamp", name])
        time_ms = table["timestamp"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_numpy()
        power_w = table[name].cast(pa.float64()).to_numpy().astype(np.float64)
        return trace_of(time_ms, power_w)

    return column
