"""NILMTK's HDF5 as pandas and PyTables lay it out; checked once against a file that these wrote."""

import datetime as dt
import pickle
import sys
from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np
import pytest

from chowon.bench.nilm.homes import GapRules, home_on_grid
from chowon.bench.nilm.kinds import kinds
from chowon.bench.nilm.readers import reader
from chowon.errors import DataSetInvalid, ExtraMissing, NotFound

T0 = 1_365_721_200
ACTIVE, APPARENT, VOLTAGE = ("power", "active"), ("power", "apparent"), ("voltage", "")
RAN = []


def pickled(value) -> np.bytes_:
    return np.bytes_(pickle.dumps(value, 0))


def table(file, meter, columns, watts, index_kind=b"datetime64[ns]", unit_ns=1) -> None:
    """columns: their labels; the first has these watts, each following one 1,000 more."""
    group = file.create_group(f"building1/elec/meter{meter}")
    group.attrs["pandas_type"] = np.bytes_(b"frame_table")
    group.attrs["non_index_axes"] = pickled([(1, columns)])
    rows = np.zeros(len(watts), [("index", "<i8"), ("values_block_0", "<f4", (len(columns),))])
    rows["index"] = (T0 + 6 * np.arange(len(watts))) * (1_000_000_000 // unit_ns)
    rows["values_block_0"] = np.array(watts)[:, np.newaxis] + 1000 * np.arange(len(columns))
    node = group.create_dataset("table", data=rows, compression="gzip")
    node.attrs["values_block_0_kind"] = pickled(columns)
    node.attrs["index_kind"] = np.bytes_(index_kind)


def appliance(kind, *meters, **more):
    return {"type": kind, "instance": 1, "meters": list(meters), **more}


def write(path, meters, appliances, name="UK-DALE") -> None:
    with h5py.File(path, "a") as file:
        file.attrs["metadata"] = pickled({"name": name, "meter_devices": {}, "date": dt.date(2014, 1, 1)})
        about = OrderedDict(instance=1, elec_meters=meters, appliances=appliances)
        file["building1"].attrs["metadata"] = pickled(about)


@pytest.fixture
def ukdale(tmp_path) -> Path:
    path = tmp_path / "ukdale.h5"
    with h5py.File(path, "w") as file:
        table(file, 1, [APPARENT], [9, 9, 9])
        table(file, 2, [APPARENT, VOLTAGE, ACTIVE], [500, 501, 502])
        table(file, 3, [ACTIVE], [1, 2, 3])
        table(file, 4, [VOLTAGE, APPARENT], [10, 20, 30])
        table(file, 5, [ACTIVE], [7, 7, 7])
        table(file, 6, [VOLTAGE], [230, 230, 230])
    meters = {1: {"site_meter": True, "disabled": True}, 2: {"site_meter": True}}
    meters |= {n: {"submeter_of": 2} for n in (3, 4, 5, 6)}
    appliances = [
        appliance("kettle", 3),
        appliance("electric oven", 3, 4, dominant_appliance=False),
        appliance("toaster", 5),
        appliance("fridge freezer", 5, dominant_appliance=True),
        appliance("lamp", 6),
    ]
    write(path, meters, appliances)
    return path


def test_mains_and_appliances_are_told_by_the_buildings_metadata(ukdale):
    raw = reader("nilmtk")(ukdale, "1")
    assert (raw.id, len(raw.mains)) == ("uk-dale/1", 1)
    assert list(raw.appliances) == ["kettle_and_electric_oven", "electric_oven", "fridge_freezer"]


def test_active_power_is_taken_before_apparent_and_both_by_their_labels(ukdale):
    raw = reader("nilmtk")(ukdale, "1")
    mains, oven = raw.mains[0](), raw.appliances["electric_oven"]()
    assert mains.power_w.tolist() == [2500, 2501, 2502]
    assert mains.time_ms.tolist() == [1000 * (T0 + 6 * n) for n in range(3)]
    assert oven.power_w.tolist() == [1010, 1020, 1030]
    found = home_on_grid(raw, 6000, list(kinds()), GapRules(), others=True)
    assert set(found.appliances) == {"oven", "fridge"}
    assert list(found.others) == ["kettle_and_electric_oven"]


def test_legs_are_added_up_and_so_are_the_two_meters_of_one_oven(tmp_path):
    path = tmp_path / "redd.h5"
    with h5py.File(path, "w") as file:
        for meter in (1, 2, 3, 4):
            table(file, meter, [APPARENT if meter < 3 else ACTIVE], [100 * meter] * 3)
    write(path, {n: {"site_meter": n < 3} for n in (1, 2, 3, 4)}, [appliance("electric oven", 3, 4)], "REDD")
    found = home_on_grid(reader("nilmtk")(path, "1"), 6000, ["oven"], GapRules())
    assert found.id == "redd/1"
    assert found.mains.power_w.tolist() == [300.0, 300.0]
    assert found.appliances["oven"].power_w.tolist() == [700.0, 700.0]


def test_time_may_be_in_other_units_than_nanoseconds(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        table(file, 1, [ACTIVE], [1, 2, 3], b"datetime64[us]", 1000)
        table(file, 2, [ACTIVE], [1, 2, 3], b"datetime64")
    write(path, {1: {"site_meter": True}, 2: {}}, [appliance("kettle", 2)])
    raw = reader("nilmtk")(path, "1")
    assert raw.mains[0]().time_ms.tolist() == raw.appliances["kettle"]().time_ms.tolist()


def boom(word) -> None:
    RAN.append(word)


class Bomb:
    def __reduce__(self):
        return boom, ("ran",)


def test_nothing_that_a_file_names_is_run(ukdale):
    with h5py.File(ukdale, "a") as file:
        about = {"elec_meters": {2: {"site_meter": True}}, "appliances": [], "more": [Bomb(), RAN.append]}
        file["building1"].attrs["metadata"] = pickled(about)
        file.attrs["metadata"] = np.bytes_(b"(dVname\nVx\nsVy\ncos\nsystem\n(Vexit 1\ntRs.")
    raw = reader("nilmtk")(ukdale, "1")
    assert raw.id == "x/1"
    assert RAN == []
    pickle.loads(pickle.dumps(Bomb(), 0))
    assert RAN == ["ran"]


@pytest.mark.parametrize("text", [b"", b"garbage", b"(dp0\n", b"I1\n.", b"}.", b"cos\nsystem\n."])
def test_metadata_that_is_none_is_named(ukdale, text):
    with h5py.File(ukdale, "a") as file:
        file["building1"].attrs["metadata"] = np.bytes_(text) if text else 5
    with pytest.raises(DataSetInvalid, match="building1"):
        reader("nilmtk")(ukdale, "1")


def test_what_is_no_file_of_nilmtk_is_named(ukdale, tmp_path):
    with pytest.raises(NotFound, match="no building7; there are building1"):
        reader("nilmtk")(ukdale, "7")
    with pytest.raises(NotFound, match="no such file"):
        reader("nilmtk")(tmp_path / "none.h5", "1")
    (tmp_path / "x.h5").write_text("hello", "utf-8")
    with pytest.raises(DataSetInvalid, match="HDF5 as NILMTK"):
        reader("nilmtk")(tmp_path / "x.h5", "1")


def test_a_site_meter_without_power_is_named_when_it_is_read(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        table(file, 1, [VOLTAGE], [230, 231])
    write(path, {1: {"site_meter": True}, 2: {"site_meter": True}}, [])
    for mains in reader("nilmtk")(path, "1").mains:
        with pytest.raises(DataSetInvalid, match=r"elec/meter\d: found no table with power"):
            mains()


def test_without_h5py_the_extra_is_named(ukdale, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ExtraMissing, match=r"chowon\[bench\]"):
        reader("nilmtk")(ukdale, "1")
