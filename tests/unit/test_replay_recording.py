from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chowon.domain.quantities import ABSENT_I32
from chowon.errors import NotFound, RecordingInvalid
from chowon.replay.recording import SHIPPED, Recording
from tests.replaying import MONDAY_MS, write


def seconds(count: int, step_ms: int = 1_000) -> np.ndarray:
    return MONDAY_MS + np.arange(count) * step_ms


def test_a_stretch_over_several_row_groups_is_what_was_written(tmp_path):
    power_w = np.arange(100) * 1.5
    path = write(tmp_path / "r.parquet", seconds(100), rows_a_group=7, mains=power_w, fridge=power_w / 2)
    with Recording.open(path) as recording:
        samples = recording.slice(MONDAY_MS + 5_000, MONDAY_MS + 50_000, recording.channels)
    assert samples.time_ms.tolist() == seconds(100)[5:50].tolist()
    assert samples.power_dw["main"].tolist() == np.rint(power_w[5:50] * 10).astype(int).tolist()
    assert (
        samples.power_dw["fridge"].tolist()
        == np.rint(np.float32(power_w[5:50] / 2) * 10).astype(int).tolist()
    )
    assert samples.voltage_dv is None


def test_a_stretch_outside_the_recording_is_empty(tmp_path):
    with Recording.open(write(tmp_path / "r.parquet", seconds(10), mains=np.ones(10))) as recording:
        assert len(recording.slice(0, MONDAY_MS)) == 0
        assert len(recording.slice(recording.end_ms, recording.end_ms + 1_000)) == 0


def test_what_was_not_measured_is_absent_and_never_zero(tmp_path):
    mains = [100.0, np.nan, 300.0, 400.0]
    path = write(tmp_path / "r.parquet", seconds(4), mains=mains, voltage=[220.1, 220.2, np.nan, 220.4])
    with Recording.open(path) as recording:
        samples = recording.slice(MONDAY_MS, MONDAY_MS + 4_000)
    assert samples.power_dw["main"].tolist() == [1000, ABSENT_I32, 3000, 4000]
    assert samples.voltage_dv.tolist() == [2201, 2202, ABSENT_I32, 2204]
    time_ms, power_dw, voltage_dv = samples.of("main")
    assert time_ms.tolist() == seconds(4)[[0, 2, 3]].tolist()
    assert power_dw.tolist() == [1000, 3000, 4000]
    assert voltage_dv.tolist() == [2201, ABSENT_I32, 2204]


@pytest.mark.parametrize(
    ("step_ms", "hold_ms"), [(1_000, 10_000), (5_000, 10_000), (6_000, 18_000), (60_000, 180_000)]
)
def test_a_sample_holds_ten_seconds_or_three_slow_intervals(tmp_path, step_ms, hold_ms):
    with Recording.open(write(tmp_path / "r.parquet", seconds(9, step_ms), mains=np.ones(9))) as recording:
        assert (recording.interval_ms, recording.hold_ms) == (step_ms, hold_ms)
        assert recording.duration_ms == 9 * step_ms


def test_a_silence_of_mains_is_a_gap_even_where_an_appliance_goes_on(tmp_path):
    mains = np.ones(60)
    mains[20:40] = np.nan
    path = write(tmp_path / "r.parquet", seconds(60), rows_a_group=11, mains=mains, fridge=np.ones(60))
    with Recording.open(path) as recording:
        assert recording.gaps == ((MONDAY_MS + 19_000, MONDAY_MS + 40_000),)


def test_energy_is_held_up_to_a_gap_and_cut_at_the_ends(tmp_path):
    time_ms = MONDAY_MS + np.array([0, 1, 2, 10, 100, 101]) * 1_000
    path = write(tmp_path / "r.parquet", time_ms, rows_a_group=2, mains=[3600, 3600, 7200, 3600, 3600, 3600])
    with Recording.open(path) as recording:
        assert recording.energy_wh(recording.start_ms, recording.end_ms) == 1 + 1 + 2 * 8 + 0 + 1
        assert recording.energy_wh(MONDAY_MS + 500, MONDAY_MS + 3_500) == 0.5 + 1 + 2 * 1.5
        assert recording.energy_wh(0, MONDAY_MS) == 0


def test_energy_over_days_is_the_sum_of_its_days(tmp_path):
    time_ms = seconds(3 * 1440, 60_000)
    path = write(
        tmp_path / "r.parquet", time_ms, mains=np.random.default_rng(7).uniform(0, 3000, len(time_ms))
    )
    with Recording.open(path) as recording:
        ends = [MONDAY_MS + n * 50_000_000 for n in range(6)]
        parts = [recording.energy_wh(a, b) for a, b in pairwise(ends)]
        assert sum(parts) == pytest.approx(recording.energy_wh(ends[0], ends[-1]), rel=1e-12)


