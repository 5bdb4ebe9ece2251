"""Green Button files: what a utility counted by interval, exact to the Wh after an import."""

import csv
import io
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chowon.errors import PayloadRejected
from chowon.ingest import files
from chowon.meters.green_button import parse
from tests.unit.test_transfer import chowon

FILE = Path(__file__).parents[1] / "recordings" / "green-button" / "two-ways.xml"
START_MS = 1_793_458_800_000


def test_each_interval_is_read_with_its_power_of_ten_and_direction():
    exported, imported = parse(FILE.read_bytes()).series
    assert (exported.flow, exported.milliwh.tolist()) == ("export", [0, 0, 37_000, 0])
    assert imported.milliwh.tolist() == [112_500, 98_250, 0, 401_333, 150_000]
    assert imported.start_ms.tolist() == [START_MS + 900_000 * n for n in range(5)]


def test_an_interval_that_cannot_be_used_is_named_and_costs_only_itself():
    found = parse(FILE.read_bytes())
    assert found.rejected == 2
    assert [p.where for p in found.problems] == [
        "IntervalReading[1] of the block at 1793462400",
        "IntervalReading[2] of the block at 1793462400",
    ]


def test_a_later_correction_of_an_interval_counts():
    text = FILE.read_text().replace("<value>abc</value>", "<value>98000</value>")
    text = text.replace("<start>1793463300</start>", f"<start>{START_MS // 1000 + 900}</start>")
    imported = parse(text.encode()).series[1]
    assert imported.milliwh.tolist()[1] == 98_000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("<uom>72</uom>", "<uom>42</uom>"), "no interval of electricity in Wh"),
        (("<kind>0</kind>", "<kind>1</kind>"), "no interval of electricity in Wh"),
        (("<flowDirection>1</flowDirection>", "<flowDirection>7</flowDirection>"), None),
        (("<feed ", "<food "), "mismatched tag"),
        (("http://www.w3.org/2005/Atom", "urn:other"), "an Atom feed"),
        (('<?xml version="1.0" encoding="UTF-8"?>', '<!DOCTYPE a [<!ENTITY x "y">]>'), "EntitiesForbidden"),
        (('encoding="UTF-8"', 'encoding="no-such"'), "XML without entities"),
    ],
)
def test_what_is_no_electricity_says_so(change, said):
    payload = FILE.read_text().replace(*change).encode()
    if said is None:
        (series,) = parse(payload).series
        assert series.flow == "export"
        return
    with pytest.raises(PayloadRejected) as refused:
        parse(payload)
    assert said in str(refused.value)


@given(st.data())
def test_a_damaged_file_gives_a_reason_and_nothing_else(data):
    payload = bytearray(FILE.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = parse(bytes(payload))
    except PayloadRejected as refused:
        if not refused.problems:
            pytest.fail("a file is refused without a reason")
        return
    assert all((series.milliwh >= 0).all() for series in found.series)


def test_a_missing_interval_is_a_gap_and_the_hold_is_the_interval(tmp_path):
    path = tmp_path / "use.xml"
    path.write_bytes(FILE.read_bytes())
    assert files.hold_ms(path) == 900_000
    (piece,) = files.pieces(path, files.Names("home"))
    assert (piece.rows, piece.rejected) == (18, 2)


def test_an_import_keeps_the_energy_of_each_interval_and_its_direction(tmp_path):
    path = tmp_path / "use.xml"
    path.write_bytes(FILE.read_bytes())
    done = chowon("import", path, "--data", tmp_path / "a", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["accepted"], told["rejected"]) == (1, 18, 2)
    exported = chowon("export", "--resolution", "15min", "--data", tmp_path / "a").stdout
    rows = list(csv.DictReader(io.StringIO(exported)))
    taken = [round(1000 * float(row["import_kwh"]), 1) for row in rows if row["channel"] == "main"]
    assert taken == [112.5, 98.2, 0.0, 401.3, 150.0]  # power is kept to 0.1 W, which is 0.025 Wh here
    given = [round(1000 * float(row["export_kwh"]), 1) for row in rows if row["channel"] == "export"]
    assert given == [0.0, 0.0, 37.0, 0.0]
    measured = [float(row["measured_s"]) for row in rows]
    assert measured == pytest.approx([900] * 9, abs=0.002)


def test_an_export_is_a_green_button_file_that_another_chowon_takes_in_with_the_same_energy(tmp_path):
    path = tmp_path / "use.xml"
    path.write_bytes(FILE.read_bytes())
    chowon("import", path, "--data", tmp_path / "a")
    out = tmp_path / "out.xml"
    done = chowon("export", "--data", tmp_path / "a", "-o", out, "--json")
    assert (done.exit_code, json.loads(done.stdout)["rows"]) == (0, 10), done.output
    imported, exported = (
        s for flow in ("import", "export") for s in parse(out.read_bytes()).series if s.flow == flow
    )
    assert imported.milliwh.tolist() == pytest.approx([112_500, 98_250, 0, 401_333, 150_000], abs=30)
    assert exported.milliwh.tolist() == pytest.approx([0, 0, 37_000, 0, 0], abs=30)
    assert chowon("import", out, "--data", tmp_path / "b").exit_code == 0
    again = tmp_path / "again.xml"
    chowon("export", "--data", tmp_path / "b", "-o", again)
    for first, second in zip(parse(out.read_bytes()).series, parse(again.read_bytes()).series, strict=True):
        assert second.start_ms.tolist() == first.start_ms.tolist()
        assert second.milliwh.tolist() == pytest.approx(first.milliwh.tolist(), abs=30)


def test_a_feed_of_many_readings_and_blocks_is_read_in_time():
    """Their links were once compared pair by pair: some minutes for a feed of this size."""
    entry = '<entry><link rel="self" href="u/1/m/{0}"/><link rel="up" href="u/1/m"/>{1}</entry>'
    reading = '<link rel="related" href="t"/><content><MeterReading xmlns="http://naesb.org/espi"/></content>'
    block = '<content><IntervalBlock xmlns="http://naesb.org/espi"/></content>'
    entries = "".join(entry.format(n, reading) + entry.format(f"{n}/b", block) for n in range(10_000))
    kind = '<content><ReadingType xmlns="http://naesb.org/espi"><uom>72</uom></ReadingType></content>'
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><link rel="self" href="t"/>{kind}</entry>'
    start_s = time.process_time()
    with pytest.raises(PayloadRejected, match="no interval"):
        parse(f"{feed}{entries}</feed>".encode())
    assert time.process_time() - start_s < 10


def test_blocks_that_belong_to_many_readings_at_once_are_refused():
    reading = (
        '<entry><link rel="related" href="b"/><link rel="related" href="t"/><content>{0}</content></entry>'
    )
    block = '<entry><link rel="up" href="b"/><content>{0}</content></entry>'
    readings = reading.format('<MeterReading xmlns="http://naesb.org/espi"/>') * 1500
    blocks = block.format('<IntervalBlock xmlns="http://naesb.org/espi"/>') * 1500
    kind = '<content><ReadingType xmlns="http://naesb.org/espi"><uom>72</uom></ReadingType></content>'
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><link rel="self" href="t"/>{kind}</entry>'
    with pytest.raises(PayloadRejected, match="many readings at once"):
        parse(f"{feed}{readings}{blocks}</feed>".encode())
