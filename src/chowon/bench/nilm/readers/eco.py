"""ECO (Beckel et al. 2014, Switzerland): 01_sm_csv/01/2012-06-01.csv and 01_plugs_csv/05/2012-06-01.csv.

A file a day with a row a second from local midnight on, no header, -1 where nothing was measured. A meter's
row has 16 columns, the first of them W over all phases; a plug's has one. Each zip unpacks to one of these
folders; a household of which only the plugs are there can teach. Plugs carry the names that
the metadata of NILMTK gives to their numbers (ECO's own read-me was not at hand).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from chowon.bench.nilm.homes import RawHome, home_id, trace_of
from chowon.bench.nilm.readers.tables import listed, table
from chowon.domain.nilm.power import F64, Trace
from chowon.domain.quantities import DAY_MS, I64
from chowon.errors import DataSetInvalid, NotFound, Problem, shortened

_ZONE: Final = ZoneInfo("Europe/Zurich")
_METER: Final = ("powerallphases", *(f"other_{n}" for n in range(2, 17)))
_PLUG: Final = ("power",)
_MISSING_W: Final = -1.0
_PLUGS: Final = {
    "1": ("fridge", "dryer", "coffee_machine", "kettle", "washing_machine", "pc", "freezer"),
    "2": (
        "tablet",
        "dishwasher",
        "air_exhaust",
        "fridge",
        "entertainment",
        "freezer",
        "kettle",
        "lamp",
        "laptops",
        "stove",
        "tv",
        "stereo",
    ),
    "3": ("tablet", "freezer", "coffee_machine", "pc", "fridge", "kettle", "entertainment"),
    "4": (
        "fridge",
        "kitchen_appliances",
        "lamp",
        "stereo_and_laptop",
        "freezer",
        "tablet",
        "entertainment",
        "microwave",
    ),
    "5": ("tablet", "coffee_machine", "fountain", "microwave", "fridge", "entertainment", "pc", "kettle"),
    "6": ("lamp", "laptop", "router", "coffee_machine", "entertainment", "fridge", "freezer", "kettle"),
}
"""By household, the plugs 01, 02, …"""


def read(folder: Path, home: str) -> RawHome:
    """Household `home` ("1"). Errors: NotFound, DataSetInvalid."""
    number = home.zfill(2)
    meter, plugs = folder / f"{number}_sm_csv", folder / f"{number}_plugs_csv"
    if not meter.is_dir() and not plugs.is_dir():
        raise NotFound(f"{folder}: neither {meter.name} nor {plugs.name}; name the folder that holds them")
    mains = [_days(meter, _METER)] if meter.is_dir() else []
    found = sorted(plug for plug in plugs.iterdir() if plug.is_dir()) if plugs.is_dir() else []
    appliances = {_name(home, plug.name): _days(plug, _PLUG) for plug in found}
    facts = {
        "licence": "CC BY 4.0",
        "clock": "local time of Europe/Zurich by file name, a row a second from midnight on",
    }
    return RawHome(home_id("eco", home), mains, appliances, facts)


def _name(home: str, plug: str) -> str:
    """ "kettle" of plug 04 of household 1; "plug_09" where there is none of this number."""
    names = _PLUGS.get(home.lstrip("0"), ())
    known = plug.isdigit() and 1 <= int(plug) <= len(names)
    return names[int(plug) - 1] if known else f"plug_{plug}"


def _days(folder: Path, columns: Sequence[str]) -> Callable[[], Trace]:
    def days() -> Trace:
        files = listed(folder, "**/*.csv", "a file a day, 2012-06-01.csv, …")
        parts = [_day(path, columns) for path in files]
        return trace_of(np.concatenate([t for t, _ in parts]), np.concatenate([w for _, w in parts]))

    return days


def _day(path: Path, columns: Sequence[str]) -> tuple[I64, F64]:
    """The measured seconds of a day, in ms UTC, and their W."""
    try:
        midnight = datetime.strptime(path.stem, "%Y-%m-%d").replace(tzinfo=_ZONE)
    except ValueError as error:
        problem = Problem("file name", shortened(path.name), "a day: 2012-06-01.csv")
        raise DataSetInvalid(f"{path} cannot be read", [problem]) from error
    read = table(path, {columns[0]: pa.float64()}, header=False, names=columns)
    power_w: F64 = read[columns[0]].to_numpy()
    if len(power_w) * 1000 > DAY_MS:
        problem = Problem("rows", str(len(power_w)), "86,400 at most: a row a second")
        raise DataSetInvalid(f"{path} cannot be read", [problem])
    time_ms = round(midnight.timestamp() * 1000) + 1000 * np.arange(len(power_w), dtype=np.int64)
    measured = power_w != _MISSING_W
    return time_ms[measured], power_w[measured]
