"""REFIT, cleaned (Murray et al. 2017): CLEAN_House1.csv with Time, Unix, Aggregate, Appliance1 … 9, Issues.

The files don't name the appliances; the data set's read-me does, by house. Write those names into
appliances.toml beside the files: a table a house, `[2]`, `Appliance1 = "fridge_freezer"`. Without it they
are appliance1 … 9, which are of no kind. Rows with Issues = 1 (the sum of the appliances is above the
aggregate) are left out.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from chowon.bench.nilm.homes import RawHome, home_id
from chowon.bench.nilm.readers.tables import table, trace
from chowon.domain.nilm.power import Trace
from chowon.errors import DataSetInvalid, Problem

_COLUMNS: Final = tuple(f"Appliance{n}" for n in range(1, 10))


def read(folder: Path, home: str) -> RawHome:
    """House `home` ("2"). Errors: NotFound, DataSetInvalid."""
    path = folder / f"CLEAN_House{home}.csv"
    names = _names(folder / "appliances.toml", home)
    appliances = {names.get(column, column.lower()): _column(path, column) for column in _COLUMNS}
    return RawHome(home_id("refit", home), [_column(path, "Aggregate")], appliances, {"clock": "UTC"})


def _names(path: Path, home: str) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        found: dict[str, str] = tomllib.loads(path.read_text("utf-8")).get(home, {})
    except tomllib.TOMLDecodeError as error:
        raise DataSetInvalid(
            f"{path} is not TOML", [Problem("file", str(error), "valid TOML 1.0")]
        ) from error
    unknown = [
        Problem(f"{home}.{column}", repr(name), f"one of {', '.join(_COLUMNS)} and a name")
        for column, name in found.items()
        if column not in _COLUMNS or not isinstance(name, str)
    ]
    if unknown:
        raise DataSetInvalid(f"{path} cannot be used", unknown)
    return found


def _column(path: Path, name: str) -> Callable[[], Trace]:
    def column() -> Trace:
        read: Any = table(path, {"Unix": pa.int64(), name: pa.float64(), "Issues": pa.int64()})
        good = read.filter(pc.equal(read["Issues"], 0))
        return trace(good["Unix"], good[name])

    return column
