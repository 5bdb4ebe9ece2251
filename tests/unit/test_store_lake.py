from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from chowon.domain.quantities import ABSENT_I32, DAY_MS, HOUR_MS, MINUTE_MS
from chowon.domain.readings import Readings, concat
from chowon.domain.sites import ChannelKey
from chowon.errors import BadInput
from chowon.jobs.compact import QUIET_MS, merges
from chowon.jobs.seal import GRACE_MS, Sealer
from chowon.store.catalog.files import LakeFile, Snapshot
from chowon.store.opening import Store, open_store
from tests.store_samples import NOON_MS, one, seconds


@pytest.fixture
def store(tmp_path: Path):
    store = open_store(tmp_path / "data", now_ms=lambda: NOON_MS)
    store.sites.register(ChannelKey("home", "m", "main"), 10_000)
    yield store
    store.close()


def listed(store: Store, kind: str = "raw") -> list[Path]:
    return [Path(store.lake.folder) / f.path for f in store.files.snapshot().files if f.kind == kind]


def test_a_file_holds_scaled_integers_sorted_with_nulls_for_what_is_absent(store: Store) -> None:
    silent = Readings(
        np.array([2, 1], np.uint32),
        np.array([NOON_MS, NOON_MS]),
        power_dw=np.array([ABSENT_I32, 12], np.int32),
        current_ma=np.array([ABSENT_I32, ABSENT_I32], np.int32),
    )
    store.journal.append([silent])
    Sealer(store).run(NOON_MS)
    (path,) = listed(store)
    assert path.parent.name == "2026-11-23"
    table = pq.read_table(path)
    assert table.schema.names == ["channel", "time", "power_dw"]
    assert table["power_dw"].to_pylist() == [12, None]
    assert table["time"].cast("int64").to_pylist() == [NOON_MS, NOON_MS]
    group = pq.read_metadata(path).row_group(0)
    for column in (group.column(n) for n in range(3)):
        assert column.compression == "ZSTD"
        assert "DELTA_BINARY_PACKED" in column.encodings


def test_readings_of_one_seal_stand_in_a_file_for_each_day_and_shard(tmp_path: Path) -> None:
    store = open_store(tmp_path, shards=2)
    store.journal.append([seconds(NOON_MS, 3, channel=c) for c in (1, 2, 3)] + [seconds(NOON_MS - DAY_MS, 3)])
    Sealer(store).run(NOON_MS)
    files = {
        (f.span, f.shard, f.min_channel, f.max_channel)
        for f in store.files.snapshot().files
        if f.kind == "raw"
    }
    assert files == {("2026-11-23", 1, 1, 3), ("2026-11-23", 0, 2, 2), ("2026-11-22", 1, 1, 1)}
    store.close()


def test_a_day_that_is_over_becomes_one_file_with_a_row_group_a_channel(store: Store) -> None:
    sealer = Sealer(store)
    for part in range(3):
        start = NOON_MS - DAY_MS + part * 10_000_000
        store.journal.append([seconds(start, 10_000, channel=c) for c in (1, 2)])
        sealer.run(NOON_MS)
    assert len(listed(store)) == 3
    before = store.history.readings([1, 2], 0, 2**42)
    report = sealer.run(NOON_MS + QUIET_MS)
    assert report.files_merged == 3
    (path,) = listed(store)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [30_000, 30_000]
    after = store.history.readings([1, 2], 0, 2**42)
    assert after.time_ms.tolist() == before.time_ms.tolist()
    assert sealer.run(NOON_MS + QUIET_MS).files_merged == 0


def test_a_replaced_file_stays_for_readers_until_the_grace_is_over(store: Store, tmp_path: Path) -> None:
    sealer = Sealer(store)
    for part in range(2):
        store.journal.append([seconds(NOON_MS - DAY_MS + part * 60_000, 60)])
        sealer.run(NOON_MS)
    replaced = listed(store)
    late = NOON_MS + QUIET_MS
    sealer.run(late)
    assert all(path.exists() for path in replaced)
    sealer.run(late + GRACE_MS)
    assert all(path.exists() for path in replaced)
    assert sealer.run(late + GRACE_MS + 1).files_deleted == 2
    assert not any(path.exists() for path in replaced)
    assert len(store.history.readings([1], 0, 2**42)) == 120


