"""REDD house 2 (Massachusetts, 2011): real mains every 3 s with real gaps, through to the bill."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chowon.store.opening import open_reader
from tests.system.programs import Server, eventually, run, serve

DAY_MS = 86_400_000
HOLD_MS = 10_000
SPEED = 600
"""Seconds of the recording in one second."""


@pytest.fixture(scope="module")
def house_2(shared: Path) -> Path:
    return shared / "data" / "redd" / "house2.parquet"


class Recorded:
    """The recording's mains, and its energy by the trapezoid rule: not the way in which chowon sums."""

    def __init__(self, file: Path) -> None:
        table = pq.read_table(file, columns=["timestamp", "mains"])
        self.time_ms = table["timestamp"].cast(pa.int64()).to_numpy()
        self.power_w = table["mains"].to_numpy().astype(np.float64)

    @property
    def gaps(self) -> list[list[int]]:
        """Every silence longer than a sample is held, [start, end] in ms."""
        long = np.flatnonzero(np.diff(self.time_ms) > HOLD_MS)
        return np.stack([self.time_ms[long], self.time_ms[long + 1]], axis=1).tolist()

    def kwh(self, start_ms: float, end_ms: float) -> float:
        """Between two instants, gaps left out."""
        inside = (self.time_ms >= start_ms) & (self.time_ms < end_ms)
        time_ms, power_w = self.time_ms[inside], self.power_w[inside]
        step_ms = np.diff(time_ms)
        wms = (power_w[1:] + power_w[:-1]) / 2 * step_ms
        return float(wms[step_ms <= HOLD_MS].sum()) / 3.6e9


