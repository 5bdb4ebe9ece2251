"""ECO in the layout in which it is published, a few seconds a day."""

import pytest

from chowon.bench.nilm.homes import GapRules, home_on_grid
from chowon.bench.nilm.kinds import kinds
from chowon.bench.nilm.readers import reader
from chowon.errors import DataSetInvalid, NotFound

SUMMER_MIDNIGHT_MS, WINTER_MIDNIGHT_MS = 1_338_501_600_000, 1_354_316_400_000


def meter(path, watts) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{w},{w / 2},{w / 4},{w / 4}" + ",1.5" * 12 + "\n" for w in watts), "utf-8")


def plug(path, watts) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{w}\n" for w in watts), "utf-8")


@pytest.fixture
def eco(tmp_path):
    meter(tmp_path / "01_sm_csv/01/2012-06-01.csv", [500.25, 501, *[-1] * 18, 520, 521, 522])
    meter(tmp_path / "01_sm_csv/01/2012-12-01.csv", [300, 301])
    plug(tmp_path / "01_plugs_csv/01/2012-06-01.csv", [80, 80, 80, -1, 79.5])
    plug(tmp_path / "01_plugs_csv/04/2012-06-01.csv", [0, 0, 1.8e3, 1800, 0])
    plug(tmp_path / "01_plugs_csv/09/2012-06-01.csv", [5, 5])
    return tmp_path


def test_a_row_is_a_second_from_local_midnight_on(eco):
    mains = reader("eco")(eco, "1").mains[0]()
    assert mains.time_ms[:2].tolist() == [SUMMER_MIDNIGHT_MS, SUMMER_MIDNIGHT_MS + 1000]
    assert mains.time_ms[-2:].tolist() == [WINTER_MIDNIGHT_MS, WINTER_MIDNIGHT_MS + 1000]
    assert mains.power_w.tolist() == [500.25, 501, 520, 521, 522, 300, 301]


def test_minus_one_was_not_measured(eco):
    found = home_on_grid(
        reader("eco")(eco, "1"), 1000, list(kinds()), GapRules(), to_ms=SUMMER_MIDNIGHT_MS + 22_000
    )
    assert found.mains.known.tolist() == [True] + [False] * 19 + [True] * 2
    assert found.appliances["fridge"].power_w[:4].tolist() == [80.0] * 4


def test_plugs_have_the_names_that_the_read_me_gives_their_numbers(eco):
    raw = reader("eco")(eco, "01")
    assert raw.id == "eco/1"
    assert list(raw.appliances) == ["fridge", "kettle", "plug_09"]
    assert raw.appliances["kettle"]().power_w.tolist() == [0, 0, 1800, 1800, 0]


def test_a_household_of_which_only_the_plugs_are_there_can_teach(eco):
    (eco / "01_sm_csv/01/2012-06-01.csv").unlink()
    (eco / "01_sm_csv/01/2012-12-01.csv").unlink()
    (eco / "01_sm_csv/01").rmdir()
    (eco / "01_sm_csv").rmdir()
    raw = reader("eco")(eco, "1")
    assert raw.mains == []
    assert not home_on_grid(raw, 1000, ["fridge"], GapRules()).measured


def test_what_is_not_ecos_is_named(eco):
    with pytest.raises(NotFound, match="neither 02_sm_csv nor 02_plugs_csv"):
        reader("eco")(eco, "2")
    plug(eco / "01_plugs_csv/01/june.csv", [1])
    with pytest.raises(DataSetInvalid, match=r"june\.csv"):
        reader("eco")(eco, "1").appliances["fridge"]()
    plug(eco / "01_plugs_csv/04/2012-06-02.csv", range(86_401))
    with pytest.raises(DataSetInvalid, match="86401"):
        reader("eco")(eco, "1").appliances["kettle"]()
    (eco / "01_sm_csv/01/2012-06-01.csv").write_text("1,2,3\n", "utf-8")
    with pytest.raises(DataSetInvalid, match=r"2012-06-01\.csv"):
        reader("eco")(eco, "1").mains[0]()
