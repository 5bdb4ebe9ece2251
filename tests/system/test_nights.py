"""A whole server tells the days that are over, with the weights that come with chowon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import numpy as np
import pytest

from chowon import app, appliances
from chowon.config import load
from chowon.domain.quantities import MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.jobs.night_rounds import NightRounds
from chowon.models.nilm.nightly import trusted, weights
from chowon.store.opening import Store
from tests.nights import FIRST, KINDS, LearnsLevels, at, days_on


@pytest.fixture
def rounds(monkeypatch) -> asyncio.Queue[None]:
    """Has one more after each round; they follow each other at once."""
    done: asyncio.Queue[None] = asyncio.Queue()

    class AtOnce(NightRounds):
        def __init__(self, *given) -> None:
            super().__init__(*given, first_s=0.0, every_s=0.01)

        async def round(self) -> None:
            await super().round()
            done.put_nowait(None)

    monkeypatch.setattr(appliances, "NightRounds", AtOnce)
    return done


@pytest.mark.parametrize("tell", [True, False])
async def test_a_server_tells_its_nights_where_it_is_to_tell_appliances(tmp_path, rounds, tell):
    async with _serving(tmp_path, tell) as (store, _):
        if tell:
            await asyncio.wait_for(rounds.get(), 60)
        told = store.told.days(1, FIRST, FIRST + timedelta(days=9))
    assert [one.day for one in told] == ([FIRST, days_on(1)] if tell else [])
    assert all(one.told_by == weights() and set(one.took) == set(trusted()[1]) for one in told)


async def test_a_server_learns_what_people_saw_and_tells_the_days_anew(tmp_path, rounds, monkeypatch):
    monkeypatch.setattr(appliances, "tellable", lambda: (LearnsLevels(), KINDS))
    path = "/api/v1/sites/1/appliances/witnessed"
    async with _serving(tmp_path, tell=True) as (store, http):
        await asyncio.wait_for(rounds.get(), 60)
        for run in range(3):
            start_ms = at(FIRST) + 400 * (run + 1) * MINUTE_MS
            seen = {"kind": "microwave", "start_ms": start_ms, "end_ms": start_ms + 3 * MINUTE_MS}
            answer = await http.post(path, json=seen)
            assert answer.status_code == 200, answer.text
        while not rounds.empty():
            rounds.get_nowait()
        for _ in range(2):  # one had begun before
            await asyncio.wait_for(rounds.get(), 60)
        assert [run["told"] for run in (await http.get(path)).json()["runs"]] == [True] * 3
        told = store.told.days(1, FIRST, days_on(1))
    assert "microwave" not in told[0].took
    assert told[-1].took["microwave"].runs == 4  # one more than was seen


@asynccontextmanager
async def _serving(folder, tell: bool) -> AsyncIterator[tuple[Store, httpx.AsyncClient]]:
    """A server on a folder in which a home has lived for two days."""
    settings = {
        "data.folder": str(folder),
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
    if serving.done():
        await serving  # says why it did not start
    try:
        async with httpx.AsyncClient(base_url=(await started).http) as http:
            yield store, http
    finally:
        stop.set()
        await serving
        store.close()


def _lives(store: Store) -> None:
    """Two days and two hours, a reading a minute."""
    channel = store.sites.register(ChannelKey("home", "m", "main"), QUARTER_MS)
    minute = np.arange(50 * 60)
    power_w = 100 + minute % 7 + np.where(minute % 400 < 3, 2000, 0)
    ids = np.full(len(minute), channel.id, np.uint32)
    times = at(FIRST) + minute * MINUTE_MS
    store.journal.append([Readings(ids, times, (power_w * 10).astype(np.int32))])
