"""How fast readings become durable, sealed and answered, on the machine that runs it.

The stream is synthetic (homes with a base load, a cycling fridge and some switching, and their voltage),
made from a fixed seed. Beside it, in the same run: SQLite with one row a reading, as durable.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from chowon.domain.quantities import DAY_MS, HOUR_MS, I32
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.jobs.compact import QUIET_MS
from chowon.jobs.seal import Sealer
from chowon.store.opening import Store, open_store

START_MS: Final = 1_793_491_200_000
"""2026-11-01T00:00Z"""
MONTH_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """Rates are readings (of power and voltage) a second; times are medians in ms."""

    homes: int
    seconds: int
    append_1s_batches_per_s: float
    append_1s_readings_per_s: float
    append_1s_p50_ms: float
    append_1s_p99_ms: float
    append_60s_readings_per_s: float
    seal_readings_per_s: float
    merge_readings_per_s: float
    lake_bytes_per_reading: float
    hour_raw_ms: float
    day_raw_ms: float
    month_by_hour_ms: float
    month_by_hour_first_ms: float
    month_by_day_ms: float
    live_rollup_ms: float
    rows_sqlite_1s_readings_per_s: float
    rows_sqlite_60s_readings_per_s: float
    rows_sqlite_bytes_per_reading: float
    rows_sqlite_day_raw_ms: float


def measure_store(homes: int = 200, seconds: int = 86_400, one_second_batches: int = 600) -> StoreFigures:
    """All figures, in a temporary folder. A day of 200 homes takes about a minute and 2 GB of memory."""
    watts, volts = _loads(homes, seconds)
    with tempfile.TemporaryDirectory() as folder:
        append = _append_figures(Path(folder) / "append", watts, volts, one_second_batches)
        seal = _seal_figures(Path(folder) / "seal", watts, volts)
        month = _month_figures(Path(folder) / "month", watts)
        peer = _peer_figures(Path(folder) / "rows.sqlite", watts, volts, one_second_batches)
    return StoreFigures(homes=homes, seconds=seconds, **append, **seal, **month, **peer)


def _append_figures(folder: Path, watts: I32, volts: I32, batches: int) -> dict[str, float]:
    """The journal alone: a transaction for each second, then for each minute of all homes."""
    homes, seconds = watts.shape
    store = _store(folder, homes)
    single = [_second(watts, volts, s) for s in range(min(batches, seconds))]
    took = [_seconds_of(lambda b=batch: store.journal.append([b])) for batch in single]  # type: ignore[misc]
    minutes = _minutes(watts, volts)
    minute_s = _seconds_of(lambda: [store.journal.append([batch]) for batch in minutes])
    store.close()
    return {
        "append_1s_batches_per_s": len(took) / sum(took),
        "append_1s_readings_per_s": len(took) * homes / sum(took),
        "append_1s_p50_ms": float(np.percentile(took, 50)) * 1000,
        "append_1s_p99_ms": float(np.percentile(took, 99)) * 1000,
        "append_60s_readings_per_s": sum(map(len, minutes)) / minute_s,
    }


def _seal_figures(folder: Path, watts: I32, volts: I32) -> dict[str, float]:
    """Ten-minute seals of all homes, one merge at the day's end, then raw questions."""
    homes, seconds = watts.shape
    store = _store(folder, homes)
    sealer = Sealer(store)
    now_ms = START_MS
    seal_s = 0.0
    for first in range(0, seconds, 600):
        store.journal.append([_part(watts, volts, slice(0, homes), slice(first, first + 600))])
        now_ms = START_MS + (first + 600) * 1000
        seal_s += _seconds_of(lambda at_ms=now_ms: sealer.run(at_ms))  # type: ignore[misc]
    tail = _part(watts, volts, slice(0, homes), slice(seconds - 60, seconds))
    store.journal.append([tail])
    middle_ms = START_MS + seconds * 500 // HOUR_MS * HOUR_MS
    live_ms = _median_ms(
        lambda: store.history.rollup([homes // 2], middle_ms, START_MS + DAY_MS, "1min", "Asia/Seoul")
    )
    sealer.run(now_ms)
    merge_s = _seconds_of(lambda: sealer.run(START_MS + DAY_MS + QUIET_MS + seconds * 1000))
    size = sum(file.bytes for file in store.files.snapshot().files if file.kind == "raw")
    figures = {
        "seal_readings_per_s": homes * seconds / seal_s,
        "merge_readings_per_s": homes * seconds / merge_s,
        "lake_bytes_per_reading": size / (homes * seconds),
        "hour_raw_ms": _median_ms(
            lambda: store.history.readings([homes // 2], middle_ms, middle_ms + HOUR_MS)
        ),
        "day_raw_ms": _median_ms(lambda: store.history.readings([homes // 2], START_MS, START_MS + DAY_MS)),
        "live_rollup_ms": live_ms,
    }
    store.close()
    return figures


def _month_figures(folder: Path, watts: I32) -> dict[str, float]:
    """A month of one-minute means of all homes, by the hour and by the day; merged as a past month is."""
    homes = watts.shape[0]
    store = _store(folder, homes, hold_ms=60_000)
    sealer = Sealer(store)
    minutes = DAY_MS // 60_000
    for day in range(MONTH_DAYS):
        start_ms = START_MS + day * DAY_MS
        power = np.resize(watts[:, ::7], (homes, minutes)).astype(np.int32)
        time_ms = np.tile(start_ms + 60_000 * np.arange(minutes, dtype=np.int64), homes)
        channel = np.repeat(np.arange(1, homes + 1, dtype=np.uint32), minutes)
        store.journal.append([Readings(channel, time_ms, power_dw=power.ravel())])
        sealer.run(start_ms + DAY_MS)
    sealer.run(START_MS + 2 * MONTH_DAYS * DAY_MS)

    def by(resolution: str) -> Callable[[], object]:
        end_ms = START_MS + MONTH_DAYS * DAY_MS
        return lambda: store.history.rollup(
            [homes // 2], START_MS, end_ms, "1day" if resolution == "1day" else "1h", "Asia/Seoul"
        )

    figures = {
        "month_by_hour_first_ms": _seconds_of(by("1h")) * 1000,
        "month_by_hour_ms": _median_ms(by("1h")),
        "month_by_day_ms": _median_ms(by("1day")),
    }
    store.close()
    return figures


def _peer_figures(path: Path, watts: I32, volts: I32, batches: int) -> dict[str, float]:
    """One row a reading in SQLite, WAL, synchronous=FULL."""
    homes, seconds = watts.shape
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(
        "CREATE TABLE readings (channel INTEGER, time_ms INTEGER, power_dw INTEGER, voltage_dv INTEGER,"
        " PRIMARY KEY (channel, time_ms)) WITHOUT ROWID"
    )

    def append_each(batches: Sequence[Readings]) -> None:
        for batch in batches:
            append(batch)

    def append(batch: Readings) -> None:
        assert batch.power_dw is not None
        assert batch.voltage_dv is not None
        columns = (batch.channel, batch.time_ms, batch.power_dw, batch.voltage_dv)
        db.execute("BEGIN")
        db.executemany(
            "INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?)",
            zip(*(column.tolist() for column in columns), strict=True),
        )
        db.execute("COMMIT")

    single = [_second(watts, volts, s) for s in range(min(batches, seconds))]
    single_s = _seconds_of(lambda: append_each(single))
    minutes = _minutes(watts, volts)
    minute_s = _seconds_of(lambda: append_each(minutes))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    (rows,) = db.execute("SELECT count(*) FROM readings").fetchone()
    wide = _part(watts, volts, slice(0, 1), slice(0, seconds))
    append(wide)
    figures = {
        "rows_sqlite_1s_readings_per_s": len(single) * homes / single_s,
        "rows_sqlite_60s_readings_per_s": sum(map(len, minutes)) / minute_s,
        "rows_sqlite_bytes_per_reading": path.stat().st_size / rows,
        "rows_sqlite_day_raw_ms": _median_ms(
            lambda: np.array(
                db.execute("SELECT time_ms, power_dw, voltage_dv FROM readings WHERE channel = 1").fetchall()
            )
        ),
    }
    db.close()
    return figures


def _loads(homes: int, seconds: int) -> tuple[I32, I32]:
    """(homes, seconds) 0.1 W and 0.1 V: noise of a few watts, a fridge, and something switched at times."""
    random = np.random.default_rng(20_261_123)
    second = np.arange(seconds)
    base = random.integers(300, 2500, (homes, 1))
    phase, period = random.integers(0, 3000, (homes, 1)), random.integers(1800, 3600, (homes, 1))
    fridge = np.where((second + phase) % period < period // 3, 900, 0)
    switched = np.cumsum(random.random((homes, seconds)) < 0.002, axis=1) % 2 * 6000
    noise = np.round(random.normal(0, 8, (homes, seconds)))
    volts = 2200 + np.round(np.cumsum(random.normal(0, 0.4, (homes, seconds)), axis=1) % 60)
    return (base + fridge + switched + noise).astype(np.int32), volts.astype(np.int32)


def _store(folder: Path, homes: int, hold_ms: int = 10_000) -> Store:
    store = open_store(folder, now_ms=lambda: START_MS)
    for home in range(homes):
        store.sites.register(ChannelKey(f"home{home}", "main", "main"), hold_ms)
    return store


def _second(watts: I32, volts: I32, second: int) -> Readings:
    return _part(watts, volts, slice(0, len(watts)), slice(second, second + 1))


def _minutes(watts: I32, volts: I32) -> list[Readings]:
    """Some batches of a minute of all homes each."""
    starts = range(0, min(watts.shape[1], 1800), 60)
    return [_part(watts, volts, slice(0, len(watts)), slice(first, first + 60)) for first in starts]


def _part(watts: I32, volts: I32, homes: slice, seconds: slice) -> Readings:
    """The readings of these homes (channel = home + 1) in these seconds."""
    power, voltage = watts[homes, seconds], volts[homes, seconds]
    second = np.arange(watts.shape[1], dtype=np.int64)[seconds]
    channel = np.arange(1, len(watts) + 1, dtype=np.uint32)[homes]
    return Readings(
        np.repeat(channel, len(second)),
        np.tile(START_MS + 1000 * second, len(channel)),
        power_dw=power.ravel(),
        voltage_dv=voltage.ravel(),
    )


def _seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _median_ms(work: Callable[[], object], times: int = 15) -> float:
    return float(np.median([_seconds_of(work) for _ in range(times)])) * 1000
