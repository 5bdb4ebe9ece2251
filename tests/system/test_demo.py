"""`chowon demo` in the hands of a user: ready soon, alive each second, gone when told, back where it was."""

import signal
from pathlib import Path

import numpy as np
import pytest

from chowon.domain.readings import Readings
from chowon.errors import ChowonError
from chowon.store.opening import open_reader
from tests.replaying import MONDAY_MS, write
from tests.system.programs import Server, eventually, gone, run, taken_port

STOP_WITHIN_S = 10.0
STEP_MS = 2_000
"""Between two readings of the small recording."""


def demo(folder: Path, *words: str | Path) -> Server:
    return Server("demo", "--data", folder, "--port", "0", "--json", *words)


def small_recording(folder: Path, hours: int = 24, step_ms: int = STEP_MS) -> Path:
    time_ms = MONDAY_MS + np.arange(0, hours * 3_600_000, step_ms)
    power_w = 300 + 200 * np.sin(np.arange(len(time_ms)) / 600)
    return write(folder / "home.parquet", time_ms, mains=power_w)


def stored(folder: Path) -> Readings:
    """Everything measured; fails when a row lies twice in the folder."""
    reader = open_reader(folder)
    try:
        snapshot = reader.files.snapshot()
        tail = sum(len(entry.readings) for entry in reader.journal.read(snapshot.sealed_through))
        listed = sum(file.rows for file in snapshot.files if file.kind == "raw")
        found = reader.history.readings([1], 0, 2**42)
    finally:
        reader.close()
    assert tail + listed == len(found), "some reading is stored twice"
    return found


def next_reading_ms(server: Server) -> int:
    """The time of the next reading that /now shows, as soon as it does."""
    before_ms = server.get("/sites/1/now")["last_seen_ms"]

    def newer_ms() -> int | None:
        seen_ms = server.get("/sites/1/now")["last_seen_ms"]
        return seen_ms if seen_ms > before_ms else None

    return eventually(newer_ms, within_s=20)


def test_the_shipped_home_has_its_period_and_bill_as_soon_as_it_is_ready(tmp_path):
    with demo(tmp_path / "demo") as server:
        server.ready()
        period = server.get("/sites/1/now")["period"]
        assert period["kwh"] > 0
        assert int(period["cost"]) > 0
        assert period["coverage"] > 0.9, "a real home: eight gaps, 0.14 % of its time"
        server.ctrl_c()
        assert server.ended(STOP_WITHIN_S) == 0


def test_the_demo_lives_each_second_and_stops_cleanly(tmp_path):
    with demo(tmp_path / "demo", "--recording", small_recording(tmp_path, step_ms=1000)) as server:
        server.ready()
        first_ms, *_, last_ms = [next_reading_ms(server) for _ in range(6)]
        assert 5_000 <= last_ms - first_ms < 15_000, "a second each; a busy machine may show some at once"
        now = server.get("/sites/1/now")
        assert now["power_w"] is not None
        assert not now["stale"]
        assert now["period"]["kwh"] > 0
        assert int(now["period"]["cost"]) > 0
        assert server.get("/health")["healthy"]
        family = server.children()
        assert len(family) == 2, "a broker and a meter"
        server.ctrl_c()
        assert server.ended(STOP_WITHIN_S) == 0
        gone(family)
        assert "Traceback" not in server.stderr


def test_a_demo_started_again_goes_on_where_it_was(tmp_path):
    folder, recording = tmp_path / "demo", small_recording(tmp_path)
    with demo(folder, "--recording", recording) as first:
        first.ready()
        next_reading_ms(first)
        coverage = first.get("/sites/1/now")["period"]["coverage"]
        assert first.stopped(signal.SIGINT) == 0
    newest_ms = int(stored(folder).time_ms[-1])
    with demo(folder, "--recording", recording) as second:
        second.ready()
        next_reading_ms(second)
        assert second.get("/sites/1/now")["period"]["coverage"] >= coverage
        assert second.stopped(signal.SIGTERM) == 0
    time_ms = stored(folder).time_ms
    assert time_ms[-1] > newest_ms
    assert set(np.diff(time_ms).tolist()) == {STEP_MS}