def test_a_day_stays_open_in_few_files_however_often_it_is_sealed(store: Store) -> None:
    sealer = Sealer(store, small_files=4)
    rewritten = 0
    for part in range(60):
        store.journal.append([seconds(NOON_MS + part * 1000, 1)])
        rewritten += sealer.run(NOON_MS).files_merged
        assert len(listed(store)) <= 12
    assert 0 < rewritten < 60 * 5
    assert store.history.readings([1], 0, 2**42).power_dw.tolist() == [1000] * 60


def listing(*sizes: int, kind: str = "minute") -> Snapshot:
    def of(number: int, rows: int) -> LakeFile:
        return LakeFile(kind, "2026-11", 0, f"{number}", rows, 1, 0, 1, 1, 1, number, NOON_MS)

    return Snapshot(1, 1, tuple(of(n, rows) for n, rows in enumerate(sizes)))


def test_only_the_newest_files_of_about_one_size_are_merged() -> None:
    (merge,) = merges(listing(1000, 9, 3, 2, 2), NOON_MS, small_files=3)
    assert [f.rows for f in merge.files] == [9, 3, 2, 2]
    assert not merge.whole


def test_rows_that_are_gone_stay_gone_while_an_older_file_may_still_have_them(store: Store) -> None:
    sealer = Sealer(store, small_files=2)
    store.journal.append([seconds(NOON_MS + n * MINUTE_MS, 1) for n in range(40)])
    sealer.run(NOON_MS)
    for n in (5, 6, 7, 8):
        store.journal.append([one(NOON_MS + n * MINUTE_MS, None)])
        before_sealing = store.history.rollup([1], NOON_MS, NOON_MS + HOUR_MS, "1min", "UTC")
        assert NOON_MS + n * MINUTE_MS not in before_sealing.start_ms
        sealer.run(NOON_MS)
    minutes = [f for f in store.files.snapshot().files if f.kind == "minute"]
    assert len(minutes) < 5
    assert max(f.rows for f in minutes) == 40
    starts = (
        store.history.rollup([1], NOON_MS, NOON_MS + HOUR_MS, "1min", "UTC").start_ms - NOON_MS
    ) // MINUTE_MS
    assert starts.tolist() == [n for n in range(40) if n not in (5, 6, 7, 8)]
    sealer.run(NOON_MS + 30 * DAY_MS)
    assert [f.rows for f in store.files.snapshot().files if f.kind == "minute"] == [36]


def test_any_tool_can_read_the_files_duckdb_for_one(store: Store) -> None:
    store.journal.append([seconds(NOON_MS, 100), seconds(NOON_MS, 100, 500, channel=7)])
    Sealer(store).run(NOON_MS)
    paths = [str(p) for p in listed(store)]
    with duckdb.connect() as db:
        rows = db.execute(
            "SELECT channel, epoch_ms(min(time)), sum(power_dw) FROM read_parquet(?) GROUP BY 1 ORDER BY 1",
            [paths],
        ).fetchall()
    assert rows == [(1, NOON_MS, 104_950), (7, NOON_MS, 54_950)]


def test_late_data_at_midnight_recomputes_the_day_before(store: Store) -> None:
    midnight = NOON_MS + DAY_MS // 2
    sealer = Sealer(store)
    store.journal.append([one(midnight - 4_000, 100), one(midnight + 60_000, 100)])
    sealer.run(NOON_MS)
    rows = store.history.rollup([1], midnight - DAY_MS, midnight, "1h", "UTC")
    assert rows.covered_ms.tolist() == [0]
    store.journal.append([one(midnight + 2_000, 100)])
    sealer.run(NOON_MS)
    rows = store.history.rollup([1], midnight - DAY_MS, midnight + DAY_MS, "1h", "UTC")
    assert rows.covered_ms.tolist() == [4_000, 2_000]
    assert rows.start_ms.tolist() == [midnight - HOUR_MS, midnight]


def test_the_largest_channel_number_is_a_channel_like_any_other(store: Store) -> None:
    largest = 2**32 - 1
    store.journal.append([seconds(NOON_MS, 5, channel=c) for c in (1, 2**31, largest)])
    for _ in range(2):
        assert len(store.history.readings([largest], 0, 2**42)) == 5
        assert len(store.history.readings([2**31, 1], 0, 2**42)) == 10
        Sealer(store).run(NOON_MS)


