"""Reading columns of numbers out of text files, quickly, with a clear word where they differ."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from chowon.bench.nilm.homes import trace_of
from chowon.domain.nilm.power import Trace
from chowon.errors import DataSetInvalid, NotFound, Problem


def table(
    path: Path,
    types: dict[str, Any],
    delimiter: str = ",",
    *,
    header: bool = True,
    names: Sequence[str] = (),
) -> Any:
    """The columns in `types`, read as these; without a header the file's are `names`, or these.

    Compressed files (.gz) are read as they are. Errors: NotFound; DataSetInvalid.
    """
    if not path.is_file():
        raise NotFound(f"{path}: no such file; name the folder that the data set unpacks to")
    reading = pa.csv.ReadOptions(column_names=None if header else list(names or types))
    try:
        return pa.csv.read_csv(
            path,
            read_options=reading,
            parse_options=pa.csv.ParseOptions(delimiter=delimiter),
            convert_options=pa.csv.ConvertOptions(column_types=types, include_columns=list(types)),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        problem = Problem("file", str(error).splitlines()[0], f"columns {', '.join(types)}")
        raise DataSetInvalid(f"{path} cannot be read", [problem]) from error


def trace(time_s: Any, power_w: Any) -> Trace:
    """A trace of two Arrow columns: seconds since 1970 (fractions allowed), and W."""
    seconds = time_s.cast(pa.float64()).to_numpy()
    return trace_of(np.rint(seconds * 1000).astype(np.int64), power_w.cast(pa.float64()).to_numpy())


def listed(folder: Path, pattern: str, expected: str) -> Sequence[Path]:
    """The files of a folder by a pattern, sorted; at least one. Errors: NotFound."""
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if not found:
        raise NotFound(f"{folder}: no {pattern}; expected {expected}")
    return found
