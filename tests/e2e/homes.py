"""Homes to look at in the browser: their past, and what they measure now."""

import json
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chowon.domain.bill import Usage, prepare
from chowon.domain.clock import local_day, midnight_ms, period_of
from chowon.domain.energy import between, held, import_dwms
from chowon.domain.quantities import DAY_MS, DWMS_PER_WH, HOUR_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.registry import TariffBook
from chowon.store.opening import open_reader, open_store
from tests.system.programs import Server

SEOUL = ZoneInfo("Asia/Seoul")
STEP_MS = 5000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def fill(folder: Path, until_ms: int, power_w: int = 650) -> None:
    """The present period up to an instant: 5-s samples around a power, two hours of them missing."""
    start_ms = midnight_ms(period_of(local_day(until_ms, SEOUL), 1).start, SEOUL)
    time_ms = np.arange(start_ms, until_ms, STEP_MS, dtype=np.int64)
    gap_ms = start_ms + (until_ms - start_ms) // 3
    time_ms = time_ms[(time_ms < gap_ms) | (time_ms > gap_ms + 2 * HOUR_MS)]
    power = np.random.default_rng(7).integers(0, 20 * power_w, len(time_ms)).astype(np.int32)
    store = open_store(folder)
    channel = store.sites.register(ChannelKey("home", "main", "main"), 10_000)
    store.journal.append([Readings(np.full(len(time_ms), channel.id, np.uint32), time_ms, power)])
    store.close()


def plug_in(folder: Path, until_ms: int, watts: dict[str, int]) -> None:
    """Plugs beside the main meter, each of the same power for the whole period."""
    start_ms = midnight_ms(period_of(local_day(until_ms, SEOUL), 1).start, SEOUL)
    time_ms = np.arange(start_ms, until_ms, STEP_MS, dtype=np.int64)
    store = open_store(folder)
    for name, power_w in watts.items():
        channel = store.sites.register(ChannelKey("home", name, "main"), 10_000)
        power = np.full(len(time_ms), power_w * 10, np.int32)
        store.journal.append([Readings(np.full(len(time_ms), channel.id, np.uint32), time_ms, power)])
    site = store.sites.sites()[0]
    plugs = (replace(c, role="plug") if c.key.meter in watts else c for c in site.channels)
    store.sites.configure(replace(site, channels=tuple(plugs)))
    store.close()


def measure(server: Server, power_w: float, at_ms: int | None = None) -> None:
    """One reading, durable when this returns."""
    reading = {"site": "home", "time": now_ms() if at_ms is None else at_ms, "power_w": power_w}
    status, answer = server.post(json.dumps({"readings": [reading]}).encode())
    assert (status, answer["accepted"]) == (200, 1), answer


def reference_bill(folder: Path) -> tuple[Decimal, dict[str, Decimal], Decimal]:
    """(total, amount by line, kWh) of the present period: the raw readings through the domain's own sums."""
    reader = open_reader(folder)
    try:
        site = reader.sites.sites()[0]
        last_ms = max(reader.history.last_times([c.id for c in site.channels]).values())
        period = period_of(local_day(last_ms, SEOUL), site.reading_day)
        start_ms, end_ms = midnight_ms(period.start, SEOUL), midnight_ms(period.end, SEOUL)
        raw = reader.history.readings([c.id for c in site.channels], start_ms - HOUR_MS, end_ms)
    finally:
        reader.close()
    pieces = between(held(raw, 10_000), start_ms, end_ms)
    kwh = Decimal(int(import_dwms(pieces).sum())) / (DWMS_PER_WH * 1000)
    bill = prepare(TariffBook().load(site.tariff), period).bill(Usage(kwh))
    return bill.total, {line.id: line.amount for line in bill.lines}, kwh


def recorded_week(path: Path) -> None:
    """A recording of a made-up home without gaps: a week at 1 s, watts that wander."""
    n = 7 * 86_400
    watts = np.abs(800 + np.random.default_rng(3).normal(0, 9, n).cumsum()).round() % 4000
    start_ms = 1_788_739_200_000  # 2026-09-07, a Monday
    times = pa.array(start_ms + 1000 * np.arange(n, dtype=np.int64)).cast(pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table({"timestamp": times, "mains": pa.array(watts)}), path)


def boil(folder: Path, until_ms: int, hold_ms: int = 10_000) -> None:
    """The period before the present one, and it: a home at about 150 W, and a kettle three times a day."""
    start_ms = midnight_ms(period_of(local_day(until_ms - 32 * DAY_MS, SEOUL), 1).start, SEOUL)
    time_ms = np.arange(start_ms, until_ms, STEP_MS, dtype=np.int64)
    power_w = np.random.default_rng(7).normal(150, 4, len(time_ms))
    into_day_ms = (time_ms - start_ms) % DAY_MS
    for hour in (3, 9, 15):
        boiling = (into_day_ms >= hour * HOUR_MS) & (into_day_ms < hour * HOUR_MS + 170_000)
        power_w[boiling] += 2400
    store = open_store(folder)
    channel = store.sites.register(ChannelKey("home", "main", "main"), hold_ms)
    power_dw = np.round(power_w * 10).astype(np.int32)
    store.journal.append([Readings(np.full(len(time_ms), channel.id, np.uint32), time_ms, power_dw)])
    store.close()


BASE_W, KETTLE_W, HEATER_W = 60, 2000, 800
BEHIND_MS, HOLD_MS = 300_000, 900_000
"""How far a home's meter is behind at first; a longer silence is one"""


def switch(folder: Path, until_ms: int, hours: int = 7, step_s: int = 1) -> None:
    """A home of 60 W whose kettle boils for two minutes every half hour and whose heater is on for six every
    two hours, a reading a second."""
    ago_s = np.arange(hours * 3600, 0, -step_s)
    kettle, heater = ago_s % 1800 // 120 == 9, ago_s % 7200 // 360 == 13
    power_w = BASE_W + np.where(kettle, KETTLE_W, 0) + np.where(heater, HEATER_W, 0)
    store = open_store(folder)
    channel = store.sites.register(ChannelKey("home", "main", "main"), HOLD_MS)
    rows = np.full(len(ago_s), channel.id, np.uint32)
    store.journal.append([Readings(rows, until_ms - 1000 * ago_s, (10 * power_w).astype(np.int32))])
    store.close()


class Meter:
    """Sends a reading a second from an instant on; behind the present, it catches up without waiting."""

    def __init__(self, next_ms: int) -> None:
        self.next_ms = next_ms

    def takes(self, server: Server, power_w: int, seconds: int = 20) -> None:
        """So much for so many seconds, durable when this returns."""
        times = [self.next_ms + 1000 * second for second in range(seconds)]
        assert times[-1] <= now_ms()
        self.next_ms = times[-1] + 1000
        told = [{"site": "home", "time": time_ms, "power_w": power_w} for time_ms in times]
        status, answer = server.post(json.dumps({"readings": told}).encode())
        assert (status, answer["accepted"]) == (200, seconds), answer