def test_questions_about_nothing_are_answered_with_nothing(store: Store) -> None:
    for channels in ([], [5]):
        assert len(store.history.readings(channels, 0, 2**42)) == 0
        for resolution in ("1min", "15min", "1h", "1day"):
            assert len(store.history.rollup(channels, 0, NOON_MS, resolution, "Asia/Seoul")) == 0
        assert [len(column) for column in store.history.gaps(channels, 0, 2**42)] == [0, 0, 0]
        assert store.history.last_times(channels) == {}
    store.journal.append([seconds(NOON_MS, 5)])
    assert len(store.history.readings([1], NOON_MS, NOON_MS)) == 0
    assert len(store.history.rollup([1], NOON_MS, NOON_MS, "1day", "Asia/Seoul")) == 0


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "초원 100%25?a=b#c"
    for _ in range(2):
        store = open_store(folder)
        store.journal.append([seconds(NOON_MS, 5)])
        Sealer(store).run(NOON_MS)
        assert len(store.history.readings([1], 0, 2**42)) == 5
        store.close()
    assert {p.name for p in folder.iterdir()} == {"catalog.sqlite", "chowon.lock", "journal.sqlite", "lake"}


def test_an_unknown_timezone_is_named(store: Store) -> None:
    with pytest.raises(BadInput, match="Asia/Seul"):
        store.history.rollup([1], 0, DAY_MS, "1day", "Asia/Seul")


def test_a_local_day_of_25_hours_is_one_row(store: Store) -> None:
    autumn_ms = 1_792_879_200_000  # 2026-10-24T22:00Z, midnight in Berlin; that day has 25 hours
    hourly = Readings(
        np.full(26, 1, np.uint32), autumn_ms + HOUR_MS * np.arange(26), power_dw=np.full(26, 10, np.int32)
    )
    store.journal.append([hourly])
    rows = store.history.rollup([1], autumn_ms, autumn_ms + 2 * DAY_MS, "1day", "Europe/Berlin")
    assert rows.start_ms.tolist() == [autumn_ms, autumn_ms + 25 * HOUR_MS]


def test_the_tail_is_decoded_once_however_often_it_is_asked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chowon.store import journal

    decoded = []
    real = journal.decode
    monkeypatch.setattr(journal, "decode", lambda data: decoded.append(1) or real(data))
    store.journal.append([seconds(NOON_MS + n * 1000, 1) for n in range(30)])
    for n in range(30, 40):
        store.journal.append([seconds(NOON_MS + n * 1000, 1)])
        assert len(store.history.readings([1], 0, 2**42)) == n + 1
    assert len(decoded) == 40
    assert len(concat([store.history.readings([1], 0, 2**42)])) == 40


def test_full_minutes_that_begin_and_end_within_a_minute_are_no_gap(store: Store) -> None:
    store.journal.append([seconds(NOON_MS + 30_500, 300), seconds(NOON_MS + 400_250, 300)])
    for _ in range(2):
        _, begin, stop = store.history.gaps([1], 0, 2**42)
        assert begin.tolist() == [NOON_MS + 30_500 + 299_000]
        assert stop.tolist() == [NOON_MS + 400_250]
        Sealer(store).run(NOON_MS)


def test_a_gap_is_cut_to_the_span_that_was_asked_for(store: Store) -> None:
    store.journal.append([seconds(NOON_MS, 3), seconds(NOON_MS + HOUR_MS, 3)])
    for _ in range(2):
        for start, end, expected in (
            (0, 2**42, (NOON_MS + 2_000, NOON_MS + HOUR_MS)),
            (NOON_MS + 60_000, NOON_MS + 120_000, (NOON_MS + 60_000, NOON_MS + 120_000)),
            (NOON_MS + 60_000, 2**42, (NOON_MS + 60_000, NOON_MS + HOUR_MS)),
        ):
            channel, begin, stop = store.history.gaps([1], start, end)
            assert list(zip(channel.tolist(), begin.tolist(), stop.tolist(), strict=True)) == [(1, *expected)]
        Sealer(store).run(NOON_MS)
