"""NILMTK's HDF5, whatever the data set: a table a meter at /building1/elec/meter1, as pandas writes tables.

Time in ns since 1970 UTC, columns such as ("power", "active") in W. What the meters measure stands in pickled
attributes `metadata` of the file and of each building (NILM Metadata: elec_meters, appliances). A pickle can
run code, so ours makes nothing but numbers, texts, lists and dictionaries, and blanks of all else.
"""

import io
import pickle
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from chowon.bench.nilm.homes import RawHome, home_id, trace_of
from chowon.domain.nilm.power import Trace
from chowon.errors import DataSetInvalid, ExtraMissing, NotFound, Problem

_POWER: Final = (("power", "active"), ("power", "apparent"))
"""The first of these that a meter has"""
_UNREADABLE: Final = (
    pickle.UnpicklingError,
    EOFError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
)
"""What a damaged pickle, or one of something else, raises"""
_NS_PER: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


def read(path: Path, home: str) -> RawHome:
    """Building `home` ("1") of this file. Errors: NotFound; DataSetInvalid; ExtraMissing without h5py."""
    with _opened(path) as file:
        building = f"building{home}"
        if building not in file:
            there = ", ".join(sorted(name for name in file if name.startswith("building")))
            raise NotFound(f"{path}: no {building}; there are {there or 'none: not a file of NILMTK'}")
        about, data_set = _attribute(file[building], "metadata"), _attribute(file, "metadata")
        try:
            return _home(path, file[building], about, data_set, home)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            problem = Problem(
                f"{building} metadata", repr(error), "elec_meters and appliances of NILM Metadata"
            )
            raise DataSetInvalid(f"{path} cannot be read", [problem]) from error


def _home(path: Path, building: Any, about: Any, data_set: Any, home: str) -> RawHome:
    meters: Mapping[int, Mapping[str, Any]] = about["elec_meters"]
    of_meter: dict[int, list[Mapping[str, Any]]] = {}
    for appliance in about.get("appliances", ()):
        for meter in appliance["meters"]:
            of_meter.setdefault(meter, []).append(appliance)
    site = [
        meter
        for meter, says in meters.items()
        if says.get("site_meter") and not says.get("disabled") and meter not in of_meter
    ]
    names = _names({meter: of_meter[meter] for meter in sorted(of_meter)})
    tables = {meter: building[f"elec/meter{meter}"] for meter in [*site, *names] if _there(building, meter)}
    columns = {meter: _power_column(table) for meter, table in tables.items()}
    return RawHome(
        home_id(data_set["name"], home),
        [_meter(path, building.name, meter, columns.get(meter)) for meter in site],
        {
            name: _meter(path, building.name, meter, columns[meter])
            for meter, name in names.items()
            if columns.get(meter) is not None
        },
        {"clock": "UTC", "note": f"by way of NILMTK, {path.name}"},
    )


def _names(of_meter: Mapping[int, Sequence[Mapping[str, Any]]]) -> dict[int, str]:
    """What each meter measures: its dominant appliance; with several and none dominant, all by name."""
    plain = {}
    for meter, appliances in of_meter.items():
        dominant = [one for one in appliances if one.get("dominant_appliance")] or appliances
        plain[meter] = " and ".join(str(one["type"]) for one in dominant).replace(" ", "_")
    alike, met = Counter(plain.values()), Counter[str]()
    for meter, name in plain.items():
        met[name] += 1
        plain[meter] = name if alike[name] == 1 else f"{name}_{met[name]}"
    return plain


def _there(building: Any, meter: int) -> bool:
    return f"elec/meter{meter}/table" in building


def _power_column(group: Any) -> tuple[str, int] | None:
    """(field of the table, column in it) of the meter's power; None for a meter of something else."""
    table = group["table"]
    places = {
        tuple(label): (field, at)
        for field in table.dtype.names
        if field != "index"
        for at, label in enumerate(_attribute(table, f"{field}_kind"))
    }
    return next((places[label] for label in _POWER if label in places), None)


def _meter(path: Path, building: str, meter: int, column: tuple[str, int] | None) -> Callable[[], Trace]:
    def trace() -> Trace:
        where = f"{building}/elec/meter{meter}"
        if column is None:
            problem = Problem(where, "no table with power", "a column (power, active) or (power, apparent)")
            raise DataSetInvalid(f"{path} cannot be read", [problem])
        with _opened(path) as file:
            table = file[where]["table"]
            try:
                time, values = table["index"], table[column[0]]
            except OSError as error:
                found = Problem(where, str(error), "zlib, as NILMTK compresses; `ptrepack` rewrites blosc")
                raise DataSetInvalid(f"{path} cannot be read", [found]) from error
            unit_ns = _unit_ns(table)
        power_w = values.reshape(len(time), -1)[:, column[1]]
        return trace_of(time.astype(np.int64) * unit_ns // 1_000_000, power_w)

    return trace


def _unit_ns(table: Any) -> int:
    """Of the time column: datetime64[us] where newer programs wrote it."""
    unit = re.search(r"\[(\w+)", str(_text(table.attrs.get("index_kind", b""))))
    return _NS_PER.get(unit[1], 1) if unit else 1


def _opened(path: Path) -> Any:
    try:
        import h5py  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing("reading NILMTK's HDF5", "bench") from error
    if not path.is_file():
        raise NotFound(f"{path}: no such file; name NILMTK's HDF5 file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        problem = Problem("file", str(error), "HDF5 as NILMTK writes it")
        raise DataSetInvalid(f"{path} cannot be read", [problem]) from error


def _attribute(node: Any, name: str) -> Any:
    """A pickled attribute, made plain. Errors: DataSetInvalid."""
    try:
        return _Plain(io.BytesIO(_text(node.attrs[name]).encode("latin1")), encoding="latin1").load()
    except _UNREADABLE as error:
        problem = Problem(f"{node.name}: {name}", repr(error), "what NILMTK or pandas writes there")
        raise DataSetInvalid(f"{node.file.filename} cannot be read", [problem]) from error


def _text(attribute: Any) -> str:
    """A byte a character."""
    return attribute.decode("latin1") if isinstance(attribute, bytes) else str(attribute)


class _Blank:
    """Stands for an object of any class: holds nothing and does nothing."""

    def __init__(self, *_: Any) -> None:
        pass

    def __call__(self, *_: Any) -> "_Blank":
        return _Blank()

    def __setstate__(self, _: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """Nothing."""

    def __setitem__(self, _: Any, __: Any) -> None:
        pass


class _Plain(pickle.Unpickler):
    """Numbers, texts, lists and dictionaries; of every class and function that is named, a blank."""

    def find_class(self, module: str, name: str) -> Any:
        """A dictionary that keeps its order is one; nothing else is made."""
        return dict if (module, name) == ("collections", "OrderedDict") else _Blank
