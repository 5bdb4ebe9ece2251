"""A Green Button file that chowon wrote says what chowon measured, whoever reads it."""

import io
from xml.etree.ElementTree import ElementTree

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.quantities import DWMS_PER_WH, QUARTER_MS
from chowon.domain.site_usage import site_usage
from chowon.domain.sites import Channel, ChannelKey, Site
from chowon.errors import PayloadRejected
from chowon.jobs.green_button import green_button, milliwh
from chowon.meters.green_button import GreenButton, parse
from tests.memory import MemoryHistory
from tests.streams import START_MS, streams

HOME = Site(
    1,
    "home.seoul",
    "우리집 <1> & 2",
    "Asia/Seoul",
    1,
    "kr.kepco.residential.low",
    {},
    tuple(Channel(n, ChannelKey("home.seoul", "main", f"l{n}"), "phase") for n in (1, 2)),
)
NOW_MS = START_MS + 10**9
ATOM, ESPI = "{http://www.w3.org/2005/Atom}", "{http://naesb.org/espi}"


def written(feed: ElementTree) -> bytes:
    out = io.BytesIO()
    feed.write(out, encoding="utf-8", xml_declaration=True)
    return out.getvalue()


def read(payload: bytes) -> GreenButton | None:
    try:
        return parse(payload)
    except PayloadRejected:
        return None


@given(streams(channels=2, span_ms=40_000_000))
def test_what_is_written_is_read_back_with_the_same_energy_in_each_direction(readings):
    history = MemoryHistory()
    history.append(readings)
    start, end = int(readings.time_ms.min()), int(readings.time_ms.max()) + 1
    feed, count = green_button(history, HOME, start, end, NOW_MS)
    found = read(written(feed))
    rows = history.rollup([1, 2], 0, 2**52, "15min", "UTC")
    used = site_usage(rows, [1, 2])
    if found is None:
        assert count == 0
        return
    assert found.rejected == 0
    assert sum(len(series.start_ms) for series in found.series) == count
    energy = {"import": used.import_dwms, "export": used.export_dwms}
    assert {series.flow for series in found.series} <= set(energy)
    assert ("export" in {series.flow for series in found.series}) == energy["export"].any()
    for series in found.series:
        per_milliwh = DWMS_PER_WH // 1000
        assert series.start_ms.tolist() == used.start_ms.tolist()
        assert set(series.duration_ms.tolist()) == {QUARTER_MS}
        assert int(series.milliwh.sum()) == int(energy[series.flow].sum()) // per_milliwh
        assert (np.abs(series.milliwh * per_milliwh - energy[series.flow]) < per_milliwh).all()


@given(st.lists(st.integers(0, 10**13), max_size=50))
def test_rounding_loses_less_than_a_milliwatt_hour_over_any_time(energy_dwms):
    energy = np.array(energy_dwms, np.int64)
    rounded = milliwh(energy)
    assert (rounded >= 0).all()
    off = np.cumsum(energy) - np.cumsum(rounded) * (DWMS_PER_WH // 1000)
    assert ((off >= 0) & (off < DWMS_PER_WH // 1000)).all()


def test_the_feed_has_the_links_and_fixed_values_that_readers_of_green_button_look_for():
    history = MemoryHistory()
    history.append(one_day())
    feed, count = green_button(history, HOME, START_MS, START_MS + 86_400_000, NOW_MS)
    root = feed.getroot()
    entries = root.findall(f"{ATOM}entry")
    links = {
        rel: [e.get("href") for e in root.iter(f"{ATOM}link") if e.get("rel") == rel]
        for rel in ("self", "up", "related")
    }
    assert len(set(links["self"])) == len(entries) == len(links["up"])
    assert set(links["related"]) <= set(links["self"]) | set(links["up"])
    kinds = [child.tag.removeprefix(ESPI) for e in entries for child in e.find(f"{ATOM}content")]
    assert kinds[:3] == ["UsagePoint", "MeterReading", "ReadingType"]
    assert set(kinds[3:]) == {"IntervalBlock"}
    told = {e.tag.removeprefix(ESPI): e.text for e in next(root.iter(f"{ESPI}ReadingType"))}
    # "Wh integrated over an interval" in the certification tests of the Green Button SDK (FB_05, D078)
    assert told == {
        "accumulationBehaviour": "4",
        "commodity": "1",
        "flowDirection": "1",
        "intervalLength": "900",
        "kind": "12",
        "powerOfTenMultiplier": "-3",
        "uom": "72",
    }
    for block in root.iter(f"{ESPI}IntervalBlock"):
        first = int(block.find(f"{ESPI}interval/{ESPI}start").text)
        end = first + int(block.find(f"{ESPI}interval/{ESPI}duration").text)
        starts = [int(e.text) for e in block.iterfind(f"{ESPI}IntervalReading/{ESPI}timePeriod/{ESPI}start")]
        assert starts == sorted(starts)
        assert (starts[0], starts[-1] + 900) == (first, end)
    ids = [e.text for e in root.iter(f"{ATOM}id")]
    assert len(set(ids)) == len(ids)
    assert count == len(list(root.iter(f"{ESPI}IntervalReading")))


def test_the_quarter_that_still_runs_is_left_out():
    history = MemoryHistory()
    history.append(one_day())
    half_past = START_MS + 30 * 60_000
    _, count = green_button(history, HOME, START_MS, START_MS + 86_400_000, half_past + 60_000)
    assert count == 2


def one_day():
    """Both phases at 100 W, a reading every 10 s for three hours across a UTC midnight."""
    from chowon.domain.readings import Readings, concat

    times = np.concatenate(
        [START_MS + np.arange(720) * 10_000, START_MS + 9 * 3_600_000 + np.arange(360) * 10_000]
    )
    return concat(
        [
            Readings(np.full(len(times), n, np.uint32), times, np.full(len(times), 1000, np.int32))
            for n in (1, 2)
        ]
    )
