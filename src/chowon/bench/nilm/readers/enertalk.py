"""ENERTALK (Shin et al. 2019, Korea): 00/20161201/00_total.parquet.gzip, 01_fridge.parquet.gzip, … at 15 Hz.

Columns timestamp (ms since 1970) and active_power (W); a folder a house, in it one a day.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chowon.bench.nilm.homes import RawHome, home_id, trace_of
from chowon.bench.nilm.readers.tables import listed
from chowon.domain.nilm.power import Trace
from chowon.errors import DataSetInvalid, Problem


def read(folder: Path, home: str) -> RawHome:
    """House `home` ("00"). Errors: NotFound, DataSetInvalid."""
    files = listed(folder / home, "*/*.parquet.gzip", "00/20161201/00_total.parquet.gzip, …")
    by_device: dict[str, list[Path]] = {}
    for file in files:
        by_device.setdefault(file.name.removesuffix(".parquet.gzip"), []).append(file)
    mains = [_device(days) for device, days in by_device.items() if device.endswith("_total")]
    appliances = {
        _name(device, by_device): _device(days)
        for device, days in by_device.items()
        if not device.endswith("_total")
    }
    return RawHome(home_id("enertalk", home), mains, appliances, {"clock": "UTC"})


def _name(device: str, devices: dict[str, list[Path]]) -> str:
    """ "fridge" of 01_fridge; "fridge_5" where the house has another one."""
    number, _, plain = device.partition("_")
    alike = [other for other in devices if other.partition("_")[2] == plain]
    plain = plain.replace("-", "_")
    return plain if len(alike) == 1 else f"{plain}_{int(number)}"


def _device(days: Sequence[Path]) -> Callable[[], Trace]:
    def device() -> Trace:
        parts = [_day(path) for path in days]
        return trace_of(np.concatenate([t for t, _ in parts]), np.concatenate([w for _, w in parts]))

    return device


def _day(path: Path) -> tuple[Any, Any]:
    try:
        read: Any = pq.read_table(path, columns=["timestamp", "active_power"])
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError, OSError) as error:
        problem = Problem("file", str(error).splitlines()[0], "Parquet with timestamp and active_power")
        raise DataSetInvalid(f"{path} cannot be read", [problem]) from error
    return read["timestamp"].cast(pa.int64()).to_numpy(), read["active_power"].cast(pa.float64()).to_numpy()
