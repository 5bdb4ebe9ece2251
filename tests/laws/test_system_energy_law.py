"""One energy everywhere, however the readings came: real store, real sealing, real live state, the bill."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Prepared, Usage, prepare
from chowon.domain.clock import Period
from chowon.domain.energy import held, import_dwms
from chowon.domain.quantities import ABSENT_I32, DAY_MS, DEFAULT_HOLD_MS, DWMS_PER_WH, HOUR_MS
from chowon.domain.readings import Readings, latest
from chowon.domain.sites import ChannelKey, Site
from chowon.jobs.seal import Sealer
from chowon.live.service import Live, Priced
from chowon.registry import TariffBook
from chowon.store.opening import Store, open_store
from tests.streams import START_MS, mangled, streams

ZONE = "Asia/Seoul"
CHANNELS = (1, 2)
NOW_MS = START_MS + 6 * HOUR_MS
"""Later than any reading of the streams, on the same day."""
PERIOD = Period(date(2026, 11, 1), date(2026, 12, 1))
"""The billing period of that day."""
LARGE = 20_000
"""Makes up to 200 MW of the streams' 10 kW, so that seconds cross the tariff's tiers."""


@lru_cache(maxsize=8)
def priced(tariff: str, period: Period) -> Prepared:
    return prepare(TariffBook().load(tariff), period)


def pricing(site: Site, period: Period) -> Priced:
    return Priced("KRW", priced(site.tariff, period))


def kwh_of(dwms: int) -> Decimal:
    return Decimal(dwms) / (DWMS_PER_WH * 1000)


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one site and its two mains, to be copied: making its tables takes longest."""
    folder = tmp_path_factory.mktemp("law") / "home"
    store = open_store(folder)
    for channel in CHANNELS:
        key = ChannelKey("home", f"m{channel}", "main")
        assert store.sites.register(key, DEFAULT_HOLD_MS).id == channel
    store.close()
    return folder


@dataclass
class Run:
    """A store with its live state, over a folder of its own."""

    folder: Path
    store: Store
    live: Live

    @classmethod
    async def opened(cls, folder: Path) -> "Run":
        store = open_store(folder, now_ms=lambda: NOW_MS)
        live = Live(store.history, store.sites, pricing, lambda: NOW_MS)
        await live.start()
        return cls(folder, store, live)

    def take(self, batch: Readings) -> None:
        self.store.journal.append([batch])
        self.live.on_durable(batch)

    async def do(self, action: str) -> "Run":
        if action == "seal":
            Sealer(self.store, seal_rows=9, small_files=2).run(NOW_MS)
        elif action == "tick":
            await self.live.tick()
        elif action == "restart":
            self.store.close()
            return await Run.opened(self.folder)
        return self


@contextlib.contextmanager
def copied(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        yield Path(shutil.copytree(folder, Path(place) / "home"))


@st.composite
def measured(draw: st.DrawFn) -> Readings:
    readings = draw(streams())
    if draw(st.booleans()):
        return readings
    power = readings.power_dw
    assert power is not None
    return replace(readings, power_dw=np.where(power == ABSENT_I32, power, power * LARGE))


actions = st.sampled_from(["nothing", "nothing", "seal", "tick", "restart"])


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_rollups_live_sums_and_bill_are_those_of_the_raw_readings(empty_home: Path, data: st.DataObject):
    readings = data.draw(measured())
    batches = data.draw(mangled(readings))
    steps = [(batch, data.draw(actions)) for batch in batches]
    pieces = held(latest(readings), DEFAULT_HOLD_MS)
    expected_dwms = int(import_dwms(pieces).sum())
    covered_ms = [int(pieces.held_ms[pieces.channel == c].sum()) for c in CHANNELS]
    event(f"hundreds of kWh: {min(expected_dwms // (DWMS_PER_WH * 100_000), 5)}")

    async def scene(folder: Path) -> None:
        run = await Run.opened(folder)
        for batch, action in steps:
            run.take(batch)
            run = await run.do(action)
        await run.live.tick()
        try:
            await check(run, expected_dwms, covered_ms)
        finally:
            run.store.close()

    with copied(empty_home) as folder:
        asyncio.run(scene(folder))


async def check(run: Run, expected_dwms: int, covered_ms: list[int]) -> None:
    """Every place that tells energy or money tells that of the raw readings."""
    day_ms = START_MS, START_MS + DAY_MS
    for resolution in ("1min", "15min", "1h", "1day"):
        rows = run.store.history.rollup(CHANNELS, *day_ms, resolution, ZONE)
        assert int(rows.import_dwms.sum()) == expected_dwms, resolution
        assert int(rows.covered_ms.sum()) == sum(covered_ms), resolution
    states = run.live.states
    slots = states.slots(CHANNELS)
    assert int(states.today_dwms[slots].sum()) == int(states.period_dwms[slots].sum()) == expected_dwms
    assert states.period_known_ms[slots].tolist() == covered_ms
    site = run.store.sites.site(1)
    now = await run.live.now(site.id)
    usage = Usage(kwh_of(expected_dwms))
    assert (now.period.start, now.period.end) == (PERIOD.start.isoformat(), PERIOD.end.isoformat())
    assert now.period.cost == priced(site.tariff, PERIOD).bill(usage).total
    assert now.period.kwh == round(float(usage.kwh), 6)
