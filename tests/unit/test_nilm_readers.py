"""Data sets in the layout in which they are published, a few rows each."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chowon.bench.nilm.homes import GapRules, home_id, home_on_grid, trace_of, zero_share
from chowon.bench.nilm.kinds import kind_of, kinds
from chowon.bench.nilm.readers import READERS, reader
from chowon.errors import DataSetInvalid, NotFound

T0 = 1_303_132_920  # a whole minute
MINUTES = 10


def rows(watts, every_s=60):
    return [(T0 + every_s * n, w) for n, w in enumerate(watts)]


def dat(path, watts, every_s=60):
    path.write_text("".join(f"{t} {w:.2f}\n" for t, w in rows(watts, every_s)), "utf-8")


def watts_of(raw, kind, step_ms=60_000):
    return home_on_grid(raw, step_ms, list(kinds()), GapRules()).appliances[kind].power_w.tolist()


@pytest.fixture
def redd(tmp_path):
    house = tmp_path / "low_freq" / "house_1"
    house.mkdir(parents=True)
    labels = ["mains", "mains", "oven", "oven", "refrigerator", "kitchen_outlets"]
    (house / "labels.dat").write_text("".join(f"{n} {la}\n" for n, la in enumerate(labels, 1)), "utf-8")
    for channel, watts in enumerate(
        ([100, 110, 120], [50, 50, 50], [1, 2, 3], [10, 20, 30], [6, 7, 8], [9] * 3), 1
    ):
        dat(house / f"channel_{channel}.dat", watts)
    return tmp_path / "low_freq"


def test_redds_two_legs_are_added_up_and_so_are_those_of_its_oven(redd):
    raw = reader("redd")(redd, "1")
    home = home_on_grid(raw, 60_000, list(kinds()), GapRules())
    assert raw.id == "redd/1"
    assert home.mains.power_w.tolist() == [150.0, 160.0]
    assert home.appliances["oven"].power_w.tolist() == [11.0, 22.0]
    assert home.appliances["fridge"].power_w.tolist() == [6.0, 7.0]
    assert set(home.appliances) == {"oven", "fridge"}


def test_uk_dale_has_the_same_layout_and_calls_its_mains_aggregate(tmp_path):
    house = tmp_path / "house_2"
    house.mkdir()
    (house / "labels.dat").write_text("1 aggregate\n8 kettle\n", "utf-8")
    for channel, watts in ((1, [300, 2300, 300]), (8, [0, 2000, 0])):
        lines = [f"{t} {w}\n" for t, w in rows(watts, 6)]
        (house / f"channel_{channel}.dat").write_text("".join(lines), "utf-8")
    raw = reader("uk-dale")(tmp_path, "2")
    assert raw.id == "uk-dale/2"
    assert watts_of(raw, "kettle", 6_000) == [0.0, 2000.0]


def test_labels_that_are_none_are_named(tmp_path):
    (tmp_path / "house_1").mkdir()
    (tmp_path / "house_1" / "labels.dat").write_text("mains 1\n", "utf-8")
    with pytest.raises(DataSetInvalid, match="'mains 1'"):
        reader("redd")(tmp_path, "1")
    with pytest.raises(NotFound, match="house_1, house_2"):
        reader("redd")(tmp_path, "9")


REFIT = "Time,Unix,Aggregate," + ",".join(f"Appliance{n}" for n in range(1, 10)) + ",Issues\n"


def refit_file(folder, powers):
    lines = [
        f"2013-10-09 13:06:17,{t},{mains},{','.join([str(kettle)] + ['0'] * 8)},{issues}\n"
        for t, (mains, kettle, issues) in rows(powers)
    ]
    (folder / "CLEAN_House2.csv").write_text(REFIT + "".join(lines), "utf-8")


def test_refits_appliances_are_named_by_a_file_beside_it(tmp_path):
    refit_file(tmp_path, [(500, 100, 0), (600, 200, 0), (700, 300, 0)])
    unnamed = home_on_grid(reader("refit")(tmp_path, "2"), 60_000, list(kinds()), GapRules())
    assert unnamed.appliances == {}
    (tmp_path / "appliances.toml").write_text('[2]\nAppliance1 = "kettle"\n', "utf-8")
    raw = reader("refit")(tmp_path, "2")
    assert (raw.id, watts_of(raw, "kettle")) == ("refit/2", [100.0, 200.0])


def test_a_name_for_a_column_that_refit_has_not_is_an_error(tmp_path):
    refit_file(tmp_path, [(500, 100, 0)] * 3)
    (tmp_path / "appliances.toml").write_text('[2]\nAppliance10 = "kettle"\n', "utf-8")
    with pytest.raises(DataSetInvalid, match=r"2\.Appliance10"):
        reader("refit")(tmp_path, "2")


def test_rows_that_refit_itself_doubts_are_left_out(tmp_path):
    bad = [(500, 100, 0)] * 2 + [(1, 9000, 1)] * 6 + [(500, 100, 0)] * 2
    refit_file(tmp_path, bad)
    home = home_on_grid(reader("refit")(tmp_path, "2"), 60_000, [], GapRules())
    assert home.mains.known.tolist() == [True, *[False] * 7, True]


def test_enertalk_is_a_folder_a_day_at_fifteen_hertz(tmp_path):
    for day, base in (("20161201", 0), ("20161202", 2_000)):
        folder = tmp_path / "01" / day
        folder.mkdir(parents=True)
        time_ms = 1_480_550_400_000 + base + np.arange(30) * 1000 // 15
        for name, watts in (
            ("00_total", 120.0),
            ("01_fridge", 20.0),
            ("02_rice-cooker", 40.0),
            ("05_fridge", 5.0),
        ):
            columns = {
                "timestamp": time_ms,
                "active_power": np.full(30, watts),
                "reactive_power": np.zeros(30),
            }
            pq.write_table(pa.table(columns), folder / f"{name}.parquet.gzip", compression="gzip")
    raw = reader("enertalk")(tmp_path, "01")
    assert raw.id == "enertalk/1"
    assert set(raw.appliances) == {"fridge_1", "fridge_5", "rice_cooker"}
    assert watts_of(raw, "fridge", 1_000) == pytest.approx([25.0] * 4)
    assert watts_of(raw, "rice_cooker", 1_000) == pytest.approx([40.0] * 4)


def test_ampds_is_one_table_by_the_minute(tmp_path):
    header = (
        "UNIX_TS,WHE,RSE,GRE,MHE,B1E,BME,CWE,DWE,EQE,FRE,HPE,OFE,UTE,WOE,B2E,CDE,DNE,EBE,FGE,HTE,OUE,TVE,UNE"
    )
    lines = [",".join([str(t), *[str(w)] * 23]) for t, w in rows([5, 6, 7])]
    (tmp_path / "Electricity_P.csv").write_text("\n".join([header, *lines]) + "\n", "utf-8")
    raw = reader("ampds")(tmp_path, "1")
    assert watts_of(raw, "tumble_dryer") == [5.0, 6.0]
    assert watts_of(raw, "air_conditioner") == [5.0, 6.0]


def test_ideal_is_a_compressed_file_a_sensor(tmp_path):
    folders = [tmp_path / name for name in ("household_sensordata", "rooms_appliance_sensordata")]
    names = [
        "home65_hall730_sensor3081c3082_electric-mains_electric-combined",
        "home65_kitchen733_sensor3109_electric-appliance_kettle",
    ]
    for folder, name, watts in zip(folders, names, ([300, 301, 302], [7, 8, 9]), strict=True):
        folder.mkdir()
        text = "".join(f"2017-08-01 00:00:0{n},{w}\n" for n, w in enumerate(watts))
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    (folders[0] / "home6_hall1_sensor1c2_electric-mains_electric-combined.csv.gz").write_bytes(b"")
    raw = reader("ideal")(tmp_path, "65")
    assert (raw.id, len(raw.mains)) == ("ideal/65", 1)
    assert watts_of(raw, "kettle", 1_000) == [7.0, 8.0]
    with pytest.raises(NotFound, match="sensor files"):
        reader("ideal")(tmp_path, "66")


def recording(path, mains, metadata=None, **appliances):
    n = len(mains)
    columns = {
        "timestamp": pa.array(T0 * 1000 + 60_000 * np.arange(n), pa.timestamp("ms", "UTC")),
        "mains": pa.array(mains, pa.float32()),
        **{name: pa.array(watts, pa.float32()) for name, watts in appliances.items()},
    }
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)


def test_a_recordings_home_is_the_same_as_that_of_the_data_sets_own_files(tmp_path):
    recording(tmp_path / "a.parquet", [1, 2, 3], {"dataset": "REDD", "home": "house1"}, kettle=[1, 2, 3])
    recording(tmp_path / "b.parquet", [1, 2, 3])
    assert READERS["recording"](tmp_path / "a.parquet", "").id == "redd/1"
    assert READERS["recording"](tmp_path / "b.parquet", "").id == "file/b"
    assert home_id("UK_DALE", "house_02") == "uk-dale/2"
    assert home_id("enertalk", "00") == "enertalk/0"


def test_columns_of_one_kind_are_added_up_and_nulls_stay_unknown(tmp_path):
    recording(
        tmp_path / "a.parquet", [9] * 12, lighting_1=[1] * 12, lighting_2=[*[2] * 4, *[None] * 4, *[2] * 4]
    )
    raw = READERS["recording"](tmp_path / "a.parquet", "")
    lighting = home_on_grid(raw, 60_000, ["lighting"], GapRules()).appliances["lighting"]
    assert lighting.known.tolist() == [True] * 3 + [False] * 5 + [True] * 3
    assert lighting.power_w.tolist() == [3.0] * 3 + [0.0] * 5 + [3.0] * 3


def test_zeros_written_into_gaps_are_seen_and_left_out_when_asked(tmp_path):
    recording(tmp_path / "a.parquet", [100] * 5 + [0] * 5 + [100] * 5)
    raw = READERS["recording"](tmp_path / "a.parquet", "")
    as_told, measured = (home_on_grid(raw, 60_000, [], GapRules(zero_mains=zero)) for zero in (False, True))
    assert zero_share(as_told) == pytest.approx(5 / 14)
    assert measured.mains.known.tolist() == [True] * 4 + [False] * 6 + [True] * 4


def test_mains_that_do_not_move_for_an_hour_are_left_out_when_asked(tmp_path):
    moving = [float(w) for w in range(300, 310)]
    recording(tmp_path / "a.parquet", [*moving, *[445.0] * 61, *moving])
    raw = READERS["recording"](tmp_path / "a.parquet", "")
    home = home_on_grid(raw, 60_000, [], GapRules(frozen_mains_ms=3_600_000))
    assert home.mains.known.tolist() == [True] * 9 + [False] * 62 + [True] * 9


def test_a_period_is_a_part_of_a_home(tmp_path):
    recording(tmp_path / "a.parquet", list(range(100, 110)))
    raw = READERS["recording"](tmp_path / "a.parquet", "")
    start = T0 * 1000
    part = home_on_grid(raw, 60_000, [], GapRules(), start + 120_000, start + 300_000)
    assert part.mains.power_w.tolist() == [102.0, 103.0, 104.0]


def test_samples_as_files_have_them_are_put_in_order_and_the_last_of_equals_counts():
    found = trace_of(np.array([5, 1, 5, 9]), np.array([1.0, 2.0, 3.0, np.nan]))
    assert (found.time_ms.tolist(), found.power_w.tolist()) == ([1, 5], [2.0, 3.0])


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("fridge_2", "fridge"),
        ("Dish Washer", "dishwasher"),
        ("rice-cooker", "rice_cooker"),
        ("kitchen_outlets_1", None),
    ],
)
def test_a_column_is_of_the_kind_that_its_name_says(column, kind):
    assert kind_of(column) == kind


def test_every_column_name_is_of_one_kind_only():
    names = [column for kind in kinds().values() for column in kind.columns]
    assert len(names) == len(set(names))


def test_an_unknown_reader_is_told_which_there_are():
    with pytest.raises(NotFound, match="uk-dale"):
        reader("nilmtkk")


def test_a_text_file_that_is_not_as_published_is_named(tmp_path):
    (tmp_path / "Electricity_P.csv").write_text("UNIX_TS,WHE\n1,abc\n", "utf-8")
    raw = reader("ampds")(tmp_path, "1")
    with pytest.raises(DataSetInvalid, match=r"Electricity_P\.csv cannot be read"):
        raw.mains[0]()


def test_a_meter_slower_than_the_grid_is_refused(tmp_path):
    recording(tmp_path / "a.parquet", [1, 2, 3])
    raw = READERS["recording"](tmp_path / "a.parquet", "")
    with pytest.raises(DataSetInvalid, match="a sample every 60 s; expected one at least every 6 s"):
        home_on_grid(raw, 6_000, [], GapRules())
