"""A real Mosquitto that stops, forgets or refuses: the meter loses nothing, or says why it cannot go on."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from chowon.errors import MeterMisconfigured, MeterUnavailable
from chowon.replay import player
from chowon.replay.link import Broker, Link
from chowon.replay.meter import publish, topic
from chowon.replay.pace import Clock
from chowon.replay.recording import Samples
from tests.replaying import Mosquitto

TOPIC = topic("home", "main")
START_MS = 1_795_400_000_000


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as running:
        yield running


class Collector:
    """A subscriber with a persistent session that remembers the time of each reading that came."""

    def __init__(self, port: int) -> None:
        self.times: list[int] = []
        self._news = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="collector", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
        self._client.on_subscribe = lambda *_: self._told(lambda: setattr(self, "subscribed", True))
        self._client.on_message = lambda _c, _d, message: self._told(
            lambda: self.times.extend(r["time"] for r in json.loads(message.payload))
        )
        self.subscribed = False
        self._client.connect_async("127.0.0.1", port)

    def __enter__(self) -> "Collector":
        self._client.loop_start()
        self.wait_until(lambda: self.subscribed)
        return self

    def __exit__(self, *_) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _told(self, change) -> None:
        with self._news:
            change()
            self._news.notify_all()

    def wait_until(self, condition) -> None:
        with self._news:
            assert self._news.wait_for(condition, timeout=20), f"only {len(self.times)} readings came"


async def seconds(start: int, count: int, at_once: int = 10) -> AsyncIterator[Samples]:
    for first in range(start, start + count, at_once):
        n = np.arange(first, first + at_once)
        yield Samples(START_MS + n * 1000, {"main": n.astype(np.int32)})


def stamps(count: int) -> list[int]:
    return [START_MS + n * 1000 for n in range(count)]


def test_a_broker_restart_loses_nothing_and_keeps_the_order(broker):
    async def meter(collector: Collector) -> None:
        async with Link(Broker(port=broker.port), TOPIC, settle_s=0.1) as link:
            await publish(seconds(0, 300), link, asyncio.Event())
            assert link.acknowledged_ms == START_MS + 299_000
            # what a broker still holds when it stops, it may hand out in another order
            await asyncio.to_thread(collector.wait_until, lambda: len(set(collector.times)) == 300)
            broker.stop()
            sending = asyncio.create_task(publish(seconds(300, 300), link, asyncio.Event()))
            await asyncio.to_thread(broker.start)
            await asyncio.to_thread(collector.wait_until, lambda: len(set(collector.times)) == 600)
            await sending
            assert link.acknowledged_ms == START_MS + 599_000

    with Collector(broker.port) as collector:
        asyncio.run(meter(collector))
    assert list(dict.fromkeys(collector.times)) == stamps(600)


def test_what_a_killed_broker_had_acknowledged_comes_once_more(broker):
    async def meter() -> None:
        async with Link(Broker(port=broker.port), TOPIC, settle_s=1) as link:
            await publish(seconds(0, 100), link, asyncio.Event())
            broker.stop(by=signal.SIGKILL)  # whatever it held in memory is gone, subscriptions too
            broker.start()
            with Collector(broker.port) as collector:
                await asyncio.to_thread(
                    collector.wait_until, lambda: set(collector.times) >= set(stamps(100))
                )

    asyncio.run(meter())


def test_a_window_of_messages_bounds_the_memory_while_the_broker_is_away(broker, monkeypatch):
    monkeypatch.setattr("chowon.replay.link._WINDOW", 3)
    broker.stop()
    produced: list[int] = []
    fourth = asyncio.Event()

    async def source() -> AsyncIterator[Samples]:
        async for samples in seconds(0, 100):
            produced.append(len(samples))
            if len(produced) == 4:
                fourth.set()
            yield samples

    async def meter() -> None:
        async with Link(Broker(port=broker.port), TOPIC, settle_s=0.1) as link:
            sending = asyncio.create_task(publish(source(), link, asyncio.Event()))
            await fourth.wait()
            for _ in range(50):
                await asyncio.sleep(0)  # time enough to send more, were there room
            assert len(produced) == 4, "three wait for their acknowledgement, the fourth waits for room"
            broker.start()
            await sending
            assert link.acknowledged_ms == START_MS + 99_000

    asyncio.run(meter())


def test_messages_left_over_at_the_end_are_told(broker):
    broker.stop()

    async def meter() -> None:
        async with Link(Broker(port=broker.port), TOPIC) as link:
            await link.send(b"[]", START_MS)
            assert link.acknowledged_ms is None
            with pytest.raises(MeterUnavailable, match="1 messages unacknowledged"):
                await link.drained(0.01)

    asyncio.run(meter())


def test_a_refused_meter_stops_and_says_what_to_set(tmp_path):
    async def meter(port: int) -> None:
        async with Link(Broker(port=port, username="nobody", password="wrong"), TOPIC) as link:
            with pytest.raises(MeterMisconfigured, match="set its user name and password"):
                await publish(endless(), link, asyncio.Event())

    async def endless() -> AsyncIterator[Samples]:
        await asyncio.Event().wait()
        yield Samples(np.zeros(0, np.int64), {})

    (tmp_path / "passwords").write_text("")
    (tmp_path / "passwords").chmod(0o600)
    settings = f"allow_anonymous false\npassword_file {tmp_path}/passwords"
    with Mosquitto(tmp_path, settings=settings) as closed:
        asyncio.run(meter(closed.port))


def test_the_meter_process_goes_on_after_the_given_time_and_ends_cleanly_when_told(tmp_path, broker):
    """The shipped home through the real command: two minutes of the past, then live, then SIGTERM."""
    clock = Clock(player.wall_clock_ms(), START_MS)
    (tmp_path / "clock.json").write_text(clock.to_json())
    since_ms, past = START_MS - 120_000, 120
    command = [sys.executable, "-m", "chowon.cli.replay", "--port", str(broker.port)]
    command += ["--since-ms", str(since_ms), "--clock", str(tmp_path / "clock.json")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with Collector(broker.port) as collector:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            collector.wait_until(lambda: len(collector.times) >= past + 2)
            process.send_signal(signal.SIGTERM)
            out, log = process.communicate(timeout=10)
        finally:
            process.kill()
            process.wait()
    assert (process.returncode, out) == (0, ""), log
    assert "all sent" in log
    assert collector.times[: past + 2] == [since_ms + n * 1000 for n in range(1, past + 3)]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--timezone", "Asia/Soul"], "IANA name"),
        (["--clock", "absent.json"], "No such file"),
        (["--recording", "README"], "no such file"),
    ],
)
def test_a_wrong_option_is_told_and_not_a_traceback(tmp_path, options, complaint):
    command = [sys.executable, "-m", "chowon.cli.replay", *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(
        command, check=False, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