def test_a_killed_demo_leaves_no_process_and_loses_nothing_that_it_had(tmp_path):
    folder, recording = tmp_path / "demo", small_recording(tmp_path)
    with demo(folder, "--recording", recording) as first:
        first.ready()
        seen_ms = next_reading_ms(first)
        family = first.children()
        assert len(family) == 2
        first.killed()
        gone(family)
    with demo(folder, "--recording", recording) as second:
        second.ready()
        next_reading_ms(second)
        assert second.stopped() == 0
    time_ms = stored(folder).time_ms
    assert seen_ms in time_ms
    assert set(np.diff(time_ms).tolist()) == {STEP_MS}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_demo_that_is_stopped_while_it_fills_the_past_goes_on_later(tmp_path, number):
    folder, recording = tmp_path / "demo", small_recording(tmp_path)
    with demo(folder, "--recording", recording) as first:
        eventually(lambda: begun(folder))
        first.send(number)
        first.ended(STOP_WITHIN_S)
        assert "Traceback" not in first.stderr
        gone(first.children())
    with demo(folder, "--recording", recording) as second:
        second.ready()
        next_reading_ms(second)
        assert second.stopped() == 0
    assert set(np.diff(stored(folder).time_ms).tolist()) == {STEP_MS}


def begun(folder: Path) -> bool:
    """Whether some of the past is in the data folder."""
    try:
        reader = open_reader(folder)
    except ChowonError:
        return False
    try:
        return reader.journal.bounds().last > 0
    finally:
        reader.close()


def test_a_second_demo_on_the_same_folder_is_refused_and_disturbs_nothing(tmp_path):
    folder, recording = tmp_path / "demo", small_recording(tmp_path)
    with demo(folder, "--recording", recording) as first:
        first.ready()
        again = run("demo", "--data", folder, "--port", "0", "--recording", recording, "--speed", "9")
        assert again.code == 2
        assert f"pid {first.pid}" in again.err
        assert "--data" in again.err or "another data folder" in again.err
        next_reading_ms(first)


@pytest.mark.parametrize("option", ["--port", "--mqtt-port"])
def test_a_port_in_use_is_named(tmp_path, option):
    with taken_port() as port:
        words = {"--port": "0"} | {option: str(port)}
        refused = run(
            "demo",
            "--data",
            tmp_path / "demo",
            "--recording",
            small_recording(tmp_path, hours=2),
            *(word for pair in words.items() for word in pair),
        )
    assert refused.code == 2
    assert f"127.0.0.1:{port}" in refused.err
    assert "Traceback" not in refused.err


def test_what_is_no_recording_is_refused_with_every_problem_named(tmp_path):
    text = tmp_path / "notes.parquet"
    text.write_text("this is not Parquet")
    backwards = write(tmp_path / "backwards.parquet", [3_000, 2_000, 1_000], power=[1, 2, 3])
    for file in (text, backwards, tmp_path / "missing.parquet"):
        refused = run("demo", "--data", tmp_path / "demo", "--port", "0", "--recording", file)
        assert refused.code == 2
        assert file.name in refused.err
        assert "Traceback" not in refused.err
    assert not (tmp_path / "demo").exists()


def test_a_demo_whose_meter_dies_ends_and_says_so(tmp_path):
    with demo(tmp_path / "demo", "--recording", small_recording(tmp_path)) as server:
        server.ready()
        meter = next(p for p in server.children() if "replay" in p.cmdline())
        meter.kill()
        assert server.ended(STOP_WITHIN_S) == 1
        assert "meter has stopped" in server.stderr
        gone(server.children())
