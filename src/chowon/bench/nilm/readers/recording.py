"""Recordings (docs/reference/recordings.md): a Parquet file with `timestamp`, `mains`, appliances."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chowon.bench.nilm.homes import RawHome, home_id, trace_of
from chowon.domain.nilm.power import Trace
from chowon.replay.recording import Recording


def read(path: Path, home: str = "") -> RawHome:
    """The home in this file; its id comes from the metadata, or is `home` or the file's name without any.

    Errors: NotFound, RecordingInvalid.
    """
    with Recording.open(path) as recording:
        facts, appliances = recording.metadata, recording.facts.appliances
    known = facts.get("dataset") and facts.get("home")
    name = home_id(facts["dataset"], facts["home"]) if known else home or f"file/{path.stem}"
    return RawHome(
        name, [_column(path, "mains")], {column: _column(path, column) for column in appliances}, facts
    )


def _column(path: Path, name: str) -> Callable[[], Trace]:
    def column() -> Trace:
        table: Any = pq.read_table(path, columns=["timestamp", name])
        time_ms = table["timestamp"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_numpy()
        power_w = table[name].cast(pa.float64()).to_numpy().astype(np.float64)
        return trace_of(time_ms, power_w)

    return column
