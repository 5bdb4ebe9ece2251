"""Files of measurements as pieces for the door."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from chowon.errors import PayloadRejected
from chowon.ingest.files import Names, Piece, pieces

START_MS = 1_795_312_800_000
HOME = Names("home")


def written(folder: Path, *lines: str | bytes) -> Path:
    file = folder / "measured.csv"
    file.write_bytes(b"".join((s.encode() if isinstance(s, str) else s) + b"\n" for s in lines))
    return file


def the_one(file: Path) -> tuple[Piece, pa.Table]:
    """The file's only piece, and what is offered of it."""
    (piece,) = pieces(file, HOME)
    assert piece.payload is not None
    return piece, pa.ipc.open_stream(piece.payload).read_all()


def told(piece: Piece) -> list[tuple[str, str]]:
    return [(p.where, p.found) for p in piece.problems]


def test_watts_that_begin_whole_and_go_on_with_decimals_are_read(tmp_path):
    """The first block alone says nothing about the rest of a file."""
    count = 80_000
    rows = [f"{START_MS + 1000 * n},{n % 900}" for n in range(count - 1)]
    file = written(tmp_path, "time,power_w", *rows, f"{START_MS + 1000 * count},0.7")
    assert file.stat().st_size > 2**20, "more than one block"
    tables = [pa.ipc.open_stream(piece.payload).read_all() for piece in pieces(file, HOME)]
    power_w = pa.concat_tables(tables)["power_w"].to_pylist()
    assert len(power_w) == count
    assert power_w[:3] == [0, 1, 2]
    assert power_w[-1] == 0.7


def test_meters_that_are_called_by_numbers_are_read(tmp_path):
    _, table = the_one(written(tmp_path, "time,site,meter,power_w", f"{START_MS},101,7,1"))
    assert table["site"].to_pylist() == ["101"]


def test_a_cell_that_is_no_number_costs_its_row_only(tmp_path):
    rows = [f"{START_MS + n},{p},220" for n, p in enumerate(["1", "much", "3", "1.234,5", " 5"])]
    file = written(tmp_path, "time,power_w,voltage_v", *rows)
    piece, table = the_one(file)
    assert table["power_w"].to_pylist() == [1, 3, 5]
    assert table["time"].to_pylist() == [START_MS, START_MS + 2, START_MS + 4]
    assert (piece.rows, piece.rejected) == (5, 2)
    assert told(piece) == [
        ("line 3.power_w", "'much'"),
        ("line 5", "4 columns: '1795312800003,1.234,5,220'"),
    ]
    assert "number of W" in piece.problems[0].expected
    assert piece.problems[1].expected.startswith("3 columns")


def test_every_bad_cell_of_a_row_is_named_and_the_row_counts_once(tmp_path):
    file = written(tmp_path, "time,power_w,voltage_v", f"{START_MS},1,2", "yesterday,x,y")
    piece, _ = the_one(file)
    assert piece.rejected == 1
    assert [p.where for p in piece.problems] == ["line 3.time", "line 3.power_w", "line 3.voltage_v"]


