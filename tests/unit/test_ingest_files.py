"""Files of measurements as pieces for the door."""

import pyarrow as pa
import pytest

from chowon.errors import PayloadRejected
from chowon.ingest.files import Names, pieces

START_MS = 1_795_312_800_000
HOME = Names("home")


def test_watts_that_begin_whole_and_go_on_with_decimals_are_read(tmp_path):
    """The first block alone says nothing about the rest of a file."""
    file = tmp_path / "long.csv"
    count = 80_000
    rows = [f"{START_MS + 1000 * n},{n % 900}" for n in range(count - 1)]
    rows.append(f"{START_MS + 1000 * count},0.7")
    file.write_text("time,power_w\n" + "\n".join(rows) + "\n")
    assert file.stat().st_size > 2**20, "more than one block"
    tables = [pa.ipc.open_stream(piece.payload).read_all() for piece in pieces(file, HOME)]
    power_w = pa.concat_tables(tables)["power_w"].to_pylist()
    assert len(power_w) == count
    assert power_w[:3] == [0, 1, 2]
    assert power_w[-1] == 0.7


def test_meters_that_are_called_by_numbers_are_read(tmp_path):
    file = tmp_path / "flats.csv"
    file.write_text(f"time,site,meter,power_w\n{START_MS},101,7,1\n")
    (piece,) = pieces(file, HOME)
    assert pa.ipc.open_stream(piece.payload).read_all()["site"].to_pylist() == ["101"]


def test_a_cell_that_is_no_number_is_named_by_row(tmp_path):
    file = tmp_path / "measured.csv"
    file.write_text(f"time,power_w\n{START_MS},1\n{START_MS + 1000},much\n")
    with pytest.raises(PayloadRejected, match="much"):
        list(pieces(file, HOME))


def test_an_empty_cell_is_an_absent_value(tmp_path):
    file = tmp_path / "measured.csv"
    file.write_text(f"time,power_w,voltage_v\n{START_MS},1.5,\n{START_MS + 1000},,220\n")
    (piece,) = pieces(file, HOME)
    table = pa.ipc.open_stream(piece.payload).read_all()
    assert table["power_w"].to_pylist() == [1.5, None]
    assert table["voltage_v"].to_pylist() == [None, 220]
