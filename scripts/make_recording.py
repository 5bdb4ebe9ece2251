"""Make the shipped recording: one composed home, five weeks at one second, from real measurements only.

    python scripts/make_recording.py [--data ../shared/data] [--out src/chowon/replay/recordings/home.parquet]

The time line is that of ECO household 1 (CC BY 4.0): its fridge and dryer, its gaps. Each other column is a
plug of the tracebase collection (ODbL 1.0): whole days of one device, laid on that time line at their true
local time of day. Nothing is scaled, shifted within a day or made up; watts are rounded to whole ones, as
tracebase gives them, and `mains` is the exact sum of the columns.
docs/reference/recordings.md tells it in full. The same input makes the same file.
"""

import argparse
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

ZONE = ZoneInfo("Europe/Zurich")  # the same offsets as Europe/Berlin, where the tracebase plugs stood
FIRST, DAYS = date(2012, 7, 2), 35  # five whole weeks from a Monday on: the end joins the beginning
DAY_S = 86_400
SILENCE_MS = 60_000
"""A trace day is used only if its plug was never silent for longer; within that, the last value holds."""
EVERY_DAY = frozenset(range(7))
ECO_FILE = "eco/house1_plugs_2012-06_2012-10.parquet"
ECO_COLUMNS = ("fridge", "clothes_dryer")

Watts = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Plug:
    """One tracebase device and the weekdays (Monday 0) on which the composed home uses it."""

    column: str
    trace: str
    weekdays: frozenset[int] = EVERY_DAY


PLUGS = (
    Plug("kimchi_fridge", "fridge__98C08A__complete"),
    Plug("freezer", "fridge__D331DA__complete"),
    Plug("stove", "stove__D33097__complete"),
    Plug("microwave", "microwave__D32309__complete"),
    Plug("kettle", "kettle__5AE2CA__complete"),
    Plug("water_dispenser", "water_fountain__998C63__complete"),
    Plug("dishwasher", "dishwasher__B82F81__complete"),
    Plug("washing_machine", "washing_machine__7297E3__complete", frozenset({1, 3, 5, 6})),
    Plug("television", "television_lcd__B81116__complete"),
    Plug("desktop_pc", "desktop_pc__Desktop-Denis__complete"),
    Plug("monitor", "monitor_tft__B7BE29__complete"),
    Plug("lamp", "lamp__D331DA__complete"),
    Plug("router", "router__B7DF9D__complete"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("src/chowon/replay/recordings/home.parquet"))
    options = parser.parse_args()
    start_s = round(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=ZONE).timestamp())
    columns, measured = eco(options.data / ECO_FILE, start_s)
    sources: dict[str, dict[str, object]] = {
        name: {"dataset": "ECO", "file": ECO_FILE, "home": "household 1"} for name in ECO_COLUMNS
    }
    for plug in PLUGS:
        traces = trace_days(options.data / "tracebase" / f"{plug.trace}.parquet")
        columns[plug.column], used = laid_out(plug, traces)
        sources[plug.column] = {
            "dataset": "tracebase",
            "trace": plug.trace,
            "days": [d.isoformat() for d in used],
        }
    write(options.out, start_s, columns, measured, sources)
    report(options.out, columns, measured)


def eco(path: Path, start_s: int) -> tuple[dict[str, Watts], NDArray[np.bool_]]:
    """The ECO columns in W on the recording's seconds, and in which seconds all of them were measured."""
    begin, end = (datetime.fromtimestamp(start_s + n * DAY_S, UTC) for n in (0, DAYS))
    table = pq.read_table(path, filters=[("timestamp", ">=", begin), ("timestamp", "<", end)])
    index = table["timestamp"].cast(pa.int64()).to_numpy() // 1000 - start_s
    measured = np.ones(DAYS * DAY_S, np.bool_)
    columns = {}
    for name in ECO_COLUMNS:
        power_w = np.full(DAYS * DAY_S, np.nan)
        power_w[index] = table[name].to_numpy()
        measured &= np.isfinite(power_w)
        columns[name] = whole(np.nan_to_num(power_w))
    return columns, measured


def trace_days(path: Path) -> dict[date, Watts]:
    """(86400,) W for each local day of the trace whose longest silence is at most SILENCE_MS."""
    table = pq.read_table(path)
    name = next(c for c in table.column_names if c != "timestamp")
    time_ms = table["timestamp"].cast(pa.int64()).to_numpy()
    power_w = table[name].to_numpy()
    first, last = (datetime.fromtimestamp(int(t) / 1000, ZONE).date() for t in time_ms[[0, -1]])
    days = {}
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        begin, end = (
            round(datetime(d.year, d.month, d.day, tzinfo=ZONE).timestamp() * 1000)
            for d in (day, day + timedelta(days=1))
        )
        inside = slice(*np.searchsorted(time_ms, [begin, end]))
        clock_ms = time_ms[inside] - begin
        silence_ms = np.diff(np.concatenate([[0], clock_ms, [DAY_S * 1000]]))
        if end - begin != DAY_S * 1000 or silence_ms.max() > SILENCE_MS:
            continue
        at = np.searchsorted(clock_ms, np.arange(DAY_S) * 1000, "right") - 1
        days[day] = whole(power_w[inside][np.maximum(at, 0)])
    return days