def test_every_problem_of_the_columns_is_told_at_once(tmp_path):
    table = pa.table({"timestamp": pa.array([1, 2], pa.timestamp("ms")), "fridge": ["a", "b"]})
    pq.write_table(table.replace_schema_metadata({"timezone": "Mars/Olympus"}), tmp_path / "r.parquet")
    with pytest.raises(RecordingInvalid) as caught:
        Recording.open(tmp_path / "r.parquet")
    assert {p.where for p in caught.value.problems} == {"timestamp", "mains", "fridge", "metadata timezone"}
    assert "r.parquet" in caught.value.what


@pytest.mark.parametrize("name", ["main", "Washing Machine", "a/b"])
def test_a_column_that_cannot_be_a_channel_is_told(tmp_path, name):
    path = write(tmp_path / "r.parquet", seconds(3), mains=np.ones(3), **{name: np.ones(3)})
    with pytest.raises(RecordingInvalid, match="columns: found"):
        Recording.open(path)


def test_rows_out_of_order_and_powers_out_of_range_are_told_together(tmp_path):
    time_ms = MONDAY_MS + np.array([0, 1000, 1000, 500])
    path = write(tmp_path / "r.parquet", time_ms, rows_a_group=2, mains=[1, 1e12, 1, 1])
    with pytest.raises(RecordingInvalid) as caught:
        Recording.open(path)
    found = {p.where: p.found for p in caught.value.problems}
    assert found["timestamp"].startswith("2 steps back or on the spot, first 2012-07-02T00:00:01")
    assert "mains" in found


@pytest.mark.parametrize("mains", [[], [1.0], [np.nan, np.nan, 5.0]])
def test_fewer_than_two_samples_are_no_recording(tmp_path, mains):
    path = write(tmp_path / "r.parquet", seconds(len(mains)), mains=mains)
    with pytest.raises(RecordingInvalid, match="fewer than two values"):
        Recording.open(path)


def test_rows_without_a_time_are_told(tmp_path):
    stamps = pa.array([MONDAY_MS, None, MONDAY_MS + 1000], pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table({"timestamp": stamps, "mains": [1.0, 2.0, 3.0]}), tmp_path / "r.parquet")
    with pytest.raises(RecordingInvalid, match="1 rows without time"):
        Recording.open(tmp_path / "r.parquet")


def test_a_file_of_another_kind_is_told_with_its_path(tmp_path):
    (tmp_path / "r.parquet").write_text("timestamp,mains\n")
    with pytest.raises(RecordingInvalid, match=r"r\.parquet cannot be played"):
        Recording.open(tmp_path / "r.parquet")
    with pytest.raises(NotFound, match="no such file"):
        Recording.open(tmp_path / "absent.parquet")


def test_an_unknown_channel_is_told_with_the_known_ones(tmp_path):
    path = write(tmp_path / "r.parquet", seconds(3), mains=np.ones(3), kettle=np.ones(3))
    with (
        Recording.open(path) as recording,
        pytest.raises(NotFound, match="no channel oven; it has main, kettle"),
    ):
        recording.slice(0, 1, ["oven"])


def test_microseconds_and_whole_numbers_are_understood_as_well(tmp_path):
    stamps = pa.array(seconds(3) * 1000, pa.timestamp("us", "Asia/Seoul"))
    pq.write_table(
        pa.table({"timestamp": stamps, "mains": pa.array([5, 6, 7], pa.int16())}), tmp_path / "r.parquet"
    )
    with Recording.open(tmp_path / "r.parquet") as recording:
        assert recording.start_ms == MONDAY_MS
        assert recording.slice(0, recording.end_ms).power_dw["main"].tolist() == [50, 60, 70]


def test_the_shipped_home_is_five_small_weeks_whose_mains_is_the_sum_of_its_appliances():
    assert SHIPPED.stat().st_size < 6_000_000
    with Recording.open(SHIPPED) as recording:
        assert recording.duration_ms == 35 * 86_400_000
        assert (recording.interval_ms, recording.timezone.key) == (1_000, "Europe/Zurich")
        assert len(recording.gaps) == 8
        for word in ("tracebase", "ECO", "Open Database License", "CC BY 4.0"):
            assert word in recording.metadata["attribution"]
        assert "COMPOSED" in recording.metadata["note"]
        kwh = recording.energy_wh(recording.start_ms, recording.end_ms) / 1000
        assert 250 < kwh * 30 / 35 < 420
        day = recording.slice(recording.start_ms, recording.start_ms + 86_400_000, recording.channels)
        parts = [day.power_dw[name].astype(np.int64) for name in recording.channels[1:]]
        assert (sum(parts) == day.power_dw["main"]).all()


def test_shipped_attribution_stands_in_the_notice_too():
    notice = (Path(__file__).parents[2] / "NOTICE").read_text()
    with Recording.open(SHIPPED) as recording:
        assert " ".join(notice.split()).count("made available at http://www.tracebase.org") == 1
        assert recording.metadata["licence"].split(" (")[0] in notice
