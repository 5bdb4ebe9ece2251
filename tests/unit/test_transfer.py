"""Files in and out."""

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from chowon.cli.main import app, main

MEASURED = """time,site,meter,channel,power_w,voltage_v
2026-11-01T00:00:00Z,home,main,main,100.5,220.1
2026-11-01T00:00:05Z,home,main,main,-20,
2026-11-01T00:00:00Z,home,main,fridge,80,
"""


def chowon(*words: object) -> Result:
    return CliRunner().invoke(app, [str(w) for w in words])


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_what_is_imported_is_exported_the_same_and_can_be_imported_again(tmp_path):
    file = write(tmp_path / "measured.csv", MEASURED)
    done = chowon("import", file, "--data", tmp_path / "a", "--json")
    assert (done.exit_code, json.loads(done.stdout)["accepted"]) == (0, 3), done.output
    exported = chowon("export", "--resolution", "raw", "--data", tmp_path / "a").stdout
    out = tmp_path / "out.parquet"
    assert chowon("export", "--resolution", "raw", "--data", tmp_path / "a", "-o", out).exit_code == 0
    assert chowon("import", out, "--data", tmp_path / "b").exit_code == 0
    assert chowon("export", "--resolution", "raw", "--data", tmp_path / "b").stdout == exported
    rows = {(r["channel"], r["power_w"], r["voltage_v"]) for r in csv.DictReader(io.StringIO(exported))}
    assert rows == {("main", "100.5", "220.1"), ("main", "-20", ""), ("fridge", "80", "")}


def test_rollups_are_exported_with_their_units(tmp_path):
    file = write(tmp_path / "m.csv", "time,power_w\n2026-11-01T00:00:00Z,3600\n2026-11-01T00:00:10Z,0\n")
    chowon("import", file, "--data", tmp_path / "a")
    (row,) = csv.DictReader(
        io.StringIO(chowon("export", "--resolution", "1min", "--data", tmp_path / "a").stdout)
    )
    assert (float(row["import_kwh"]), float(row["max_w"]), float(row["measured_s"])) == (0.01, 3600, 10)


def test_a_bad_row_is_named_and_the_good_ones_are_kept(tmp_path):
    file = write(tmp_path / "m.csv", MEASURED.replace("-20", "9e99"))
    done = chowon("import", file, "--data", tmp_path / "a", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["accepted"], told["rejected"]) == (2, 1)
    assert told["problems"][0]["where"] == "line 3.power_w"


def test_cells_that_cannot_be_read_and_values_out_of_range_are_told_alike(tmp_path):
    bad = "now,home,main,main,x,\nhome,main\n2026-11-01T00:00:09Z,home,main,main,7e77,\n"
    file = write(tmp_path / "m.csv", MEASURED + bad)
    done = chowon("import", file, "--data", tmp_path / "a", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["accepted"], told["rejected"]) == (1, 3, 3)
    places = [p["where"] for p in told["problems"]]
    assert places == ["line 5.time", "line 5.power_w", "line 6", "line 7.power_w"]


def test_a_recording_is_imported_with_its_appliances_as_channels(tmp_path):
    times = pa.array([1_793_491_200_000, 1_793_491_205_000], pa.timestamp("ms", "UTC"))
    table = pa.table(
        {"timestamp": times, "mains": [500.0, 600.0], "fridge": [80.0, None], "voltage": [220.0, 221.0]}
    )
    pq.write_table(table, tmp_path / "r.parquet")
    done = chowon("import", tmp_path / "r.parquet", "--data", tmp_path / "a", "--json")
    assert json.loads(done.stdout)["accepted"] == 3
    exported = list(
        csv.DictReader(io.StringIO(chowon("export", "--resolution", "raw", "--data", tmp_path / "a").stdout))
    )
    assert {(r["channel"], r["power_w"], r["voltage_v"]) for r in exported} == {
        ("main", "500", "220"),
        ("main", "600", "221"),
        ("fridge", "80", ""),
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("import", "none.csv"), "no such file"),
        (("import", "text.txt"), "parquet"),
        (("import", "broken.parquet"), "cannot be read"),
        (("import", "good.csv", "--url", "ftp://x"), "http://"),
        (("export", "--site", "nobody"), "no site"),
        (("export", "--from", "yesterday"), "ISO|neither ms"),
        (("export", "--from", "5", "--to", "5"), "later"),
        (("export", "-o", "out.doc"), ".csv, .parquet or .xml"),
    ],
)
def test_wrong_input_ends_with_2_and_says_what_to_do(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "good.csv", MEASURED)
    write(tmp_path / "text.txt", "x")
    write(tmp_path / "broken.parquet", "no parquet")
    chowon("import", "good.csv")
    monkeypatch.setattr("sys.argv", ["chowon", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert any(t in said for t in told.split("|")), said
    assert "Traceback" not in said


BY_THE_MINUTE = "when;P [kW]\n" + "".join(f"01.11.2026 00:{m:02d};0,6\n" for m in range(10))


def _asked(tmp_path: Path, text: str, *said: str) -> Result:
    file = write(tmp_path / "theirs.csv", text)
    words = ["import", str(file), "--ask", "--data", str(tmp_path / "a"), "--json"]
    return CliRunner().invoke(app, words, input="".join(f"{line}\n" for line in said))


def test_a_file_is_looked_at_changed_saved_and_imported_in_the_terminal(tmp_path):
    saved = tmp_path / "m.toml"
    done = _asked(tmp_path, BY_THE_MINUTE, "7", "Europe/Berlin", "9", "power_kw", "roof", f"s {saved}", "y")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["accepted"] == 10
    assert "line 2 is read as 2026-11-01T00:00:00+01:00: roof 600 W" in done.stderr
    again = chowon("import", tmp_path / "theirs.csv", "--mapping", saved, "--data", tmp_path / "b", "--json")
    assert json.loads(again.stdout)["accepted"] == 10


def test_readings_by_the_minute_stand_until_the_next_one(tmp_path):
    assert _asked(tmp_path, BY_THE_MINUTE, "y").exit_code == 0
    exported = chowon("export", "--resolution", "1h", "--data", tmp_path / "a").stdout
    (row,) = csv.DictReader(io.StringIO(exported))
    assert float(row["import_kwh"]) == pytest.approx(0.6 * 9 / 60, abs=0.031)


def test_nothing_is_taken_in_without_a_yes_or_while_something_is_missing(tmp_path):
    left = _asked(tmp_path, BY_THE_MINUTE, "9", "-", "y", "99", "1", "nonsense", "q")
    assert left.exit_code == 1
    assert "missing: Say of at least one column what it holds." in left.stderr
    assert "that cannot be" in left.stderr
    assert not (tmp_path / "a").exists()


def test_a_file_that_is_no_table_cannot_be_asked_about(tmp_path):
    assert "This file is empty." in str(_asked(tmp_path, "", "y").exception)
