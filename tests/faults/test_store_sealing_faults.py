"""Sealing and merging, interrupted at every step, on failing disks, under readers: nothing lost or twice."""

import errno
import io
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from chowon.domain.quantities import DAY_MS, HOUR_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.errors import StoreUnavailable
from chowon.jobs import compact
from chowon.jobs.seal import GRACE_MS, Sealer
from chowon.store.catalog.files import FileList
from chowon.store.journal import SqliteJournal
from chowon.store.lake import Lake
from chowon.store.opening import Store, open_reader, open_store
from tests.store_faults import Crash, check, failing, files_on_disk, opened, run_child
from tests.store_samples import NOON_MS, one, seconds


@pytest.fixture
def store(tmp_path: Path):
    store = opened(tmp_path / "data")
    yield store
    store.close()


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