@pytest.mark.parametrize(
    ("cell", "shift_ms"),
    [
        (str(START_MS), 0),
        ("2026-11-22T02:20:00Z", 1_200_000),
        ("2026-11-22 02:00:00.250", 250),
        ("2026-11-22T11:00:00+09:00", 0),
        ("2026-11-22T11:00:00.5+0900", 500),
        ("yesterday", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-02-30T00:00:00Z", None),
        ("1795312800000.5", None),
        ("22/11/2026 03:00", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("neighbour", [str(START_MS), "2026-11-22T02:00:00Z", "2026-11-22 02:00:00"])
def test_a_time_means_the_same_whatever_stands_around_it(tmp_path, cell, shift_ms, neighbour):
    """START_MS is 2026-11-22T02:00:00Z; a time without an offset is taken as UTC."""
    piece, table = the_one(written(tmp_path, "time,power_w", f"{neighbour},1", f"{cell},2"))
    times = table["time"].cast(pa.int64()).to_pylist()
    if shift_ms is None:
        assert told(piece) == [("line 3.time", repr(cell) if cell else "nothing")]
        assert "ISO 8601" in piece.problems[0].expected
    else:
        assert times[1] == START_MS + shift_ms
        assert piece.problems == ()


def test_rows_with_too_few_or_too_many_columns_cost_themselves_only(tmp_path):
    good = [f"{START_MS + n},1" for n in range(100_000)]
    file = written(tmp_path, "time,power_w", "1", *good, "1,2,3", good[-1], "4")
    found = list(pieces(file, HOME))
    assert len(found) > 1, "more than one block"
    assert [where for piece in found for where, _ in told(piece)] == ["line 2", "line 100003", "line 100005"]
    assert sum(piece.rejected for piece in found) == 3
    assert sum(piece.rows for piece in found) == 100_004


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    """Empty lines and rows of empty cells are passed over, and counted."""
    file = written(tmp_path, "time,power_w", "", f"{START_MS},1", ",", "1", "", "x,1", f"{START_MS + 1},y")
    piece, table = the_one(file)
    assert table.num_rows == 1
    assert [where for where, _ in told(piece)] == ["line 5", "line 7.time", "line 8.power_w"]


def test_what_the_door_says_of_a_row_is_said_of_its_line(tmp_path):
    rows = [f"{START_MS + n},{'x' if n == 1 else n}" for n in range(200_000)]
    *_, last = pieces(written(tmp_path, "time,power_w", *rows), HOME)
    count = pa.ipc.open_stream(last.payload).read_all().num_rows
    assert last.located(f"row {count - 1}.power_w") == "line 200001.power_w"
    assert last.located("column 'wind'") == "column 'wind'"


def test_bytes_that_are_no_text_cost_their_row_only(tmp_path):
    rows = (f"{START_MS},a,1", b"1,\xc1\xfd,2", b"1795312800000,b,\xff", f"{START_MS + 1},b,3")
    piece, table = the_one(written(tmp_path, "time,channel,power_w", *rows))
    assert table["channel"].to_pylist() == ["a", "b"]
    assert [where for where, _ in told(piece)] == ["line 3.channel", "line 4.power_w"]


def test_a_ragged_row_that_is_no_text_costs_its_row_only(tmp_path):
    rows = (f"{START_MS},a,1", b"1,\xc1\xfd\xe2", f"{START_MS + 1},b,3")
    piece, table = the_one(written(tmp_path, "time,channel,power_w", *rows))
    assert table["channel"].to_pylist() == ["a", "b"]
    assert [where for where, _ in told(piece)] == ["line 3"]


def test_a_recording_that_names_a_column_twice_is_refused_with_the_name(tmp_path):
    file = written(tmp_path, "timestamp,mains,tv,tv", "2026-11-23T10:00:00Z,5,1,2")
    with pytest.raises(PayloadRejected, match="'tv': found twice"):
        list(pieces(file, HOME))


def test_a_file_without_one_good_row_offers_nothing_and_names_its_rows(tmp_path):
    for row in ("x,y", "1"):
        (piece,) = pieces(written(tmp_path, "time,power_w", row), HOME)
        assert (piece.payload, piece.rows, piece.rejected) == (None, 1, 1)
        assert piece.problems


def test_a_bad_cell_of_a_recording_costs_its_row_only(tmp_path):
    file = written(tmp_path, "timestamp,mains,fridge", f"{START_MS},5,1", f"{START_MS + 1},much,1")
    piece, table = the_one(file)
    assert table["power_w"].to_pylist() == [5, 1]
    assert told(piece) == [("line 3.mains", "'much'")]
    assert [piece.located(f"row {n}.time") for n in range(2)] == ["line 2.time"] * 2


def test_a_packed_file_and_one_with_bad_rows_everywhere_are_read(tmp_path):
    file = tmp_path / "measured.csv.gz"
    rows = "".join(f"{START_MS + n},{n if n % 2 else '1 W'}\n" for n in range(50_000))
    file.write_bytes(gzip.compress(f"time,power_w\n{rows}".encode()))
    found = list(pieces(file, HOME))
    assert sum(piece.rejected for piece in found) == 25_000
    assert all(len(piece.problems) <= 101 for piece in found)
    assert "more problems" in found[0].problems[-1].found


def test_a_file_that_is_no_table_is_refused(tmp_path):
    for lines in ((), ("", "time,power_w", f"{START_MS},1")):
        with pytest.raises(PayloadRejected, match=r"measured\.csv"):
            list(pieces(written(tmp_path, *lines), HOME))


def test_an_empty_cell_is_an_absent_value(tmp_path):
    file = written(tmp_path, "time,power_w,voltage_v", f"{START_MS},1.5,", f"{START_MS + 1000},,220")
    _, table = the_one(file)
    assert table["power_w"].to_pylist() == [1.5, None]
    assert table["voltage_v"].to_pylist() == [None, 220]
