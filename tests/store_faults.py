"""What the fault tests of the store share."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from chowon.domain.energy import held
from chowon.domain.quantities import MINUTE_MS
from chowon.domain.readings import Readings, concat, latest
from chowon.domain.rollups import ROLLUP_COLUMNS, rollup
from chowon.domain.sites import ChannelKey
from chowon.jobs.seal import Sealer
from chowon.store.opening import Reader, Store, open_store
from tests.store_samples import NOON_MS, seconds


class Crash(BaseException):
    """The process is gone: nothing that it would have done on the way out happens."""


def opened(folder: Path) -> Store:
    store = open_store(folder, now_ms=lambda: NOON_MS)
    store.sites.register(ChannelKey("home", "m", "main"), 10_000)
    return store


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


def damage(store: Store, sequence: int) -> None:
    with sqlite3.connect(store.journal.path) as db:
        (columns,) = db.execute("SELECT columns FROM batches WHERE sequence = ?", (sequence,)).fetchone()
        flipped = columns[:-1] + bytes([columns[-1] ^ 1])
        db.execute("UPDATE batches SET columns = ? WHERE sequence = ?", (flipped, sequence))
    db.close()


def run_child(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p) + os.pathsep + str(Path.cwd())},
    )


def sealed_files(store: Store) -> list[Path]:
    store.journal.append([seconds(NOON_MS, 2000)])
    Sealer(store).run(NOON_MS)
    return [store.lake.folder / f.path for f in store.files.snapshot().files if f.kind == "raw"]
