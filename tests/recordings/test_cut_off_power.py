"""A clamp at its end is told from appliances that are steady, on real recordings.

The recordings lie beside the repository (../shared/data, described there). Kettles, heaters and all the
others, each by itself and as a whole home, must not be taken for a bound of the meter's; the same homes
through a meter that goes no further must be. REFIT's house 2 was really recorded with such a meter.
"""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from chowon.domain.quality import remarks
from chowon.domain.quantities import I64
from chowon.domain.readings import Readings
from chowon.ingest.quality import MOST_WATCHED, QualityWatch

MOST_ROWS = 300_000
STEADY = ("kettle", "coffee_machine", "microwave", "toaster", "iron", "hair_dryer", "vacuum_cleaner")
"""Appliances that take the same again and again"""
HEATING = ("washing_machine", "dishwasher", "clothes_dryer", "stove", "water_boiler", "washer_dryer")


def recorded(file: Path, column: str) -> tuple[I64, np.ndarray]:
    """(instants ms, powers W)."""
    table = pq.read_table(file, columns=["timestamp", column]).drop_null()
    time_ms, power_w = table["timestamp"].cast("int64").to_numpy(), table[column].to_numpy()
    there = np.isfinite(power_w)
    return time_ms[there][:MOST_ROWS], power_w[there][:MOST_ROWS]


def is_cut_off(time_ms: I64, power_w: np.ndarray, step_w: int = 1) -> bool:
    """What is said of a meter that tells it in steps of so many watts."""
    power_dw = (np.rint(power_w / step_w) * step_w * 10).astype(np.int32)
    watch = QualityWatch()
    for at in range(0, len(time_ms), MOST_WATCHED):
        some = slice(at, at + MOST_WATCHED)
        channel = np.ones(len(time_ms[some]), np.uint32)
        batch = Readings(channel, time_ms[some], power_dw[some])
        watch.saw(batch, np.full(len(channel), 10_000), int(time_ms[some][-1]))
    quality = watch.of(1)
    assert quality is not None
    return "saturated" in {remark.id for remark in remarks(quality, "main", may_export=False)}


HOMES = ("redd/house1", "redd/house2", "redd/house3", "opengrid/house_1min_2017-10", "ideal/house65_1min")


@pytest.mark.parametrize("kind", [*STEADY, *HEATING])
def test_no_appliance_is_taken_for_a_clamp_at_its_end(shared, kind):
    files = sorted((shared / "data" / "tracebase").glob(f"{kind}__*.parquet"))
    assert files
    for file in files:
        time_ms, power_w = recorded(file, kind)
        assert [step_w for step_w in (1, 10, 50) if is_cut_off(time_ms, power_w, step_w)] == [], file.stem


@pytest.mark.parametrize("home", [*HOMES, "redd/house6", "uci_household/house1_2006_2009"])
def test_no_home_is_taken_for_a_clamp_at_its_end(shared, home):
    time_ms, power_w = recorded(shared / "data" / f"{home}.parquet", "mains")
    assert [step_w for step_w in (1, 10, 50) if is_cut_off(time_ms, power_w, step_w)] == []


@pytest.mark.parametrize("home", [home for home in HOMES if home != "redd/house2"])
@pytest.mark.parametrize("share", [0.3, 0.4, 0.5])
def test_the_same_home_behind_a_meter_that_goes_no_further_is(shared, home, share):
    time_ms, power_w = recorded(shared / "data" / f"{home}.parquet", "mains")
    assert is_cut_off(time_ms, np.minimum(power_w, np.rint(np.quantile(power_w, 0.9999) * share)))


def test_a_home_that_was_recorded_by_such_a_meter_is_found(shared):
    time_ms, power_w = recorded(shared / "data" / "refit" / "house2_1min.parquet", "mains")
    assert power_w.max() == 6000
    assert is_cut_off(time_ms, power_w)
