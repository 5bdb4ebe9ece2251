"""What a torn page, a flipped bit, a full disk, a second process or a mixed backup may and may not do."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from chowon.domain.quantities import HOUR_MS
from chowon.errors import ChowonError, Damaged, Misconfigured, StoreUnavailable
from chowon.jobs.seal import Sealer
from chowon.store import journal as journal_module
from chowon.store.journal import SqliteJournal
from chowon.store.opening import Store, open_store
from tests.store_faults import check, damage, failing, opened, run_child, sealed_files
from tests.store_samples import NOON_MS, one, seconds


@pytest.fixture
def store(tmp_path: Path):
    store = opened(tmp_path / "data")
    yield store
    store.close()


def test_a_torn_log_page_takes_away_only_what_was_not_acknowledged(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite", lambda: NOON_MS)
    journal.append([seconds(NOON_MS, 3000)] * 3)  # more than what opening left in the log
    log = tmp_path / "journal.sqlite-wal"
    acknowledged = log.stat().st_size
    journal.append([seconds(NOON_MS, 3000)])
    whole = log.stat().st_size
    assert whole > acknowledged
    for size in (acknowledged, acknowledged + 10, (acknowledged + whole) // 2, whole - 1):
        image = tmp_path / f"image-{size}"
        image.mkdir()
        for name in ("journal.sqlite", "journal.sqlite-wal"):
            shutil.copy(tmp_path / name, image)
        os.truncate(image / "journal.sqlite-wal", size)
        after_crash = SqliteJournal(image / "journal.sqlite", lambda: NOON_MS)
        assert [(e.sequence, len(e.readings)) for e in after_crash.read(0)] == [
            (1, 3000),
            (2, 3000),
            (3, 3000),
        ]
        assert after_crash.append([seconds(NOON_MS, 1)]) == 4
        after_crash.close()
    journal.close()


def test_a_batch_with_a_wrong_checksum_is_named_and_read_past_only_once_it_is_set_aside(store: Store) -> None:
    batches = [seconds(NOON_MS + n * 10_000, 10) for n in range(3)]
    store.journal.append(batches)
    damage(store, 2)
    for ask in (lambda: store.history.readings([1], 0, 2**42), lambda: Sealer(store).run(NOON_MS)):
        with pytest.raises(Damaged, match=r"batch 2: checksum .*`chowon doctor`"):
            ask()
    assert store.journal.append([one(NOON_MS + HOUR_MS, 5)]) == 4
    assert [u.sequence for u in store.journal.unreadable()] == [2]
    store.journal.quarantine(2)
    kept = [batches[0], batches[2], one(NOON_MS + HOUR_MS, 5)]
    check(store, kept)
    Sealer(store).run(NOON_MS)
    check(store, kept)
    assert [u.sequence for u in store.journal.quarantined()] == [2]


def test_sealing_ends_also_when_the_last_batch_was_set_aside(store: Store) -> None:
    store.journal.append([seconds(NOON_MS, 10), one(NOON_MS + HOUR_MS, 5)])
    damage(store, 2)
    store.journal.quarantine(2)
    assert Sealer(store).run(NOON_MS).readings == 10
    assert Sealer(store).run(NOON_MS).readings == 0
    assert store.journal.append([one(NOON_MS + HOUR_MS, 5)]) == 3
    assert Sealer(store).run(NOON_MS).readings == 1
    check(store, [seconds(NOON_MS, 10), one(NOON_MS + HOUR_MS, 5)])


def test_a_sound_batch_is_not_set_aside(store: Store) -> None:
    store.journal.append([one(NOON_MS, 5)])
    with pytest.raises(ChowonError, match="no unreadable batch 1"):
        store.journal.quarantine(1)


def test_a_full_disk_acknowledges_nothing_and_goes_on_once_there_is_space(store: Store) -> None:
    store.journal.append([seconds(NOON_MS, 10)])
    assert store.journal._db is not None
    (pages,) = store.journal._db.execute("PRAGMA page_count").fetchone()
    store.journal._db.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(StoreUnavailable, match=r"full.*SQLITE_FULL"):
        store.journal.append([seconds(NOON_MS, 5000)])
    check(store, [seconds(NOON_MS, 10)])
    assert store.journal.append([one(NOON_MS + HOUR_MS, 5)]) == 2
    check(store, [seconds(NOON_MS, 10), one(NOON_MS + HOUR_MS, 5)])


def test_after_a_failed_sync_nothing_is_acknowledged_until_the_disk_takes_a_write_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def __init__(self, db: sqlite3.Connection) -> None:
            self._db = db

        def execute(self, statement: str):
            if statement == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return self._db.execute(statement)

        def __getattr__(self, name: str):
            return getattr(self._db, name)

    store.journal.append([seconds(NOON_MS, 10)])
    store.journal._db = Failing(store.journal._db)  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable, match="disk I/O error"):
        store.journal.append([one(NOON_MS + HOUR_MS, 5)])
    with monkeypatch.context() as patch:
        broken = failing(
            journal_module._open_for_writing, "before", 1, sqlite3.OperationalError("disk I/O error")
        )
        patch.setattr(journal_module, "_open_for_writing", broken)
        with pytest.raises(StoreUnavailable, match="disk I/O error"):
            store.journal.append([one(NOON_MS + HOUR_MS, 5)])
    check(store, [seconds(NOON_MS, 10)])
    assert store.journal.append([one(NOON_MS + HOUR_MS, 5)]) == 2
    check(store, [seconds(NOON_MS, 10), one(NOON_MS + HOUR_MS, 5)])


def test_a_journal_that_became_read_only_acknowledges_nothing(store: Store) -> None:
    assert store.journal._db is not None
    store.journal._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match="SQLITE_READONLY"):
        store.journal.append([one(NOON_MS, 5)])


def test_a_real_file_size_limit_acknowledges_nothing_beyond_it(tmp_path: Path) -> None:
    child = run_child(
        """
        import resource, sys
        from pathlib import Path
        from chowon.errors import StoreUnavailable
        from chowon.store.opening import open_store
        from tests.store_samples import NOON_MS, seconds
        store = open_store(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        count = 0
        try:
            while True:
                store.journal.append([seconds(NOON_MS + count * 1_000_000, 1000)])
                count += 1
        except StoreUnavailable as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            store.journal.append([seconds(NOON_MS - 1_000_000, 1000)])
            print(count)
            store.close()
        """,
        tmp_path,
    )
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    count = int(out)
    assert count > 5
    store = opened(tmp_path)
    found = store.history.readings([1], NOON_MS, 2**42).time_ms
    assert found[: count * 1000].tolist() == [NOON_MS + 1000 * n for n in range(count * 1000)]
    assert len(store.history.readings([1], 0, NOON_MS)) == 1000
    store.close()


def test_a_second_process_is_told_who_uses_the_folder(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(Misconfigured, match=rf"another chowon \(pid {os.getpid()}\) is using {tmp_path}"):
        open_store(tmp_path)
    child = run_child(
        """
        import sys
        from pathlib import Path
        from chowon.errors import Misconfigured
        from chowon.store.opening import open_reader, open_store
        reader = open_reader(Path(sys.argv[1]))
        print(len(reader.history.readings([1], 0, 2**42)))
        reader.close()
        try:
            open_store(Path(sys.argv[1]))
        except Misconfigured as error:
            print(error)
        """,
        tmp_path,
    )
    store.journal.append([seconds(NOON_MS, 7)])
    Sealer(store).run(NOON_MS)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert out.splitlines()[0] in ("0", "7")
    assert f"(pid {os.getpid()})" in out.splitlines()[1]
    store.close()
    opened(tmp_path).close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Misconfigured, match="writable folder"):
        open_store(tmp_path / "file")
    child = run_child(
        """
        import os, sys, tempfile
        from pathlib import Path
        from chowon.errors import Misconfigured
        from chowon.store.opening import open_store
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o555)
            if os.geteuid() == 0:
                os.seteuid(65534)
            try:
                open_store(Path(folder))
            except Misconfigured as error:
                print(error)
            os.seteuid(os.getuid())
            os.chmod(folder, 0o755)
        """
    )
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "make the folder writable" in out


def test_a_flipped_byte_in_a_lake_file_is_noticed_and_the_file_named(store: Store) -> None:
    (path,) = sealed_files(store)
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(Damaged, match=path.name):
        store.history.readings([1], 0, 2**42)


def test_a_lake_file_that_is_missing_is_named_and_never_taken_for_no_data(store: Store) -> None:
    (path,) = sealed_files(store)
    path.unlink()
    with pytest.raises(Damaged, match=path.name):
        store.history.readings([1], 0, 2**42)


def test_a_catalog_from_an_older_backup_is_refused_and_nothing_is_deleted(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.close()
    shutil.copy(tmp_path / "catalog.sqlite", tmp_path / "backup")
    store = opened(tmp_path)
    (path,) = sealed_files(store)
    store.close()
    shutil.copy(tmp_path / "backup", tmp_path / "catalog.sqlite")
    with pytest.raises(Damaged, match="same backup"):
        open_store(tmp_path)
    assert path.exists()


def test_a_journal_from_an_older_backup_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    shutil.copy(tmp_path / "journal.sqlite", tmp_path / "backup")
    store = opened(tmp_path)
    sealed_files(store)
    store.close()
    shutil.copy(tmp_path / "backup", tmp_path / "journal.sqlite")
    with pytest.raises(Damaged, match="same backup"):
        open_store(tmp_path)


def test_files_of_another_journal_are_never_deleted(tmp_path: Path) -> None:
    store = opened(tmp_path)
    (path,) = sealed_files(store)
    store.close()
    for name in ("journal.sqlite", "catalog.sqlite"):
        (tmp_path / name).unlink()
    store = opened(tmp_path)
    assert path.exists()
    store.close()
