"""AMPds2 (Makonin et al. 2016): Electricity_P.csv, a row a minute: UNIX_TS, WHE (mains), CDE, … in W."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa

from chowon.bench.nilm.homes import RawHome
from chowon.bench.nilm.readers.tables import table, trace
from chowon.domain.nilm.power import Trace

_NAMES: Final = {
    "CDE": "clothes_dryer",
    "CWE": "clothes_washer",
    "DWE": "dishwasher",
    "FGE": "fridge",
    "FRE": "furnace_fan",
    "HPE": "heat_pump",
    "HTE": "hot_water_unit",
    "TVE": "television",
    "WOE": "wall_oven",
}
"""Sub-meters that are of one appliance; the others are circuits"""


def read(folder: Path, home: str = "1") -> RawHome:  # noqa: ARG001
    """The one home. Errors: NotFound, DataSetInvalid."""
    path = folder / "Electricity_P.csv"
    appliances = {name: _column(path, code) for code, name in _NAMES.items()}
    return RawHome("ampds/1", [_column(path, "WHE")], appliances, {"clock": "UTC"})


def _column(path: Path, code: str) -> Callable[[], Trace]:
    def column() -> Trace:
        read = table(path, {"UNIX_TS": pa.int64(), code: pa.float64()})
        return trace(read["UNIX_TS"], read[code])

    return column
