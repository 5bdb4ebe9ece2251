"""IDEAL (Pullinger et al. 2021): home65_hall730_sensor3081c3082_electric-mains_electric-combined.csv.gz, …

Rows "2017-08-01 00:00:00,123" without a header, UTC, W (mains: apparent power). Appliances end in
electric-appliance_kettle, circuits in electric-subcircuit_shower. All folders below are searched.
"""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from chowon.bench.nilm.homes import RawHome, home_id, trace_of
from chowon.bench.nilm.readers.tables import listed, table
from chowon.domain.nilm.power import Trace
from chowon.errors import NotFound


def read(folder: Path, home: str) -> RawHome:
    """Home `home` ("65"). Errors: NotFound, DataSetInvalid."""
    files = listed(folder, f"**/home{home}_*_electric-*.csv.gz", "sensor files of this home")
    mains: list[Callable[[], Trace]] = []
    appliances: dict[str, Callable[[], Trace]] = {}
    for file in files:
        _, kind, what = file.name.removesuffix(".csv.gz").rsplit("_", 2)
        if kind == "electric-mains" and what == "electric-combined":
            mains.append(_sensor(file))
        elif kind in {"electric-appliance", "electric-subcircuit"} and what != "mains":
            name = what if what not in appliances else f"{what}_{len(appliances)}"
            appliances[name] = _sensor(file)
    if not mains:
        raise NotFound(f"{folder}: home {home} has no electric-mains_electric-combined.csv.gz")
    return RawHome(home_id("ideal", home), mains, appliances, {"clock": "UTC"})


def _sensor(path: Path) -> Callable[[], Trace]:
    def sensor() -> Trace:
        read = table(path, {"time": pa.timestamp("ms"), "watts": pa.float64()}, header=False)
        return trace_of(read["time"].cast(pa.int64()).to_numpy(), read["watts"].cast(pa.float64()).to_numpy())

    return sensor
