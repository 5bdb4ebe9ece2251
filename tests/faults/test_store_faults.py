"""What a crash, a full or failing disk, a wrong clock or a second process may do, and what they may not."""

import errno
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.store_samples import NOON_MS, one, seconds

from chowon.domain.energy import held
from chowon.domain.quantities import DAY_MS, HOUR_MS, MINUTE_MS
from chowon.domain.readings import Readings, concat, latest
from chowon.domain.rollups import ROLLUP_COLUMNS, rollup
from chowon.domain.sites import ChannelKey
from chowon.errors import ChowonError, Damaged, Misconfigured, StoreUnavailable
from chowon.jobs import compact
from chowon.jobs.seal import GRACE_MS, Sealer
from chowon.store import journal as journal_module
from chowon.store.catalog.files import FileList
from chowon.store.journal import SqliteJournal
from chowon.store.lake import Lake
from chowon.store.opening import Reader, Store, open_reader, open_store


class Crash(BaseException):
    """The process is gone: nothing that it would have done on the way out happens."""


def opened(folder: Path) -> Store:
    store = open_store(folder, now_ms=lambda: NOON_MS)
    store.sites.register(ChannelKey("home", "m", "main"), 10_000)
    return store


@pytest.fixture
def store(tmp_path: Path):
    store = opened(tmp_path / "data")
    yield store
    store.close()


def check(store: Store | Reader, appended: list[Readings]) -> None:
    everything = latest(concat(appended))
    found = store.history.readings([1], 0, 2**42)
    assert found.time_ms.tolist() == everything.time_ms.tolist()
    assert found.power_dw.tolist() == everything.power_dw.tolist()
    expected = rollup(held(everything, 10_000), MINUTE_MS)
    rows = store.history.rollup([1], 0, 2**42, "1min", "UTC")
    for name in ROLLUP_COLUMNS:
        assert getattr(rows, name).tolist() == getattr(expected, name).tolist(), name


def files_on_disk(store: Store) -> set[str]:
    return {str(p.relative_to(store.lake.folder)) for p in store.lake.folder.rglob("*") if p.is_file()}


