"""A whole server tells the days that are over, with the weights that come with chowon."""

import asyncio
from datetime import timedelta

import numpy as np
import pytest

from chowon import app, appliances
from chowon.config import load
from chowon.domain.quantities import MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.jobs.night_rounds import NightRounds
from chowon.models.nilm.nightly import trusted, weights
from tests.nights import FIRST, at, days_on


@pytest.mark.parametrize("tell", [True, False])
async def test_a_server_tells_its_nights_where_it_is_to_tell_appliances(tmp_path, monkeypatch, tell):
    done = asyncio.Event()

    class AtOnce(NightRounds):
        def __init__(self, *given) -> None:
            super().__init__(*given, first_s=0.0)

        async def round(self) -> None:
            await super().round()
            done.set()

    monkeypatch.setattr(appliances, "NightRounds", AtOnce)
    settings = {
        "data.folder": str(tmp_path),
        "server.port": 0,
        "mqtt.broker": "off",
        "appliances.tell": tell,
    }
    config = load(None, {}, settings).config
    now_ms = at(days_on(2), 2)
    store = app.opened(config, lambda: now_ms)
    _lives(store)
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        app.serve(config, store, now_ms=lambda: now_ms, stop=stop, started=started.set_result)
    )
    await asyncio.wait([serving, started], return_when=asyncio.FIRST_COMPLETED)
    if tell:
        await asyncio.wait_for(done.wait(), 60)
    stop.set()
    await serving
    told = store.told.days(1, FIRST, FIRST + timedelta(days=9))
    store.close()
    assert [one.day for one in told] == ([FIRST, days_on(1)] if tell else [])
    assert all(one.told_by == weights() and set(one.took) == set(trusted()[1]) for one in told)


def _lives(store) -> None:
    """Two days and two hours, a reading a minute."""
    channel = store.sites.register(ChannelKey("home", "m", "main"), QUARTER_MS)
    minute = np.arange(50 * 60)
    power_w = 100 + minute % 7 + np.where(minute % 400 < 3, 2000, 0)
    ids = np.full(len(minute), channel.id, np.uint32)
    times = at(FIRST) + minute * MINUTE_MS
    store.journal.append([Readings(ids, times, (power_w * 10).astype(np.int32))])