@pytest.fixture(scope="module")
def recent(house_2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mains as if the recording had ended this week: tariffs of 2011 are not known."""
    table = pq.read_table(house_2, columns=["timestamp", "mains"])
    time_ms = table["timestamp"].cast(pa.int64()).to_numpy()
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    moved_ms = time_ms + (now_ms - int(time_ms[-1])) // (7 * DAY_MS) * 7 * DAY_MS
    file = tmp_path_factory.mktemp("redd") / "recent.parquet"
    moved = table.set_column(0, "timestamp", pa.array(moved_ms).cast(pa.timestamp("ms", "UTC")))
    pq.write_table(moved, file)
    return file


@pytest.fixture(scope="module")
def imported(recent: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over the whole recording, brought in with `chowon import`."""
    folder = tmp_path_factory.mktemp("data") / "home"
    done = run("import", recent, "--data", folder, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"accepted": len(Recorded(recent).time_ms), "rejected": 0, "problems": []}
    with serve(folder) as server:
        yield server.ready()


def test_the_import_has_the_energy_of_the_recordings_own_integral(imported, recent):
    recorded = Recorded(recent)
    first_ms, end_ms = int(recorded.time_ms[0]), int(recorded.time_ms[-1]) + 1
    expected = recorded.kwh(first_ms, end_ms)
    assert expected > 50
    for resolution in ("1min", "15min", "1h"):
        from_ms = first_ms // 3_600_000 * 3_600_000
        path = f"/sites/1/usage?from={from_ms}&to={end_ms}&resolution={resolution}"
        usage = imported.get(path)
        assert sum(usage["import_kwh"]) == pytest.approx(expected, rel=1e-3)
        assert sum(usage["export_kwh"]) == 0


def test_its_gaps_are_shown_as_gaps_and_hold_no_energy(imported, recent):
    recorded = Recorded(recent)
    first_ms, end_ms = int(recorded.time_ms[0]), int(recorded.time_ms[-1]) + 1
    usage = imported.get(f"/sites/1/usage?from={first_ms}&to={end_ms}&resolution=1h")
    assert usage["gaps"] == recorded.gaps
    assert max(end - start for start, end in recorded.gaps) > 20 * DAY_MS
    for start, end in recorded.gaps:
        assert not [t for t in usage["start_ms"] if start < t and t + 3_600_000 <= end]
        inside = imported.get(f"/sites/1/usage?from={start}&to={end}&resolution=1min")
        rows = zip(inside["start_ms"], inside["import_kwh"], inside["coverage"], strict=True)
        whole = [row[1:] for row in rows if start <= row[0] and row[0] + 60_000 <= end]
        assert not any(kwh or coverage for kwh, coverage in whole)


def test_its_bills_are_for_what_was_measured_and_say_how_much_was_not(imported, recent):
    recorded = Recorded(recent)
    first = datetime.fromtimestamp(recorded.time_ms[0] / 1000, UTC).date()
    last = datetime.fromtimestamp(recorded.time_ms[-1] / 1000, UTC).date()
    bills, day = [], first
    while not bills or bills[-1]["period"]["to_ms"] <= recorded.time_ms[-1]:
        bills.append(imported.get(f"/sites/1/bill?date={day}"))
        day = datetime.fromisoformat(bills[-1]["period"]["end"]).date()
    assert day > last or day + timedelta(days=1) > last
    for bill in bills:
        from_ms, to_ms = bill["period"]["from_ms"], bill["period"]["to_ms"]
        assert bill["usage"]["kwh"] == pytest.approx(recorded.kwh(from_ms, to_ms), rel=1e-3)
        assert bill["usage"]["coverage"] < 1
        assert bill["usage"]["missing_ms"] > 0
        assert sum(int(line["amount"]) for line in bill["lines"]) == int(bill["total"])
        assert sum(d["kwh"] for d in bill["days"]) == pytest.approx(bill["usage"]["kwh"], abs=1e-4)
    assert sum(b["usage"]["kwh"] for b in bills) == pytest.approx(
        recorded.kwh(recorded.time_ms[0], recorded.time_ms[-1] + 1), rel=1e-3
    )


def test_the_whole_house_is_billed_by_its_mains_alone(house_2, tmp_path):
    """Its nine appliances, published beside the mains, are a part of them and not added."""
    done = run("import", house_2, "--data", tmp_path / "data", "--json")
    assert done.code == 0, done.err
    recorded = Recorded(house_2)
    first_ms, end_ms = int(recorded.time_ms[0]) // DAY_MS * DAY_MS, int(recorded.time_ms[-1]) + 1
    with serve(tmp_path / "data") as server:
        server.ready()
        assert len(server.get("/sites")["sites"][0]["channels"]) == 10
        usage = server.get(f"/sites/1/usage?from={first_ms}&to={end_ms}&resolution=1h")
        assert sum(usage["import_kwh"]) == pytest.approx(recorded.kwh(first_ms, end_ms), rel=1e-3)
        assert server.stopped() == 0


def play(folder: Path, recording: Path) -> Server:
    words = ("--recording", recording, "--speed", str(SPEED), "--data", folder, "--port", "0", "--json")
    return Server("demo", *words)


@pytest.fixture
def eight_days(house_2: Path, tmp_path: Path) -> Path:
    """Its first eight days, of which a demo plays a week over and over, without the gap of three weeks."""
    table = pq.read_table(house_2)
    time_ms = table["timestamp"].cast(pa.int64()).to_numpy()
    file = tmp_path / "eight_days.parquet"
    pq.write_table(table.filter(time_ms < time_ms[0] + 8 * DAY_MS), file, row_group_size=20_000)
    return file


def test_the_demo_plays_any_recording_and_goes_on_after_a_stop_without_gap_or_repetition(
    eight_days, tmp_path
):
    folder = tmp_path / "demo"
    for _ in range(2):
        with play(folder, eight_days) as server:
            server.ready()
            now_ms = server.get("/sites/1/now")["time_ms"]
            wanted_ms = now_ms + 5 * SPEED * 1000
            eventually(lambda s=server, t=wanted_ms: s.get("/sites/1/now")["last_seen_ms"] > t)
            assert server.get("/health")["healthy"]
            server.ctrl_c()
            assert server.ended() == 0
    reader = open_reader(folder)
    try:
        snapshot = reader.files.snapshot()
        kept = sum(f.rows for f in snapshot.files if f.kind == "raw")
        kept += sum(len(e.readings) for e in reader.journal.read(snapshot.sealed_through))
        found = reader.history.readings([1], 0, 2**42)
    finally:
        reader.close()
    assert kept == len(found), "some reading is stored twice"
    newest = found.where(found.time_ms >= found.time_ms[-1] - 2 * 5 * SPEED * 1000)
    assert_a_stretch_of(Recorded(eight_days), newest.time_ms, newest.power_dw)


def assert_a_stretch_of(recorded: Recorded, time_ms: np.ndarray, power_dw: np.ndarray) -> None:
    """Powers and steps between them are those of the recording's first week, played round and round."""
    week = recorded.time_ms < recorded.time_ms[0] + 7 * DAY_MS
    powers = np.tile(np.rint(recorded.power_w[week] * 10), 2)
    times_ms = np.concatenate([recorded.time_ms[week], recorded.time_ms[week] + 7 * DAY_MS])
    n = len(power_dw)
    assert n > 1_000
    starts = np.flatnonzero(powers[: week.sum()] == power_dw[0]).tolist()
    assert [
        s
        for s in starts
        if np.array_equal(powers[s : s + n], power_dw)
        and np.array_equal(np.diff(times_ms[s : s + n]), np.diff(time_ms))
    ]