def failing(real: Callable, when: str, nth: int, error: BaseException) -> Callable:
    """The function, but its nth call raises: "before" it does anything, or "after" it has done all."""
    calls = 0

    def call(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == nth and when == "before":
            raise error
        result = real(*args, **kwargs)
        if calls == nth:
            raise error
        return result

    return call


STEPS = [
    # (what, its call, what it belongs to)
    (Lake, "write", 1, "the first raw file"),
    (Lake, "write", 2, "the second raw file, of another day"),
    (Lake, "write", 3, "the rollup file"),
    (os, "fsync", 4, "a file's bytes"),
    (Path, "rename", 1, "a file's name"),
    (os, "fsync", 5, "a name in its folder"),
    (FileList, "commit", 1, "the list and the watermark"),
    (SqliteJournal, "trim", 1, "the journal"),
    (Lake, "write", 4, "a merged file"),
    (FileList, "commit", 2, "the list with a merged file"),
    (Lake, "retire", 1, "files that were replaced"),
    (FileList, "commit", 3, "the list with a second merged file"),
    (Lake, "collect", 1, "deleting replaced files"),
    (Path, "unlink", 1, "deleting one replaced file"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("owner", "name", "nth", "what"), STEPS, ids=[s[3] for s in STEPS])
def test_a_crash_around_any_step_of_sealing_loses_nothing_and_shows_nothing_twice(
    tmp_path: Path, *, owner: object, name: str, nth: int, what: str, when: str
) -> None:
    folder = tmp_path / "data"
    store = opened(folder)
    appended = [seconds(NOON_MS - DAY_MS, 50), seconds(NOON_MS, 50)]
    store.journal.append(appended)
    sealer = Sealer(store, small_files=1)
    if name in ("collect", "unlink", "retire"):
        sealer.run(NOON_MS)
    fresh = [seconds(NOON_MS - DAY_MS + 55_000, 30), seconds(NOON_MS + 20_000, 30, 5000)]
    store.journal.append(fresh)
    appended += fresh
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, failing(getattr(owner, name), when, nth, Crash()))

        def go_on() -> None:
            for round_ in range(4):
                sealer.run(NOON_MS + round_ * (GRACE_MS + 1))
                store.journal.append([one(NOON_MS + 90_000 + round_, 7)])
                appended.append(one(NOON_MS + 90_000 + round_, 7))

        with pytest.raises(Crash):
            go_on()
    reader = open_reader(folder)
    check(reader, appended)
    reader.close()
    store.close()

    store = opened(folder)
    check(store, appended)
    assert files_on_disk(store) == {f.path for f in store.files.snapshot().files}
    Sealer(store, small_files=1).run(NOON_MS)
    check(store, appended)
    store.close()


@pytest.mark.parametrize(("owner", "name", "nth"), [s[:3] for s in STEPS[:7]], ids=[s[3] for s in STEPS[:7]])
def test_a_disk_that_fails_while_sealing_keeps_the_readings_in_the_journal(
    store: Store, owner: object, name: str, nth: int
) -> None:
    appended = [seconds(NOON_MS - DAY_MS, 50), seconds(NOON_MS, 50)]
    store.journal.append(appended)
    error = OSError(errno.EIO, "Input/output error") if owner is not FileList else StoreUnavailable("gone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, failing(getattr(owner, name), "before", nth, error))
        with pytest.raises((StoreUnavailable, OSError)):
            Sealer(store).run(NOON_MS)
    check(store, appended)
    assert store.journal.bounds().trimmed_through == 0
    sealer = Sealer(store)
    sealer.run(NOON_MS)
    sealer.run(NOON_MS + GRACE_MS + 1)
    check(store, appended)
    assert files_on_disk(store) == {f.path for f in store.files.snapshot().files}


def test_a_commit_that_went_through_although_it_raised_deletes_no_file(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.journal.append([seconds(NOON_MS, 50)])
    sealer = Sealer(store)
    with monkeypatch.context() as patch:
        patch.setattr(FileList, "commit", failing(FileList.commit, "after", 1, StoreUnavailable("cut off")))
        with pytest.raises(StoreUnavailable):
            sealer.run(NOON_MS)
    sealer.run(NOON_MS + GRACE_MS + 1)
    check(store, [seconds(NOON_MS, 50)])


def test_a_write_that_takes_a_few_bytes_at_a_time_is_a_whole_file_in_the_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(io.FileIO):
        def write(self, data) -> int:
            return super().write(bytes(data[:100]))

    monkeypatch.setattr(Path, "open", lambda self, mode: io.BufferedWriter(Slow(self, mode.strip("b"))))
    store.journal.append([seconds(NOON_MS, 5000)])
    Sealer(store).run(NOON_MS)
    check(store, [seconds(NOON_MS, 5000)])


def test_late_data_for_a_sealed_day_never_overwrites_what_is_there(store: Store) -> None:
    appended = []
    for late in (seconds(NOON_MS, 50), seconds(NOON_MS, 50, 9), seconds(NOON_MS + 25_000, 50, 70)):
        store.journal.append([late])
        appended.append(late)
        Sealer(store).run(NOON_MS)
        check(store, appended)
    assert len({f.path for f in store.files.snapshot().files if f.kind == "raw"}) == 3


def test_a_clock_that_jumps_changes_no_reading(tmp_path: Path) -> None:
    now = [NOON_MS]
    store = open_store(tmp_path, now_ms=lambda: now[0])
    store.sites.register(ChannelKey("home", "m", "main"), 10_000)
    appended: list[Readings] = []
    for jump_ms in (0, -40 * DAY_MS, 80 * DAY_MS, -NOON_MS, 2 * HOUR_MS):
        now[0] = max(NOON_MS + jump_ms, 0)
        for start_ms in (NOON_MS, now[0]):
            appended.append(seconds(start_ms, 20, 100 + len(appended)))
            store.journal.append(appended[-1:])
            Sealer(store, small_files=1).run(now[0])
            check(store, appended)
    store.close()


def test_a_torn_log_page_takes_away_only_what_was_not_acknowledged(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite", lambda: NOON_MS)
    journal.append([seconds(NOON_MS, 300)] * 3)
    log = tmp_path / "journal.sqlite-wal"
    acknowledged = log.stat().st_size
    journal.append([seconds(NOON_MS, 300)])
    whole = log.stat().st_size
    assert whole > acknowledged
    for size in (acknowledged, acknowledged + 10, (acknowledged + whole) // 2, whole - 1):
        image = tmp_path / f"image-{size}"
        image.mkdir()
        for name in ("journal.sqlite", "journal.sqlite-wal"):
            shutil.copy(tmp_path / name, image)
        os.truncate(image / "journal.sqlite-wal", size)
        after_crash = SqliteJournal(image / "journal.sqlite", lambda: NOON_MS)
        assert [(e.sequence, len(e.readings)) for e in after_crash.read(0)] == [(1, 300), (2, 300), (3, 300)]
        assert after_crash.append([seconds(NOON_MS, 1)]) == 4
        after_crash.close()
    journal.close()


def damage(store: Store, sequence: int) -> None:
    with sqlite3.connect(store.journal.path) as db:
        (columns,) = db.execute("SELECT columns FROM batches WHERE sequence = ?", (sequence,)).fetchone()
        flipped = columns[:-1] + bytes([columns[-1] ^ 1])
        db.execute("UPDATE batches SET columns = ? WHERE sequence = ?", (flipped, sequence))
    db.close()


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


def run_child(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p) + os.pathsep + str(Path.cwd())},
    )


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


@pytest.mark.parametrize("acknowledged_first", [40, 250])
def test_every_acknowledged_batch_is_there_once_after_kill_9(tmp_path: Path, acknowledged_first: int) -> None:
    child = run_child(
        """
        import sys, threading
        from pathlib import Path
        from chowon.jobs.seal import Sealer
        from chowon.store.opening import open_store
        from tests.store_samples import NOON_MS, seconds
        store = open_store(Path(sys.argv[1]))
        def seal():
            sealer = Sealer(store, small_files=2)
            while True:
                sealer.run(NOON_MS)
        threading.Thread(target=seal, daemon=True).start()
        count = 0
        while True:
            store.journal.append([seconds(NOON_MS + count * 20_000, 20, count)])
            count += 1
            print(count, flush=True)
        """,
        tmp_path,
    )
    assert child.stdout is not None
    acknowledged = 0
    while acknowledged < acknowledged_first:
        line = child.stdout.readline()
        assert line, child.stderr.read() if child.stderr else ""
        acknowledged = int(line)
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate(timeout=30)
    acknowledged = int(rest.split()[-1]) if rest.endswith("\n") else acknowledged

    store = opened(tmp_path)
    found = store.history.readings([1], 0, 2**42)
    batches = len(found) // 20
    assert len(found) == batches * 20
    assert acknowledged <= batches
    check(store, [seconds(NOON_MS + n * 20_000, 20, n) for n in range(batches)])
    assert files_on_disk(store) == {f.path for f in store.files.snapshot().files}
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


def sealed_files(store: Store) -> list[Path]:
    store.journal.append([seconds(NOON_MS, 2000)])
    Sealer(store).run(NOON_MS)
    return [store.lake.folder / f.path for f in store.files.snapshot().files if f.kind == "raw"]


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


def test_a_reader_whose_journal_is_trimmed_meanwhile_looks_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.journal.append([seconds(NOON_MS, 50)])
    real = FileList.snapshot
    calls = []

    def snapshot_then_seal(self: FileList):
        found = real(self)
        calls.append(1)
        if len(calls) == 1:
            Sealer(store).run(NOON_MS)
        return found

    monkeypatch.setattr(FileList, "snapshot", snapshot_then_seal)
    check(store, [seconds(NOON_MS, 50)])


def test_a_reader_whose_file_is_replaced_and_deleted_meanwhile_looks_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer = Sealer(store)
    for start_ms in (NOON_MS - DAY_MS, NOON_MS - DAY_MS + 60_000):
        store.journal.append([seconds(start_ms, 50)])
        sealer.run(NOON_MS)
    real = Lake.read
    calls = []

    def read_after_merging(self: Lake, *args):
        calls.append(1)
        if len(calls) == 1:
            sealer.run(NOON_MS + compact.QUIET_MS)
            sealer.run(NOON_MS + compact.QUIET_MS + GRACE_MS + 1)
        return real(self, *args)

    monkeypatch.setattr(Lake, "read", read_after_merging)
    check(store, [seconds(NOON_MS - DAY_MS, 50), seconds(NOON_MS - DAY_MS + 60_000, 50)])
    assert len(np.unique(calls)) == 1
