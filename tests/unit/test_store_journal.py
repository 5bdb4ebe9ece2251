import threading
from pathlib import Path

import numpy as np
import pytest

from chowon.domain.readings import Readings
from chowon.errors import BadInput, NotFound, StoreUnavailable
from chowon.ports import Bounds
from chowon.store.journal import JournalReader, SqliteJournal
from tests.store_samples import NOON_MS, one, seconds


@pytest.fixture
def journal(tmp_path: Path):
    journal = SqliteJournal(tmp_path / "journal.sqlite", lambda: NOON_MS)
    yield journal
    journal.close()


def test_batches_are_read_in_the_order_in_which_they_were_appended(journal: SqliteJournal) -> None:
    assert journal.append([seconds(NOON_MS, 3), seconds(NOON_MS, 2, channel=2)]) == 2
    assert journal.append([seconds(NOON_MS, 1)]) == 3
    assert [(e.sequence, len(e.readings)) for e in journal.read(0)] == [(1, 3), (2, 2), (3, 1)]
    assert [e.sequence for e in journal.read(2)] == [3]
    assert journal.bounds() == Bounds(0, 3)


def test_nothing_to_append_is_no_new_sequence(journal: SqliteJournal) -> None:
    assert journal.append([]) == 0


def test_one_bad_batch_keeps_the_whole_call_out(journal: SqliteJournal) -> None:
    with pytest.raises(BadInput):
        journal.append([seconds(NOON_MS, 1), one(-5, 10)])
    assert list(journal.read(0)) == []


def test_a_sequence_is_never_given_twice_even_after_everything_was_trimmed(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path, lambda: 0)
    journal.append([seconds(NOON_MS, 1)] * 3)
    journal.trim(3)
    journal.close()
    journal = SqliteJournal(path, lambda: 0)
    assert journal.bounds() == Bounds(3, 3)
    assert journal.append([seconds(NOON_MS, 1)]) == 4
    journal.close()


def test_asking_for_trimmed_entries_says_so_instead_of_leaving_them_out(journal: SqliteJournal) -> None:
    journal.append([seconds(NOON_MS, 1)] * 3)
    journal.trim(2)
    with pytest.raises(NotFound, match="up to 2 are in the lake"):
        list(journal.read(1))
    assert [e.sequence for e in journal.read(2)] == [3]


def test_a_reader_keeps_its_moment_while_the_journal_is_trimmed_and_grows(journal: SqliteJournal) -> None:
    journal.append([seconds(NOON_MS, 1)] * 3)
    reading = journal.read(0)
    assert next(reading).sequence == 1
    journal.trim(3)
    journal.append([seconds(NOON_MS, 1)])
    assert [e.sequence for e in reading] == [2, 3]


def test_another_reader_sees_what_the_owner_appends(journal: SqliteJournal) -> None:
    reader = JournalReader(journal.path)
    journal.append([seconds(NOON_MS, 4)])
    assert [len(e.readings) for e in reader.read(0)] == [4]
    assert reader.id == journal.id


def test_threads_append_without_losing_or_doubling_a_sequence(journal: SqliteJournal) -> None:
    given: list[int] = []

    def append_some() -> None:
        given.extend(journal.append([seconds(NOON_MS, 2)]) for _ in range(20))

    threads = [threading.Thread(target=append_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == list(range(1, 81))
    assert [e.sequence for e in journal.read(0)] == list(range(1, 81))


def test_a_closed_journal_acknowledges_nothing(journal: SqliteJournal) -> None:
    journal.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        journal.append([seconds(NOON_MS, 1)])


def test_a_reader_without_a_journal_is_told_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.sqlite"):
        JournalReader(tmp_path / "nowhere.sqlite")


def test_what_a_large_import_took_is_given_back_to_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path, lambda: NOON_MS)
    random = np.random.default_rng(1)
    for hour in range(40):
        noise = random.integers(-(2**31) + 1, 2**31 - 1, 300_000).astype(np.int32)
        times = NOON_MS + hour * 10**9 + np.arange(300_000, dtype=np.int64) * 1000
        journal.append([Readings(np.ones(300_000, np.uint32), times, noise)])
    journal.trim(40)
    journal.close()
    assert path.stat().st_size < 40 * 2**20
    assert journal_bounds(path) == Bounds(40, 40)


def journal_bounds(path: Path) -> Bounds:
    return JournalReader(path).bounds()
