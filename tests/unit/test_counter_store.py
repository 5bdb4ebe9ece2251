"""Counters in the store: what a person would see."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import delete, update

from chowon.domain.corrections import Correction
from chowon.domain.quantities import DAY_MS, DWMS_PER_WH, HOUR_MS, MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.jobs.seal import Sealer
from chowon.store.catalog.tables import counter_leaps, counter_times
from chowon.store.lake import Lake
from chowon.store.opening import Store, open_store
from tests.store_samples import NOON_MS, seconds

KWH = 1_000_000
DWMS_PER_MILLIWH = DWMS_PER_WH // 1000


@pytest.fixture
def store(tmp_path: Path):
    store = open_store(tmp_path / "data", now_ms=lambda: NOON_MS)
    for name in ("main", "other"):
        store.sites.register(ChannelKey("home", "m", name), 10_000)
    yield store
    store.close()


def counter(start_ms: int, milliwh: list[int], step_ms: int = MINUTE_MS, channel: int = 1) -> Readings:
    n = len(milliwh)
    time_ms = start_ms + step_ms * np.arange(n, dtype=np.int64)
    return Readings(np.full(n, channel, np.uint32), time_ms, import_milliwh=np.array(milliwh, np.int64))


def hour(start_ms: int, milliwh_a_second: int, shown: int = 5000 * KWH) -> Readings:
    """An hour of power and counter, once a second; power says 100 W."""
    readings = seconds(start_ms, 3600)
    power = np.full(3600, 1000, np.int32)
    return replace(readings, power_dw=power, import_milliwh=shown + milliwh_a_second * np.arange(3600))


def put(store: Store, *batches: Readings, seal: bool = True) -> None:
    store.journal.append(list(batches))
    if seal:
        Sealer(store).run(NOON_MS)


def energy(store: Store, start_ms: int, end_ms: int, resolution: str = "15min") -> int:
    """Milliwatt-hours."""
    rows = store.history.rollup([1], start_ms, end_ms, resolution, "UTC")
    assert not (rows.import_dwms < 0).any()
    return int(rows.import_dwms.sum()) // DWMS_PER_MILLIWH


@pytest.mark.parametrize("seal", [True, False], ids=["sealed", "in the journal"])
def test_the_counter_tells_the_sum_and_power_the_shape(store: Store, seal: bool):
    put(store, hour(NOON_MS, 30), seal=seal)
    by_quarter = store.history.rollup([1], NOON_MS, NOON_MS + HOUR_MS, "15min", "UTC")
    assert (by_quarter.import_dwms[1:] // DWMS_PER_MILLIWH).tolist() == [27_000] * 3
    within = energy(store, NOON_MS + MINUTE_MS, NOON_MS + HOUR_MS, "1min")
    assert within == 30 * (3599 - 59)


@pytest.mark.parametrize("seal", [True, False], ids=["sealed", "in the journal"])
def test_a_month_offline_is_known_but_not_covered(store: Store, seal: bool):
    back_ms = NOON_MS + 31 * DAY_MS
    put(store, hour(NOON_MS, 30), seal=seal)
    put(store, hour(back_ms, 30, 5_300 * KWH), seal=seal)
    days = store.history.rollup([1], NOON_MS, back_ms + DAY_MS, "1day", "UTC")
    whole = energy(store, NOON_MS + MINUTE_MS, back_ms + HOUR_MS)
    assert whole <= 300 * KWH + 30 * 3599 - 30 * 59 <= whole + KWH
    quiet = days.start_ms > NOON_MS
    quiet &= days.start_ms + DAY_MS < back_ms
    assert quiet.sum() == 30
    assert (days.covered_ms[quiet] == 0).all()
    assert (days.known_ms[quiet] == DAY_MS).all()
    assert np.ptp(days.import_dwms[quiet]) <= 1
    day = NOON_MS + 10 * DAY_MS
    assert energy(store, day, day + DAY_MS) == pytest.approx(300 * KWH / 31, rel=0.01)


def test_a_month_offline_without_use_adds_nothing(store: Store):
    back_ms = NOON_MS + 31 * DAY_MS
    put(store, counter(NOON_MS, [7 * KWH, 7 * KWH]), counter(back_ms, [7 * KWH, 7 * KWH]))
    days = store.history.rollup([1], NOON_MS, back_ms, "1day", "UTC")
    assert (days.import_dwms == 0).all()
    assert (days.known_ms[:-1] == DAY_MS).all()


def test_a_counter_alone_tells_energy(store: Store):
    put(store, counter(NOON_MS, [KWH * n // 10 for n in range(100)], 5 * MINUTE_MS))
    rows = store.history.rollup([1], NOON_MS, NOON_MS + 2 * HOUR_MS, "15min", "UTC")
    assert (rows.import_dwms[1:] // DWMS_PER_MILLIWH).tolist() == [300_000] * 7
    assert (rows.covered_ms == 0).all()


def test_late_readings_settle_what_was_sealed_before(store: Store):
    shown = [5000 * KWH + 10_000 * n for n in range(60)]
    put(store, counter(NOON_MS, shown[:10]), counter(NOON_MS + 50 * MINUTE_MS, shown[50:]))
    evenly = energy(store, NOON_MS + 20 * MINUTE_MS, NOON_MS + 21 * MINUTE_MS, "1min")
    assert evenly == 10_000
    late = counter(NOON_MS + 10 * MINUTE_MS, [*shown[10:30], *[shown[49]] * 20])
    put(store, late)
    assert energy(store, NOON_MS + 2 * QUARTER_MS, NOON_MS + 3 * QUARTER_MS) == 200_000
    assert energy(store, NOON_MS + 3 * QUARTER_MS, NOON_MS + 4 * QUARTER_MS) == 100_000
    assert energy(store, NOON_MS + MINUTE_MS, NOON_MS + HOUR_MS, "1min") == 590_000


def test_a_reading_that_loses_its_counter_leaves_the_minute(store: Store):
    put(store, counter(NOON_MS, [KWH, 9 * KWH, KWH + 30_000], QUARTER_MS))
    assert energy(store, NOON_MS, NOON_MS + HOUR_MS) == 30_000
    put(store, counter(NOON_MS, [KWH, KWH + 20_000, KWH + 30_000], QUARTER_MS))
    assert energy(store, NOON_MS, NOON_MS + 16 * MINUTE_MS, "1min") == 20_000
    silent = Readings(np.ones(1, np.uint32), np.array([NOON_MS + QUARTER_MS]))
    put(store, silent)
    assert energy(store, NOON_MS, NOON_MS + 16 * MINUTE_MS, "1min") in (14_999, 15_000)


@pytest.mark.parametrize("seal", [True, False], ids=["sealed", "in the journal"])
def test_a_unit_that_changed_long_ago_is_still_known(store: Store, seal: bool):
    shown = [5_000 * KWH + 10_000 * n for n in range(30)]
    changed_ms = NOON_MS - 60 * DAY_MS
    put(store, counter(changed_ms - HOUR_MS, shown))
    put(store, counter(changed_ms, [(v + KWH) * 1000 for v in shown]), seal=seal)
    put(store, counter(NOON_MS, [(v + 40 * KWH) * 1000 for v in shown]), seal=seal)
    assert energy(store, NOON_MS + MINUTE_MS, NOON_MS + HOUR_MS, "1min") == pytest.approx(290_000, abs=10)
    assert energy(store, changed_ms + QUARTER_MS, NOON_MS + HOUR_MS) == pytest.approx(39.3 * KWH, rel=0.01)


def test_channels_without_a_counter_pay_nothing(store: Store):
    put(store, seconds(NOON_MS, 600), hour(NOON_MS, 30), seconds(NOON_MS, 600, channel=2))
    kinds = {f.kind for f in store.files.snapshot().files}
    assert kinds == {"raw", "minute", "import"}
    assert store.files.counters("import", np.array([1, 2], np.uint32)).keys() == {1}
    assert store.files.counters("export", np.array([1, 2], np.uint32)) == {}


def test_the_files_of_counters_are_merged_like_others(store: Store):
    for part in range(4):
        put(store, hour(NOON_MS - 40 * DAY_MS + part * HOUR_MS, 30, 5000 * KWH + part * 108_000))
    before = store.history.rollup([1], NOON_MS - 50 * DAY_MS, NOON_MS, "1min", "UTC")
    Sealer(store).run(NOON_MS + 2 * HOUR_MS)
    (path,) = [store.lake.folder / f.path for f in store.files.snapshot().files if f.kind == "import"]
    names = ["channel", "start", "last", "last_milliwh", "low_milliwh", "high_milliwh"]
    assert pq.read_table(path).schema.names == names
    after = store.history.rollup([1], NOON_MS - 50 * DAY_MS, NOON_MS, "1min", "UTC")
    assert before.import_dwms.tolist() == after.import_dwms.tolist()


def changed_units(store: Store, changed_ms: int) -> None:
    """A counter in kWh until `changed_ms`, then in Wh, at its ends and at noon."""
    shown = [5_000 * KWH + 1_000 * n for n in range(30)]
    put(store, counter(changed_ms - HOUR_MS, shown))
    put(store, counter(changed_ms, [(v + KWH) * 1000 for v in shown]))
    put(store, counter(NOON_MS, [(v + 40 * KWH) * 1000 for v in shown]))


def an_hour(store: Store) -> int:
    return energy(store, NOON_MS + MINUTE_MS, NOON_MS + HOUR_MS, "1min")


def test_however_long_ago_a_unit_changed_nothing_in_between_is_read(store: Store, monkeypatch):
    changed_ms = NOON_MS - 700 * DAY_MS
    changed_units(store, changed_ms)
    for days in range(30, 680, 10):
        value = (5_002 * KWH + (700 - days) * 50_000) * 1000
        store.journal.append([counter(NOON_MS - days * DAY_MS, [value])])
    put(store)
    asked = []
    read = Lake.read

    def noted(lake, file, channels, start_ms, end_ms):
        asked.append((file.kind, start_ms, end_ms))
        return read(lake, file, channels, start_ms, end_ms)

    monkeypatch.setattr(Lake, "read", noted)
    assert an_hour(store) == pytest.approx(29_000, abs=10)
    between = (changed_ms + 31 * DAY_MS, NOON_MS - 75 * DAY_MS)
    assert any(end <= between[0] for _, _, end in asked)
    assert not [span for span in asked if span[1] < between[1] and span[2] > between[0]]


def test_a_unit_change_that_a_person_denies_is_none_until_that_is_taken_back(store: Store):
    changed_ms = NOON_MS - 60 * DAY_MS
    changed_units(store, changed_ms)
    told = an_hour(store)
    another = Correction(
        0, 1, "replaced", "import", changed_ms, changed_ms, None, None, "exchanged", "me", NOON_MS
    )
    made = store.corrections.add(another)
    assert an_hour(store) == pytest.approx(29_000 * 1000, rel=0.01)
    store.corrections.take_back(made.id, [1], "me")
    assert an_hour(store) == told


def test_a_unit_change_goes_with_the_readings_that_told_of_it(store: Store):
    changed_ms = NOON_MS - 60 * DAY_MS
    changed_units(store, changed_ms)
    ids = np.array([1], np.uint32)
    assert store.files.counters("import", ids)[1].leaps_ms == (changed_ms,)
    before = Readings(np.ones(30, np.uint32), changed_ms - HOUR_MS + MINUTE_MS * np.arange(30))
    put(store, before)
    assert store.files.counters("import", ids)[1].leaps_ms == ()
    assert an_hour(store) == pytest.approx(29_000 * 1000, rel=0.01)


def test_a_store_of_an_earlier_version_learns_all_places_when_it_is_opened(tmp_path: Path):
    store = open_store(tmp_path / "data", now_ms=lambda: NOON_MS)
    store.sites.register(ChannelKey("home", "m", "main"), 10_000)
    changed_ms = NOON_MS - 60 * DAY_MS
    changed_units(store, changed_ms)
    told, ids = an_hour(store), np.array([1], np.uint32)
    known = store.files.counters("import", ids)
    with store.catalog.writing() as connection:
        connection.execute(delete(counter_leaps))
        connection.execute(update(counter_times).values(units_ms=changed_ms, before_milliwh=None))
    store.close()
    store = open_store(tmp_path / "data", now_ms=lambda: NOON_MS)
    assert store.files.counters("import", ids) == known
    assert an_hour(store) == told
    assert store.files.unlisted_counters() == []
    store.close()