def laid_out(plug: Plug, traces: dict[date, Watts]) -> tuple[Watts, list[date]]:
    """The plug's days in turn: weekends on weekends, working days on working days where it has both."""
    working = [d for d in traces if d.weekday() < 5] or list(traces)
    weekend = [d for d in traces if d.weekday() >= 5] or working
    if not working:
        raise SystemExit(f"{plug.trace}: no day without a silence of {SILENCE_MS} ms; choose another trace")
    power_w = np.zeros((DAYS, DAY_S), np.int32)
    turn = {True: 0, False: 0}
    used = []
    for n in range(DAYS):
        weekday = (FIRST + timedelta(days=n)).weekday()
        if weekday not in plug.weekdays:
            continue
        pool = weekend if weekday >= 5 else working
        day = pool[turn[weekday >= 5] % len(pool)]
        turn[weekday >= 5] += 1
        power_w[n] = traces[day]
        used.append(day)
    return power_w.ravel(), used


def whole(power_w: NDArray[np.floating]) -> Watts:
    return np.rint(power_w).astype(np.int32)


def write(
    path: Path,
    start_s: int,
    columns: dict[str, Watts],
    measured: NDArray[np.bool_],
    sources: dict[str, object],
) -> None:
    """Parquet: a row a measured second, W as float32, a row group a day, bytes of the floats split, zstd."""
    power = {"mains": sum(columns.values()), **columns}
    time_ms = (start_s + np.flatnonzero(measured)) * 1000
    schema = pa.schema(
        [pa.field("timestamp", pa.timestamp("ms", "UTC"), nullable=False)]
        + [pa.field(name, pa.float32(), nullable=False) for name in power],
        metadata=metadata(sources),
    )
    arrays = [pa.array(time_ms, pa.timestamp("ms", "UTC"))]
    arrays += [pa.array(power_w[measured].astype(np.float32)) for power_w in power.values()]
    table = pa.Table.from_arrays(arrays, schema=schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = {"timestamp": "DELTA_BINARY_PACKED"} | dict.fromkeys(power, "BYTE_STREAM_SPLIT")
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=19,
        use_dictionary=False,
        column_encoding=encoding,
        write_statistics=["timestamp"],
    ) as writer:
        for n in range(DAYS):
            rows = slice(*np.searchsorted(time_ms, [(start_s + (n + i) * DAY_S) * 1000 for i in (0, 1)]))
            writer.write_table(table[rows], row_group_size=DAY_S)


def metadata(sources: dict[str, object]) -> dict[str, str]:
    return {
        "dataset": "chowon composed home",
        "home": "home",
        "timezone": ZONE.key,
        "licence": "ODbL 1.0 (database), DbCL 1.0 and CC BY 4.0 (contents)",
        "attribution": "Contains information from the tracebase data set, which is made available at "
        "http://www.tracebase.org under the Open Database License (ODbL). Contains data of the ECO data set "
        "(Beckel, Kleiminger, Cicchetti, Staake, Santini: The ECO Data Set and the Performance of "
        "Non-Intrusive Load Monitoring Algorithms, BuildSys 2014; ETH Zurich), CC BY 4.0; changed: "
        "two plugs, five weeks, rounded to whole watts, composed with others.",
        "origin": "ECO household 1, plugs, 2012-07-02 to 2012-08-05; tracebase, Darmstadt, 2011-2012",
        "clock": "real for the ECO columns, with their gaps; tracebase days are laid on it at their true "
        "local time of day, working days on working days and weekends on weekends where the device has both",
        "interval_s": "1",
        "note": "COMPOSED HOME: mains is the exact sum of the plugs listed here, no meter measured it. No "
        "unmetered load, no noise of a mains meter, no dependence between devices. Names are roles in this "
        "home: `kimchi_fridge` and `freezer` are European fridges, `water_dispenser` is a water fountain. "
        "Trace days repeat when a device has fewer than needed; a washing machine without a trace on a day "
        "is 0 W. Not for scoring disaggregation.",
        "sources": json.dumps(sources, sort_keys=True),
    }


def report(path: Path, columns: dict[str, Watts], measured: NDArray[np.bool_]) -> None:
    total = sum(columns.values())
    month = 30 / DAYS / 3_600_000
    for name, power_w in {"mains": total, **columns}.items():
        print(f"{name:16} {power_w[measured].sum() * month:7.1f} kWh in 30 days, peak {power_w.max()} W")
    print(
        f"{measured.sum()} of {DAYS * DAY_S} seconds measured, {path.stat().st_size / 2**20:.2f} MiB: {path}"
    )


if __name__ == "__main__":
    main()
