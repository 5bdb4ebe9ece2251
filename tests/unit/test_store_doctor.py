import sqlite3
from pathlib import Path

from chowon.jobs.seal import Sealer
from chowon.store.doctor import examine
from chowon.store.opening import open_reader, open_store
from tests.store_samples import NOON_MS, seconds


def test_a_sound_folder_has_no_findings_and_each_fault_is_one(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for channel in (1, 2):
        store.journal.append([seconds(NOON_MS, 3000, channel=channel)])
        Sealer(store).run(NOON_MS)
    store.journal.append([seconds(NOON_MS, 10)])
    assert examine(store, deep=True) == []

    raw = [store.lake.folder / f.path for f in store.files.snapshot().files if f.kind == "raw"]
    raw[0].unlink()
    flipped = bytearray(raw[1].read_bytes())
    flipped[100] ^= 0xFF
    raw[1].write_bytes(flipped)
    (raw[0].parent / "s0-0123456789ab-x.parquet").touch()
    with sqlite3.connect(store.journal.path) as db:
        db.execute("UPDATE batches SET received_ms = received_ms + 1")
    db.close()

    reader = open_reader(tmp_path)
    shallow, deep = examine(reader), examine(reader, deep=True)
    reader.close()
    assert len(shallow) == 3
    assert shallow[0].what.startswith("journal batch 3 (10 readings")
    assert str(raw[0]) in shallow[1].what
    assert "another journal" in shallow[2].what
    assert [f for f in deep if str(raw[1]) in f.what]
    assert len(deep) == 4
    store.close()
